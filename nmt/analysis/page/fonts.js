// Characters of the shown sentence that no font of this machine has: a hint names them, and fonts that have them.

const FONT_OF_SCRIPT = {  // a font by its scripts; every other script of SCRIPTS has its own, such as Noto Sans Thai
  "Noto Sans": ["Latin", "Greek", "Cyrillic"],
  "Noto Sans CJK": ["Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"],
  "Noto Serif Tibetan": ["Tibetan"],
  "Noto Sans NKo": ["Nko"],
  "Noto Sans Symbols 2": ["Common"],
};
const SCRIPTS = [  // the first that uses a character is its script: commas and full stops have several
  ..."Devanagari Adlam Arabic Armenian Balinese Bengali Canadian_Aboriginal Cherokee Coptic Ethiopic".split(" "),
  ..."Georgian Gothic Gujarati Gurmukhi Hebrew Javanese Kannada Khmer Lao Malayalam Meetei_Mayek Mongolian".split(" "),
  ..."Myanmar Ol_Chiki Oriya Sinhala Sundanese Syriac Tai_Tham Tamil Telugu Thaana Thai Tifinagh Vai Yi".split(" "),
  ...Object.values(FONT_OF_SCRIPT).flat(),
];
const NO_CHARACTER = "\uFFFF";  // which no font has
const DRAWS_NOTHING_ALONE = /[\p{M}\p{Z}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;
const NAMED_CHARACTERS = 12;  // of a script

const glyphs = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const hasFont = new Map();  // by character

function drawGlyph(character) {
  glyphs.clearRect(0, 0, 40, 40);
  glyphs.font = `20px ${getComputedStyle(document.body).fontFamily}`;
  glyphs.fillText(character, 5, 28);
  return glyphs.getImageData(0, 0, 40, 40).data.join();
}

/** Characters that this browser draws as the box of a missing one. Firefox draws their codes, and finds none. */
function findMissingCharacters(text) {
  const characters = [...new Set(text)].filter((one) => !DRAWS_NOTHING_ALONE.test(one));
  const unknown = characters.filter((one) => !hasFont.has(one));
  const box = unknown.length && drawGlyph(NO_CHARACTER);
  for (const one of unknown) hasFont.set(one, drawGlyph(one) !== box);
  return characters.filter((one) => !hasFont.get(one));
}

/** The name of a font that has a character. */
function findFont(character) {
  if (/\p{Emoji_Presentation}/u.test(character)) return "Noto Color Emoji";
  if (/[\u3000-\u33ff\uff00-\uffef]/.test(character)) return "Noto Sans CJK";  // punctuation and full-width forms too
  const script = SCRIPTS.find((name) => RegExp(`\\p{Script_Extensions=${name}}`, "u").test(character));
  const font = Object.keys(FONT_OF_SCRIPT).find((name) => FONT_OF_SCRIPT[name].includes(script));
  return font ?? (script ? `Noto Sans ${script.replace("_", " ")}` : "a font of their script");
}

/** Show which characters of a text are boxes, and which fonts have them; nothing where no character is a box. */
function renderFontHint(text) {
  const hint = byId("fonts"), missing = findMissingCharacters(text);
  hint.hidden = !missing.length;
  if (hint.hidden) return;
  const byFont = new Map();
  for (const one of missing) {
    const font = findFont(one);
    byFont.set(font, [...(byFont.get(font) ?? []), one]);
  }
  const lists = [...byFont.values()].map((all) => {
    return all.slice(0, NAMED_CHARACTERS).join(" ") + (all.length > NAMED_CHARACTERS ? " …" : "");
  });
  const fonts = new Intl.ListFormat("en").format(byFont.keys());
  const count = missing.length === 1 ? "1 character" : `${missing.length} characters`;
  hint.replaceChildren(
    `No installed font has ${count} of this sentence, for which the page shows boxes: `,
    createElement("bdi", {}, lists.join("; ")),
    `. Install ${fonts}, for example from fonts.google.com/noto, and open the page again.`,
  );
}
