// Search and a concordance over the confirmation texts, and their verdicts as CSV. What texts say reaches the page
// as text alone (textContent), never as markup.
const startTexts = (data) => {
  const STEP = 20, SIGNS = { 1: "yes", 0: "no", r: "refusal", u: "unparsable" }, SHAPES = { A: "●", B: "◆" };
  const byId = (id) => document.getElementById(`texts-${id}`);
  const [search, whole, group, predicate, verdict] = ["search", "whole", "group", "predicate", "verdict"].map(byId);
  const section = document.getElementById("texts"), lines = section.querySelector(".concordance");
  const counts = section.querySelector(".counts"), more = byId("more");
  const rightToLeft = /^\P{L}*[\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}]/u;
  // Scripts that are written without spaces have no whole words to be told by them.
  const spaced = /[\p{L}\p{M}\p{N}](?<![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}])/u;
  // Where all texts are of one group, it is not told.
  const sides = Object.keys(data.names), isOne = sides.length < 2;
  // A picture is looked for by its path and its caption.
  const said = data.path ? data.path.map((path, i) => [path, data.text[i]].filter(Boolean).join("\n")) : data.text;
  let found = [], regex = null, shown = 0;

  const make = (tag, text = "", className = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    node.className = className;
    return node;
  };
  const number = (n) => n.toLocaleString("en");
  const percent = (n, all) => (all ? ` (${((100 * n) / all).toFixed(n && n < all / 10 ? 1 : 0)}%)` : "");

  const pattern = () => {
    const words = search.value.normalize("NFC").trim();
    if (!words) return null;
    const escaped = words.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("\\s+");
    const edge = (char, look) => (whole.checked && spaced.test(char) ? look : "");
    const [first, last] = [[...words][0], [...words].at(-1)];
    return new RegExp(
      edge(first, "(?<![\\p{L}\\p{M}\\p{N}_])") + escaped + edge(last, "(?![\\p{L}\\p{M}\\p{N}_])"), "giu");
  };
  const matches = (text) => {
    regex.lastIndex = 0;
    return regex.test(text);
  };
  const chosen = () => (predicate.value === "" ? null : data.predicates[predicate.value]);

  const look = () => {
    const of = chosen(), wanted = { A: 0, B: 0 }, asked = { A: 0, B: 0 };
    let left = 0;
    verdict.disabled = !of;
    regex = pattern();
    found = [];
    said.forEach((text, i) => {
      const side = data.group[i], sign = of ? of.verdicts[i] : "";
      if (sign === " " || (group.value && side !== group.value)) return;
      if (sign === "-") left += 1;
      if (!of || sign === "0" || sign === "1" || verdict.value.includes(sign)) asked[side] += 1;
      if ((of && !verdict.value.includes(sign)) || (regex && !matches(text))) return;
      wanted[side] += 1;
      found.push(i);
    });
    counts.replaceChildren();
    for (const side of group.value ? [group.value] : sides) {
      const key = make("span", SHAPES[side], `key ${side.toLowerCase()}`), name = make("bdi", data.names[side], `name ${side.toLowerCase()}`);
      if (!isOne) counts.append(counts.childNodes.length ? " · " : "", key, " ", name, ": ");
      counts.append(`${number(wanted[side])} of ${number(asked[side])}${percent(wanted[side], asked[side])}`);
    }
    if (left) {
      const all = asked.A + asked.B;
      counts.append(` · judged on ${number(all)} of ${number(all + left)}`);
    }
    shown = 0;
    lines.replaceChildren();
    add();
  };

  const add = () => {
    const until = shown + STEP;
    let at = 0;
    const fresh = document.createDocumentFragment();
    for (const i of found) {
      // Where nothing is searched a text is one line; else one an occurrence.
      const places = regex ? [...said[i].matchAll(regex)] : [null];
      for (const place of places) {
        at += 1;
        if (at > shown && at <= until) fresh.append(line(i, place));
      }
      if (at > until) break;
    }
    shown = Math.min(at, until);
    more.hidden = at <= until;
    lines.append(fresh);
    if (!found.length) lines.append(make("p", "No text.", "note"));
  };

  const flat = (text) => text.replace(/\s+/g, " ");
  const line = (i, place) => {
    const text = said[i], side = data.group[i];
    const details = make("details"), summary = make("summary"), key = make("span", isOne ? "·" : SHAPES[side], `key ${side.toLowerCase()}`);
    key.title = isOne ? data.value?.[i] ?? "" : data.names[side];
    summary.append(key);
    summary.dir = rightToLeft.test(text) ? "rtl" : "ltr";
    if (place) {
      const end = place.index + place[0].length, from = make("span", "", "from");
      from.append(make("mark", flat(place[0])), flat(text.slice(end, end + 160)));
      summary.append(make("span", flat(text.slice(Math.max(0, place.index - 120), place.index)), "before"), from);
    } else {
      const from = make("span", flat(text.slice(0, 240)), "from");
      if (data.look?.[i]) from.prepend(pictured(i));
      summary.className = "whole";
      summary.append(from);
    }
    details.append(summary);
    details.addEventListener("toggle", () => details.childNodes.length > 1 || details.append(inside(i)), { once: true });
    return details;
  };

  const pictured = (i) => {
    const look = make("img");
    look.src = data.look[i];
    look.alt = "";
    return look;
  };

  const inside = (i) => {
    const box = make("div", "", "inside"), quote = make("blockquote", "", "text"), text = said[i];
    quote.dir = "auto";
    if (data.context) {
      const asked = make("p", "answers ", "note");
      asked.append(make("bdi", data.context[i]));
      box.append(asked);
    }
    if (data.look?.[i]) box.append(pictured(i));
    let at = 0;
    for (const place of regex ? text.matchAll(regex) : []) {
      quote.append(text.slice(at, place.index), make("mark", place[0]));
      at = place.index + place[0].length;
    }
    quote.append(text.slice(at));
    const rows = data.n_merged[i] > 1 ? ` · ${number(data.n_merged[i])} rows` : "";
    const origin = make("p", "", "small");
    origin.append(make("bdi", data.value ? data.value[i] : data.names[data.group[i]]), ` · document `, make("bdi", data.document_id[i]), rows);
    box.append(quote, origin);
    for (const [signs, words] of [["1", "holds"], ["0", "does not hold"], ["ru", "no verdict: refused or unparsable"]]) {
      const some = data.predicates.filter((one) => signs.includes(one.verdicts[i]));
      if (!some.length) continue;
      const list = make("details", "", "more"), items = make("ul", "", "lines");
      list.open = signs === "1";
      list.append(make("summary", `${words}: ${some.length}`), items);
      for (const one of some) {
        const item = make("li"), score = one.scores?.[i], gold = one.gold[i];
        const told = [[score == null ? score : score / 1000, "score"], [gold, "gold"]].filter(([value]) => value != null);
        item.append(`${one.number}  `, make("bdi", one.predicate), told.map(([value, name]) => `, ${name} ${value}`).join(""));
        items.append(item);
      }
      box.append(list);
    }
    return box;
  };

  // As `natstat texts --csv` writes it: all cells quoted, and none that a spreadsheet program would run.
  const cell = (value) => {
    const safe = value.replace(/(^|[\r\n\t;,])("*)('*[=+\-@])/g, "$1$2'$3").replace(/^('*[\t\r])/, "'$1");
    return `"${safe.replaceAll('"', '""')}"`;
  };
  const figure = (value) => cell(value == null ? "" : Number.isInteger(value) ? value.toFixed(1) : String(value));
  const csv = () => {
    const rows = ["\ufeff" + data.columns.map(cell).join(",") + "\n"];
    for (const one of chosen() ? [chosen()] : data.predicates) {
      const id = cell(`id-${one.id}`), sentence = cell(one.predicate);
      for (const i of found) {
        const sign = one.verdicts[i], said = SIGNS[sign];
        if (!said) continue;
        const score = one.scores ? one.scores[i] / 1000 : Number(sign);
        rows.push([
          id, sentence, cell(`id-${data.text_id[i]}`), cell(data.document_id[i]), cell(data.group[i]),
          cell(data.names[data.group[i]]), cell(said), figure("10".includes(sign) ? score : null),
          figure(one.gold[i]), cell(String(data.n_merged[i])), cell(data.text[i]), ...(data.path ? [cell(data.path[i])] : [])].join(",") + "\n");
      }
    }
    return new Blob(rows, { type: "text/csv" });
  };
  const download = () => {
    const link = make("a");
    link.href = URL.createObjectURL(csv());
    link.download = `${data.study}-verdicts.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  for (const side of sides) group.querySelector(`[value=${side}]`).textContent = `${SHAPES[side]} ${data.names[side]}`;
  for (const [label, is] of [["findings", true], ["tested and rejected", false]]) {
    const options = document.createElement("optgroup");
    options.label = label;
    data.predicates.forEach((one, k) => {
      if (one.found !== is) return;
      const option = make("option", `${one.number}  ${one.predicate.slice(0, 90)}`);
      option.value = k;
      options.append(option);
    });
    if (options.childNodes.length) predicate.append(options);
  }
  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 60);
  };
  search.addEventListener("input", soon);
  for (const control of [whole, group, predicate, verdict]) control.addEventListener("change", look);
  more.addEventListener("click", add);
  byId("csv").addEventListener("click", download);
  section.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  for (const part of section.querySelectorAll("[hidden]")) part.hidden = false;
  look();
};
startTexts(JSON.parse(document.getElementById("texts-data").textContent));
