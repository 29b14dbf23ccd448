// The sentence that is shown: a box for each view, with its scores, its words and the place of its picture.

const UNATTENDED = "This source word receives almost no attention.";
const UNSUPPORTED = "This target word attends to no source word in particular.";

let renderings = 0;

async function renderSentence() {
  const rendering = (renderings += 1);
  const index = state.current, sentence = state.page.sentences[index];
  if (!sentence) return;
  const weights = await loadWeights(index);
  if (rendering !== renderings) return;  // another sentence was selected meanwhile
  updateSteps();
  const focused = document.activeElement.word, number = [...byId("views").children].indexOf(focused?.box);
  const keys = [byId("show").value, byId("compare").value].filter(Boolean);
  byId("views").replaceChildren(...keys.map((key) => createView(sentence, weights, key)));
  renderFontHint([sentence.source, ...sentence.views.map((view) => view.target)].join(" "));
  if (state.page.review) renderReview();
  highlight(null);
  drawPictures();
  if (!focused) return;
  const box = byId("views").children[number];
  (box?.querySelector(`[aria-label="${focused.side} words"] .word`) ?? byId("sentence")).focus();
}

/** A box for a view; what it shows is its `pair`. */
function createView(sentence, weights, key) {
  const number = findView(sentence, key);
  const header = createElement("header", {}, createElement("h2", {}, viewName(key)));
  const box = createElement("section", { class: "view", "aria-label": viewName(key) }, header);
  if (number < 0) {
    box.append(createElement("p", { class: "empty" }, "This sentence has no such translation."));
    return box;
  }
  const view = sentence.views[number];
  const source = splitWords(sentence.source), target = splitWords(view.target);
  const isGolden = view.rank === 0 && view.entropy !== undefined;
  box.pair = {
    source, target, weights: weights[number], links: view.links, gold: isGolden ? sentence.gold : undefined,
    name: `${viewName(key)}, sentence ${numberOf(state.current)}`,
  };
  header.append(createScores(view));
  const cut = [
    view.is_whole === false && "The text is too long: only its beginning was read.",
    view.is_finished === false && "The length limit ended this translation.",
  ];
  box.append(...cut.filter(Boolean).map((message) => createElement("p", { class: "cut" }, message)));
  const unattended = new Map((view.unattended ?? []).map((index) => [index, UNATTENDED]));
  const unsupported = new Map((view.unsupported ?? []).map((index) => [index, UNSUPPORTED]));
  const reasons = state.page.review ? {
    source: findReasons(sentence, "source"), target: findReasons(sentence, "target"),
  } : {
    source: addDoubts(unattended, sentence.source, "source", view.doubts),
    target: addDoubts(unsupported, view.target, "target", view.doubts),
  };
  if (state.page.review) box.pair.reasons = reasons;
  box.append(
    createWords(box, "source", source, reasons.source, sentence.tags?.source),
    createWords(box, "target", target, reasons.target, sentence.tags?.target),
    createElement("div", { class: "picture" }),
  );
  return box;
}

/** Add the doubts about a side to the reasons why its words are marked. A doubt has places in the text, in characters. */
function addDoubts(reasons, words, side, doubts = []) {
  let begin = 0;
  words.split(/([ \u001f])/).forEach((part, number) => {  // words and, between them, what separates them
    const end = begin + (part === "\u001f" ? 0 : [...part].length), index = number / 2;
    for (const doubt of number % 2 ? [] : doubts) {
      if (doubt.side !== side || doubt.begin >= end || doubt.end <= begin) continue;
      reasons.set(index, [reasons.get(index), `Check it: ${doubt.reason}.`].filter(Boolean).join(" "));
    }
    begin = end;
  });
  return reasons;
}

function createScores(view) {
  const list = createElement("dl", { class: "scores" });
  const add = (name, value, title) => {
    list.append(createElement("div", { title }, createElement("dt", {}, name), createElement("dd", {}, value)));
  };
  if (view.aer !== undefined) add("AER", formatPercent(view.aer, 1), "alignment error rate; lower is better");
  add("score", view.score.toFixed(2), "mean log-probability of a target piece");
  if (view.confidence !== undefined) {
    const meaning = "geometric mean of the probabilities of its pieces: check those with the lowest first";
    add("confidence", formatPercent(view.confidence), meaning);
  }
  if (view.entropy === undefined) return list;  // a gate is no attention
  add(
    "entropy", `${view.entropy.toFixed(2)} bits`,
    "0 bits: each target word attends to one source word; 1 bit: to two of them equally",
  );
  add(
    "coverage deviation", view.coverage.toFixed(2),
    "0: each source word receives the attention of exactly one target word; higher: some receive more or less",
  );
  return list;
}

const createTag = (label) => createElement("span", { class: "tag", dir: "ltr" }, label);

/** A line of words. `reasons` tells by index why a word is marked; a tag is [word, its characters before, label]. */
function createWords(box, side, words, reasons, tags = []) {
  const language = state.page[side];
  const attributes = { class: "words", role: "group", "aria-label": `${side} words`, dir: "auto", lang: language };
  const line = createElement("p", attributes);
  if (!words.length) line.append(createElement("span", { class: "empty" }, "no words"));
  words.forEach((word, index) => {
    const button = createElement("button", { class: "word", type: "button", tabindex: index ? -1 : 0 });
    const characters = [...word], before = [], after = [];
    let done = 0;
    for (const [, place, label] of tags.filter(([at]) => at === index)) {
      const tag = createTag(label);
      if (place === 0) before.push(tag);
      else if (place >= characters.length) after.push(tag);
      else {
        button.append(characters.slice(done, place).join(""), tag);
        done = place;
      }
    }
    button.append(characters.slice(done).join(""));
    if (reasons.has(index)) {
      button.classList.add("doubtful");
      button.title = reasons.get(index);
    }
    button.word = { box, side, index };
    line.append(...before, button, ...after, index < words.length - 1 ? " " : "");
  });
  line.append(...tags.filter(([at]) => at >= words.length).map(([, , label]) => createTag(label)));
  return createElement("div", {}, createElement("span", { class: "label" }, language || side), line);
}
