from pathlib import Path

import pytest

from nmt.documents.review import find_overlap, find_words, name_files, place_tags
from nmt.documents.segment import Mark, Segment
from nmt.documents.tag_names import TagName
from nmt.translation.doubts import Doubt

OPEN, CLOSE, SINGLE = Mark(0, "open"), Mark(0, "close"), Mark(1, "single")


@pytest.mark.parametrize(
    ("text", "pieces", "words"),
    [
        ("la  maison", [(0, 2), (4, 7), (7, 10)], ["la", "maison"]),
        ("猫と犬", [(0, 1), (1, 3)], ["猫", "と犬"]),
        ("猫と犬", [], ["猫", "と", "犬"]),
        ("USB 端子", [(0, 1), (1, 3), (4, 6)], ["USB", "端子"]),
        ("", [], []),
    ],
)
def test_words_are_those_between_blanks_or_pieces(text, pieces, words):
    assert [text[begin:end] for begin, end in find_words(text, pieces)] == words


@pytest.mark.parametrize(
    ("parts", "tags"),
    [
        (["a ", OPEN, "bc", CLOSE, " d"], [(1, 0, "<b>"), (1, 2, "</b>")]),
        ([OPEN, "a b", CLOSE], [(0, 0, "<b>"), (1, 1, "</b>")]),
        (["a", OPEN, "b", CLOSE, "c"], [(0, 1, "<b>"), (0, 2, "</b>")]),
        (["a ", OPEN, CLOSE, "b"], [(1, 0, "<b>"), (1, 0, "</b>")]),  # an empty pair keeps its order
        (["a ", SINGLE, "b"], [(1, 0, "%s")]),
        (["a b ", SINGLE], [(2, 0, "%s")]),
        ([OPEN, SINGLE, CLOSE], [(0, 0, "<b>"), (0, 0, "%s"), (0, 0, "</b>")]),
    ],
)
def test_tags_stand_before_characters_of_words(parts, tags):
    segment = Segment.join(parts)
    assert list(place_tags(segment, find_words(segment.text, []), [TagName("<b>", "</b>"), TagName("%s")])) == tags


def test_doubts_are_about_the_words_that_they_overlap():
    words = [(0, 2), (3, 5), (6, 9)]
    assert find_overlap(words, Doubt("source", 4, 8, "", "copied")) == (1, 3)
    assert find_overlap(words, Doubt("target", 9, 9, "", "length limit")) == (0, 0)


def test_a_page_is_named_after_its_files():
    assert [name_files([]), name_files([Path("x/a.po")]), name_files([Path("a.po"), Path("b.po"), Path("c")])] == [
        "standard input",
        "a.po",
        "a.po and 2 more",
    ]
