// The map of terms: what a point is, told under it; a click looks its first term up among the texts.
{
  const told = document.getElementById("map-told");
  const about = (event) => event.target.closest("#map .term")?.querySelector("title").textContent;
  const tell = (event) => { const text = about(event); if (text) told.textContent = text; };
  document.getElementById("map")?.addEventListener("pointerover", tell);
  document.getElementById("map")?.addEventListener("click", (event) => {
    tell(event);
    const text = about(event), search = document.getElementById("texts-search");
    if (!text || !search) return;
    search.value = text.split("\n")[0].split(", ")[0];
    const whole = document.getElementById("texts-whole");
    if (whole) whole.checked = true;  // the map counts words
    search.dispatchEvent(new Event("input", { bubbles: true }));
    (document.getElementById("texts") ?? search).scrollIntoView();
  });
}
