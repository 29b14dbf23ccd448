"""A small labelled corpus with a planted rule, to see whether attention finds what decides.

    python tools/corpora/make_label_corpus.py --out DIR [--seed N]

A line of `train.text` is a remark of 6 to 14 words. One of its words is planted, and alone decides the label, good or
bad, which is line n of `train.label`; all other words fall on both alike. `train.align` links the planted word with the
label as the gold of `nmt align` has it; so do `valid` and `test`. The same seed gives the same files.

Then, with D=DIR and a small network that learns of the text through attention only, to words by themselves:

    nmt prepare --source-lang text --target-lang label --train $D/train --valid $D/valid --out $D/prepared \\
        --joint --subword bpe --vocab-size 550 --max-ratio 100
    nmt train --data $D/prepared --out $D/run --config $D/settings.toml
    nmt translate --model $D/run --output $D/said $D/test.text
    nmt score --reference $D/test.label --metrics accuracy f1 $D/said
    nmt align --model $D/run --source $D/test.text --target $D/test.label --gold $D/test.align --html $D/page.html

The precision that the last line says is precision at 1: how often the word with most attention is the planted one. The
page shows which words decided, line by line.

In percent, with seeds 1, 2 and 3 here and at train: accuracy 100, 100, 100 and precision at 1 100, 100, 100. Right
labels alone do not mean that attention looks there. With `--set model.encoder_layers=1` accuracy stays 100, but the
encoder carries what a word says to its neighbours and to the end of the line, attention may read it there, and
precision at 1 is 51, 52, 94. With `--set model.attention=bahdanau` accuracy is 100, 47, 100 and precision at 1 51, 19,
58: it is enough to look for the words of one label, and to look anywhere where there are none. Taught by the gold, with
`--train-alignments $D/train.align` at prepare and `--set train.guided_weight=0.3` at train, bahdanau over a GRU has 100
with seed 1.
"""

import argparse
from pathlib import Path
from random import Random

PAIRS = {"train": 2000, "valid": 200, "test": 500}
PLANTED = {
    "good": ("superb", "charming", "gripping", "moving", "brilliant", "delightful", "witty", "flawless"),
    "bad": ("dull", "tedious", "clumsy", "dreary", "awful", "shallow", "muddled", "lifeless"),
}
THINGS = ("film", "play", "book", "song", "story", "show", "concert", "novel", "series", "poem", "opera", "sketch")
PLACES = ("in the town hall", "at the old theatre", "on the radio", "by the river", "at school", "in our street")
PEOPLE = ("my sister", "the teacher", "our neighbour", "her uncle", "a friend", "the baker", "his cousin", "everyone")
WHEN = ("yesterday", "last week", "on Sunday", "in the spring", "after dinner", "two days ago", "before the rain")
SAYS = ("said that", "thought that", "wrote that", "told us that", "heard that", "found that")
SETTINGS = """\
[model]
attention = "luong-dot"
bridge = "zeros"
embedding_size = 64
encoder_size = 32
encoder_layers = 0
decoder_size = 64
attention_size = 32
dropout = 0.1

[train]
max_tokens = 64
learning_rate = 0.005
warmup = 100
max_epochs = 5
label_smoothing = 0.0
metric = "perplexity"
precision = "float32"
"""


def remark(random: Random) -> tuple[str, str, int]:
    """A line, its label, and the number of the word that decides it."""
    label = random.choice(sorted(PLANTED))
    word = random.choice(PLANTED[label])
    before = [random.choice(WHEN)] * random.randrange(2) + [
        random.choice(PEOPLE),
        random.choice(SAYS),
    ] * random.randrange(2)
    thing = random.choice(THINGS)
    said = random.choice((f"the {word} {thing} was", f"a {word} {thing} is", f"the {thing} had a {word} end"))
    after = [random.choice(PLACES)] + [random.choice(WHEN)] * random.randrange(2)
    line = " ".join([*before, said, *after])
    return line, label, line.split().index(word)


def write_split(out: Path, name: str, pairs: int, random: Random) -> None:
    """NAME.text, NAME.label and NAME.align."""
    lines, labels, places = zip(*(remark(random) for _ in range(pairs)), strict=True)
    for ending, column in (("text", lines), ("label", labels), ("align", (f"{place}-0" for place in places))):
        with open(out / f"{name}.{ending}", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{entry}\n" for entry in column)


def main() -> None:
    """Write the corpus and the settings that go with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    random = Random(arguments.seed)
    for name, pairs in PAIRS.items():
        write_split(arguments.out, name, pairs, random)
    (arguments.out / "settings.toml").write_text(SETTINGS, encoding="utf-8")


if __name__ == "__main__":
    main()
