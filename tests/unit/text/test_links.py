import pytest

from nmt.errors import DataError
from nmt.text.corpus import Pair
from nmt.text.links import check_links_of_pairs, read_links
from nmt.text.units import BOTH_WORDS, WORDS, Units

PAIRS = [Pair("a b", "c d e"), Pair("", ""), Pair("f", "g")]


@pytest.fixture
def links(tmp_path):
    """Write a file of links: `links("0-0", "")` -> its path."""

    def write(*lines):
        path = tmp_path / "links"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1-2 0-0", [(0, 0), (1, 2)]),
        ("0-0 1p0", [(0, 0)]),  # a possible link does not count beside a sure one of the same target word
        ("0-0 1p1 0p1", [(0, 0), (0, 1), (1, 1)]),  # without a sure link, possible ones count
        ("", []),
    ],
)
def test_possible_links_count_where_a_target_word_has_no_sure_link(links, line, expected):
    assert list(read_links(links(line))) == [expected]


def test_pairs_with_correct_links_are_yielded_unchanged(links):
    assert list(check_links_of_pairs(PAIRS, links("0-0 1p2", "", "0-0"), BOTH_WORDS, print)) == PAIRS


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["0-0", ""],
            "{path} has 2 lines for 3 pairs\n  Line n must have the links of pair n; a pair without",
        ),
        (["", "", ""], "{path} has no links in its 3 lines\n  Attention could learn nothing from it"),
        (["0-0", "", "", "9-9"], "{path} has 4 lines for 3 pairs\n"),
        (
            ["0-3", "", ""],
            "{path}, line 1: link 0-3 is out of range: the pair has 2 and 3 words\n"
            "  Words are separated by spaces and tabs, and counted from 0; links of an aligner that counts from 1, or",
        ),
        (["2-0", "", ""], "{path}, line 1: link 2-0 is out of range: the pair has 2 and 3 words\n"),
        (["", "0-0", ""], "{path}, line 2: link 0-0 is out of range: the pair has 0 and 0 words\n"),
        (["", "", "0:0"], '{path}, line 3: "0:0" is not a link\n  Write 1-2 for a sure link'),
        (
            ["x", "0-0", "0-1"],
            '3 lines of {path} cannot be used\n  {path}, line 1: "x" is not a link\n    Write 1-2 for a sure link',
        ),
    ],
)
def test_the_message_for_links_that_do_not_fit_names_them(links, lines, message):
    path = links(*lines)
    with pytest.raises(DataError) as caught:
        list(check_links_of_pairs(PAIRS, path, BOTH_WORDS, print))
    assert str(caught.value).startswith(message.format(path=path))


def test_of_many_problems_five_are_described_and_all_are_counted(links):
    path = links(*["9-9"] * 8)
    with pytest.raises(DataError) as caught:
        list(check_links_of_pairs([Pair("a", "b")] * 8, path, BOTH_WORDS, print))
    lines = str(caught.value).split("\n")
    assert lines[0] == f"8 lines of {path} cannot be used"
    assert [line for line in lines if "out of range" in line] == [
        f"  {path}, line {number}: link 9-9 is out of range: the pair has 1 and 1 words" for number in range(1, 6)
    ]
    assert lines[-1] == "  and 3 more lines"


@pytest.mark.parametrize(
    ("pair", "character"),
    [
        (Pair("Il y a 10\u00a0000 gens", "There are 10,000 people"), "U+00A0 (NO-BREAK SPACE)"),
        (Pair("2\u202f500 km", "2500 km"), "U+202F (NARROW NO-BREAK SPACE)"),
        (Pair("5 cm", "5\u2009cm"), "U+2009 (THIN SPACE)"),
        (Pair("今日は\u3000晴れ です", "it is sunny today"), "U+3000 (IDEOGRAPHIC SPACE)"),
        (Pair("a \u00a0 b", "c"), "U+00A0 (NO-BREAK SPACE)"),  # a word of its own
        (Pair("a\u0085b", "c"), "U+0085"),  # has no name
        (Pair("a\x0cb", "c"), "U+000C"),
    ],
)
def test_the_first_blank_inside_a_word_is_a_warning(links, pair, character):
    notes = []
    path = links("0-0", "0-0", "0-0")
    pairs = [Pair("a\tb", "c "), pair, pair]
    assert list(check_links_of_pairs(pairs, path, BOTH_WORDS, notes.append)) == pairs
    assert notes == [
        f"{path}, line 2 is the first with a blank inside a word, {character}\n  Only spaces and tabs separate the "
        "words of links. For links of a tool that splits at every blank, write spaces in the text"
    ]


@pytest.mark.parametrize("line", ["plain words", "tabs\tand  spaces ", "\u00a0at the ends\u3000", "", " "])
def test_blanks_that_change_no_word_are_no_warning(links, line):
    notes = []
    assert list(check_links_of_pairs([Pair("a", "b"), Pair(line, line)], links("0-0", ""), BOTH_WORDS, notes.append))
    assert notes == []


def test_links_that_count_words_at_every_blank_are_explained(links):
    pairs = [Pair("ສະບາຍ\u3000ດີ ທ່ານ", "good day sir")]
    with pytest.raises(DataError) as caught:
        list(check_links_of_pairs(pairs, links("0-0 1-1 2-2"), BOTH_WORDS, print))
    assert "link 2-2 is out of range: the pair has 2 and 3 words\n" in str(caught.value)
    assert str(caught.value).endswith(
        "; the links fit if U+3000 (IDEOGRAPHIC SPACE) separates words too: write spaces in its place"
    )


@pytest.mark.parametrize(
    ("lines", "reading"),
    [
        (["1-3 2-1", "", "1-1"], "counted from 1"),
        (["2-0 0-1", "", ""], "target-source"),
        (["3-2 1-1", "", "1-1:3e-04"], "target-source and counted from 1"),
        (["2p0 9-9", "", ""], None),
        (["2-0", "0-0", ""], None),  # the second pair has no words
    ],
)
def test_a_reading_in_which_all_links_fit_is_named(links, lines, reading):
    with pytest.raises(DataError) as caught:
        list(check_links_of_pairs(PAIRS, links(*lines), BOTH_WORDS, print))
    hint = f"\n  Read as {reading}, all its links fit: write them as source-target, counted from 0"
    assert str(caught.value).endswith(hint) if reading else "Read as" not in str(caught.value)


def test_links_may_be_between_characters(links):
    units, notes = (WORDS, Units("characters")), []
    pairs = [Pair("it rains", "雨だ　よ")]
    path = links("0-0 1-2")
    assert list(check_links_of_pairs(pairs, path, units, notes.append)) == pairs
    assert notes == [f"{path}: links are between words of the source and characters of the target"]
    with pytest.raises(DataError) as caught:
        list(check_links_of_pairs(pairs, links("0-3"), units, print))
    assert str(caught.value) == (
        f"{path}, line 1: link 0-3 is out of range: the pair has 2 words and 3 characters\n  They are counted from 0; "
        "links of an aligner that counts from 1, or splits text in another way, cannot be used\n"
        "  units tells what links are between, if it is something else"
    )
