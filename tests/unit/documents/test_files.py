from dataclasses import replace

import numpy as np
import pytest
from support.documents import SPACED, WordTranslator

from nmt.documents.files import WeakTag, plan_outputs, translate_files
from nmt.errors import UsageError


class WithoutAttention(WordTranslator):
    def translate(self, line):
        one = super().translate(line)
        return replace(one, attention_blocks=(np.zeros_like(one.attention_blocks[0]),))


def test_a_report_has_the_tags_without_support(tmp_path):
    page = tmp_path / "a.html"
    page.write_text("<p>one two</p>\n<p>three <b>four</b></p>\n")
    [report] = translate_files({page: tmp_path / "b.html"}, WithoutAttention(str.upper), SPACED)
    assert report.weak_tags == [] or report.weak_tags[0].share > 0  # "four" and "FOUR" are anchors
    [report] = translate_files({page: tmp_path / "b.html"}, WithoutAttention(lambda word: "x"), SPACED)
    assert (report.segments, report.tags) == (2, 1)
    assert report.weak_tags == [WeakTag(2, "<b>", 0.0, "three four", "x x")]


def test_an_error_while_translating_leaves_no_half_file(tmp_path):
    class Failing(WordTranslator):
        def translate(self, line):
            raise KeyboardInterrupt

    page, out = tmp_path / "a.html", tmp_path / "b.html"
    page.write_text("<p>one</p>")
    out.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        list(translate_files({page: out}, Failing(), SPACED))
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_folder_inside_the_translated_one_is_left_out(tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("a.html", "b.po", "c.png", "out/a.html"):
        (tmp_path / name).touch()
    planned = plan_outputs([tmp_path], tmp_path / "out")
    assert planned == {tmp_path / name: tmp_path / "out" / name for name in ("a.html", "b.po")}
    assert list(plan_outputs([tmp_path], tmp_path / "out", "po")) == [tmp_path / "b.po"]


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r'there is no format "htm"; did you mean "html"\?'):
        plan_outputs([tmp_path / "a"], tmp_path / "b", "htm")
