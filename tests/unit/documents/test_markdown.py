import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents import markdown
from nmt.documents.segment import Mark, Segment
from nmt.errors import DataError, UsageError

pytest.importorskip("pyromark")


def read(text: str) -> markdown.MarkdownDocument:
    return markdown.MarkdownDocument(text.encode(), "a.md", SPACED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# one\n\ntwo three\n", "# ONE\n\nTWO THREE\n"),
        ("one\n===\n\n## two ##\n", "ONE\n===\n\n## TWO ##\n"),
        ("one\ntwo\n", "ONE TWO\n"),  # a paragraph becomes one line
        ("> one\n> two\n", "> ONE TWO\n"),
        ("- one\n  two\n- three\n\n  four\n", "- ONE TWO\n- THREE\n\n  FOUR\n"),
        ("1. one\n   - two\n2) three\n", "1. ONE\n   - TWO\n2) THREE\n"),
        ("- [ ] one\n- [x] two\n", "- [ ] ONE\n- [x] TWO\n"),
        ("| one | two |\n|---|---|\n| three | 4 |\n", "| ONE | TWO |\n|---|---|\n| THREE | 4 |\n"),
        ("a **b** *c* __d__ _e_ ~~f~~ `g`\n", "A **B** *C* __D__ _E_ ~~F~~ `g`\n"),
        ("***a b***\n", "***A B***\n"),
        ("a [b c](http://x.y/z 'title') d\n", "A [B C](http://x.y/z 'title') D\n"),
        ("a [b][r] d\n\n[r]: http://x.y\n", "A [B][r] D\n\n[r]: http://x.y\n"),
        ("a [b][] [c]\n\n[b]: x\n[c]: y\n", "A [B][b] [C][c]\n\n[b]: x\n[c]: y\n"),
        ("see <http://x.y> and <a@b.c> now\n", "SEE <http://x.y> AND <a@b.c> NOW\n"),
        ("see ![a cat](c.png) now\n", "SEE ![A CAT](c.png) NOW\n"),
        ("[![a cat](c.png)](x)\n", "[![A CAT](c.png)](x)\n"),
        ("a<br>b <b>c</b>\n", "A <br>B <b>C</b>\n"),
        ("a  \nb\\\nc\n", "A  \nB\\\nC\n"),
        ("a \\* b &amp; c&nbsp;d &copy;\n", "A \\* B &amp; C&nbsp;D &copy;\n"),
        ("a[^1] b\n\n[^1]: note\n", "A[^1] B\n\n[^1]: NOTE\n"),
        ("$x_a$ is one\n", "$x_a$ IS ONE\n"),
        ("one\r\n\r\n- two\r\n", "ONE\r\n\r\n- TWO\r\n"),
        # what stays
        ("---\ntitle: x\n---\n\none\n", "---\ntitle: x\n---\n\nONE\n"),
        ("```python\ncode\n```\n\n    indented\n\n~~~\nx\n~~~\n",) * 2,
        ("<div>\nhtml\n</div>\n\n<!-- x -->\n\n---\n\n12 %\n",) * 2,
        ("# one {#id}\n", "# ONE {#id}\n"),
        ("été **日本** x\n\nfin\n", "ÉTÉ **日本** X\n\nFIN\n"),  # places are characters, not bytes
    ],
)
def test_text_is_translated_and_all_else_stays(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


def test_tags_move_with_their_words():
    text = "one **two** [three](x)\n"
    assert translate_document(read(text), WordTranslator(is_reversing=True)).decode() == "[three](x) **two** one\n"


@pytest.mark.parametrize(
    ("text", "translation", "written"),
    [
        ("one", "a*b_c [d] <e> `f` \\", "a\\*b\\_c \\[d\\] \\<e> \\`f\\` \\\\"),
        ("snake_case one", "two snake_case", "two snake_case"),
        ("one", "# two", "\\# two"),
        ("one", "1. two", "1\\. two"),
        ("> one", "- two", "> \\- two"),
        ("- one", "+ two", "- \\+ two"),
        ("a - b", "c - d", "c - d"),
    ],
)
def test_what_would_be_markup_is_escaped(text, translation, written):
    document = read(f"{text}\n")
    assert document.write([Segment(translation)]).decode() == f"{written}\n"
    again = read(f"{written}\n")
    assert [unit.segment.text for unit in again.units] == [translation]


def test_underscores_inside_a_word_become_asterisks():
    document = read("a _b_ c __d__\n")
    parts = ["日本", Mark(0, "open"), "語", Mark(0, "close"), "文 ", Mark(1, "open"), "x", Mark(1, "close")]
    assert document.write([Segment.join(parts)]).decode() == "日本*語*文 __x__\n"


def test_elements_that_would_become_one_are_kept_apart():
    document = read("a `b` c `d` e **f** g **h**\n")
    marks = [mark for _, mark in document.units[0].segment.marks]
    written = document.write([Segment.join(["x", *marks[:2], marks[2], "y", *marks[3:5], "z", marks[5]])]).decode()
    assert written == "x`b` `d`**y** **z**\n"


def test_what_is_wrong_is_told(monkeypatch):
    with pytest.raises(DataError, match=r"a.md is not UTF-8, so it cannot be read"):
        markdown.MarkdownDocument(b"\xff", "a.md", SPACED)
    monkeypatch.setattr(markdown, "pyromark", None)
    with pytest.raises(UsageError) as caught:
        read("")
    assert str(caught.value) == 'a.md can be read with the extra documents: pip install "nmt[documents]"'


def test_nothing_in_nothing_out():
    assert read("").write([]) == b""
    assert list(read("\ufeffone\n").units[0].segment.text) == list("one")
