// With `nmt translate --review`: segments are edited and checked; the browser keeps that, and it can be saved as files.

const MEASURE = "geometric mean of the probabilities that the model gave to the pieces of the translation";
const NOT_IN_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

const review = {
  edits: new Map(),    // texts by the keys of segments
  checked: new Set(),  // keys
  timer: 0,
  isKept: true,        // whether this browser keeps them
};

/** Segments of documents with the same source have one edit, because a memory has one translation of a source. */
function keyOf(index) {
  return state.page.review === "documents" ? joinWords(state.page.sentences[index].source) : String(index);
}

const originalText = ({ text, views }) => text ?? joinWords(views[0].target);

/** The translation of a segment as it is now. */
const currentText = (index) => review.edits.get(keyOf(index)) ?? originalText(state.page.sentences[index]);

const isChecked = (index) => review.checked.has(keyOf(index));

/** Reasons to check words of a side, by the index of the word. */
function findReasons(sentence, side) {
  const reasons = new Map();
  for (const [own, first, end, reason] of sentence.doubts ?? []) {
    for (let index = first; own === side && index < end; index += 1) {
      reasons.set(index, reasons.has(index) ? `${reasons.get(index)}, ${reason}` : reason);
    }
  }
  return reasons;
}

function renderReview() {
  const sentence = state.page.sentences[state.current], { confidence, doubts = [] } = sentence;
  byId("place").textContent = sentence.place;
  byId("confidence").textContent = confidence === undefined ? "" : `confidence ${formatPercent(confidence)}`;
  byId("edit").value = currentText(state.current);
  byId("edit").lang = state.page.target;
  byId("doubts").replaceChildren(...describeDoubts(sentence, doubts));
  byId("doubts").hidden = !doubts.length;
  byId("tag-hint").hidden = !sentence.tags;
  renderProgress();
}

/** A list of the reasons, each with its words. */
function describeDoubts({ source, views }, doubts) {
  const lists = new Map(doubts.map(([, , , reason]) => [reason, []]));
  for (const [side, first, end, reason] of doubts) {
    const words = splitWords(side === "source" ? source : views[0].target).slice(first, end).join(" ");
    if (words) lists.get(reason).push(lists.get(reason).length ? ", " : ": ", createElement("bdi", {}, words));
  }
  return [...lists].map(([reason, words]) => createElement("li", {}, reason, ...words));
}

function renderProgress() {
  const count = state.page.sentences.filter((_, index) => isChecked(index)).length;
  byId("undo").disabled = !review.edits.has(keyOf(state.current));
  setPressed("check", isChecked(state.current));
  byId("save-memory").disabled = !review.edits.size;
  const progress = `${formatNumber(count)} of ${formatNumber(state.page.sentences.length)} checked`;
  byId("progress").textContent = `${progress}, ${formatNumber(review.edits.size)} edited`;
}

/** Change the edit of the segment that is shown; null takes the edit back. */
function edit(text) {
  const key = keyOf(state.current), sentence = state.page.sentences[state.current];
  if (text === null || text === originalText(sentence)) review.edits.delete(key);
  else review.edits.set(key, text.replace(/[\r\n]+/g, " "));
  state.page.sentences.forEach((one) => { delete one.folded; });
  clearTimeout(review.timer);
  review.timer = setTimeout(keepEdits, 200);
  renderProgress();
  renderRows();
}

/** Mark the segment that is shown as checked, or take the mark back. */
function check(isDone) {
  const key = keyOf(state.current);
  if (isDone) review.checked.add(key);
  else review.checked.delete(key);
  keepEdits();
  renderProgress();
  renderRows();
}

const storageKey = () => `nmt-review-${state.page.key}`;

function keepEdits() {
  clearTimeout(review.timer);
  try {
    localStorage.setItem(storageKey(), JSON.stringify({ edits: [...review.edits], checked: [...review.checked] }));
  } catch {  // switched off, or full
    review.isKept = false;
    byId("edit-message").textContent = "This browser does not keep edits: save them before you close the page.";
  }
}

function readEdits() {
  try {
    const { edits = [], checked = [] } = JSON.parse(localStorage.getItem(storageKey()) ?? "{}");
    review.edits = new Map(edits);
    review.checked = new Set(checked);
  } catch { /* nothing was kept, or it cannot be read */ }
}

/** Every line of the translation, with the edits. */
const exportLines = () => state.page.sentences.map((_, index) => `${currentText(index)}\n`).join("");

/** The edited segments as a translation memory, which `nmt translate --memory` reads. */
function exportMemory() {
  const escapeXml = (text) => text.replace(NOT_IN_XML, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  const variant = (language, text) => `<tuv xml:lang="${escapeXml(language)}"><seg>${escapeXml(text)}</seg></tuv>`;
  const { source, target, sentences } = state.page, units = new Map();
  sentences.forEach((one, index) => {
    const text = joinWords(one.source);
    if (review.edits.has(keyOf(index)) && !units.has(text)) {
      units.set(text, `<tu>${variant(source, text)}${variant(target, currentText(index))}</tu>\n`);
    }
  });
  return '<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><header creationtool="nmt" creationtoolversion="1" '
    + `segtype="sentence" o-tmf="nmt" adminlang="en" srclang="${escapeXml(source)}" datatype="plaintext"/>\n<body>\n`
    + `${[...units.values()].join("")}</body></tmx>\n`;
}

function startReview() {
  document.body.classList.add("reviews");
  byId("review").hidden = byId("files").hidden = false;
  byId("save-lines").hidden = state.page.review === "documents";
  for (const name of ["entropy", "coverage", "score"]) byId("sort").querySelector(`[value="${name}"]`).hidden = true;
  byId("sort").querySelector('[value="confidence"]').hidden = false;
  byId("sort").value = "confidence";
  byId("confidence").title = MEASURE;
  readEdits();
  setPicture("");
  byId("edit").addEventListener("input", () => edit(byId("edit").value));
  byId("edit").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();  // a segment is one line
    if (event.ctrlKey || event.metaKey) byId("check-next").click();
  });
  byId("undo").addEventListener("click", () => { edit(null); renderReview(); });
  byId("check").addEventListener("click", () => check(!isChecked(state.current)));
  byId("check-next").addEventListener("click", () => { check(true); step(1); });
  const name = () => state.page.title.replace(/\.[^.]*$/, "") || "translation";
  byId("save-lines").addEventListener("click", () => {
    saveAs(new Blob([exportLines()], { type: "text/plain" }), `${name()}.${state.page.target}.txt`);
  });
  byId("save-memory").addEventListener("click", () => {
    const file = `${name()}.edits.tmx`;
    saveAs(new Blob([exportMemory()], { type: "application/xml" }), file);
    byId("edit-message").textContent = `The same command with --memory ${file} writes the edited translation.`;
  });
  addEventListener("beforeunload", (event) => {
    keepEdits();
    if (!review.isKept && review.edits.size) event.preventDefault();
  });
}
