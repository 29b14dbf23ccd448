"""Wishes in words, put to search, and kept in the text that comes out; and the choice among candidates."""

import itertools
import math

import pytest
from support.corpora import WORDS as TOY_WORDS
from support.scripted import ScriptedModel, copying

from nmt.analysis.metrics import score_corpus
from nmt.errors import DataError
from nmt.ids import EOS
from nmt.text.subword import Subword, train_subword
from nmt.translation.constraints import ConstraintCompiler, Request
from nmt.translation.mbr import rank_by_utility
from nmt.translation.pipeline import translate_lines

OPTIONS = {"beam": 3, "normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": 8}


@pytest.fixture(scope="module")
def subword():
    lines = [" ".join(words) for words in itertools.permutations(TOY_WORDS, 2)]
    return Subword(train_subword([*lines, "Größe, x."], vocab_size=300, symbols=("<x1>",)))


@pytest.fixture(scope="module")
def compiler(subword):
    return ConstraintCompiler(subword)


def translate(subword, requests, seed=0, **options):
    model = ScriptedModel.random(vocab=subword.size - 4, seed=seed)
    return list(translate_lines(model, subword, subword, requests, **OPTIONS | options))


@pytest.mark.parametrize("text", ["ba de", "Größe", "x, de. <x1>", "日本 ba"])
def test_surfaces_are_what_pieces_add_to_the_text(subword, compiler, text):
    said = b"".join(compiler.surfaces[index] for index in [*subword.encode(text), EOS])
    assert said == f" {text} ".encode()


@pytest.mark.parametrize(
    ("piece", "begins"),
    [
        ("▁ba", True),
        ("ba", False),
        ("▁", True),
        (".", True),
        ("<x1>", True),
        ("<0x41>", False),
        ("<0xC3>", False),
        ("</s>", True),
    ],
)
def test_which_pieces_begin_a_word(subword, compiler, piece, begins):
    pieces = subword.pieces(range(subword.size))
    if piece in pieces:
        assert bool(compiler.begins_word_V[pieces.index(piece)]) == begins
    else:
        assert piece in ("ba",)  # every other one is there


CONSTRAINTS = ["zu", "Größe", "po ru", "日本", "x.", "<x1>", "ku"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beam", [1, 3])
def test_every_constraint_stands_in_the_text_as_it_was_typed(subword, seed, beam):
    requests = [Request("ba de", constraints=tuple(CONSTRAINTS[:count])) for count in range(len(CONSTRAINTS) + 1)]
    requests += [Request("fi", "me ", ("zu", "zu")), Request("ku la me", "<x1>", max_length=9, constraints=("ru",))]
    for request, found in zip(requests, translate(subword, requests, seed, beam=beam, n_best=beam), strict=True):
        assert found
        for one in found:
            for constraint in request.constraints:
                assert f" {constraint}" in f" {one.text}"
            assert one.text.startswith(request.prefix)
            assert len(one.attention_TS) == len(one.tokens)
            if request.max_length:
                assert len([token for token in one.tokens if token != "</s>"]) <= request.max_length


@pytest.mark.parametrize("seed", range(3))
def test_no_banned_string_stands_in_the_text(subword, seed):
    requests = [Request("ba de", banned=("a", "e", " k")), Request("fi", banned=("u ",)), Request("fi", banned=("日",))]
    for request, found in zip(requests, translate(subword, requests, seed, n_best=3), strict=True):
        for one in found:
            for string in request.banned:
                assert string not in f" {one.text} "


def test_a_model_that_wants_to_say_it_is_kept_from_it(subword):
    model = copying(subword.size)
    requests = ["ba de fi", Request("ba de fi", banned=("de",)), Request("ba de fi", banned=(" d", "zu"))]
    texts = [found[0].text for found in translate_lines(model, subword, subword, requests, **OPTIONS)]
    assert texts[0] == "ba de fi"
    assert all("de" not in text and text.startswith("ba") for text in texts[1:])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            Request("a", constraints=("½",)),
            "^line 2: the constraint '½' cannot be said by this model; the nearest is '1⁄2'$",
        ),
        (
            Request("a", prefix="  "),
            "^line 2: the prefix '  ' is empty: it needs at least one character that is no blank$",
        ),
        (Request("a", banned=(" ",)), "^line 2: the banned string ' ' is empty"),
        (
            Request("a", "a cat", banned=("cat",)),
            "the prefix 'a cat' contains 'cat', which is banned\n  Drop one of the",
        ),
        (Request("a", "", ("a cat",), ("cat ",)), "the constraint 'a cat' contains 'cat ', which is banned"),
        (Request("a", "ba", ("de",), (), 2), "a max_length of 2 leaves no room for the 2 pieces that prefix and"),
    ],
)
def test_what_cannot_be_met_is_told_with_its_line(subword, request_, message):
    with pytest.raises(DataError, match=message):
        translate(subword, ["ba", request_])


def test_half_a_character_is_told():
    with pytest.raises(DataError, match=r"^'a\\ud800' has half a character at position 2\n"):
        Request("a", banned=("a\ud800",))


def test_identical_lines_have_identical_samples_and_others_do_not(subword):
    options = {"sample": True, "n_best": 4, "temperature": 2.0}
    one, twin, other = (
        [found.text for found in ranked] for ranked in translate(subword, ["ba de", "ba de", "ba di"], **options)
    )
    assert one == twin != other
    assert len(one) == 4


@pytest.mark.parametrize("metric", ["chrf", "bleu"])
@pytest.mark.parametrize("is_sample", [True, False])
def test_the_choice_has_the_highest_expected_utility(subword, metric, is_sample):
    """Against the definition, with sacreBLEU's corpus score of one sentence."""
    options = {"sample": True, "n_best": 12, "temperature": 0.4}
    (candidates,) = translate(subword, ["ba de fi go"], seed=4, **options)
    texts = [one.text for one in candidates] + [candidates[0].text]
    candidates = [*candidates, candidates[0]]
    assert len(set(texts)) > 6

    def utility(one):
        scores = []
        for other in candidates:
            scorer = score_corpus([one.text], [[other.text]], [metric])[0].score
            scores.append(scorer * (1 if is_sample else math.exp(other.log_prob)))
        return sum(scores)

    found = rank_by_utility(candidates, metric, is_sample=is_sample)
    assert len(found) == len(set(texts))
    if metric == "chrf":  # corpus BLEU of a sentence has no effective order
        assert [one.text for one in found] == sorted(
            dict.fromkeys(texts), key=lambda text: -utility(by_text(candidates, text))
        )


def by_text(candidates, text):
    return next(one for one in candidates if one.text == text)


def test_the_likeliest_outvotes_more_of_little_weight(subword):
    (candidates,) = translate(subword, ["ba de"], seed=1, sample=True, n_best=20)
    for one in candidates:
        assert rank_by_utility([one], "bleu", is_sample=False) == [one]
    (best, *_) = rank_by_utility(candidates, "chrf", is_sample=False)
    assert best in candidates


def test_the_choice_reaches_the_user(subword):
    options = {"mbr": "chrf", "candidates": 3, "beam": 3}
    (chosen,) = translate(subword, ["ba de fi"], seed=2, n_best=3, **options)
    (beam,) = translate(subword, ["ba de fi"], seed=2, n_best=3)
    assert [one.text for one in chosen] == [one.text for one in rank_by_utility(beam, "chrf", is_sample=False)]
    ((first,),) = translate(subword, ["ba de fi"], seed=2, **options)
    assert first.text == chosen[0].text
