"""Show that whatever a file or an option holds, its reader either reads it or refuses it with a message.

    python tools/trust/readers.py [--count 100000] [--seed 1] [--kinds text tsv pharaoh naacl toml set jsonl]

Each input is made from a seed: good text of its kind, in which parts are cut, repeated, or replaced by known trouble
such as numbers of 5,000 digits, 100,000 brackets, lone surrogates and line ends of other systems; written in many
encodings, compressed, or cut off. Any other error than an NmtError is a traceback for the user, and reading for more
than five seconds is a hang. The last line has the counts; the exit code is 1 if anything failed.
"""

import argparse
import bz2
import gzip
import json
import lzma
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from nmt.analysis.gold import read_gold
from nmt.errors import NmtError
from nmt.settings import resolve_settings
from nmt.text.corpus import read_lines, read_tsv
from nmt.text.links import read_links
from nmt.translation.request import read_requests

SECONDS = 5
ENCODINGS = [
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
    "gb18030",
    "shift_jis",
    "koi8-r",
]
WORDS = ["the", "Straße", "İ", "漢字", "नमस्ते", "שלום", "😀", "e\u0301", "a\u00a0b", "\u200b", "\ufeff", "-", "<sep>"]
TROUBLE = [
    *("9" * 5000, "-" + "9" * 400, "1e999", "NaN", "0x10", "1_000", "٣", "²", "+1", "1.5", "true", "null", '"'),
    *("[" * 100_000, '{"a":' * 20_000, "[[a]]", "{", "}", "]", "[]", "'", '"""', "\\", "\\ud800", "\\u0000", "#"),
    *(
        "\0",
        "\r",
        "\r\n",
        "\n\n",
        "\t",
        "\t\t",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ufffe",
        "\U0010ffff",
    ),
    *("=", "a.b", ".", ":", "0-0", "s", "p", "?", " " * 5000, "a" * 100_000, "%s", "{0}", "../..", "-1-2", "1--2"),
]
SETTINGS = {
    "model": ["attention", "encoder_size", "heads", "dropout", "mix", "window"],
    "train": ["max_tokens", "learning_rate", "schedule", "max_epochs", "precision", "nothing"],
    "search": ["beam", "alpha", "sample", "mbr", "top_p"],
    "other": ["x"],
}
VALUES = [
    "1",
    "0.5",
    '"luong-dot"',
    '["luong-dot"]',
    "true",
    "cosine",
    "-1",
    "[]",
    "1979-05-27",
    "{}",
    "inf",
    "bahdanau",
]


def make_text(chance: random.Random) -> str:
    lines = [" ".join(chance.choices(WORDS, k=chance.randrange(6))) for _ in range(chance.randrange(5))]
    return "\n".join([*lines, ""])


def make_tsv(chance: random.Random) -> str:
    return "".join(f"{chance.choice(WORDS)}\t{chance.choice(WORDS)}\n" for _ in range(chance.randrange(5)))


def make_pharaoh(chance: random.Random) -> str:
    def make_link() -> str:
        return f"{chance.randrange(4)}{chance.choice('---sp?')}{chance.randrange(4)}{chance.choice(['', '', ':0.5'])}"

    return "".join(" ".join(make_link() for _ in range(chance.randrange(4))) + "\n" for _ in range(3))


def make_naacl(chance: random.Random) -> str:
    numbers = [[chance.randrange(1, 4) for _ in range(3)] for _ in range(chance.randrange(1, 5))]
    return "".join(" ".join(map(str, some)) + chance.choice(["", " S", " P", " S 0.5"]) + "\n" for some in numbers)


def make_toml(chance: random.Random) -> str:
    lines = []
    for section in chance.sample(sorted(SETTINGS), chance.randrange(1, 4)):
        names = chance.sample(SETTINGS[section], chance.randrange(len(SETTINGS[section])))
        lines += [f"[{section}]", *(f"{name} = {chance.choice(VALUES)}" for name in names)]
    return "\n".join([*lines, ""])


def make_override(chance: random.Random) -> str:
    section = chance.choice(sorted(SETTINGS))
    return f"{section}.{chance.choice(SETTINGS[section])}={chance.choice(VALUES)}"


def make_request(chance: random.Random) -> str:
    values = [*WORDS, "", 1, 1.5, -3, 10**9, None, True, [], {}, ["a", "b"], ["a", 1], [[]], {"a": "b"}]
    names = ["source", "prefix", "constraints", "banned", "max_length", "beam", ""]
    some = {name: chance.choice(values) for name in chance.sample(names, chance.randrange(5))}
    return "".join(json.dumps({"source": "a"} | some, ensure_ascii=chance.random() < 0.5) + "\n" for _ in range(2))


def read_text(path: Path) -> None:
    for line in read_lines(path):
        line.encode()


def read_pairs(path: Path) -> None:
    list(read_tsv(path))


def read_pharaoh(path: Path) -> None:
    list(read_links(path))


def read_naacl(path: Path) -> None:
    for base in (None, 0):
        read_gold(path, 3, base, [(3, 3)] * 3)


def read_toml(path: Path) -> None:
    resolve_settings(config=path)


def read_override(path: Path) -> None:
    resolve_settings(overrides=[path.read_bytes().decode("utf-8", "surrogateescape")])


def read_jsonl(path: Path) -> None:
    list(read_requests([str(path)], "jsonl"))


KINDS: dict[str, tuple[Callable[[random.Random], str], list[Callable[[Path], object]]]] = {
    "text": (make_text, [read_text]),
    "tsv": (make_tsv, [read_pairs]),
    "pharaoh": (make_pharaoh, [read_pharaoh, read_naacl]),
    "naacl": (make_naacl, [read_naacl]),
    "toml": (make_toml, [read_toml]),
    "set": (make_override, [read_override]),
    "jsonl": (make_request, [read_jsonl]),
}


def damage(chance: random.Random, text: str) -> str:
    """The text with parts that are cut, repeated, or replaced by trouble."""
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        begin = chance.randrange(len(text) + 1)
        end = min(len(text), begin + chance.choice([0, 0, 1, 1, 5, 50]))
        part = chance.choice(
            [chance.choice(TROUBLE), chance.choice(TROUBLE), "", text[begin:end] * 2, chr(chance.randrange(0xD800))]
        )
        text = text[:begin] + part + text[end:]
    return text


def make_input(chance: random.Random, kind: str) -> tuple[bytes, str]:
    """The bytes of an input, and the ending of its file's name."""
    text = damage(chance, KINDS[kind][0](chance))
    encoding = "utf-8" if chance.random() < 0.7 else chance.choice(ENCODINGS)
    content = text.encode(encoding, "ignore")
    compress = chance.choice([gzip.compress, bz2.compress, lzma.compress]) if chance.random() < 0.1 else None
    if compress and len(content) < 20_000:
        content = compress(content)
    if chance.random() < 0.15:
        changed = bytearray(content)
        for _ in range(min(len(changed), chance.randrange(1, 4))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        content = bytes(changed[: chance.choice([len(changed), len(changed), len(changed) // 2])])
    return content, chance.choice(["", "", ".gz", ".xz", ".bz2", ".txt"])


class Hang(BaseException):
    """Raised in a reader that takes too long."""


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Raise Hang in the block when it takes longer."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judge(read: Callable[[Path], object], path: Path) -> str:
    """What becomes of an input: "read", "refused", "hang", or the error of a traceback."""
    try:
        with limit_time(SECONDS):
            read(path)
    except NmtError as error:
        return "refused" if str(error) else "refused without a message"
    except Hang:
        return "hang"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return "read"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="inputs, of all kinds in turn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args(arguments)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.count):
            kind = options.kinds[number % len(options.kinds)]
            content, suffix = make_input(random.Random(f"{options.seed} {number}"), kind)
            path = Path(folder) / f"input{suffix}"
            path.write_bytes(content)
            verdicts = [judge(read, path) for read in KINDS[kind][1]]
            for verdict in set(verdicts) - {"read", "refused"}:
                print(f"input {number}, {kind}: {verdict}: {content[:100]!r}", flush=True)
            worst = next((one for one in verdicts if one not in ("read", "refused")), verdicts[0])
            found[worst if worst in ("read", "refused", "hang") else "traceback"] += 1
            path.unlink()
    print(
        f"{options.count} inputs: {found['read']} read, {found['refused']} refused, {found['traceback']} tracebacks, "
        f"{found['hang']} hangs"
    )
    return int(found["traceback"] + found["hang"] > 0)


if __name__ == "__main__":
    sys.exit(main())
