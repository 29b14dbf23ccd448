// What page.py packed: sentences, their views, and the attention of each view.

const DEFAULT_NAMES = ["given translation", "best translation"];  // by rank

async function unpack(text) {
  const stream = new Blob([decodeBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const decodeBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const unpackedBlocks = new Map();

/** The attention of each view of a sentence: bytes, target words x source words, where 255 is all attention. */
async function loadWeights(index) {
  const sentence = state.page.sentences[index];
  if (sentence.weights) return sentence.weights;
  if (sentence.isOfDocument) return loadDocumentSentence(sentence);
  const size = state.page.block;
  const number = Math.floor(index / size);
  if (!unpackedBlocks.has(number)) unpackedBlocks.set(number, unpack(byId(`block-${number}`).textContent));
  const bytes = await unpackedBlocks.get(number);
  let begin = 0;
  for (const one of state.page.sentences.slice(number * size, (number + 1) * size)) {
    const width = splitWords(one.source).length;
    one.weights = one.views.map((view) => {
      const end = begin + width * splitWords(view.target).length;
      const part = bytes.subarray(begin, end);
      begin = end;
      return part;
    });
  }
  unpackedBlocks.delete(number);
  return sentence.weights;
}

/** A key names a model and a rank, such as "0:1". -> the number of that view of the sentence, or -1 */
function findView(sentence, key) {
  const [model, rank] = parseKey(key);
  return sentence.views.findIndex((view) => view.model === model && view.rank === rank);
}

const parseKey = (key) => key.split(":").map(Number);

/** The view of a sentence that is shown, or else its first one. */
const shownView = (sentence) => sentence.views[Math.max(findView(sentence, byId("show").value), 0)];

function viewName(key) {
  const [model, rank] = parseKey(key);
  const name = DEFAULT_NAMES[rank] ?? `translation ${rank}`;
  return state.page.models.length > 1 ? `${state.page.models[model]} · ${name}` : name;
}

/** Fill the menus with the views that any sentence has. */
function updateMenus() {
  const keys = new Set();
  for (const sentence of state.page.sentences) {
    for (const view of sentence.views) keys.add(`${view.model}:${view.rank}`);
  }
  const sorted = [...keys].sort((one, other) => {
    const [a, b] = [parseKey(one), parseKey(other)];
    return a[0] - b[0] || a[1] - b[1];
  });
  const options = () => sorted.map((key) => createElement("option", { value: key }, viewName(key)));
  for (const [id, first] of [["show", []], ["compare", [createElement("option", { value: "" }, "nothing")]]]) {
    const select = byId(id), chosen = select.value;
    select.replaceChildren(...first, ...options());
    if (id === "compare" || sorted.includes(chosen)) select.value = sorted.includes(chosen) ? chosen : "";
    select.parentNode.hidden = sorted.length < 2;
  }
  byId("gold").hidden = byId("gold-key").hidden = !hasGold();
  byId("sort").querySelector('[value="aer"]').hidden = !hasGold();
}

const hasGold = () => state.page.sentences.some((sentence) => sentence.gold);
