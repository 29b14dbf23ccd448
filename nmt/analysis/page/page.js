"use strict";
/* The page of `nmt align --html` and `nmt serve`. All text is set as text; nothing is fetched but from `nmt serve`. */

const ROW = 64;           // pixels of a row of the list, as in page.css
const FAINTEST = 0.03;    // attention below this is not drawn
const DEEP = 0.45;        // attention above this may need another ink, as page.css says
const MANY = 5000;        // cells of a matrix, above which those without attention are left out
const MOST_PIXELS = 1e8;  // of a PNG
const SVG = "http://www.w3.org/2000/svg";
const find = (id) => document.getElementById(id);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const wordsOf = (text) => (text ? text.split(" ") : []);

const state = {
  pages: null,            // what page.py wrote: title, models, sentences
  order: [],              // indices of the sentences that the search left, in the order of the list
  current: -1,            // index of the sentence that is shown
  picture: "links",
  hasGold: true,
  turned: false,
  held: null,             // a word that was clicked: {view, side, index}
  asked: null,            // the word whose light is on
};

/* ---------- elements ---------- */

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/* ---------- what page.py packed ---------- */

async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const blocks = new Map();

/** The attention of every view of a sentence: bytes, target words x source words, 255 being all of it. */
async function attentionOf(index) {
  const sentence = state.pages.sentences[index];
  if (sentence.weights) return sentence.weights;
  const size = state.pages.block;
  const number = Math.floor(index / size);
  if (!blocks.has(number)) blocks.set(number, unpack(find(`block-${number}`).textContent));
  const bytes = await blocks.get(number);
  let begin = 0;
  for (const one of state.pages.sentences.slice(number * size, (number + 1) * size)) {
    const width = wordsOf(one.source).length;
    one.weights = one.views.map((view) => {
      const end = begin + width * wordsOf(view.target).length;
      const part = bytes.subarray(begin, end);
      begin = end;
      return part;
    });
  }
  blocks.delete(number);
  return sentence.weights;
}

/* ---------- search and order ---------- */

const KEYS = {
  number: { of: (sentence, view, index) => index, first: "low" },
  score: { of: (sentence, view) => view.score, first: "low", text: (value) => value.toFixed(2) },
  length: { of: (sentence) => wordsOf(sentence.source).length, first: "high", text: String },
  entropy: { of: (sentence, view) => view.entropy, first: "high", text: (value) => `${value.toFixed(2)} bits` },
  coverage: { of: (sentence, view) => view.coverage, first: "high", text: (value) => value.toFixed(2) },
  aer: { of: (sentence, view) => view.aer, first: "high", text: (value) => `${(100 * value).toFixed(0)}%` },
};

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();  // up first: ß is SS

function viewOf(sentence, key) {
  const [model, rank] = key.split(":").map(Number);
  return sentence.views.findIndex((view) => view.model === model && view.rank === rank);
}

function keyOf(index) {
  const sentence = state.pages.sentences[index], sort = find("sort").value, shown = find("show").value;
  const key = sort === "aer" ? shown.replace(/:.*/, ":0") : shown;  // only a given text has gold
  const view = sentence.views[Math.max(viewOf(sentence, key), 0)];
  const value = view && KEYS[sort].of(sentence, view, index);
  return value === undefined || value === null ? NaN : value;
}

function arrange() {
  const wanted = fold(find("search").value.trim());
  const found = [];
  state.pages.sentences.forEach((sentence, index) => {
    if (wanted) sentence.folded ??= fold([sentence.source, ...sentence.views.map((view) => view.target)].join("\n"));
    if (!wanted || sentence.folded.includes(wanted)) found.push(index);
  });
  const sort = find("sort").value;
  const sign = (KEYS[sort].first === "high") !== state.turned ? -1 : 1;
  const values = new Map(found.map((index) => [index, keyOf(index)]));
  found.sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || one - other;
    return sign * (a - b) || one - other;
  });
  state.order = found;
  const finite = [...values.values()].filter((value) => !Number.isNaN(value));
  state.range = finite.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const count = state.pages.sentences.length;
  const all = `${count.toLocaleString("en")} sentence${count === 1 ? "" : "s"}`;
  find("count").textContent = wanted ? `${found.length.toLocaleString("en")} of ${all}` : all;
  find("turn").textContent = sign < 0 ? "↓" : "↑";
  renderRows();
  renderSteps();
}

function arrangeAnew() {
  find("list").scrollTop = 0;
  arrange();
}

/* ---------- the list: only the rows that can be seen exist ---------- */

function renderRows() {
  const list = find("list"), rows = find("rows");
  rows.style.height = `${state.order.length * ROW}px`;
  const first = Math.max(Math.floor(list.scrollTop / ROW) - 4, 0);
  const last = Math.min(Math.ceil((list.scrollTop + (list.clientHeight || innerHeight)) / ROW) + 4, state.order.length);
  const sort = find("sort").value;
  const made = [];
  for (let place = first; place < last; place += 1) {
    const index = state.order[place];
    const sentence = state.pages.sentences[index];
    const view = sentence.views[Math.max(viewOf(sentence, find("show").value), 0)];
    const row = make("div", {
      class: "item", role: "option", id: `item-${index}`, "aria-selected": index === state.current,
      "aria-setsize": state.order.length, "aria-posinset": place + 1,
    });
    row.style.top = `${place * ROW}px`;
    row.dataset.index = index;
    row.append(
      make("span", { lang: state.pages.source }, sentence.source || "–"),
      make("span", { class: "key" }, `${index + 1}`),
      make("span", { class: "of", lang: state.pages.target }, view ? view.target || "–" : ""),
    );
    const value = keyOf(index);
    if (KEYS[sort].text && !Number.isNaN(value)) {
      row.children[1].textContent = KEYS[sort].text(value);
      const [low, high] = state.range;
      const bar = make("i");
      bar.style.width = `${100 * (high > low ? (value - low) / (high - low) : 1)}%`;
      row.append(make("span", { class: "measure", "aria-hidden": "true" }, bar));
    }
    made.push(row);
  }
  rows.replaceChildren(...made);
  const active = find(`item-${state.current}`);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
}

function renderSteps() {
  const place = state.order.indexOf(state.current);
  find("previous").disabled = place <= 0;
  find("next").disabled = place >= state.order.length - 1;
}

function step(by) {
  const place = state.order.indexOf(state.current);
  const next = clamp(place < 0 ? 0 : place + by, 0, state.order.length - 1);
  if (state.order.length) choose(state.order[next]);
}

function choose(index, isReading = false) {
  if (state.pages.live && index !== state.current) loadText(index);
  return turnTo(index, isReading);
}

function turnTo(index, isReading = false) {
  state.current = index;
  state.held = null;
  history.replaceState(history.state, "", `#${index + 1}`);
  if (isReading) read();
  reveal();
  return showPair();
}

/** Scroll the list to the sentence that is shown. */
function reveal() {
  const list = find("list"), place = state.order.indexOf(state.current);
  if (place >= 0 && list.clientHeight) {
    if (place * ROW < list.scrollTop) list.scrollTop = place * ROW;
    if ((place + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (place + 1) * ROW - list.clientHeight;
  }
  renderRows();
}

/** From the list to the sentence where there is room for one of them; Back in the browser leads to the list again. */
function read() {
  if (document.body.classList.contains("is-reading")) return;
  const wasListed = find("list").clientHeight && !find("pair").clientHeight;
  document.body.classList.add("is-reading");
  if (!wasListed || !("ready" in document.documentElement.dataset)) return;
  history.replaceState("list", "");
  history.pushState("reading", "");
}

function leave() {
  document.body.classList.remove("is-reading");
  reveal();
  find("list").focus();
}

/* ---------- a sentence ---------- */

let shownPair = 0;

async function showPair() {
  const turn = (shownPair += 1);
  const index = state.current, sentence = state.pages.sentences[index];
  if (!sentence) return;
  const weights = await attentionOf(index);
  if (turn !== shownPair) return;  // another one was chosen meanwhile
  find("number").textContent = `${(index + 1).toLocaleString("en")} of ${state.pages.sentences.length.toLocaleString("en")}`;
  renderSteps();
  const focused = document.activeElement.asked, number = [...find("views").children].indexOf(focused?.view);
  const keys = [find("show").value, find("beside").value].filter(Boolean);
  find("views").replaceChildren(...keys.map((key) => showView(sentence, weights, key)));
  ask(null);
  drawPictures();
  if (focused) (find("views").children[number]?.querySelector(`[aria-label="${focused.side} words"] .word`) ?? find("pair")).focus();
}

function showView(sentence, weights, key) {
  const number = viewOf(sentence, key);
  const box = make("section", { class: "view", "aria-label": nameOf(key) });
  const header = make("header", {}, make("h2", {}, nameOf(key)));
  box.append(header);
  if (number < 0) {
    box.append(make("p", { class: "nothing" }, "This sentence has no such translation."));
    return box;
  }
  const view = sentence.views[number];
  const source = wordsOf(sentence.source), target = wordsOf(view.target);
  box.seen = {
    source, target, weights: weights[number], links: view.links,
    gold: view.rank === 0 && view.entropy !== undefined ? sentence.gold : undefined, name: `${nameOf(key)}, sentence ${state.current + 1}`,
  };
  header.append(facts(view));
  box.append(
    showWords(box, "source", source, view.unattended ?? [], "no target word looks here"),
    showWords(box, "target", target, view.unsupported ?? [], "looks nowhere in particular"),
    make("div", { class: "picture" }),
  );
  return box;
}

function facts(view) {
  const list = make("dl", { class: "facts" });
  const add = (name, value, title) => list.append(make("div", { title }, make("dt", {}, name), make("dd", {}, value)));
  if (view.aer !== undefined) add("AER", `${(100 * view.aer).toFixed(1)}%`, "alignment error rate: lower is better");
  add("score", view.score.toFixed(2), "log-probability of a target piece, on average");
  if (view.entropy === undefined) return list;  // a gate is no attention
  add("entropy", `${view.entropy.toFixed(2)} bits`, "0: each word looks at one word; 1: it hesitates between two");
  add("coverage", view.coverage.toFixed(2), "0: each source word gets the attention of one target word");
  return list;
}

function showWords(box, side, words, doubtful, why) {
  const name = side === "source" ? state.pages.source : state.pages.target;
  const line = make("p", { class: "words", role: "group", "aria-label": `${side} words`, dir: "auto", lang: name });
  if (!words.length) line.append(make("span", { class: "nothing" }, "no words"));
  words.forEach((word, index) => {
    const button = make("button", { class: "word", type: "button", tabindex: index ? -1 : 0 }, word);
    if (doubtful.includes(index)) {
      button.classList.add("doubt");
      button.title = why;
    }
    Object.assign(button, { asked: { view: box, side, index } });
    line.append(button, index < words.length - 1 ? " " : "");
  });
  return make("div", {}, make("span", { class: "label" }, name || side), line);
}

/* ---------- light ---------- */

const share = ({ source, weights }, i, j) => weights[j * source.length + i] / 255;

/** Light the other side's words by the attention between them and this one; null lets go. */
function ask(asked) {
  state.asked = asked;
  for (const box of find("views").children) {
    if (!box.seen) continue;
    const { source, target } = box.seen;
    const here = asked && (asked.view === box || asked.side === "source" || sameTarget(box, asked.view)) ? asked : null;
    const of = (side, index) => {
      if (!here || side === here.side) return 0;
      return side === "source" ? share(box.seen, index, here.index) : share(box.seen, here.index, index);
    };
    for (const word of box.querySelectorAll(".word")) {
      const { side, index } = word.asked;
      const weight = of(side, index);
      word.style.setProperty("--w", weight.toFixed(3));
      word.classList.toggle("deep", weight > DEEP);
      word.classList.toggle("asked", Boolean(here) && side === here.side && index === here.index);
    }
    for (const part of box.querySelectorAll("svg [data-i], svg [data-j]")) {
      const i = part.dataset.i, j = part.dataset.j;
      const own = here && (here.side === "source" ? i : j);
      const isOwn = own !== undefined && own !== null && Number(own) === here.index;
      const isLabel = part.tagName === "text";
      const lit = isLabel && here ? of(i === undefined ? "target" : "source", Number(i ?? j)) > 0.1 : isOwn;
      part.classList.toggle("dim", Boolean(here) && !isOwn && !lit);
      if (isLabel) part.classList.toggle("asked", Boolean(here) && isOwn);
    }
    if (here && (asked.view === box)) say(box.seen, here, source, target);
  }
  if (!asked) find("says").textContent = "";
}

const sameTarget = (one, other) => one.seen.target.join(" ") === other.seen.target.join(" ");

function say(seen, { side, index }, source, target) {
  const others = (side === "source" ? target : source).map((word, at) => ({
    word, weight: side === "source" ? share(seen, index, at) : share(seen, at, index),
  }));
  const named = others.filter(({ weight }) => weight >= FAINTEST).sort((a, b) => b.weight - a.weight).slice(0, 6);
  const word = (side === "source" ? source : target)[index];
  const list = named.flatMap(({ word: other, weight }, at) => [
    at ? ", " : "", make("bdi", {}, other), ` ${Math.round(100 * weight)}%`,
  ]);
  const arrow = side === "source" ? " → " : " ← ";
  find("says").replaceChildren(make("bdi", {}, word), arrow, ...(list.length ? list : ["nothing"]));
}

/* ---------- pictures ---------- */

const ruler = document.createElement("canvas").getContext("2d");

function fit(text, pixels) {
  if (ruler.measureText(text).width <= pixels) return text;
  const characters = [...text].slice(0, 100);  // no picture has room for more
  while (characters.length && ruler.measureText(`${characters.join("")}…`).width > pixels) characters.pop();
  return `${characters.join("")}…`;
}

const longest = (words, most) => Math.min(Math.max(...words.map((word) => ruler.measureText(word).width), 8) + 2, most);

function drawPictures() {
  ruler.font = `700 14px ${getComputedStyle(document.body).fontFamily}`;  // as a word is set that is asked for
  for (const box of find("views").children) {
    if (!box.seen) continue;
    const { source, target } = box.seen;
    const place = box.querySelector(".picture");
    if (!source.length || !target.length) place.replaceChildren();
    else place.replaceChildren((state.picture === "links" ? drawLinks : drawMatrix)(box, place.clientWidth || 600));
  }
  find("svg").disabled = find("png").disabled = !find("views").querySelector("svg");
  renderLegend();
  if (state.asked) ask(state.asked);
}

function label(box, side, index, x, y, room, attributes = {}) {
  const key = side === "source" ? "data-i" : "data-j";
  const words = box.seen[side];
  const text = draw("text", { x, y, [key]: index, lang: side === "source" ? state.pages.source : state.pages.target,
    ...attributes }, fit(words[index], room));
  text.append(draw("title", {}, words[index]));
  text.asked = { view: box, side, index };
  return text;
}

function picture(box, width, height) {
  const name = `${state.picture}: ${box.seen.name}`;
  return draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name });
}

const goldOf = (seen) => (state.hasGold && seen.gold ? seen.gold : []);

/** Source words in a column, target words in another, curves between them. */
function drawLinks(box, width) {
  const { seen } = box, { source, target, links } = seen;
  width = Math.min(width, 620);
  const line = 27, most = Math.max(source.length, target.length);
  const left = longest(source, width * 0.36), right = longest(target, width * 0.36);
  const from = left + 10, to = width - right - 10;
  const svg = picture(box, width, most * line + 6);
  const at = (words, index) => (index + 0.5 + (most - words.length) / 2) * line + 3;
  const found = new Set(links.map(([i, j]) => `${i}-${j}`));
  const curve = (i, j) => {
    const [a, b] = [at(source, i), at(target, j)], middle = (from + to) / 2;
    return `M${from} ${a}C${middle} ${a} ${middle} ${b} ${to} ${b}`;
  };
  const curves = [];
  for (let j = 0; j < target.length; j += 1) {
    for (let i = 0; i < source.length; i += 1) {
      const weight = share(seen, i, j), isLink = found.has(`${i}-${j}`);
      if (weight < FAINTEST && !isLink) continue;
      const path = draw("path", { d: curve(i, j), class: "curve", "data-i": i, "data-j": j, "stroke-width": (0.8 + 3.6 * weight).toFixed(2) });
      path.style.setProperty("--w", weight.toFixed(3));
      if (!isLink) path.setAttribute("stroke-dasharray", "1 5");
      path.append(draw("title", {}, `${source[i]} – ${target[j]}: ${Math.round(100 * weight)}%`));
      curves.push([weight, path]);
    }
  }
  for (const [i, j, isSure] of goldOf(seen)) {  // below, as a glow, so that a link that was found lies on its gold
    svg.append(draw("path", { d: curve(i, j), class: isSure ? "sure" : "possible", "data-i": i, "data-j": j }));
  }
  svg.append(...curves.sort((a, b) => a[0] - b[0]).map(([, path]) => path));
  source.forEach((_, i) => svg.append(label(box, "source", i, left, at(source, i) + 5, left, { "text-anchor": "end" })));
  target.forEach((_, j) => svg.append(label(box, "target", j, width - right, at(target, j) + 5, right)));
  return svg;
}

/** A row for each target word, a column for each source word. */
function drawMatrix(box, width) {
  const { seen } = box, { source, target, links } = seen;
  const beside = longest(target, 150), above = longest(source, 150);
  const tilt = (50 * Math.PI) / 180;
  const top = above * Math.sin(tilt) + 12, over = above * Math.cos(tilt);
  const cell = clamp((width - beside - 10 - over) / source.length, 19, 34);
  const left = beside + 8;
  const svg = picture(box, Math.ceil(left + source.length * cell + Math.max(over - cell / 2, 4) + 6), Math.ceil(top + target.length * cell + 4));
  const found = new Set(links.map(([i, j]) => `${i}-${j}`));
  target.forEach((_, j) => {
    source.forEach((_, i) => {
      const weight = share(seen, i, j);
      if (weight < FAINTEST && source.length * target.length > MANY) return;
      const x = left + i * cell, y = top + j * cell;
      const rect = draw("rect", { x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1, rx: 3, class: "cell", "data-i": i, "data-j": j });
      rect.style.setProperty("--w", weight < FAINTEST ? 0 : weight.toFixed(3));
      rect.append(draw("title", {}, `${source[i]} – ${target[j]}: ${Math.round(100 * weight)}%`));
      rect.asked = { view: box, side: "target", index: j };
      svg.append(rect);
      if (found.has(`${i}-${j}`)) {
        const dot = draw("circle", { cx: x + cell / 2, cy: y + cell / 2, r: 2.6, class: "dot", "data-i": i, "data-j": j });
        dot.classList.toggle("deep", weight > DEEP);
        dot.style.setProperty("--w", weight.toFixed(3));
        svg.append(dot);
      }
    });
  });
  for (const [i, j, isSure] of goldOf(seen)) {
    svg.append(draw("rect", {
      x: left + i * cell + 2, y: top + j * cell + 2, width: cell - 4, height: cell - 4, rx: 2,
      class: isSure ? "sure" : "possible", "data-i": i, "data-j": j,
    }));
  }
  source.forEach((_, i) => {
    const x = left + (i + 0.5) * cell + 3, y = top - 6;
    svg.append(label(box, "source", i, x, y, above, { transform: `rotate(-50 ${x} ${y})` }));
  });
  target.forEach((_, j) => svg.append(label(box, "target", j, beside, top + (j + 0.5) * cell + 5, beside, { "text-anchor": "end" })));
  return svg;
}

function renderLegend() {
  const entry = (mark, text) => make("span", {}, make("i", { class: `mark ${mark}` }), text);
  const isMatrix = state.picture === "matrix";
  const hasGold = state.pages.sentences.some((sentence) => sentence.gold);
  find("legend").replaceChildren(
    make("span", {}, "0%", make("i", { class: "ramp" }), "100% of a target word's attention"),
    ...(isMatrix ? [entry("found", "link")] : [entry("line", "link"), entry("line faint", "attention without a link")]),
    ...(hasGold && state.hasGold ? ["sure", "possible"].map((kind) => entry(`${isMatrix ? "box" : "band"} ${kind}`, `gold, ${kind}`)) : []),
    entry("under", "gets or gives almost no attention"),
  );
}

/* ---------- saving a picture ---------- */

const swatch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as one that every SVG reader knows. */
function plain(color) {
  swatch.clearRect(0, 0, 1, 1);
  swatch.fillStyle = color;
  swatch.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = swatch.getImageData(0, 0, 1, 1).data;
  return alpha ? `rgb(${red},${green},${blue})` : "none";
}

/** The pictures that are shown, side by side, with every style written out. */
function standAlone() {
  const shown = [...find("views").querySelectorAll("svg")];
  const gap = 24, head = 26;
  const nameOn = (svg) => svg.closest(".view").seen.name;
  ruler.font = "13px sans-serif";
  const rooms = shown.map((svg) => Math.max(Number(svg.getAttribute("width")), Math.ceil(ruler.measureText(nameOn(svg)).width) + 8));
  const width = rooms.reduce((sum, room) => sum + room + gap, gap);
  const height = Math.max(...shown.map((svg) => Number(svg.getAttribute("height")))) + head + 2 * gap;
  const whole = draw("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` });
  whole.append(draw("rect", { width, height, fill: plain(getComputedStyle(document.querySelector(".view")).backgroundColor) }));
  let x = gap;
  for (const [number, svg] of shown.entries()) {
    const copy = svg.cloneNode(true);
    const originals = svg.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((part, place) => {
      if (part.tagName === "title") return;
      const style = getComputedStyle(originals[place]);
      for (const key of ["fill", "stroke"]) part.setAttribute(key, style[key] === "none" ? "none" : plain(style[key]));
      for (const key of ["stroke-width", "stroke-dasharray", "stroke-opacity", "opacity"]) part.setAttribute(key, style.getPropertyValue(key).replace("px", ""));
      if (part.tagName === "text") for (const key of ["font-family", "font-size", "font-weight"]) part.setAttribute(key, style.getPropertyValue(key));
      for (const key of ["style", "class", "data-i", "data-j"]) part.removeAttribute(key);
    });
    const group = draw("g", { transform: `translate(${x} ${gap + head})` });
    group.append(...copy.childNodes);
    const heading = find("views").querySelector("h2");
    whole.append(draw("text", { x, y: gap + 6, "font-family": "sans-serif", "font-size": 13, fill: plain(getComputedStyle(heading).color) }, nameOn(svg)), group);
    x += rooms[number] + gap;
  }
  return new XMLSerializer().serializeToString(whole);
}

function download(blob, suffix) {
  const link = make("a", { href: URL.createObjectURL(blob), download: `attention-${state.current + 1}.${suffix}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function savePng(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    const { width, height } = image;
    for (let scale = Math.min(2, Math.sqrt(MOST_PIXELS / width / height)); scale > 0.1; scale /= 2) {
      const canvas = make("canvas", { width: Math.floor(scale * width), height: Math.floor(scale * height) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const drawn = await new Promise((resolve) => canvas.toBlob(resolve));
      if (drawn) return download(drawn, "png");  // null: more than this browser draws
    }
  } catch { /* as above, in other browsers */ } finally {
    URL.revokeObjectURL(image.src);
  }
  find("says").textContent = "This picture is too large for a PNG; SVG has no such limit.";
}

function save(suffix) {
  const blob = new Blob([standAlone()], { type: "image/svg+xml" });
  return suffix === "svg" ? download(blob, suffix) : savePng(blob);
}

/* ---------- what a reader does ---------- */

function press(id, isOn) {
  find(id).setAttribute("aria-pressed", isOn);
}

function setPicture(name) {
  state.picture = name;
  press("links", name === "links");
  press("matrix", name === "matrix");
  drawPictures();
}

function setGold(isOn) {
  state.hasGold = isOn;
  press("gold", isOn);
  drawPictures();
}

const askedBy = (event) => event.target.asked ?? event.target.closest?.("[data-i], [data-j], .word")?.asked;

/** Arrow keys go through the words of a side, in the direction in which it is read, and Up and Down change the side. */
function walk(event, word) {
  const line = word.closest(".words"), box = word.closest(".view");
  const words = [...line.querySelectorAll(".word")], at = words.indexOf(word);
  const onward = getComputedStyle(line).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const moves = { ArrowLeft: -1, ArrowRight: 1 };
  let next = null;
  if (event.key in moves) next = words[clamp(at + (event.key === onward ? 1 : -1), 0, words.length - 1)];
  if (event.key === "Home") next = words[0];
  if (event.key === "End") next = words[words.length - 1];
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const other = box.querySelectorAll(".words")[event.key === "ArrowUp" ? 0 : 1].querySelectorAll(".word");
    if (other.length && other[0].parentNode !== line) next = other[clamp(at, 0, other.length - 1)];
  }
  if (!next) return;
  event.preventDefault();
  for (const one of next.closest(".words").querySelectorAll(".word")) one.tabIndex = one === next ? 0 : -1;
  next.focus();
}

function listen() {
  const list = find("list"), views = find("views");
  let waiting = 0;
  find("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(arrangeAnew, 60);
  });
  find("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && state.order.length) choose(state.order[0], true);
    if (event.key === "ArrowDown") list.focus();
  });
  find("sort").addEventListener("change", () => { state.turned = false; arrangeAnew(); });
  find("turn").addEventListener("click", () => { state.turned = !state.turned; arrangeAnew(); });
  list.addEventListener("scroll", () => requestAnimationFrame(renderRows), { passive: true });
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".item");
    if (row) choose(Number(row.dataset.index), true);
  });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(Math.floor(list.clientHeight / ROW) - 1, 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      step(by);
    }
    if (event.key === "Enter") {
      read();
      views.querySelectorAll(".words")[1]?.querySelector(".word")?.focus();
    }
  });
  for (const [type, isIn] of [["pointerover", true], ["focusin", true], ["pointerleave", false], ["focusout", false]]) {
    views.addEventListener(type, (event) => {
      const asked = isIn ? askedBy(event) : undefined;
      ask(asked ?? state.held);
    });
  }
  views.addEventListener("click", (event) => {
    const asked = askedBy(event);
    const isSame = asked && ["view", "side", "index"].every((key) => asked[key] === state.held?.[key]);
    state.held = isSame ? null : asked ?? null;
    ask(state.held);
  });
  views.addEventListener("keydown", (event) => {
    if (event.target.classList.contains("word")) walk(event, event.target);
  });
  for (const id of ["show", "beside"]) find(id).addEventListener("change", () => { state.held = null; renderRows(); showPair(); });
  find("show").addEventListener("change", () => { arrange(); reveal(); });
  find("links").addEventListener("click", () => setPicture("links"));
  find("matrix").addEventListener("click", () => setPicture("matrix"));
  find("gold").addEventListener("click", () => setGold(!state.hasGold));
  find("svg").addEventListener("click", () => save("svg"));
  find("png").addEventListener("click", () => save("png"));
  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  find("back").addEventListener("click", () => (history.state === "reading" ? history.back() : leave()));
  addEventListener("popstate", () => {
    const does = { list: leave, reading: read }[history.state];
    if (!does) return;  // an address was typed
    history.replaceState(history.state, "", `#${state.current + 1}`);
    does();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      state.held = null;
      ask(null);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const does = {
      "/": () => find("search").focus(), j: () => step(1), k: () => step(-1),
      m: () => setPicture(state.picture === "links" ? "matrix" : "links"),
      g: () => find("gold").hidden || setGold(!state.hasGold),
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });
  addEventListener("resize", () => { renderRows(); drawPictures(); });
  addEventListener("hashchange", () => goTo(location.hash));
  find("skip").addEventListener("click", (event) => {
    event.preventDefault();  // the address goes on naming the sentence
    read();
    find("pair").focus();
  });
}

/** `#12` is the twelfth sentence of the file. -> whether there is such a one */
function goTo(hash) {
  const index = /^#[0-9]+$/.test(hash) ? Number(hash.slice(1)) - 1 : -1;
  const isThere = index in state.pages.sentences;
  if (isThere && index !== state.current) choose(index, true);
  return isThere;
}

/* ---------- live: what is typed goes to `nmt serve`, and comes back as the first sentence ---------- */

const live = { asking: null, timer: 0, isTyped: false };  // isTyped: what stands in the boxes waits to be asked

function tell(text, isWrong = false) {
  find("state").textContent = text;
  find("state").classList.toggle("wrong", isWrong);
}

/** Ask the server; null when something newer was asked meanwhile, or nothing came of it. */
async function request(path, body) {
  live.asking?.abort();
  const asking = live.asking = new AbortController();
  tell("…");
  try {
    const response = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: asking.signal,
    });
    const answer = await response.json();
    if (live.asking !== asking) return null;
    if (!response.ok) {
      tell(answer.error, true);
      return null;
    }
    tell("");
    answer.weights = answer.weights.map((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
    return answer;
  } catch (error) {
    if (error.name !== "AbortError") tell("the server does not answer", true);
    return null;
  }
}

/** Show an answer by the first of these views that it has. */
function showAnswer(sentence, ...keys) {
  state.pages.sentences[0] = sentence;
  offer();
  find("show").value = keys.find((key) => viewOf(sentence, key) >= 0);
  arrange();
  return turnTo(0);
}

const targetShown = (sentence) => sentence.views[Math.max(viewOf(sentence, find("show").value), 0)]?.target ?? "";

/** Put a sentence of the list into the boxes; what was typed there is asked no more. */
function loadText(index) {
  live.asking?.abort();
  clearTimeout(live.timer);
  live.isTyped = false;
  tell("");
  const sentence = state.pages.sentences[index];
  find("text").value = sentence.source;
  find("answer").value = targetShown(sentence);
}

async function translateText() {
  const answer = await request("/api/translate", { source: find("text").value, n_best: 3 });
  if (!answer) return;
  const chosen = find("show").value, [model] = chosen.split(":");
  await showAnswer(answer, chosen, `${model || 0}:1`, "0:1");
  find("answer").value = targetShown(answer);
}

/** Force the edited target; the models' own translations of the same source stay beside it. */
async function alignText() {
  const given = find("answer").value;
  const answer = await request("/api/align", { source: find("text").value, target: given });
  if (!answer) return;
  const before = state.pages.sentences[state.current];
  before.views.forEach((view, number) => {
    if (before.source !== answer.source || view.rank === 0) return;
    answer.views.push(view);
    answer.weights.push(before.weights[number]);
  });
  await showAnswer(answer, find("show").value.replace(/:.*/, ":0"), "0:0");
  if (find("answer").value !== given) find("answer").value = targetShown(answer);  // Show was changed meanwhile
}

function keep() {
  const [{ source, views }, ...kept] = state.pages.sentences;
  const isSame = (one) => one.source === source && JSON.stringify(one.views) === JSON.stringify(views);
  if (state.current > 0 || kept.some(isSame)) return tell("kept already");
  if (!source) return tell("nothing to keep");
  state.pages.sentences.push({ ...state.pages.sentences[0] });
  arrange();
  return tell("kept");
}

function beginLive() {
  find("live").hidden = false;
  state.pages.sentences.push({ source: "", views: [], weights: [] });
  const soon = (work) => () => {
    live.asking?.abort();  // an answer to what stood here before must not write over what is typed
    clearTimeout(live.timer);
    live.isTyped = true;
    live.timer = setTimeout(() => {
      live.isTyped = false;
      work();
    }, 250);
  };
  find("text").maxLength = find("answer").maxLength = state.pages.live;
  find("text").addEventListener("input", soon(translateText));
  find("answer").addEventListener("input", soon(alignText));
  find("keep").addEventListener("click", keep);
  find("show").addEventListener("change", () => {
    if (!live.isTyped) find("answer").value = targetShown(state.pages.sentences[state.current]);
  });
  document.body.classList.add("is-reading");
}

/* ---------- the beginning ---------- */

const ORDINALS = ["given text", "best translation"];

function nameOf(key) {
  const [model, rank] = key.split(":").map(Number);
  const text = ORDINALS[rank] ?? `translation ${rank}`;
  return state.pages.models.length > 1 ? `${state.pages.models[model]} · ${text}` : text;
}

function offer() {
  const keys = new Set();
  for (const sentence of state.pages.sentences) for (const view of sentence.views) keys.add(`${view.model}:${view.rank}`);
  const sorted = [...keys].sort((one, other) => {
    const [a, b] = [one, other].map((key) => key.split(":").map(Number));
    return a[0] - b[0] || a[1] - b[1];
  });
  const options = () => sorted.map((key) => make("option", { value: key }, nameOf(key)));
  for (const [id, first] of [["show", []], ["beside", [make("option", { value: "" }, "nothing")]]]) {
    const select = find(id), chosen = select.value;
    select.replaceChildren(...first, ...options());
    if (id === "beside" || sorted.includes(chosen)) select.value = sorted.includes(chosen) ? chosen : "";
    select.parentNode.hidden = sorted.length < 2;
  }
  const hasGold = state.pages.sentences.some((sentence) => sentence.gold);
  find("gold").hidden = find("gold-key").hidden = !hasGold;
  find("sort").querySelector('[value="aer"]').hidden = !hasGold;
}

async function begin() {
  if (!("DecompressionStream" in window)) {
    find("about").textContent = "This browser cannot unpack the page: it has no DecompressionStream, as browsers have since 2023.";
    return;
  }
  const index = await unpack(find("index").textContent);
  state.pages = JSON.parse(new TextDecoder().decode(index));
  const { title, models, source, target } = state.pages;
  document.title = title;
  find("title").textContent = title;
  find("about").textContent = [`${source} → ${target}`, ...models].join(" · ");
  if (state.pages.live) beginLive();
  offer();
  listen();
  arrange();
  if (!goTo(location.hash) && state.order.length) choose(state.order[0]);
  document.documentElement.dataset.ready = "";
}

begin();
