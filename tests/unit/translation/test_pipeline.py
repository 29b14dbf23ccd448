import itertools
import math

import numpy as np
import pytest
import torch
from support.corpora import WORDS as TOY_WORDS
from support.lines import translate_lines
from support.scripted import ScriptedModel, copying

from nmt.errors import NmtError
from nmt.text.corpus import Pair
from nmt.text.subword import Subword, train_subword
from nmt.translation import batching
from nmt.translation.batching import batch_by_length
from nmt.translation.forced_pairs import force_pairs

OPTIONS = {"beam": 2, "normalization": "wu", "alpha": 1.0, "max_length_ratio": 2.0, "max_length_extra": 3}


@pytest.fixture(scope="module")
def subword():
    lines = [" ".join(words) for words in itertools.permutations(TOY_WORDS, 2)]
    return Subword(train_subword(lines, vocab_size=290))


@pytest.fixture(scope="module")
def copier(subword):
    return copying(subword.size)


def best(model, subword, lines, **options):
    return [found[0] for found in translate_lines(model, subword, subword, lines, **OPTIONS | options)]


@pytest.mark.parametrize(
    ("lengths", "sentences", "batches"),
    [
        ([3, 1, 2], 2, [[1, 2], [0]]),  # shortest first
        ([3, 0, 3], 2, [[0, 2]]),  # row 1 is empty
        ([60, 60, 50], 2, [[2, 0], [1]]),  # at most two sentences
        ([90, 30, 90], 3, [[1, 0], [2]]),  # 192 pieces: three rows padded to 90 are too many
        ([900, 5], 2, [[1], [0]]),  # a longer row is a batch of its own
        ([], 2, []),
    ],
)
def test_batches_are_limited_in_sentences_and_pieces(lengths, sentences, batches):
    assert batch_by_length(lengths, sentences) == batches


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_every_line_has_a_translation_in_order(subword, copier, batch_size):
    lines = ["ba de fi go ku", "", "la", "  \t ", "me ni po", "\u3000", "ru sa", "ba " * 30 + "ba", "te"] * 5
    found = best(copier, subword, lines, batch_size=batch_size)
    assert [one.text for one in found] == [" ".join(line.split()) for line in lines]
    assert [one.source for one in found] == lines


def test_an_endless_stream_is_read_one_window_at_a_time(subword, copier):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield "ba de"

    stream = translate_lines(copier, subword, subword, endless(), batch_size=2, **OPTIONS)
    for _ in range(3 * batching.WINDOW_BATCHES):
        assert next(stream)[0].text == "ba de"
    assert read == 4 * batching.WINDOW_BATCHES


def test_with_batch_size_1_a_line_is_translated_before_the_next_is_read(subword, copier):
    def conversation():
        yield "ba"
        assert answers == ["ba"]
        yield "de fi"

    answers = []
    for found in translate_lines(copier, subword, subword, conversation(), batch_size=1, **OPTIONS):
        answers.append(found[0].text)
    assert answers == ["ba", "de fi"]


def test_the_model_is_not_run_for_empty_lines(subword):
    model = ScriptedModel(subword.size, lambda source, prefix: pytest.fail("the model was run"))
    for one in best(model, subword, ["", " ", "\u200b"]):
        assert (one.text, one.tokens, one.score, one.alignment) == ("", [], 0.0, [])
        assert one.word_attention.shape == (0, len(one.source_words))


def test_the_fields_of_a_translation(subword, copier):
    (one,) = best(copier, subword, ["zu ba-ba zu"])
    pieces = len(one.source_pieces)
    assert pieces > 4  # at least one word has several pieces
    assert one.source_words == one.target_words == ["zu", "ba-ba", "zu"]
    assert one.tokens == one.source_pieces
    assert one.tokens[-1] == "</s>"
    assert one.alignment == [(0, 0), (1, 1), (2, 2)]
    assert np.array_equal(one.attention_TS, np.eye(pieces))
    assert one.token_log_probs == pytest.approx([math.log(0.5)] * pieces)
    assert one.log_prob == pytest.approx(pieces * math.log(0.5))
    assert one.score == pytest.approx(one.log_prob / ((5 + pieces) / 6))
    assert one.is_finished
    assert one.is_whole


def test_n_best_lists_are_sorted(subword):
    model = ScriptedModel.random(vocab=subword.size - 4, seed=1)
    (found, nothing) = translate_lines(model, subword, subword, ["ba de", ""], **OPTIONS | {"beam": 4}, n_best=3)
    assert len(found) == 3
    assert [one.score for one in found if one.is_finished] == sorted(
        (one.score for one in found if one.is_finished), reverse=True
    )
    assert [one.text for one in nothing] == [""]


def test_of_a_line_that_is_too_long_only_the_beginning_is_translated(subword, copier, monkeypatch):
    monkeypatch.setattr("nmt.translation.batching.MAX_PIECES", 5)
    line = " ".join(TOY_WORDS)
    (one, other) = best(copier, subword, [line, "ba"])
    assert line.startswith(one.text)
    assert len(one.source_pieces) == 6
    assert one.source_words == list(TOY_WORDS)
    assert (one.is_whole, other.is_whole) == (False, True)
    assert one.word_attention.shape == (len(one.target_words), len(TOY_WORDS))


class LimitedMemory:
    """A step model that runs out of memory with more than `rows` sentences."""

    def __init__(self, model, rows, error):
        self.model, self.rows, self.error = model, rows, error
        self.vocabulary = model.vocabulary
        self.step, self.select = model.step, model.select

    def start(self, source_BS, lengths_B):
        if len(source_BS) > self.rows:
            raise self.error
        return self.model.start(source_BS, lengths_B)


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("pretend"), RuntimeError("can't allocate memory")]
)
@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_that_does_not_fit_in_memory_is_split(subword, copier, rows, error):
    lines = ["ba de", "", "la", "me ni po", "ru", "sa te"]
    assert [one.text for one in best(LimitedMemory(copier, rows, error), subword, lines)] == lines
    pairs = [Pair(line, line) for line in lines]
    whole, parts = (
        list(force_pairs(model, subword, subword, pairs)) for model in (copier, LimitedMemory(copier, rows, error))
    )
    assert [one.token_log_probs for one in parts] == [one.token_log_probs for one in whole]


def test_a_line_that_does_not_fit_in_memory_raises_an_error_and_other_errors_pass(subword, copier):
    with pytest.raises(NmtError, match="a single line does not fit in memory"):
        best(LimitedMemory(copier, 0, MemoryError()), subword, ["ba de", "la"])
    with pytest.raises(RuntimeError, match="odd"):
        best(LimitedMemory(copier, 0, RuntimeError("odd")), subword, ["ba de", "la"])
