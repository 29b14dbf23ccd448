import pytest

from nmt.documents.segment import Mark, PlacedMark, Segment
from nmt.errors import DataError
from nmt.text.atoms import find_atoms


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["only text"],
        [Mark(3, "open"), "a", Mark(4, "single"), " b", Mark(3, "close")],
        ["x", Mark(0, "open"), Mark(0, "close"), Mark(1, "open"), Mark(2, "single"), Mark(1, "close")],
        [Mark(0, "open"), "a", Mark(1, "open"), "b", Mark(0, "close"), "c", Mark(1, "close")],
    ],
)
def test_a_segment_splits_into_the_parts_that_it_was_joined_from(parts):
    segment = Segment.join(parts)
    assert list(segment.split()) == parts
    assert segment.text == "".join(part for part in parts if isinstance(part, str))


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([(3, 0, "single")], "tag 0 is at character 3 of 2, after a tag at 0"),
        ([(2, 0, "single"), (1, 1, "single")], "tag 1 is at character 1 of 2, after a tag at 2"),
        ([(0, 5, "open")], "tag 5 is not closed"),
        ([(0, 5, "close")], "tag 5 is not opened once and then closed once"),
        ([(0, 5, "single"), (1, 5, "single")], "tag 5 is not opened once and then closed once"),
        ([(0, 5, "open"), (0, 5, "open"), (1, 5, "close")], "tag 5 is not opened once and then closed once"),
    ],
)
def test_marks_that_are_no_tags_are_refused(marks, message):
    with pytest.raises(DataError) as caught:
        Segment("ab", tuple(PlacedMark(place, Mark(tag, side)) for place, tag, side in marks))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("a Salesforce-API, l'eau", "a Salesforce - API , l ' eau"),
        ("don't 3.5 %", "don ' t 3 . 5 %"),
        ("開始ボタンを押す。", "開 始 ボタン を 押 す 。"),
        ("ไทย", "ไ ท ย"),
        ("ที่นี่", "ที่ นี่"),  # vowels and tones stand on their consonants
        ("e\u0301te\u0301 \u0301x", "e\u0301te\u0301 \u0301x"),
        ("\u00a0a\u3000b\n", "a b"),
        ("한국어 NMT", "한국어 NMT"),
        ("👍🏽 ok", "👍 🏽 ok"),
        ("", ""),
    ],
)
def test_atoms_are_words_marks_and_unspaced_characters(text, atoms):
    assert [text[begin:end] for begin, end in find_atoms(text)] == atoms.split()
