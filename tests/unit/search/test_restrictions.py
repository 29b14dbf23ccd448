"""Restricted step models against exhaustive search: the translations that are still allowed keep their order."""

from itertools import pairwise

import numpy as np
import pytest
from support.scripted import WORDS, ScriptedModel, batch, enumerate_best

from nmt.ids import EOS
from nmt.search.banned import BannedStrings, build_automaton, count_matched
from nmt.search.beam import beam_search
from nmt.search.forced_decoding import force_decode
from nmt.search.phrases import Phrase, WordBounds
from nmt.search.required import RequiredPhrases
from nmt.search.restrictions import LimitedPhrases, MinLength, NoRepeat, Prefix

pytestmark = pytest.mark.numerical

A, B, C = WORDS, WORDS + 1, WORDS + 2
LIMIT = 5
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": LIMIT - 1}
SURFACES = (b"", b"", b"", b" ", b" a", b"b", b" b")
BEGINS_WORD = np.array([False, False, False, True, True, False, True])
BOUNDS = WordBounds(BEGINS_WORD, np.array([True, True, True, True, False, False, True]))


def contains(tokens, phrase):
    return any(tokens[start : start + len(phrase)] == phrase for start in range(len(tokens)))


def after(tokens, phrase):
    """The tokens that follow each occurrence of a phrase."""
    return {
        tokens[start + len(phrase)]
        for start in range(len(tokens) - len(phrase))
        if tokens[start : start + len(phrase)] == phrase
    }


def text(tokens):
    return b" " + b"".join(SURFACES[token] for token in tokens)


def spell(*phrases, **how):
    """Each phrase as a group of its own."""
    return [(Phrase(ids, **how),) for ids in phrases]


def require(*phrases, **how):
    return lambda model: RequiredPhrases(model, [spell(*phrases, **how)], [LIMIT], BOUNDS)


def require_one_of(*phrases):
    return lambda model: RequiredPhrases(model, [[phrases]], [LIMIT], BOUNDS)


def limit(*phrases, most):
    """A model with at most so many of a group of phrases."""
    return lambda model: LimitedPhrases(model, [[(phrases, most)]], BOUNDS)


RESTRICTIONS = {
    "min length": (lambda model: MinLength(model, 3), lambda tokens: len(tokens) > 3),
    "no word twice": (lambda model: NoRepeat(model, 1), lambda tokens: len(set(tokens)) == len(tokens)),
    "no pair twice": (
        lambda model: NoRepeat(model, 2),
        lambda tokens: len(set(pairwise(tokens))) == len(tokens) - 1,
    ),
    "prefix": (lambda model: Prefix(model, [(B, A)], [False], BEGINS_WORD), lambda tokens: tokens[:2] == (B, A)),
    "no prefix": (lambda model: Prefix(model, [()], [True], BEGINS_WORD), lambda tokens: True),
    "whole prefix": (
        lambda model: Prefix(model, [(C, A)], [True], BEGINS_WORD),
        lambda tokens: tokens[:2] == (C, A) and tokens[2] in (A, C, EOS),
    ),
    "ban": (lambda model: BannedStrings(model, SURFACES, [[b"ab"]]), lambda tokens: b"ab" not in text(tokens)),
    "ban at the beginning of words": (
        lambda model: BannedStrings(model, SURFACES, [[b" b"]]),
        lambda tokens: b" b" not in text(tokens),
    ),
    "ban at the end of words": (
        lambda model: BannedStrings(model, SURFACES, [[b"b "]]),
        lambda tokens: b"b " not in text(tokens),
    ),
    "bans": (
        lambda model: BannedStrings(model, SURFACES, [[b"bb", b"a a"]]),
        lambda tokens: b"bb" not in text(tokens) and b"a a" not in text(tokens),
    ),
    "require": (require((A, B)), lambda tokens: contains(tokens, (A, B))),
    "require several": (
        require((A, B), (C,)),
        lambda tokens: contains(tokens, (A, B)) and C in tokens,
    ),
    "require one twice": (require((A,), (A,)), lambda tokens: tokens.count(A) > 1),
    "require one": (require((A,)), lambda tokens: A in tokens),
    "require a whole word": (
        require((A,), may_continue=False),
        lambda tokens: A in tokens and tokens[tokens.index(A) + 1] in (A, C, EOS),
    ),
    "require one of two": (
        require_one_of(Phrase((A,)), Phrase((B, C))),
        lambda tokens: A in tokens or contains(tokens, (B, C)),
    ),
    "require a word or a longer one": (
        require_one_of(Phrase((A,), False), Phrase((A, B), False)),
        lambda tokens: (
            (A in tokens and tokens[tokens.index(A) + 1 :][:1] != (B,))
            or any(
                tokens[place : place + 2] == (A, B) and tokens[place + 2] in (A, C, EOS)
                for place in range(len(tokens) - 2)
            )
        ),
    ),
    "require what may be attached": (
        require_one_of(Phrase((B,), is_attached=True), Phrase((A, C))),
        lambda tokens: (
            contains(tokens, (A, C))
            or any(one == B and tokens[place - 1 : place] in ((), (C,)) for place, one in enumerate(tokens))
        ),
    ),
    "require at the beginning or elsewhere": (
        require_one_of(Phrase((A,), is_initial=True), Phrase((B, B))),
        lambda tokens: tokens[0] == A or contains(tokens, (B, B)),
    ),
    "none": (limit(Phrase((A,)), most=0), lambda tokens: A not in tokens),
    "at most": (
        lambda model: LimitedPhrases(model, [[([Phrase((B, B))], 1), ([Phrase((A,))], 2)]], BOUNDS),
        lambda tokens: list(pairwise(tokens)).count((B, B)) < 2 and tokens.count(A) < 3,
    ),
    "at most one of two": (
        limit(Phrase((A, B)), Phrase((C,)), most=1),
        lambda tokens: list(pairwise(tokens)).count((A, B)) + tokens.count(C) < 2,
    ),
    "a longer one counts once": (limit(Phrase((A,)), Phrase((A, B)), most=1), lambda tokens: tokens.count(A) < 2),
    "none that is attached": (
        limit(Phrase((B,), is_attached=True), most=0),
        lambda tokens: all(
            token != B or tokens[place - 1 : place] in ((A,), (B,)) for place, token in enumerate(tokens)
        ),
    ),
    "exactly": (
        lambda model: limit(Phrase((C, A)), most=1)(require((C, A))(model)),
        lambda tokens: list(pairwise(tokens)).count((C, A)) == 1,
    ),
    "min length in no word twice": (
        lambda model: NoRepeat(MinLength(model, 2), 1),
        lambda tokens: len(tokens) > 2 and len(set(tokens)) == len(tokens),
    ),
    "require in ban in prefix": (
        lambda model: BannedStrings(require((C,))(Prefix(model, [(A,)], [False], BEGINS_WORD)), SURFACES, [[b"bb"]]),
        lambda tokens: tokens[0] == A and C in tokens and b"bb" not in text(tokens),
    ),
}


@pytest.mark.parametrize("name", RESTRICTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_allowed_translations_keep_their_order(name, seed):
    wrap, is_allowed = RESTRICTIONS[name]
    model = ScriptedModel.random(vocab=3, seed=seed)
    want = [found for found in enumerate_best(model, (A, EOS), LIMIT, "wu", 1.0) if is_allowed(found.tokens)][:7]
    (got,) = beam_search(wrap(model), *batch((A,)), beam=400, n_best=7, **HOW)
    assert [h.tokens for h in got if h.is_finished] == [found.tokens for found in want]
    assert [h.score for h in got if h.is_finished] == pytest.approx([found.score for found in want], abs=1e-6)
    for found in got:
        (forced,) = force_decode(model, *batch((A,)), np.array([found.tokens]), np.array([len(found.tokens)]))
        assert found.token_log_probs == pytest.approx(forced.token_log_probs)  # not renormalised
        assert found.attention_TS.tolist() == forced.attention_TS.tolist()


@pytest.mark.parametrize("name", RESTRICTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_hypotheses_that_free_their_slots_are_the_best_too(name, seed):
    """Without length normalization the search stops when no other can be among the best."""
    wrap, is_allowed = RESTRICTIONS[name]
    model = ScriptedModel.random(vocab=3, seed=seed)
    want = [found for found in enumerate_best(model, (A, EOS), LIMIT, "none", 0.0) if is_allowed(found.tokens)][:7]
    how = HOW | {"normalization": "none", "n_best": 7, "finished_keep_slots": False}
    (got,) = beam_search(wrap(model), *batch((A,)), beam=400, **how)
    assert [h.tokens for h in got if h.is_finished] == [found.tokens for found in want]


def test_a_phrase_that_ends_soon_does_not_take_the_slot_of_one_at_its_place():
    """C first ends at once; B, which is certain to be followed by A, ends later."""

    def log_probs(source, prefix):
        if prefix[:1] == (C,):
            return [-9.0, -9.0, -9.0, -0.1, -9.0, -9.0, -9.0]
        if len(prefix) == 2:
            return [-9.0, -9.0, -9.0, -9.0, -0.7, -9.0, -0.7]
        return [-9.0, -9.0, -9.0, -0.1 if len(prefix) == 3 else -9.0, -9.0, -0.1, -6.0]

    phrases = RequiredPhrases(ScriptedModel(7, log_probs), [spell((C,))], [30], BOUNDS)
    (found,) = beam_search(phrases, *batch((A,)), beam=2, limits=[30], finished_keep_slots=False, **HOW)
    assert found[0].tokens == (B, B, C, EOS)


def facts(hypotheses):
    return [(h.tokens, h.log_prob, h.attention_TS.tolist()) for h in hypotheses]


@pytest.mark.parametrize("beam", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_each_sentence_has_its_own_restrictions_alone_and_in_any_batch(seed, beam):
    model = ScriptedModel.random(vocab=3, seed=seed)
    sources = [(A,), (B, C), (C, C, A), (), (B,)]
    prefixes = [(C, A), (), (B,), (), ()]
    bans = [[b"ab"], [b"bb", b" b"], [], [], [b"a a"]]
    phrases = [[], [(C, B), (A,)], [(A,)], [], [(C,)]]
    limits = [7, 6, 8, 3, 4]

    def search(rows):
        wrapped = Prefix(model, [prefixes[row] for row in rows], [False] * len(rows), BEGINS_WORD)
        if any(phrases[row] for row in rows):
            some = [spell(*phrases[row], may_continue=False) for row in rows], [limits[row] for row in rows]
            wrapped = RequiredPhrases(wrapped, *some, BOUNDS)
        if any(bans[row] for row in rows):
            wrapped = BannedStrings(wrapped, SURFACES, [bans[row] for row in rows])
        how = HOW | {"beam": beam, "n_best": beam, "limits": [limits[row] for row in rows]}
        return dict(zip(rows, beam_search(wrapped, *batch(*(sources[row] for row in rows)), **how), strict=True))

    together = search([0, 1, 2, 3, 4])
    assert {row: facts(found) for row, found in search([4, 2, 0, 3, 1]).items()} == {
        row: facts(found) for row, found in together.items()
    }
    for row, found in together.items():
        assert facts(search([row])[row]) == facts(found)
        for one in found:
            assert one.tokens[: len(prefixes[row])] == prefixes[row]
            assert all(contains(one.tokens, phrase) for phrase in phrases[row])


@pytest.mark.parametrize("beam", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_required_phrases_are_generated_however_narrow_the_beam_and_short_the_limit(seed, beam):
    model = ScriptedModel.random(vocab=3, seed=seed, sharpness=6.0)
    phrases = [(A, B), (C, C), (A,)]
    for limit in (6, 7, 12):
        wrapped = RequiredPhrases(model, [spell(*phrases, may_continue=False)], [limit], BOUNDS)
        (found,) = beam_search(wrapped, *batch((A,)), beam=beam, n_best=beam, limits=[limit], **HOW)
        assert found
        for one in found:
            assert len(one.tokens) <= limit
            assert contains(one.tokens, (A, B))
            assert after(one.tokens, (A, B)) & {A, C, EOS}
            assert contains(one.tokens, (C, C))
            assert one.tokens.count(A) > 1


def test_progress_shares_out_the_beam():
    """A is improbable, so that without banks it would be generated only at the length limit."""

    def log_probs(source, prefix):
        return [-9.0, -9.0, -9.0, -0.2 if len(prefix) > 1 else -5.0, -6.0, -0.5, -3.0]

    phrases = RequiredPhrases(ScriptedModel(7, log_probs), [spell((A,))], [30], BOUNDS)
    (found,) = beam_search(phrases, *batch((A,)), beam=2, limits=[30], **HOW)
    assert len(found[0].tokens) < 9
    phrases.step = lambda previous, state: RequiredPhrases.step(phrases, previous, state)._replace(constraints=None)
    (late,) = beam_search(phrases, *batch((A,)), beam=2, limits=[30], **HOW)
    assert len(late[0].tokens) == 30


@pytest.mark.parametrize("beam", [1, 3])
def test_where_every_word_is_forbidden_a_restriction_does_not_apply(beam):
    model = NoRepeat(MinLength(ScriptedModel.random(vocab=3, seed=0), 7), 1)
    (found,) = beam_search(model, *batch((A,)), beam=beam, **HOW | {"max_length_extra": 9})
    for one in found:
        assert {*one.tokens[:3]} == {A, B, C}
        assert EOS not in one.tokens[:7]
        assert one.tokens[7] == EOS


def test_a_forced_word_wins_over_a_ban():
    model = ScriptedModel.random(vocab=3, seed=0)
    wrapped = BannedStrings(
        NoRepeat(MinLength(Prefix(model, [(B, B, EOS)], [False], BEGINS_WORD), 9), 1), SURFACES, [[b"b"]]
    )
    ((found,),) = beam_search(wrapped, *batch((A,)), beam=1, **HOW)
    assert found.tokens == (B, B, EOS)


@pytest.mark.parametrize(
    ("string", "text", "count"),
    [
        (b"aab", b"aa", 2),
        (b"aab", b"aaa", 2),  # the last two of the three
        (b"aab", b"xaabx", 3),  # anywhere
        (b"aab", b"ab", 0),
        (" ß".encode(), b" ", 1),
        (" ß".encode(), " ß".encode()[:2], 2),  # half a character
    ],
)
def test_how_much_of_a_string_is_matched(string, text, count):
    assert count_matched(string, text) == count


def test_an_automaton_agrees_with_direct_matching():
    surfaces = (b"", b"a", b"ab", b" a", b"bab", b"b a", b"ba", b"xx")
    for string in (b"abab", b" ab", b"a", b"aab", b"abaabab", b"b ab ba" * 20):
        for matched, row in enumerate(build_automaton(string, surfaces).tolist()):
            assert row == [count_matched(string, string[:matched] + surface) for surface in surfaces]
