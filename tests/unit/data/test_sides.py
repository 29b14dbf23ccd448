"""Notes on training text: sides that are exchanged or the same, and quotation marks of spreadsheets."""

from itertools import cycle, islice

import pytest

from nmt.data.sides import SideOrder, describe_copies, describe_quotations, describe_sample
from nmt.errors import DataError
from nmt.text.corpus import Pair, ParallelFiles

ENGLISH = ["The man walks to the house.", "We see the dog and the cat.", "This is what they want."]
GERMAN = ["Der Mann geht zu dem Haus.", "Wir sehen den Hund und die Katze.", "Das ist, was sie wollen."]
PAIRS = [Pair(*pair) for pair in islice(cycle(zip(ENGLISH, GERMAN, strict=True)), 30)]
TURNED = [Pair(target, source) for source, target in PAIRS]
NOTE = (
    "%s sides in the other order than train: what one has as en is like what the other has as de\n"
    "  Exchange the two files or columns where they are wrong"
)


@pytest.mark.parametrize(
    ("corpora", "note"),
    [
        ({"train": PAIRS, "more": PAIRS[1:], "valid": PAIRS[2:]}, None),
        ({"train": PAIRS, "valid": TURNED}, NOTE % "valid has its"),
        ({"train": PAIRS, "more": TURNED, "valid": PAIRS, "test": TURNED}, NOTE % "more, test have their"),
        ({"train": TURNED, "valid": PAIRS}, NOTE % "valid has its"),
        ({"train": PAIRS, "valid": TURNED[:10]}, None),  # too few to tell
        ({"train": [*PAIRS, *TURNED], "valid": TURNED}, None),  # both orders
        ({"train": PAIRS, "valid": [Pair(source, source) for source, _ in PAIRS]}, None),
        ({"train": PAIRS, "valid": [Pair("42", "")] * 30}, None),
        ({}, None),
    ],
)
def test_corpora_with_exchanged_sides_are_noted_and_read_unchanged(corpora, note):
    order = SideOrder()
    for name, pairs in corpora.items():
        assert list(order.watch("train", name, pairs)) == pairs
    assert order.describe("en", "de") == [] if note is None else [note]


def test_pairs_from_memory_have_the_name_of_their_split(tmp_path):
    order = SideOrder()
    order.watch("train", ParallelFiles(tmp_path / "train", "source", "target"), PAIRS)
    order.watch("valid", ParallelFiles(tmp_path / "valid", "source", "target"), TURNED)
    assert order.describe("en", "de") == [NOTE % "valid has its"]


@pytest.mark.parametrize("mark", "\v\f\x85\u2028\u2029")
def test_a_corpus_whose_lines_end_otherwise_is_refused(mark):
    order = SideOrder()
    with pytest.raises(DataError) as caught:
        order.watch("train", "it", [Pair(mark.join("abcdefg"), mark.join("ABCDEFG") + "\f")])
    times = 12 + (mark == "\f")
    assert str(caught.value) == (
        f"it has 1 line, with U+{ord(mark):04X} inside, {times} times on both sides together: do these "
        "end lines?\n  Lines are split at \"\\n\" only; convert the text first: perl -CSD -pe 's/\\R/\\n/g'"
    )
    for pairs in ([Pair(mark.join("abcdef"), mark.join("ABCDEF"))], [Pair(mark * 50, "a")] * 11):
        assert list(order.watch("train", "it", pairs)) == pairs


def test_a_blank_corpus_is_refused():
    order = SideOrder()
    blank = Pair(" ", "\ufeff")
    with pytest.raises(DataError, match=r"^it is blank: it has 3 lines without text$"):
        order.watch("train", "it", [blank] * 3)
    assert list(order.watch("train", "it", [blank] * 3 + PAIRS)) == [blank] * 3 + PAIRS
    assert list(order.watch("train", "it", [])) == []


def test_only_the_beginning_of_a_corpus_and_of_a_line_is_compared():
    order = SideOrder()
    long = [Pair(source + "x" * 10_000, target) for source, target in PAIRS]
    assert list(order.watch("train", "long", [*long, *TURNED * 100])) == [*long, *TURNED * 100]
    assert order.profiles["long"][0]["xxx"] < 1000 * len(PAIRS)


def test_most_pairs_with_the_same_text_are_noted():
    copies = [Pair(source, source) for source, _ in PAIRS]
    assert describe_copies([*copies, *PAIRS], "en", "de") == []
    assert describe_copies([*[Pair(" ", " ")] * 40, *PAIRS], "en", "de") == []
    [note] = describe_copies([*copies, PAIRS[0]], "en", "de")
    assert note == "of 31 training pairs, 30 have the same text on both sides: are these files en and de?"


@pytest.mark.parametrize(
    ("pairs", "quoted"),
    [
        ([Pair('"a"', ' "b, c" ')], 1),
        ([Pair('"a"', '"b"')] * 2 + [Pair("a", "b")], 2),
        ([Pair('"a"', '"b"'), Pair("a", "b")], 0),  # no more than half
        ([Pair('"a"', "b"), Pair("a", '"b"')], 0),
        ([Pair('"', '"'), Pair('"a', 'a"'), Pair("", "")], 0),
        ([Pair("«a»", "„b“")], 0),  # as people write
    ],
)
def test_quotation_marks_around_most_texts_are_noted(pairs, quoted):
    have = f"of {len(pairs)} training pair{'s' * (len(pairs) > 1)}, {quoted} have quotation marks around both texts"
    assert [note.splitlines()[0] for note in describe_quotations(pairs)] == ([have] if quoted else [])


def test_a_sample_has_the_notes_of_all_kinds():
    notes = describe_sample([Pair('"&amp;"', '"&amp;"')], "en", "de")
    assert [note.split(" training pair, 1 ")[1].splitlines()[0] for note in notes] == [
        "have the same text on both sides: are these files en and de?",
        "has entities of HTML, such as &amp;",
        "have quotation marks around both texts",
    ]
