"""Notes on training text that went wrong before: encodings, entities, subwords, markup, sides on one line."""

import shlex
import subprocess
import time

import pytest

from nmt.analysis.metrics import find_score_warnings
from nmt.data.damage import SIGNS, describe_damage
from nmt.text.corpus import Pair
from nmt.text.signs import find_encoded_twice

GOOD = [Pair("a", "b")]


def note_first_lines(pairs):
    return [note.splitlines()[0] for note in describe_damage(pairs)]


@pytest.mark.parametrize(
    ("pairs", "note"),
    [
        ([], None),
        (GOOD, None),
        ([Pair("AT&T; R & D", "&c;")], None),
        (GOOD * 100 + [Pair("&lt;", "b")], None),  # fewer than one of 100
        (GOOD * 99 + [Pair("&lt;", "&gt;")], "of 100 training pairs, 1 has entities of HTML, such as &lt;"),
        ([Pair("a", "&#39;"), Pair("&#x1F;", "b")], "of 2 training pairs, 2 have entities of HTML, such as &#39;"),
        ([Pair("&c; caf&eacute;", "b")], "of 1 training pair, 1 has entities of HTML, such as &eacute;"),
        ([Pair("a", "&hellip;")], "of 1 training pair, 1 has entities of HTML, such as &hellip;"),
        (
            GOOD * 98 + [Pair("a", "f\ufffdr b"), Pair("\ufffd", "b")],
            "2 have U+FFFD, which stands for what could not be decoded, such as f\ufffdr",
        ),
        (GOOD * 99 + [Pair("a\0b", "b")], "1 has NUL characters, such as U+0000"),
        ([Pair("of bi@@ cy@@ cles", "b")], "1 has marks of subwords, such as bi@@"),
        ([Pair("a", "▁Fahr räder")], "1 has marks of subwords, such as ▁Fahr"),
        ([Pair("bi￭ cycle", "b")], "1 has marks of subwords, such as bi￭"),
        ([Pair("Hello ￭, world ￭.", "b")], "1 has marks of subwords, such as ￭,"),
        ([Pair("it ￭'s", "b")], "1 has marks of subwords, such as ￭'s"),
        ([Pair("the “￭ cat", "b")], "1 has marks of subwords, such as “￭"),
        ([Pair("Hello ￭ , world", "b")], "1 has marks of subwords, such as ￭"),
        ([Pair("￭ An item", "￭Item"), Pair("Home ￭ Help", "￭")], None),  # black squares
        ([Pair("bi ##cycles", "b")], "1 has marks of subwords, such as ##cycles"),
        ([Pair("a", "Кош ##ки")], "1 has marks of subwords, such as ##ки"),
        ([Pair("full @-@ time, @@ ## A", "▁▂▃ ## b ##NAME##")], None),
        ([Pair('<seg id="1">A dog.</seg>', "b")], '1 has markup around a text, such as <seg id="1">A dog.</seg>'),
        ([Pair("a", " <s> b </s> ")], "1 has markup around a text, such as <s> b </s>"),
        ([Pair("<b>A</b> dog.", "<b>A</b> <i>b</i>"), Pair("<a>", "</a>")], None),
        ([Pair("<s>A</s>", "<s>B</s>"), *GOOD * 2], None),  # not most
        ([Pair("A dog. ||| Ein Hund.", "Ein Hund.")], "1 has three bars in a text, such as A dog. ||| Ein Hund."),
        ([Pair("a ||| b", "b"), *GOOD * 2], None),
    ],
)
def test_what_went_wrong_is_noted(pairs, note):
    found = note_first_lines(pairs)
    assert len(found) == (note is not None)
    assert all(one.endswith(note) for one in found)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The bi@@ cy@@ cles .", "The bicycles ."),
        ("▁They ▁are ▁bi cycles .", "They are bicycles."),
        ("Hello ￭, bi￭ cycles “￭ are ￭” ￭.", "Hello, bicycles “are”."),
        ("bi ￭ cycles ￭ .", "bicycles."),
        ("The bi ##cy ##cles", "The bicycles"),
    ],
)
def test_the_advice_for_subwords_joins_them(text, plain):
    [note] = describe_damage([Pair(text, "b")])
    command = note.removesuffix(": the text that is given here must be plain").partition("as by ")[2]
    joined = subprocess.run(shlex.split(command), input=text, capture_output=True, check=True, encoding="utf-8")
    assert joined.stdout == plain
    [warning] = find_score_warnings({"mine": [text]}, ["chrf"])
    assert warning.endswith(f": join the subwords first, as by {command}")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("für", "cp1252"),
        ("it’s", "cp1252"),
        ("l'été à Noël", "latin-1"),
        ("čeština", "latin-1"),
        ("Привет", "cp1252"),
        ("Привет", "cp1251"),
        ("Ελλάδα", "cp1252"),
        ("שלום", "latin-1"),
        ("日本語", "latin-1"),
        ("😀", "cp1252"),
    ],
)
def test_text_that_was_encoded_twice_is_noted(text, encoding):
    assert find_encoded_twice(text) is None
    twice = text.encode().decode(encoding)
    word = find_encoded_twice(f"a {twice}")
    assert word is not None
    assert word in twice
    assert note_first_lines([Pair("a", twice)]) == [
        f"of 1 training pair, 1 has text that was encoded as UTF-8 twice, such as {word}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Das macht Spaß…",
        "im „Menü“",
        "l'été\u00a0»",
        "São Ñandú",
        "Россия и США",
        "С РОССИЕЙ",
        "Ã¼ und ü",
        "",
        "a",
        "Ã",
    ],
)
def test_good_text_is_not_taken_for_text_that_was_encoded_twice(text):
    assert find_encoded_twice(text) is None


@pytest.mark.parametrize("text", ["ä", "Ã¼", "x@@", "▁", "<a ", "ß“é»", "&a", "\ufffd", "РС"])
def test_a_long_line_takes_little_time(text):
    begin = time.process_time()
    for sign in SIGNS:
        example = sign.find(text * 100_000)
        assert example is None or len(example) <= 100 or sign.find.__name__ == "find_bars"
    assert time.process_time() - begin < 2  # by the square of its length it were much more


def test_examples_are_short():
    [note] = note_first_lines([Pair("<s>" + "a" * 1000 + "</s>", "b")])
    assert note.endswith("such as <s>" + "a" * 37)
