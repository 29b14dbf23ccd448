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


def translate(model, subword, line, **options):
    [[one]] = translate_lines(model, subword, subword, [line], **OPTIONS | options)
    return one


@pytest.mark.parametrize(
    "line",
    ["ba @ de", "@", "@@ ba", "ba d@e", "@ba ba@", "ba@de fi", "de x@y@z ba", "ba de"],
)
def test_unknown_words_are_copied_from_the_source(subword, line):
    assert not subword.has_byte_fallback
    one = translate(copying(subword.size), subword, line, replace_unk=True)
    assert one.text == line
    assert one.target_words == one.source_words
    assert one.target_group_of_piece == one.source_group_of_piece
    assert one.alignment == [(i, i) for i in range(len(line.split()))]


@pytest.mark.parametrize(
    ("line", "copied"),
    [("x@, ba", "x@"), ('"x@y" ba', "x@y"), ("@", "@"), ("@! ba", "@"), ("ba@... ba", "ba@"), ("é, ba", "é")],
)
def test_punctuation_marks_are_those_of_the_target(line, copied):
    subword = Subword(train_subword([", ".join(WORDS) + ' ! . " x y'] * 9, vocab_size=32, byte_fallback=False))
    for before, after in (("", ""), ("", ","), ('"', '".'), ("", " ba")):
        source = subword.segment(line)
        ids = [UNK if subword.decode([index]) == "x" else index for index in subword.encode(f"{before}x{after}")]
        assert ids.count(UNK) == 1
        target = subword.segment_ids(ids)
        attention_TS = np.zeros((len(ids) + 1, len(source.ids) + 1))
        attention_TS[:, 0] = 1
        assert copy_unknown(target, subword, source, attention_TS).text == before + copied + after


def test_unk_is_generated_only_with_replace_unk(subword):
    assert "<unk>" in translate(copying(subword.size), subword, "ba @", replace_unk=True).tokens
    assert "<unk>" not in translate(copying(subword.size), subword, "ba @").tokens


def test_without_attention_unk_is_not_replaced(subword):
    model = copying(subword.size)
    blind = ScriptedModel(subword.size, model.log_probs)
    assert "⁇" in translate(blind, subword, "ba @", replace_unk=True).text
