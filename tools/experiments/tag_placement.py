"""How often inline tags are put exactly where a translator put them.

    python tools/experiments/tag_placement.py --data DIR --out DIR [--languages de fr ja] [--eflomal PROGRAM]
                                              [--train] [--set SECTION.KEY=VALUE …]

DIR has pairs of lines with the same tags on both sides, dev.en-de.en.gz and dev.en-de.de.gz, as the development sets of
salesforce/localization-xml-mt. The tags of each source are put into the translator's text without its tags, and the
result is compared with the translator's, but for blanks beside tags. Where two tags join two words, `</li><li>`, the
text without tags has a blank.

The alignments are: none, so that places are proportional or found by equal words; those of nmt.word_alignment, learnt
from the texts without tags; both directions of eflomal's links, where the program is named; and, with --train, the
attention of two runs of opposite directions. These are trained on the texts without tags, guided by eflomal's links
symmetrised. Runs that exist under --out are used again.
"""

import argparse
import gzip
import re
import subprocess
from collections.abc import Iterable, Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from commands import run_nmt, set_options

from nmt.analysis.alignment import symmetrise
from nmt.documents.alignment import Alignment, align_given_pair
from nmt.documents.projection import project_tags
from nmt.documents.segment import Mark, Segment
from nmt.text.atoms import find_atoms
from nmt.text.units import Units, find_units, locate_words
from nmt.word_alignment.aligner import average_posteriors, sample_posteriors

TAG = re.compile(r"<(/?)([^<>/]+)>")
BESIDE_TAGS = re.compile(r" ?(</?[^<>]+>) ?")
HELD_OUT = 50  # pairs without tags, for validation


class TaggedPair(NamedTuple):
    """A source and its translation with tags, and the names of the tags."""

    source: Segment
    target: Segment
    names: tuple[list[str], list[str]]


def read_segment(line: str) -> tuple[Segment, list[str]]:
    """A line with tags as a segment, and the name of each tag."""
    parts: list[str | Mark] = []
    names: list[str] = []
    opened: list[int] = []
    place, closed_at = 0, -1
    for match in TAG.finditer(line):
        parts.append(unescape(line[place : match.start()]))
        place = match.end()
        if match[1]:
            parts.append(Mark(opened.pop(), "close"))
            closed_at = place
            continue
        if match.start() == closed_at:
            parts.append(" ")
        opened.append(len(names))
        parts.append(Mark(len(names), "open"))
        names.append(match[2])
    parts.append(unescape(line[place:]))
    return Segment.join(parts), names


def write_segment(segment: Segment, names: list[str]) -> str:
    """A segment as a line, without blanks beside tags."""
    line = "".join(
        part if isinstance(part, str) else f"<{'/' * (part.side == 'close')}{names[part.tag]}>"
        for part in segment.split()
    )
    return BESIDE_TAGS.sub(r"\1", line)


def read_pairs(folder: Path, language: str) -> list[TaggedPair]:
    """The pairs of English and another language."""
    sides = []
    for side in ("en", language):
        with gzip.open(folder / f"dev.en-{language}.{side}.gz", "rt", encoding="utf-8") as file:
            sides.append([read_segment(line) for line in file.read().splitlines()])
    return [TaggedPair(one[0], two[0], (one[1], two[1])) for one, two in zip(*sides, strict=True)]


def split_text(text: str, language: str) -> list[str]:
    """The words and marks of a text; those that ICU finds where a language has no blanks between words."""
    spans = find_units(text, Units("icu-words", language)) if language == "ja" else find_atoms(text)
    return [text[begin:end] for begin, end in spans]


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write lines to a file."""
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def run_eflomal(program: str, out: Path, words: tuple[list[list[str]], list[list[str]]]) -> list[list[tuple[int, int]]]:
    """eflomal's links of each pair, of the forward and then of the backward direction."""
    texts = [
        write_lines(out / f"eflomal.{side}", (" ".join(line).lower() for line in lines))
        for side, lines in zip(("source", "target"), words, strict=True)
    ]
    files = [out / "eflomal.forward", out / "eflomal.backward"]
    command = [program, "--overwrite", "-s", texts[0], "-t", texts[1], "-f", files[0], "-r", files[1]]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return [[parse_links(line) for line in file.read_text().splitlines()] for file in files]


def parse_links(line: str) -> list[tuple[int, int]]:
    """`0-0 1-2`"""
    return [(int(source), int(target)) for source, target in (link.split("-") for link in line.split())]


def train_runs(out: Path, language: str, words, links, pairs: list[TaggedPair], settings: list[str]) -> list[Path]:
    """Train both directions on the texts without tags, guided by links. -> the runs"""
    untagged = [number for number, pair in enumerate(pairs) if not pair.names[0]]
    held = {" ".join(words[0][number]) for number in untagged[-HELD_OUT:]}
    kept = [number for number in range(len(pairs)) if " ".join(words[0][number]) not in held]
    for split, numbers in (("train", kept), ("valid", untagged[-HELD_OUT:])):
        for side, lines in zip(("en", language), words, strict=True):
            write_lines(out / f"{split}.{side}", (" ".join(lines[number]) for number in numbers))
    runs = []
    for source, target in (("en", language), (language, "en")):
        run = out / f"{source}-{target}"
        runs.append(run)
        if run.exists():
            continue
        turned = [links[number] if source == "en" else [(j, i) for i, j in links[number]] for number in kept]
        rows = (" ".join(f"{i}-{j}" for i, j in sorted(of_pair)) for of_pair in turned)
        aligned = write_lines(out / f"train.{source}-{target}.align", rows)
        options = ["--train", out / "train", "--valid", out / "valid", "--train-alignments", aligned]
        prepared = out / f"prepared-{source}-{target}"
        languages = ["--source-lang", source, "--target-lang", target]
        run_nmt("prepare", *languages, *options, "--vocab-size", 2500, "--overwrite", "--out", prepared)
        run_nmt("train", "--data", prepared, "--out", run, *set_options(settings))
    return runs


def align_by_statistics(words, pairs: list[TaggedPair]) -> Iterator[Alignment]:
    """The mean probabilities of both directions of nmt.word_alignment."""
    tokens = [([*map(str.casefold, one)], [*map(str.casefold, two)]) for one, two in zip(*words, strict=True)]
    for number, (pair, posteriors) in enumerate(zip(pairs, sample_posteriors(tokens), strict=True)):
        spans = locate_words(pair.source.text, words[0][number]), locate_words(pair.target.text, words[1][number])
        yield Alignment(*spans, average_posteriors(posteriors))


def align_by_runs(runs: list[Path], words, pairs: list[TaggedPair]) -> Iterator[Alignment]:
    """The mean attention of two runs of opposite directions, by forced decoding."""
    import nmt

    lines = [[" ".join(line) for line in side] for side in words]
    forward, backward = (
        nmt.align(run, *sides, units="pieces", checkpoint="last")
        for run, sides in zip(runs, (lines, lines[::-1]), strict=True)
    )
    for pair, one, other in zip(pairs, forward, backward, strict=True):
        texts = pair.source.text, pair.target.text
        atoms = find_atoms(texts[0]), find_atoms(texts[1])
        own, turned = align_given_pair(one), align_given_pair(other)
        spans = locate_words(texts[0], one.source_words), locate_words(texts[1], one.target_words)
        back = locate_words(texts[1], other.source_words), locate_words(texts[0], other.target_words)
        weights_YX = Alignment(*spans, own.weights_JI).spread(*atoms)
        weights_XY = Alignment(*back, turned.weights_JI).spread(*atoms[::-1])
        yield Alignment(*atoms, (weights_YX + weights_XY.T) / 2)


def align_by_links(links, words, pairs: list[TaggedPair]) -> Iterator[Alignment]:
    """The mean of the links of two directions."""
    for number, pair in enumerate(pairs):
        spans = locate_words(pair.source.text, words[0][number]), locate_words(pair.target.text, words[1][number])
        weights_JI = np.zeros((len(spans[1]), len(spans[0])))
        for directed in links:
            for i, j in directed[number]:
                weights_JI[j, i] += 0.5
        yield Alignment(*spans, weights_JI)


def count_exact(pairs: Iterable[TaggedPair], alignments: Iterable[Alignment]) -> tuple[int, int, int]:
    """The numbers of pairs with tags, of those that have the same tags afterwards, and of those that are exact."""
    total, same, exact = 0, 0, 0
    for pair, alignment in zip(pairs, alignments, strict=True):
        if pair.names[0]:
            projected = project_tags(pair.source, pair.target.text, alignment).segment
            total += 1
            same += sorted(mark for _, mark in projected.marks) == sorted(mark for _, mark in pair.source.marks)
            exact += write_segment(projected, pair.names[0]) == write_segment(pair.target, pair.names[1])
    return total, same, exact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=["de", "fr", "ja"])
    parser.add_argument("--eflomal", metavar="PROGRAM", help="eflomal-align")
    parser.add_argument("--train", action="store_true", help="train runs too, which takes minutes for each direction")
    parser.add_argument("--set", dest="settings", action="append", default=["train.guided_weight=3"])
    given = parser.parse_args()
    print("| languages | alignment | segments with tags | same tags | every tag exact |\n|---|---|---|---|---|")
    for language in given.languages:
        pairs = read_pairs(given.data, language)
        out = given.out / language
        out.mkdir(parents=True, exist_ok=True)
        words = (
            [split_text(pair.source.text, "en") for pair in pairs],
            [split_text(pair.target.text, language) for pair in pairs],
        )
        nothing = Alignment([], [], np.zeros((0, 0)))
        kinds: dict[str, Iterable[Alignment]] = {"none": (nothing for _ in pairs)}
        kinds["nmt.word_alignment"] = align_by_statistics(words, pairs)
        if given.eflomal:
            links = run_eflomal(given.eflomal, out, words)
            kinds["eflomal"] = align_by_links(links, words, pairs)
            if given.train:
                both = [symmetrise(one, two, "grow-diag-final-and") for one, two in zip(*links, strict=True)]
                runs = train_runs(out, language, words, both, pairs, given.settings)
                kinds["attention, both directions"] = align_by_runs(runs, words, pairs)
        for name, alignments in kinds.items():
            total, same, exact = count_exact(pairs, alignments)
            share = f"{100 * exact / total:.1f} %"
            print(f"| en-{language} | {name} | {total:,} | {100 * same / total:.0f} % | {share} |", flush=True)


if __name__ == "__main__":
    main()
