// The highlight: the attention between one word and those of the other side, in words, colours and a message.

const weightOf = ({ source, weights }, i, j) => weights[j * source.length + i] / 255;

const hasSameTarget = (box, other) => box.pair.target.join(" ") === other.pair.target.join(" ");

/** Highlight the words that a word attends to, or that attend to it; null ends the highlight. */
function highlight(word) {
  state.highlighted = word;
  for (const box of byId("views").children) {
    if (!box.pair) continue;
    const isShared = word && (word.box === box || word.side === "source" || hasSameTarget(box, word.box));
    highlightBox(box, isShared ? word : null);
    if (word?.box === box) showMessage(...describeAttention(box.pair, word));
  }
  if (!word) showMessage();
}

function highlightBox(box, word) {
  const weightTo = (side, index) => {
    if (!word || side === word.side) return 0;
    return side === "source" ? weightOf(box.pair, index, word.index) : weightOf(box.pair, word.index, index);
  };
  for (const button of box.querySelectorAll(".word")) {
    const { side, index } = button.word, weight = weightTo(side, index);
    button.style.setProperty("--weight", weight.toFixed(3));
    button.classList.toggle("strong", weight > STRONG);
    button.classList.toggle("active", Boolean(word) && side === word.side && index === word.index);
  }
  for (const part of box.querySelectorAll("svg [data-i], svg [data-j]")) {
    const { i, j } = part.dataset, index = word?.side === "source" ? i : j;
    const isOwn = Boolean(word) && index !== undefined && Number(index) === word.index;
    const isLabel = part.tagName === "text";
    const isAttended = isLabel && weightTo(i === undefined ? "target" : "source", Number(i ?? j)) > 0.1;
    part.classList.toggle("dim", Boolean(word) && !isOwn && !isAttended);
    if (isLabel) part.classList.toggle("active", isOwn);
  }
}

/** A word and, with percentages, the words of the other side that it shares most attention with. */
function describeAttention(pair, { side, index }) {
  const others = pair[side === "source" ? "target" : "source"].map((text, at) => ({
    text, weight: side === "source" ? weightOf(pair, index, at) : weightOf(pair, at, index),
  }));
  const named = others.filter(({ weight }) => weight >= MIN_WEIGHT).sort((a, b) => b.weight - a.weight).slice(0, 6);
  const list = named.flatMap(({ text, weight }, at) => [
    at ? ", " : "", createElement("bdi", {}, text), ` ${formatPercent(weight)}`,
  ]);
  const arrow = side === "source" ? " → " : " ← ";
  const reason = pair.reasons?.[side].get(index);
  const note = reason ? [` · to check: ${reason}`] : [];
  return [
    createElement("bdi", {}, pair[side][index]), arrow, ...(list.length ? list : ["no word in particular"]), ...note,
  ];
}
