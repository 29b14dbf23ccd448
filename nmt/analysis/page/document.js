// With `nmt serve`: documents are sent to the server and shown beside their translation; and the terms of all requests.
// A document is shown without what could act or load something, in a frame that runs no scripts.

const documents = { request: null, name: "", answer: null, isScrolling: false, timer: 0 };
const PROGRESS_MILLISECONDS = 400;  // between questions to the server
const SUFFIXES = { html: "html htm xhtml", markdown: "md markdown", xml: "xml", text: "txt text" };
const ACTIVE = "script, link, meta, base, iframe, frame, object, embed, portal, audio, video, template";
const BLOCKS = "p, li, dt, dd, td, th, h1, h2, h3, h4, h5, h6, div, blockquote, figcaption, caption, summary, pre";
const FRAME_STYLE = "[data-lit] { outline: 2px solid #164a7c; outline-offset: 2px; } pre.plain { white-space: pre-wrap; }";
const DECLARED = /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)|^<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)/i;

/** The terms that the reader has entered, as fields of a request: "house = Haus" is a line, and so are columns of TSV. */
function readTerms() {
  const lines = byId("glossary").value.split("\n").filter((line) => line.trim());
  const glossary = lines.map((line) => {
    const [source, target = "", rule = ""] = line.split(line.includes("\t") ? "\t" : "=");
    return { source, target, ...(rule.trim() && { case: rule.trim() }) };
  });
  return { glossary, keep: [...document.querySelectorAll('#terms input:checked')].map((box) => box.value) };
}

function showDocumentMessage(text, isError = false) {
  byId("document-message").textContent = text;
  byId("document-message").classList.toggle("error", isError);
}

/** The text of a file: in the encoding of its mark, or else as it declares, or else UTF-8 or Windows-1252. */
function decodeFile(buffer) {
  const bytes = new Uint8Array(buffer), head = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  const mark = { "ÿþ": "utf-16le", "þÿ": "utf-16be", "ï»": "utf-8" }[head.slice(0, 2)];
  for (const name of [mark, ...(DECLARED.exec(head) ?? []).slice(1), "utf-8"].filter(Boolean)) {
    try {
      return new TextDecoder(name, { fatal: true }).decode(bytes);
    } catch { /* no such encoding, or not in it */ }
  }
  return new TextDecoder("windows-1252").decode(bytes);
}

async function openFile() {
  const [file] = byId("document-file").files;
  if (!file) return;
  const suffix = file.name.split(".").pop().toLowerCase();
  const format = Object.keys(SUFFIXES).find((one) => SUFFIXES[one].split(" ").includes(suffix));
  forgetAnswer();
  if (!format) {
    const known = Object.values(SUFFIXES).join(" ").replaceAll(" ", ", ");
    return showDocumentMessage(`${file.name} is not read here, but files that end with ${known}.`, true);
  }
  documents.name = file.name;
  byId("document-format").value = format;
  byId("document-text").value = decodeFile(await file.arrayBuffer());
  await translateDocument();
}

/** The translation that is there is of another document, or of other text. */
function forgetAnswer() {
  documents.answer = null;
  byId("download-document").disabled = true;
  byId("frames").hidden = true;
}

async function translateDocument() {
  const source = byId("document-text").value, format = byId("document-format").value;
  if (!source.trim()) return showDocumentMessage("There is no document to translate.", true);
  const problem = describeTooLong("document", source, state.page.max_document);
  if (problem) return showDocumentMessage(problem, true);
  const [model] = byId("show").value.split(":");
  const name = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const body = { source, format, model: Number(model) || 0, name, ...readTerms() };
  forgetAnswer();
  byId("document-report").replaceChildren();
  const asked = fetchAnswer("api/translate", body, documents, showDocumentMessage);
  const own = documents.request;
  watchProgress(name);
  const answer = await asked;
  if (documents.request === own) watchProgress(null);  // there is no newer one
  if (!answer) return;
  documents.answer = { source, format, text: answer.translation };
  byId("download-document").disabled = false;
  byId("frames").hidden = false;
  showInFrame(byId("source-frame"), source, format, state.page.source);
  showInFrame(byId("target-frame"), answer.translation, format, state.page.target);
  showReport(answer.documents[0]);
  listSentences(answer.documents[0], body.model);
}

/** Show how far the server is with the document that it knows by a name, until another one is named, or none. */
function watchProgress(name) {
  clearInterval(documents.timer);
  byId("cancel-document").hidden = byId("document-progress").hidden = name === null;
  byId("document-progress").removeAttribute("value");
  if (name === null) return;
  const timer = documents.timer = setInterval(async () => {
    const answer = await fetch(`api/progress/${name}`).then((response) => response.json()).catch(() => null);
    if (!answer?.total || documents.timer !== timer || byId("cancel-document").hidden) return;
    const { done, total } = answer;
    Object.assign(byId("document-progress"), { value: done, max: total });
    showDocumentMessage(`${formatNumber(done)} of ${formatNumber(total)} sentences`);
  }, PROGRESS_MILLISECONDS);
}

function cancelDocument() {
  documents.request?.abort();  // the server stops when it notices that nobody waits
  watchProgress(null);
  showDocumentMessage("The translation was cancelled.");
}

/** A document as a page to look at: what could act, or load something, is taken out. */
function buildPreview(text, format, language) {
  const page = new DOMParser().parseFromString(format === "html" ? text : "", "text/html");
  if (format !== "html") {
    const plain = page.body.appendChild(page.createElement("pre"));
    plain.className = "plain";
    plain.textContent = text;
  }
  for (const one of page.querySelectorAll(ACTIVE)) one.remove();
  for (const one of page.querySelectorAll("*")) {
    for (const { name, value } of [...one.attributes]) {
      const isLoading = /^(src|srcset|poster|background|data|xlink:href)$/.test(name) && !/^(data:image|#)/.test(value);
      if (/^(on|autofocus)/.test(name) || isLoading) one.removeAttribute(name);
    }
  }
  page.documentElement.lang = language;
  page.documentElement.dir ||= "auto";
  page.head.appendChild(page.createElement("style")).textContent = FRAME_STYLE;
  return `<!doctype html>${page.documentElement.outerHTML}`;
}

function showInFrame(frame, text, format, language) {
  frame.srcdoc = buildPreview(text, format, language);
  frame.onload = () => {
    const page = frame.contentDocument;
    page.addEventListener("click", (event) => { event.preventDefault(); selectClicked(event.target); });
    page.addEventListener("pointerover", (event) => lightBlocks(event.target));
    page.addEventListener("scroll", () => scrollOther(frame), { passive: true });
  };
}

const framePages = () => ["source-frame", "target-frame"].map((id) => byId(id).contentDocument);

/** Light a paragraph, and the one at its place in the other frame: translation changes only what is inside them. */
function lightBlocks(element) {
  const block = element.closest?.(BLOCKS);
  const place = block ? [...block.ownerDocument.querySelectorAll(BLOCKS)].indexOf(block) : -1;
  for (const page of framePages()) {
    page.querySelectorAll(BLOCKS).forEach((one, number) => one.toggleAttribute("data-lit", number === place));
  }
}

function scrollOther(frame) {
  if (documents.isScrolling) return;
  documents.isScrolling = true;
  const [own, other] = ["source-frame", "target-frame"].map((id) => byId(id).contentDocument.documentElement)
    .sort((one) => (one === frame.contentDocument.documentElement ? -1 : 1));
  const range = ({ scrollHeight, clientHeight }) => scrollHeight - clientHeight;
  other.scrollTop = (own.scrollTop / Math.max(range(own), 1)) * range(other);
  setTimeout(() => { documents.isScrolling = false; }, 50);
}

const joinBlanks = (text) => text.replace(/\s+/g, " ").trim();

/** Select the sentence that was clicked in a frame, to see its links. */
function selectClicked(element) {
  const own = joinBlanks(element.textContent), whole = joinBlanks((element.closest(BLOCKS) ?? element).textContent);
  const sentences = state.page.sentences.map(({ isOfDocument, texts }, index) => ({ index, isOfDocument, texts }));
  const inside = sentences.filter((one) => one.isOfDocument && one.texts.some((text) => whole.includes(joinBlanks(text))));
  const chosen = inside.find(({ texts }) => texts.some((text) => joinBlanks(text).includes(own))) ?? inside[0];
  if (chosen) selectSentence(chosen.index, true);
}

function showReport({ segments, tags, weak_tags: weak, terms, notes }) {
  const missing = terms.filter((term) => term.used === null);
  const count = (number, name) => `${formatNumber(number)} ${name}${number === 1 ? "" : "s"}`;
  const parts = [count(segments, "segment"), count(tags, "tag")];
  if (terms.length) parts.push(`${formatNumber(terms.length - missing.length)} of ${count(terms.length, "term")} in place`);
  showDocumentMessage(parts.join(", "));
  const lines = [
    ...notes.map((note) => note.replace(/^text 1(: |, )/, "").replace(/^line/, "Line")),
    ...missing.map((one) => `Line ${one.line}: the term “${one.term}” is not translated as “${one.required.join("” or “")}”.`),
    ...weak.map((one) => `Line ${one.line}: ${one.tag} may be in a wrong place in “${one.translation}”.`),
  ];
  byId("document-report").replaceChildren(...lines.map((line) => createElement("li", { dir: "auto" }, line)));
}

/** Put the sentences of a document into the list, in place of those of the one before. */
function listSentences({ sentences }, model) {
  const others = state.page.sentences.filter((one) => !one.isOfDocument);
  state.page.sentences = [
    ...others,
    ...sentences.map(({ source, translation, score }) => ({
      source, views: [{ model, rank: 0, target: translation, links: [], score }], isOfDocument: true,
      texts: [source, translation],
    })),
  ];
  updateMenus();
  updateList();
  if (sentences.length) return showSentence(others.length);
}

/** The attention of a sentence of a document, which the server computes when it is shown. */
async function loadDocumentSentence(sentence) {
  const [source, target] = sentence.texts;
  const answer = await fetchAnswer("api/align", { source, target }, {}, showLinkMessage);
  if (!answer) return sentence.views.map(() => new Uint8Array(0));
  answer.weights = answer.weights.map(decodeBase64);
  Object.assign(sentence, answer);
  updateMenus();
  return sentence.weights;
}

const showLinkMessage = (text, isError) => isError && showDocumentMessage(`There are no links: ${text}`, true);

function downloadDocument() {
  const { source, format, text } = documents.answer, suffix = SUFFIXES[format].split(" ")[0];
  const [, ...declared] = DECLARED.exec(source.slice(0, 4096)) ?? [];
  const needsMark = declared.some((name) => name && !/^utf-?8$/i.test(name));  // it counts more than what is declared
  const name = documents.name.replace(/\.[^.]*$/, "") || "document";
  const blob = new Blob([needsMark ? "\ufeff" : "", text], { type: "text/plain;charset=utf-8" });
  saveAs(blob, `${name}.${state.page.target}.${documents.name.split(".").slice(1).pop() ?? suffix}`);
}

function setMode(isDocument) {
  setPressed("sentence-mode", !isDocument);
  setPressed("document-mode", isDocument);
  byId("live").hidden = isDocument;
  byId("document").hidden = !isDocument;
}

function startDocuments() {
  byId("modes").hidden = byId("terms").hidden = false;
  byId("sentence-mode").addEventListener("click", () => setMode(false));
  byId("document-mode").addEventListener("click", () => setMode(true));
  byId("document").addEventListener("submit", (event) => { event.preventDefault(); translateDocument(); });
  byId("document-file").addEventListener("change", openFile);
  byId("cancel-document").addEventListener("click", cancelDocument);
  byId("document-text").addEventListener("input", () => { documents.name = ""; forgetAnswer(); });
  byId("document-format").addEventListener("change", forgetAnswer);
  byId("download-document").addEventListener("click", downloadDocument);
  byId("terms").addEventListener("input", whenTypingPauses(() => byId("source-text").value && translateText()));
}
