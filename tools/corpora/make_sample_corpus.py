"""Write data/sample: parallel sentences with gold word alignments, from a small synchronous grammar of our own.

    python tools/corpora/make_sample_corpus.py [--out DIR] [--seed N]

The same seed gives the same bytes on every machine. The grammar is in the folder sample_corpus beside this file, which
writes its sentences to files. It uses nothing from nmt.

The source is plain English and the target plain German, of a few hundred words each, so that a reader sees at a glance
whether a translation is right. Each sentence is derived once: its English words come first, and every German word is
made from the English words that it translates. So the two sides and their links cannot disagree. Line 2,481 of train:

    0 Lena   1 picks  2 up   3 the     4 child's  5 shirts  6 in   7 the      8 kitchen.
    0 Lena   1 hebt   2 die  3 Hemden  4 des      5 Kindes  6 in   7 der      8 Küche     9 auf.

    0-0 1-1 1p9 2p1 2-9 3-4 4p2 4-5 5-3 6-6 7-7 8-8 8p9

`1-2` is a Sure link, `1p2` a Possible link (Och and Ney 2003): first the number of the source word, then that of the
target word, both counted from 0. Spaces separate words; as in ordinary text, a punctuation mark belongs to the word
before it ("kitchen."). Possible are the links on which annotators disagree: separated parts of a verb (picks with auf),
helper verbs without a counterpart (did, to), the article that German gives to an owned thing (die with child's), and
two words that share only a punctuation mark (kitchen. with auf.). Every German word and most English words have links.

The corpus contains: agreement in number, gender and case; adjectives and phrases that change places (a tower 40 metres
high, ein 40 Meter hoher Turm); verbs at the end of a clause; separable particles; compounds and contractions (apple
tree, Apfelbaum; in the, im); one word translated by two (home, nach Hause); numbers, times and names. Each source has
exactly one translation, which the English sentence alone determines.
"""

import argparse
import hashlib
from pathlib import Path
from typing import NamedTuple

from sample_corpus.grammar import Grammar
from sample_corpus.phrases import Phrase

DEFAULT_OUT = Path(__file__).resolve().parents[2] / "data" / "sample"
SEED = 20160914
SIZES = {"train": 10_000, "valid": 500, "test": 500}
SHORTEST, LONGEST = 3, 25


class Pair(NamedTuple):
    """Three lines, one of each file."""

    source: str
    target: str
    links: str


def make_pair(phrase: Phrase) -> Pair:
    """Lines of text, and links by word numbers: Sure 1-2, Possible 1p2. A link that is both is Sure."""
    positions = {word: number for number, word in enumerate(phrase.source)}
    kinds = {}
    for number, word in enumerate(phrase.target):
        kinds.update({(positions[source], number): "p" for source in word.possible})
        kinds.update({(positions[source], number): "-" for source in word.sure})
    links = " ".join(f"{source}{kind}{target}" for (source, target), kind in sorted(kinds.items()))
    return Pair(" ".join(word.text for word in phrase.source), " ".join(word.text for word in phrase.target), links)


def make_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs of 3 to 25 words a side. No two share a source or a target, so that no split overlaps another."""
    grammar = Grammar(seed)
    sources: set[str] = set()
    targets: set[str] = set()
    pairs: list[Pair] = []
    while len(pairs) < count:
        phrase = grammar.make_sentence()
        pair = make_pair(phrase)
        fits = all(SHORTEST <= len(side) <= LONGEST for side in phrase)
        if fits and pair.source not in sources and pair.target not in targets:
            sources.add(pair.source)
            targets.add(pair.target)
            pairs.append(pair)
    return pairs


def write_corpus(folder: Path, seed: int = SEED) -> None:
    """Write train, valid and test with the endings .en, .de and .align, and SHA256SUMS for `sha256sum -c`."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(sum(SIZES.values()), seed)
    sums = []
    start = 0
    for split, size in SIZES.items():
        for suffix, lines in zip(("en", "de", "align"), zip(*pairs[start : start + size], strict=True), strict=True):
            content = "".join(f"{line}\n" for line in lines).encode()
            (folder / f"{split}.{suffix}").write_bytes(content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {split}.{suffix}\n")
        start += size
    (folder / "SHA256SUMS").write_bytes("".join(sums).encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write the sample corpus: parallel sentences with gold word alignments."
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="folder for the files (default: data/sample)"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="random seed; another one gives other sentences (default %(default)s)"
    )
    options = parser.parse_args()
    write_corpus(options.out, options.seed)


if __name__ == "__main__":
    main()
