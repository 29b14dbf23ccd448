// With `nmt translate --review`: the tags in an edited translation, which are written by their names, such as <b>.

const TAG_LIKE = /<\/?[a-zA-Z][^<>]*>/;
const BREAK = /^<(br|line end|next cue)\b/;

/** The names of a sentence's tags: [what begins a pair, what ends it], or [an unpaired tag, ""]. */
const namesOf = (sentence) => sentence.tags?.names ?? [];

/** A text in parts: text, and the names of tags that are in it. */
function splitTags(text, names) {
  const known = [...new Set(names.flat().filter(Boolean))].sort((one, other) => other.length - one.length);
  if (!known.length) return [{ text, isTag: false }];
  const pattern = known.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
  return text.split(new RegExp(`(${pattern})`)).map((part, number) => ({ text: part, isTag: number % 2 === 1 }));
}

const joinParts = (parts, isTag) => parts.filter((part) => part.isTag === isTag).map((part) => part.text);

/** A text without the names of tags that are in it; in place of a tag that separates words there is a blank. */
function dropTags(text, names) {
  const kept = splitTags(text, names).map((part) => (part.isTag ? (BREAK.test(part.text) ? " " : "") : part.text));
  return kept.join("").replace(/ {2,}/g, " ").trim();
}

/** What is wrong with the tags in a text. Nothing is, if it has none of them: the alignment then places them. */
function findTagProblems(text, { names = [], cross = false } = {}) {
  const found = joinParts(splitTags(text, names), true), wanted = names.flat().filter(Boolean);
  if (!found.length) return [];
  const problems = [], opened = [];
  for (const name of new Set(wanted)) {
    const [has, needs] = [found, wanted].map((all) => all.filter((one) => one === name).length);
    if (has < needs) problems.push(`${name} is missing`);
    if (has > needs) problems.push(`${name} is there too often`);
  }
  if (problems.length) return problems;
  for (const name of found) {
    const tag = names.findIndex(([begin, end]) => end && (begin === name || end === name));
    if (tag < 0) continue;  // unpaired
    if (names[tag][0] === name) opened.push(tag);
    else if (!opened.includes(tag)) problems.push(`${name} stands before ${names[tag][0]}`);
    else if (opened.at(-1) !== tag && !cross) return [`${name} closes around a tag that is not closed`];
    else opened.splice(opened.indexOf(tag), 1);
  }
  return problems;
}

/** A text as the content of a segment of TMX, where tags are inline codes. */
function writeSegment(text, names) {
  return splitTags(text, names).map(({ text: part, isTag }) => {
    if (!isTag) return escapeXml(part);
    const tag = names.findIndex((own) => own.includes(part)), [begin, end] = names[tag];
    const code = !end ? "ph" : part === begin ? "bpt" : "ept";
    return `<${code} ${code === "ph" ? "x" : "i"}="${tag + 1}">${escapeXml(part)}</${code}>`;
  }).join("");
}
