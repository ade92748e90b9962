// Sorting for the table of figures, and the evidence opened for print; the page reads the same without it.
document.querySelectorAll("table.sortable th button").forEach((button) => {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = button.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") === "descending";
    const cell = (row) => row.cells[head.cellIndex].dataset.v ?? row.cells[head.cellIndex].textContent;
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(String(b)) : a - b);
    const empty = (row) => Number(cell(row) === "");
    [...body.rows]
      .sort((a, b) => empty(a) - empty(b) || (up ? 1 : -1) * compare(cell(a), cell(b)))
      .forEach((row) => body.append(row));
    head.parentElement.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  });
});
addEventListener("beforeprint", () => document.querySelectorAll("details.finding").forEach((d) => (d.open = true)));
