import pytest

from nmt.errors import DataError
from nmt.text.corpus import Pair
from nmt.text.links import read_links, with_checked_links

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
        ("0-0 1p0", [(0, 0)]),  # a possible link gives way to a sure one of the same target word
        ("0-0 1p1 0p1", [(0, 0), (0, 1), (1, 1)]),  # and counts where there is none
        ("", []),
    ],
)
def test_a_target_word_learns_from_its_surest_links(links, line, expected):
    assert list(read_links(links(line))) == [expected]


def test_pairs_pass_while_their_links_are_checked(links):
    assert list(with_checked_links(PAIRS, links("0-0 1p2", "", "0-0"))) == PAIRS


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["0-0", ""],
            "{path} has 2 lines for 3 pairs\n  Line n holds the links of pair n; a pair without",
        ),
        (["", "", ""], "{path} has no link in its 3 lines\n  Attention would learn nothing from it"),
        (["0-0", "", "", "9-9"], "{path} has 4 lines for 3 pairs\n"),
        (
            ["0-3", "", ""],
            "{path}, line 1: link 0-3 points past 2 and 3 words\n  Blanks separate words, ",
        ),
        (["2-0", "", ""], "{path}, line 1: link 2-0 points past 2 and 3 words\n"),
        (["", "0-0", ""], "{path}, line 2: link 0-0 points past 0 and 0 words\n"),
        (["", "", "0:0"], '{path}, line 3: "0:0" is not a link\n  Write 1-2 for a sure link'),
        (
            ["x", "0-0", "0-1"],
            '3 lines of {path} cannot be used\n  {path}, line 1: "x" is not a link\n    Write 1-2 for a sure link',
        ),
    ],
)
def test_links_that_do_not_fit_are_named(links, lines, message):
    path = links(*lines)
    passed = []
    with pytest.raises(DataError) as caught:
        passed.extend(with_checked_links(PAIRS, path))
    assert str(caught.value).startswith(message.format(path=path))


def test_of_many_problems_the_first_are_told_and_all_are_counted(links):
    path = links(*["9-9"] * 8)
    with pytest.raises(DataError) as caught:
        list(with_checked_links([Pair("a", "b")] * 8, path))
    lines = str(caught.value).split("\n")
    assert lines[0] == f"8 lines of {path} cannot be used"
    assert [line for line in lines if "points past" in line] == [
        f"  {path}, line {number}: link 9-9 points past 1 and 1 words" for number in range(1, 6)
    ]
    assert lines[-1] == "  and 3 lines more"
