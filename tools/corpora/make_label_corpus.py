"""A small labelled corpus with a planted rule, to test whether attention finds the word that decides.

    python tools/corpora/make_label_corpus.py --out DIR [--seed N]

Each line of `train.text` is a remark of 6 to 14 words, and line n of `train.label` is its label, good or bad. One
planted word alone decides the label; all other words are equally likely with both labels. `train.align` links the
planted word with the label, in the format that `nmt align --gold` reads. `valid` and `test` are made alike. The same
seed gives the same files.

The following commands, with D=DIR, train a small network in which the decoder learns about the text through attention
only, and in which attention reads the words themselves, without a GRU in between:

    nmt prepare --source-lang text --target-lang label --train $D/train --valid $D/valid --out $D/prepared \\
        --joint --subword bpe --vocab-size 550 --max-ratio 100
    nmt train --data $D/prepared --out $D/run --config $D/settings.toml
    nmt translate --model $D/run --output $D/predicted $D/test.text
    nmt score --reference $D/test.label --metrics accuracy f1 $D/predicted
    nmt align --model $D/run --source $D/test.text --target $D/test.label --gold $D/test.align --html $D/page.html

The precision that the last command prints is precision at 1: the share of lines in which the planted word has the
highest attention weight. The page shows which words decided, line by line.

Results in percent, with seeds 1, 2 and 3 both here and for `nmt train`:

| settings of nmt train | accuracy | precision at 1 |
|---|---|---|
| those of settings.toml | 100, 100, 100 | 100, 100, 100 |
| --set model.encoder_layers=1 | 100, 100, 100 | 51, 52, 94 |
| --set model.attention=bahdanau | 100, 47, 100 | 51, 19, 58 |

Correct labels alone do not prove that attention points to the deciding word. With an encoder layer, the GRU carries
what a word says to its neighbours and to the end of the line, and attention may read it there. With bahdanau it is
enough to find the words of one label, and to attend to any word in lines that contain none of them. Guided attention
helps: with `--train-alignments $D/train.align` for `nmt prepare` and `--set train.guided_weight=0.3` for `nmt train`,
bahdanau with an encoder layer reaches a precision of 100 with seed 1.
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
REPORTS = ("said that", "thought that", "wrote that", "told us that", "heard that", "found that")
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
metric = "accuracy"
precision = "float32"
"""


def make_remark(random: Random) -> tuple[str, str, int]:
    """A line, its label, and the position of the word that decides it."""
    label = random.choice(sorted(PLANTED))
    word = random.choice(PLANTED[label])
    before = [random.choice(WHEN)] * random.randrange(2) + [
        random.choice(PEOPLE),
        random.choice(REPORTS),
    ] * random.randrange(2)
    thing = random.choice(THINGS)
    statement = random.choice((f"the {word} {thing} was", f"a {word} {thing} is", f"the {thing} had a {word} end"))
    after = [random.choice(PLACES)] + [random.choice(WHEN)] * random.randrange(2)
    line = " ".join([*before, statement, *after])
    return line, label, line.split().index(word)


def write_split(out: Path, name: str, pairs: int, random: Random) -> None:
    """Write NAME.text, NAME.label and NAME.align."""
    lines, labels, positions = zip(*(make_remark(random) for _ in range(pairs)), strict=True)
    for ending, column in (("text", lines), ("label", labels), ("align", (f"{position}-0" for position in positions))):
        with open(out / f"{name}.{ending}", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{entry}\n" for entry in column)


def main() -> None:
    """Write the corpus, and settings for `nmt train` beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the remarks (default %(default)s)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    random = Random(arguments.seed)
    for name, pairs in PAIRS.items():
        write_split(arguments.out, name, pairs, random)
    (arguments.out / "settings.toml").write_text(SETTINGS, encoding="utf-8")


if __name__ == "__main__":
    main()
