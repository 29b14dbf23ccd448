// With `nmt translate --review`: segments are edited and checked; the browser keeps that, and it can be saved as files.

const MEASURE = "geometric mean of the probabilities that the model gave to the pieces of the translation";
const NOT_IN_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

const review = {
  edits: new Map(),    // texts by the keys of segments
  twins: new Map(),    // segments by their keys, one for each set of tags
  checked: new Set(),  // keys
  timer: 0,
  isKept: true,        // whether this browser keeps them
};

/** Segments of documents with the same source have one edit, because a memory has one translation of a source. */
function keyOf(index) {
  return state.page.review === "documents" ? joinWords(state.page.sentences[index].source) : String(index);
}

const originalText = ({ tags, text, views }) => tags?.written[1] ?? text ?? joinWords(views[0].target);

/** The translation of a segment as it is now, with its tags. */
function currentText(index) {
  const sentence = state.page.sentences[index], text = review.edits.get(keyOf(index));
  if (text === undefined) return originalText(sentence);
  const others = review.twins.get(keyOf(index)) ?? [];  // with the same source and perhaps other tags
  const fits = (one) => joinParts(splitTags(text, namesOf(one)), true).length && !findTagProblems(text, one.tags).length;
  if (fits(sentence) || !others.some(fits)) return text;
  return dropTags(text, others.flatMap(namesOf));
}

/** Why the edit of a segment cannot be saved; nothing without an edit. */
function findProblems(index) {
  if (!review.edits.has(keyOf(index))) return [];
  const sentence = state.page.sentences[index], text = currentText(index);
  const plain = joinParts(splitTags(text, namesOf(sentence)), false).join("");
  if (!plain.trim()) return ["the translation is empty"];
  const other = state.page.review === "documents" && TAG_LIKE.exec(plain);
  const invented = other && !TAG_LIKE.test(joinWords(sentence.source)) ? [`${other[0]} is no tag of the segment`] : [];
  return [...invented, ...findTagProblems(text, sentence.tags)];
}

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

/** Show why the edit of the segment that is shown cannot be saved. */
function renderProblems() {
  const problems = findProblems(state.current);
  byId("edit").setAttribute("aria-invalid", problems.length > 0);
  byId("problems").hidden = !problems.length;
  byId("problems").textContent = `This edit cannot be saved as TMX: ${problems.join("; ")}. Mend it, or undo it.`;
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
  renderProblems();
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

const escapeXml = (text) => text.replace(NOT_IN_XML, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;")
  .replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** The indices of the edited segments that can be saved, one for each source, and how many sources cannot. */
function chooseEdits() {
  const chosen = new Map(), edited = new Set();
  state.page.sentences.forEach((sentence, index) => {
    if (!review.edits.has(keyOf(index))) return;
    const text = joinWords(sentence.source);
    edited.add(text);
    if (!chosen.has(text) && !findProblems(index).length) chosen.set(text, index);
  });
  return { chosen: [...chosen.values()], left: edited.size - chosen.size };
}

/** These segments as a translation memory, which `nmt translate --memory` reads. */
function exportMemory(chosen) {
  const { source, target, sentences } = state.page;
  const variant = (language, text, names) =>
    `<tuv xml:lang="${escapeXml(language)}"><seg>${writeSegment(text, names)}</seg></tuv>`;
  const units = chosen.map((index) => {
    const one = sentences[index], names = namesOf(one), text = one.tags?.written[0] ?? joinWords(one.source);
    return `<tu>${variant(source, text, names)}${variant(target, currentText(index), names)}</tu>\n`;
  });
  return '<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><header creationtool="nmt" creationtoolversion="1" '
    + `segtype="sentence" o-tmf="nmt" adminlang="en" srclang="${escapeXml(source)}" datatype="plaintext"/>\n<body>\n`
    + `${units.join("")}</body></tmx>\n`;
}

function startReview() {
  document.body.classList.add("reviews");
  byId("review").hidden = byId("files").hidden = false;
  byId("save-lines").hidden = state.page.review === "documents";
  for (const name of ["entropy", "coverage", "score"]) byId("sort").querySelector(`[value="${name}"]`).hidden = true;
  byId("sort").querySelector('[value="confidence"]').hidden = false;
  byId("sort").value = "confidence";
  byId("confidence").title = MEASURE;
  state.page.sentences.forEach((sentence, index) => {
    const twins = review.twins.get(keyOf(index)) ?? [], tags = String(namesOf(sentence));
    if (!twins.some((one) => String(namesOf(one)) === tags)) review.twins.set(keyOf(index), [...twins, sentence]);
  });
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
    const file = `${name()}.edits.tmx`, { chosen, left } = chooseEdits();
    if (chosen.length) saveAs(new Blob([exportMemory(chosen)], { type: "application/xml" }), file);
    const written = chosen.length ? `The same command with --memory ${file} writes the edited translation.` : "";
    const number = `${formatNumber(left)} edit${left === 1 ? " is" : "s are"}`;
    const message = left ? `${number} not saved: ⚠ marks the segments in the list.` : "";
    byId("edit-message").textContent = `${message} ${written}`.trim();
  });
  addEventListener("beforeunload", (event) => {
    keepEdits();
    if (!review.isKept && review.edits.size) event.preventDefault();
  });
}
