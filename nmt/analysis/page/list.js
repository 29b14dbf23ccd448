// The list of sentences: search, order, and the rows, of which only those that can be seen exist.

const SORT_KEYS = {
  confidence: {
    valueOf: (sentence) => sentence.confidence, first: "low", range: [0, 1], format: (value) => formatPercent(value),
    order: ["least sure first", "surest first"],
  },
  number: { valueOf: (sentence, view, index) => index, first: "low", order: ["first to last", "last to first"] },
  score: { valueOf: (sentence, view) => view.score, first: "low", format: (value) => value.toFixed(2) },
  length: {
    valueOf: (sentence) => splitWords(sentence.source).length, first: "high", format: String,
    order: ["shortest first", "longest first"],
  },
  entropy: { valueOf: (sentence, view) => view.entropy, first: "high", format: (value) => `${value.toFixed(2)} bits` },
  coverage: { valueOf: (sentence, view) => view.coverage, first: "high", format: (value) => value.toFixed(2) },
  aer: { valueOf: (sentence, view) => view.aer, first: "high", format: (value) => formatPercent(value) },
};

/** Text without case and marks, as it is searched; first to upper case, because "ß" becomes "SS" there. */
const foldText = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();

/** The value by which a sentence is sorted; NaN where it has none. */
function sortValue(index) {
  const sentence = state.page.sentences[index], sort = byId("sort").value, shown = byId("show").value;
  const key = sort === "aer" ? shown.replace(/:.*/, ":0") : shown;  // only a given translation has gold links
  const view = sentence.views[Math.max(findView(sentence, key), 0)];
  const value = view && SORT_KEYS[sort].valueOf(sentence, view, index);
  return value === undefined || value === null ? NaN : value;
}

/** With `nmt serve`, whether nothing is typed yet: the first sentence is then not in the list. */
const isFirstEmpty = () => Boolean(state.page.max_characters) && !state.page.sentences[0].source;

/** The number of a sentence in the order of the file, from 1. */
const numberOf = (index) => index + 1 - (isFirstEmpty() ? 1 : 0);

/** Find and sort the sentences that match the search, and show them. */
function updateList() {
  const wanted = foldText(byId("search").value.trim());
  const found = [];
  state.page.sentences.forEach((sentence, index) => {
    if (index === 0 && isFirstEmpty()) return;
    if (wanted) {
      const texts = [sentence.source, ...sentence.views.map((view) => view.target), shownText(index) ?? ""];
      sentence.folded ??= foldText(joinWords(texts.join("\n")));
    }
    if (!wanted || sentence.folded.includes(wanted)) found.push(index);
  });
  const sign = (SORT_KEYS[byId("sort").value].first === "high") !== state.isReversed ? -1 : 1;
  const values = new Map(found.map((index) => [index, sortValue(index)]));
  found.sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || one - other;
    return sign * (a - b) || one - other;
  });
  state.order = found;
  state.range = [...SORT_KEYS[byId("sort").value].range ?? [Infinity, -Infinity]];
  for (const value of values.values()) {
    if (!Number.isNaN(value)) state.range = [Math.min(state.range[0], value), Math.max(state.range[1], value)];
  }
  const count = numberOf(state.page.sentences.length - 1);
  const orders = SORT_KEYS[byId("sort").value].order ?? ["lowest first", "highest first"];
  byId("order").textContent = count > 1 ? orders[sign < 0 ? 1 : 0] : "";
  const all = `${formatNumber(count)} sentence${count === 1 ? "" : "s"}`;
  byId("count").textContent = wanted ? `${formatNumber(found.length)} of ${all}` : all;
  byId("reverse").textContent = sign < 0 ? "↓" : "↑";
  renderRows();
  updateSteps();
}

function updateListFromTop() {
  byId("list").scrollTop = 0;
  updateList();
}

function renderRows() {
  const list = byId("list"), rows = byId("rows");
  rows.style.height = `${state.order.length * ROW_HEIGHT}px`;
  const height = list.clientHeight || innerHeight;
  const first = Math.max(Math.floor(list.scrollTop / ROW_HEIGHT) - 4, 0);
  const end = Math.min(Math.ceil((list.scrollTop + height) / ROW_HEIGHT) + 4, state.order.length);
  rows.replaceChildren(...state.order.slice(first, end).map((index, place) => createRow(index, first + place)));
  const active = byId(`item-${state.current}`);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
}

/** The translation of a sentence in the list; undefined where there is none. */
function shownText(index) {
  const view = shownView(state.page.sentences[index]);
  return state.page.review ? currentText(index) : view && joinWords(view.target);
}

function createRow(index, place) {
  const sentence = state.page.sentences[index], text = shownText(index);
  const value = sortValue(index), { format } = SORT_KEYS[byId("sort").value];
  const isValueShown = format && !Number.isNaN(value);
  const isWrong = state.page.review && findProblems(index).length > 0;
  const mark = isWrong ? "⚠ " : state.page.review && isChecked(index) ? "✓ " : "";
  const { confidence } = sentence, number = `${numberOf(index)}`;
  const other = confidence === undefined ? "–" : formatPercent(confidence);
  const key = isValueShown ? format(value) : state.page.review ? other : number;
  const row = createElement(
    "div",
    {
      class: "item", role: "option", id: `item-${index}`, "aria-selected": index === state.current,
      "aria-setsize": state.order.length, "aria-posinset": place + 1,
    },
    ...(state.page.review ? [createElement("span", { class: "place", title: sentence.place }, number)] : []),
    createElement("span", { lang: state.page.source }, joinWords(sentence.source) || "–"),
    createElement("span", { class: isWrong ? "key warning" : "key" }, mark + key),
    createElement("span", { class: "target", lang: state.page.target }, text === undefined ? "" : text || "–"),
  );
  row.style.top = `${place * ROW_HEIGHT}px`;
  row.dataset.index = index;
  if (isValueShown) {
    const [low, high] = state.range, bar = createElement("i");
    bar.style.width = formatPercent(high > low ? (value - low) / (high - low) : 1, 2);
    row.append(createElement("span", { class: "gauge", "aria-hidden": "true" }, bar));
  }
  return row;
}

/** Scroll the list to the sentence that is shown. */
function scrollToCurrent() {
  const list = byId("list"), place = state.order.indexOf(state.current);
  if (place >= 0 && list.clientHeight) {
    const top = place * ROW_HEIGHT, bottom = top + ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }
  renderRows();
}
