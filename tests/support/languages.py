"""Small corpora by grammars, in languages without blanks between words, for which BLEU by 13a is always 0."""

from pathlib import Path
from random import Random

ENGLISH = (
    ("he", "she", "the teacher", "the doctor", "my friend"),
    ("yesterday", "today", "tomorrow"),
    ("bought", "saw", "sold"),
    ("a cat", "two books", "a red car", "many apples"),
)
ORDERS = {"km": (0, 2, 3, 1), "lo": (0, 2, 3, 1), "zh": (1, 0, 2, 3)}
WORDS = {
    "km": (
        ("គាត់", "នាង", "គ្រូ", "គ្រូពេទ្យ", "មិត្តខ្ញុំ"),
        ("ម្សិលមិញ", "ថ្ងៃនេះ", "ថ្ងៃស្អែក"),
        ("បានទិញ", "បានឃើញ", "បានលក់"),
        ("ឆ្មាមួយ", "សៀវភៅពីរ", "ឡានក្រហម", "ផ្លែប៉ោមជាច្រើន"),
    ),
    "lo": (
        ("ລາວ", "ນາງ", "ຄູສອນ", "ທ່ານໝໍ", "ໝູ່ຂ້ອຍ"),
        ("ມື້ວານນີ້", "ມື້ນີ້", "ມື້ອື່ນ"),
        ("ຊື້", "ເຫັນ", "ຂາຍ"),
        ("ແມວໂຕໜຶ່ງ", "ປຶ້ມສອງຫົວ", "ລົດສີແດງ", "ໝາກແອັບເປິ້ນ"),
    ),
    "zh": (
        ("他", "她", "老师", "医生", "我的朋友"),
        ("昨天", "今天", "明天"),
        ("买了", "看见了", "卖了"),
        ("一只猫", "两本书", "一辆红色的车", "很多苹果"),
    ),
}
SIZES = {"train": 140, "valid": 20, "test": 20}


def write_language(folder: Path, language: str, suffix: str | None = None) -> None:
    """train, valid and test in English and another language, whose files end in `suffix` or else in its code."""
    keys = [(a, b, c, d) for a in range(5) for b in range(3) for c in range(3) for d in range(4)]
    Random(2).shuffle(keys)
    for split, size in SIZES.items():
        part, keys = keys[:size], keys[size:]
        sides = {"en": [], suffix or language: []}
        for key in part:
            english = [words[number] for words, number in zip(ENGLISH, key, strict=True)]
            other = [words[number] for words, number in zip(WORDS[language], key, strict=True)]
            sides["en"].append(f"{english[0]} {english[2]} {english[3]} {english[1]}")
            sides[suffix or language].append("".join(other[place] for place in ORDERS[language]))
        for name, lines in sides.items():
            (folder / f"{split}.{name}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_labels(folder: Path) -> None:
    """train, valid and test of texts and one-word labels: what the last word decides."""
    random = Random(3)
    kinds = {"ba": "positive", "de": "negative", "fi": "neutral"}
    for split, size in {"train": 300, "valid": 30, "test": 30}.items():
        lines = [[*random.choices("gklmnp", k=3), random.choice([*kinds])] for _ in range(size)]
        (folder / f"{split}.text").write_text("".join(f"{' '.join(line)}\n" for line in lines))
        (folder / f"{split}.label").write_text("".join(f"{kinds[line[-1]]}\n" for line in lines))
