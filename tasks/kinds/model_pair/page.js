// The filter by category: pairs and columns of other categories are hidden; without it all are there.
{
  const choice = document.getElementById("category");
  const narrow = () => {
    for (const one of document.querySelectorAll("#answers [data-category], #where [data-category]")) {
      one.hidden = choice.value !== "" && one.dataset.category !== choice.value;
    }
    for (const pair of document.querySelectorAll("#answers .exhibit:not([data-category])")) pair.hidden = choice.value !== "";
    for (const card of document.querySelectorAll("#answers .finding")) {
      const further = card.querySelector(".further");
      if (further) {
        const left = further.querySelectorAll(".exhibit:not([hidden])").length;
        further.hidden = !left;
        further.open = choice.value !== "";
      }
      card.querySelector(".none").hidden = choice.value === "" || !!card.querySelector(".exhibit:not([hidden])");
    }
  };
  if (choice) {
    choice.closest("form").hidden = false;
    choice.addEventListener("change", narrow);
    choice.closest("form").addEventListener("submit", (event) => event.preventDefault());
    narrow();  // a browser may remember what was chosen
  }
}
