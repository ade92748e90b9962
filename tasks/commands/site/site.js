// Search, filters and order over all that was tested. Rows are those of the page, moved and never written anew:
// the page reads the same without this script.
{
  const STEP = 100;
  const byId = (id) => document.getElementById(id);
  const controls = ["search", "kind", "study", "goal", "state"].map(byId);
  const [search, kind, study, goal, state] = controls;
  const table = byId("listed"), body = table.tBodies[0], more = byId("more"), counts = document.querySelector(".counts");
  const plain = (text) => text.normalize("NFC").toLowerCase().replace(/\s+/g, " ");
  const studies = [...document.querySelectorAll("#studies tbody tr")].map((row) =>
    Object.fromEntries(["study", "kind", "goal"].map((name, i) => [name, (row.cells[i].querySelector("bdi") ?? row.cells[i]).textContent])));
  const rows = [...body.rows].map((row) => {
    const of = studies[row.dataset.study];
    return { row, of, state: row.cells[6].textContent, said: plain(`${row.cells[0].textContent} ${of.study} ${of.goal}`) };
  });
  let found = [], shown = 0;

  const add = () => {
    body.append(...found.slice(shown, shown + STEP).map((one) => one.row));
    shown = Math.min(shown + STEP, found.length);
    more.parentElement.hidden = shown === found.length;
    counts.textContent = `${shown.toLocaleString("en")} of ${found.length.toLocaleString("en")} shown, ${rows.length.toLocaleString("en")} in all`;
  };
  const look = () => {
    const words = plain(search.value).trim().split(" ");
    found = rows.filter((one) =>
      (!kind.value || one.of.kind === kind.value) && (!study.value || one.of.study === study.value) &&
      (!goal.value || one.of.goal === goal.value) && (!state.value || one.state === state.value) &&
      words.every((word) => one.said.includes(word)));
    body.replaceChildren();
    shown = 0;
    add();
  };

  const order = (head, up) => {
    const at = head.cellIndex, value = (one) => one.row.cells[at].dataset.v ?? one.row.cells[at].textContent;
    // Effects in bits and in shares have no order: they stand apart.
    const keyed = rows.map((one) => ({ one, v: value(one), apart: Number(one.row.cells[at].dataset.apart ?? 0) }));
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(String(b)) : a - b);
    keyed.sort((a, b) => a.apart - b.apart || (a.v === "") - (b.v === "") || (up ? 1 : -1) * compare(a.v, b.v));
    rows.splice(0, rows.length, ...keyed.map((one) => one.one));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    look();
  };

  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      order(head, now ? now === "descending" : head.dataset.first === "ascending");
    });
  }
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 60);
  });
  for (const control of controls.slice(1)) control.addEventListener("change", look);
  more.addEventListener("click", add);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.form.hidden = false;
  // A page that is gone back to keeps what was chosen; a fresh one begins with what holds.
  if (!state.value && rows.some((one) => one.state === table.dataset.state)) state.value = table.dataset.state;
  look();
}
