import numpy as np
import pytest
from support.corpora import WORDS
from support.lines import translate_lines
from support.scripted import ScriptedModel, copying

from nmt.ids import UNK
from nmt.text.subword import Subword, train_subword
from nmt.translation.result import copy_unknown

OPTIONS = {"beam": 2, "normalization": "wu", "alpha": 1.0, "max_length_ratio": 2.0, "max_length_extra": 3}


@pytest.fixture(scope="module")
def subword():
    return Subword(train_subword([" ".join(WORDS)] * 9, vocab_size=26, byte_fallback=False))


def translated(model, subword, line, **options):
    [[one]] = translate_lines(model, subword, subword, [line], **OPTIONS | options)
    return one


@pytest.mark.parametrize(
    "line",
    ["ba @ de", "@", "@@ ba", "ba d@e", "@ba ba@", "ba@de fi", "de x@y@z ba", "ba de"],
)
def test_a_copied_line_is_the_line_whatever_is_unknown_in_it(subword, line):
    assert not subword.has_byte_fallback
    one = translated(copying(subword.size), subword, line, replace_unk=True)
    assert one.text == line
    assert one.target_words == one.source_words
    assert one.target_word_of_piece == one.source_word_of_piece
    assert one.alignment == [(i, i) for i in range(len(line.split()))]


@pytest.mark.parametrize(
    ("line", "said"),
    [("x@, ba", "x@"), ('"x@y" ba', "x@y"), ("@", "@"), ("@! ba", "@"), ("ba@... ba", "ba@"), ("é, ba", "é")],
)
def test_marks_that_can_be_spelled_are_the_targets_own(line, said):
    subword = Subword(train_subword([", ".join(WORDS) + ' ! . " x y'] * 9, vocab_size=32, byte_fallback=False))
    for before, after in (("", ""), ("", ","), ('"', '".'), ("", " ba")):
        source = subword.segment(line)
        ids = [UNK if subword.decode([index]) == "x" else index for index in subword.encode(f"{before}x{after}")]
        assert ids.count(UNK) == 1
        target = subword.segment_ids(ids)
        attention_TS = np.zeros((len(ids) + 1, len(source.ids) + 1))
        attention_TS[:, 0] = 1
        assert copy_unknown(target, subword, source, attention_TS).text == before + said + after


def test_what_is_unknown_is_not_said_unless_asked(subword):
    assert "<unk>" in translated(copying(subword.size), subword, "ba @", replace_unk=True).tokens
    assert "<unk>" not in translated(copying(subword.size), subword, "ba @").tokens


def test_without_attention_the_unknown_stays(subword):
    model = copying(subword.size)
    blind = ScriptedModel(subword.size, model.log_probs)
    assert "⁇" in translated(blind, subword, "ba @", replace_unk=True).text
