// The pictures: links between two columns of words, a matrix, and the legend that explains them.

const textMeasure = document.createElement("canvas").getContext("2d");

function shorten(text, pixels) {
  if (textMeasure.measureText(text).width <= pixels) return text;
  const characters = [...text].slice(0, 100);  // no picture has room for more
  while (characters.length && textMeasure.measureText(`${characters.join("")}…`).width > pixels) characters.pop();
  return `${characters.join("")}…`;
}

/** Room for the widest of some words, at most `greatest`. */
function labelWidth(words, greatest) {
  const widths = words.map((word) => textMeasure.measureText(word).width);
  return Math.min(Math.max(...widths, 8) + 2, greatest);
}

function drawPictures() {
  textMeasure.font = `700 14px ${getComputedStyle(document.body).fontFamily}`;  // as the highlighted word is set
  for (const box of byId("views").children) {
    if (!box.pair) continue;
    const place = box.querySelector(".picture"), drawPicture = state.picture === "links" ? drawLinks : drawMatrix;
    const isEmpty = !state.picture || !box.pair.source.length || !box.pair.target.length;
    place.replaceChildren(...(isEmpty ? [] : [drawPicture(box, place.clientWidth || 600)]));
  }
  byId("svg").disabled = byId("png").disabled = !byId("views").querySelector("svg");
  renderLegend();
  if (state.highlighted) highlight(state.highlighted);
}

function createPicture(box, width, height) {
  const name = `${state.picture}: ${box.pair.name}`;
  const viewBox = `0 0 ${width} ${height}`;
  return createSvgElement("svg", { width, height, viewBox, role: "img", "aria-label": name });
}

function createLabel(box, side, index, x, y, room, attributes = {}) {
  const word = box.pair[side][index], key = side === "source" ? "data-i" : "data-j";
  const all = { x, y, [key]: index, lang: state.page[side], ...attributes };
  const label = createSvgElement("text", all, shorten(word, room));
  label.append(createSvgElement("title", {}, word));
  label.word = { box, side, index };
  return label;
}

const describePair = ({ source, target }, i, j, weight) => `${source[i]} – ${target[j]}: ${formatPercent(weight)}`;

const shownGold = (pair) => (state.showsGold && pair.gold ? pair.gold : []);

/** Source words in a column, target words in another, curves between them. */
function drawLinks(box, room) {
  const { pair } = box, { source, target, links } = pair;
  const width = Math.min(room, 620), lineHeight = 27, lines = Math.max(source.length, target.length);
  const left = labelWidth(source, width * 0.36), right = labelWidth(target, width * 0.36);
  const begin = left + 10, end = width - right - 10, middle = (begin + end) / 2;
  const svg = createPicture(box, width, lines * lineHeight + 6);
  const height = (words, index) => (index + 0.5 + (lines - words.length) / 2) * lineHeight + 3;
  const curve = (i, j) => {
    const [a, b] = [height(source, i), height(target, j)];
    return `M${begin} ${a}C${middle} ${a} ${middle} ${b} ${end} ${b}`;
  };
  const found = new Set(links.map(([i, j]) => `${i}-${j}`));
  const curves = [];
  for (let j = 0; j < target.length; j += 1) {
    for (let i = 0; i < source.length; i += 1) {
      const weight = weightOf(pair, i, j), isLink = found.has(`${i}-${j}`);
      if (weight < MIN_WEIGHT && !isLink) continue;
      const attributes = { d: curve(i, j), class: "curve", "data-i": i, "data-j": j };
      const path = createSvgElement("path", { ...attributes, "stroke-width": (0.8 + 3.6 * weight).toFixed(2) });
      path.style.setProperty("--weight", weight.toFixed(3));
      if (!isLink) path.setAttribute("stroke-dasharray", "1 5");
      path.append(createSvgElement("title", {}, describePair(pair, i, j, weight)));
      curves.push([weight, path]);
    }
  }
  for (const [i, j, isSure] of shownGold(pair)) {  // below, as a band, so that a link lies on its gold link
    const attributes = { d: curve(i, j), class: isSure ? "sure" : "possible", "data-i": i, "data-j": j };
    svg.append(createSvgElement("path", attributes));
  }
  svg.append(...curves.sort((a, b) => a[0] - b[0]).map(([, path]) => path));
  source.forEach((_, i) => {
    svg.append(createLabel(box, "source", i, left, height(source, i) + 5, left, { "text-anchor": "end" }));
  });
  target.forEach((_, j) => svg.append(createLabel(box, "target", j, width - right, height(target, j) + 5, right)));
  return svg;
}

/** A row for each target word, a column for each source word. */
function drawMatrix(box, room) {
  const { pair } = box, { source, target, links } = pair;
  const tilt = (50 * Math.PI) / 180;  // of the source words
  const beside = labelWidth(target, 150), above = labelWidth(source, 150);
  const left = beside + 8, top = above * Math.sin(tilt) + 12, overhang = above * Math.cos(tilt);
  const size = clamp((room - beside - 10 - overhang) / source.length, 19, 34);
  const width = Math.ceil(left + source.length * size + Math.max(overhang - size / 2, 4) + 6);
  const svg = createPicture(box, width, Math.ceil(top + target.length * size + 4));
  const found = new Set(links.map(([i, j]) => `${i}-${j}`));
  const square = (i, j, margin, attributes) => createSvgElement("rect", {
    x: left + i * size + margin, y: top + j * size + margin, width: size - 2 * margin, height: size - 2 * margin,
    "data-i": i, "data-j": j, ...attributes,
  });
  target.forEach((_, j) => {
    source.forEach((_, i) => {
      const weight = weightOf(pair, i, j);
      if (weight < MIN_WEIGHT && source.length * target.length > MANY_CELLS) return;
      const cell = square(i, j, 0.5, { rx: 3, class: "cell" });
      cell.style.setProperty("--weight", weight < MIN_WEIGHT ? 0 : weight.toFixed(3));
      cell.append(createSvgElement("title", {}, describePair(pair, i, j, weight)));
      cell.word = { box, side: "target", index: j };
      svg.append(cell);
      if (found.has(`${i}-${j}`)) svg.append(createDot(left + (i + 0.5) * size, top + (j + 0.5) * size, i, j, weight));
    });
  });
  for (const [i, j, isSure] of shownGold(pair)) {
    svg.append(square(i, j, 2, { rx: 2, class: isSure ? "sure" : "possible" }));
  }
  source.forEach((_, i) => {
    const x = left + (i + 0.5) * size + 3, y = top - 6;
    svg.append(createLabel(box, "source", i, x, y, above, { transform: `rotate(-50 ${x} ${y})` }));
  });
  target.forEach((_, j) => {
    const y = top + (j + 0.5) * size + 5;
    svg.append(createLabel(box, "target", j, beside, y, beside, { "text-anchor": "end" }));
  });
  return svg;
}

/** The mark of a link in a matrix. */
function createDot(cx, cy, i, j, weight) {
  const dot = createSvgElement("circle", { cx, cy, r: 2.6, class: "dot", "data-i": i, "data-j": j });
  dot.classList.toggle("strong", weight > STRONG);
  dot.style.setProperty("--weight", weight.toFixed(3));
  return dot;
}

function renderLegend() {
  const isMatrix = state.picture === "matrix";
  const entry = (mark, text) => createElement("span", {}, createElement("i", { class: `mark ${mark}` }), text);
  const scale = createElement("i", { class: "scale" });
  const links = [entry("line", "link"), entry("line faint", "attention without a link")];
  const gold = ["sure", "possible"].map((kind) => entry(`${isMatrix ? "box" : "band"} ${kind}`, `${kind} gold link`));
  const doubtful = state.page.review
    ? "word to check" : "word that receives almost no attention, or attends to no word in particular";
  byId("legend").replaceChildren(
    createElement("span", {}, "0%", scale, "100% of a target word's attention"),
    ...(isMatrix ? [entry("point", "link")] : state.picture ? links : []),
    ...(hasGold() && state.showsGold ? gold : []),
    entry("underlined", doubtful),
  );
}
