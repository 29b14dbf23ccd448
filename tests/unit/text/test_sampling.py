"""Drawn segmentations: the same text always, other pieces often, with the probabilities of the papers."""

import math
from collections import Counter
from random import Random

import numpy as np
import pytest
import sentencepiece

from nmt.ids import UNK
from nmt.text import sampling
from nmt.text.sampling import DropoutSampler, UnigramSampler, build_sampler
from nmt.text.subword import Subword, train_subword

WORDS = {
    "de": "der alte Mann die alten Männer sieht gesehen Häuser Haus großes größere Straße straßen",
    "ar": "الكتاب كتاب كتب المكتبة مكتبة يكتبون كاتب الكاتب مكتوب والكتاب بالكتاب",
    "ja": "私は 本を 読みます 読みました 東京の 図書館で 図書 日本語 日本 彼女は 新しい 新しく",
    "hi": "किताब किताबें पढ़ता पढ़ती पढ़ते हूँ हैं मैं नहीं पुस्तकालय",
    "emoji": "👩‍👩‍👧 👩‍👧 👍🏽 👍 ❤️ q̃ q̃a m̂ m̂a 🇩🇪 🇩🇰",
}
KINDS = {"unigram": 0.05, "bpe": 0.3}  # with strengths that change many words


def make_lines(language: str, count: int = 150) -> list[str]:
    random, blank = Random(language), "" if language == "ja" else " "
    return [blank.join(random.choices(WORDS[language].split(), k=random.randint(1, 9))) for _ in range(count)]


ALL_LINES = [line for language in WORDS for line in make_lines(language)]


@pytest.fixture(scope="module")
def subwords():
    """A model of each kind for all the languages, with symbols and without pieces for some characters."""
    sizes = {"unigram": 500, "bpe": 600}
    return {
        kind: Subword(train_subword(ALL_LINES, vocab_size=sizes[kind], subword=kind, symbols=["<x>", "New York", "@"]))
        for kind in KINDS
    }


def draw(sampler, subword, lines, seed=1):
    """-> the pieces of each line, and the first and last of the stored pieces that each shares characters with"""
    encoded = subword.encode_lines(lines)
    lengths = np.array([len(ids) for ids in encoded])
    drawn = sampler.sample(np.concatenate(encoded), lengths, np.random.PCG64(seed))
    assert drawn.ids_M.size == drawn.firsts_M.size == drawn.lasts_M.size == drawn.lengths_B.sum()
    ends = np.cumsum(drawn.lengths_B)[:-1]
    places = [np.split(numbers, ends) for numbers in (drawn.firsts_M, drawn.lasts_M)]
    return [part.tolist() for part in np.split(drawn.ids_M, ends)], list(zip(*places, strict=True))


@pytest.fixture(scope="module")
def compounds():
    """A unigram model of words of two or three parts, of which it has pieces of all sizes."""
    parts = ("haus", "tür", "schlüssel", "garten", "weg", "bahn", "hof", "straße", "öl", "東京", "駅", "図書", "館")
    words = [one + two + three for one in parts for two in parts for three in ("", *parts[::4])]
    return Subword(train_subword([f"{word} {word[2:]}" for word in words], vocab_size=380))


LANGUAGES = {
    **{language: make_lines(language, 40) for language in WORDS},
    "symbols and bytes": ["der <x> Mann", "New York", "die New Yorker@Straße @", "漢Ж der 😀", "Ж", "<x><x>alte<x>"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_drawn_pieces_are_the_same_text(subwords, kind, language):
    subword, lines = subwords[kind], LANGUAGES[language]
    sampler = build_sampler(subword, KINDS[kind], 10_000)
    stored = subword.encode_lines(lines)
    changed = 0
    for seed in range(5):
        for line, before, ids in zip(lines, stored, draw(sampler, subword, lines, seed)[0], strict=True):
            assert subword.decode(ids) == subword.decode(before) == line
            assert "".join(subword.ids_to_pieces(ids)) == "".join(subword.ids_to_pieces(before))
            changed += ids != before.tolist()
    assert changed > 5


@pytest.mark.parametrize("kind", KINDS)
def test_symbols_bytes_and_unknown_characters_stay_as_they_are(kind):
    subword = Subword(
        train_subword(make_lines("de"), vocab_size=37, subword=kind, symbols=["<x>", "alte"], byte_fallback=False)
    )
    lines = ["der alte Mann <x> sieht漢字die Straße", "漢", "Ж<x>Ж 漢 <x>"]
    sampler = build_sampler(subword, KINDS[kind], 10_000)
    fixed = {UNK, *(subword.piece_to_id(symbol) for symbol in subword.symbols)}
    for seed in range(5):
        for line, ids in zip(lines, draw(sampler, subword, lines, seed)[0], strict=True):
            before = subword.encode(line)
            assert [index for index in ids if index in fixed] == [index for index in before if index in fixed]
            assert subword.decode(ids) == subword.decode(before)


def list_segmentations(text, scores):
    """Every segmentation of a text, with the sum of its pieces' scores: by recursion, which is slow."""
    if not text:
        yield (), 0.0
    for end in range(1, len(text) + 1):
        if text[:end] in scores:
            for rest, score in list_segmentations(text[end:], scores):
                yield (text[:end], *rest), scores[text[:end]][1] + score


def assert_probabilities(counts, probabilities, draws):
    """Counts differ from what is expected by at most five standard deviations; what is impossible does not occur."""
    assert counts.keys() <= probabilities.keys()
    assert len(counts) >= 3
    for outcome, probability in probabilities.items():
        margin = 5 * math.sqrt(draws * probability * (1 - probability)) + 1
        assert abs(counts[outcome] - draws * probability) <= margin, outcome


@pytest.mark.parametrize(
    ("alpha", "word"), [(0.1, "haustür"), (0.5, "bahnhof"), (1.0, "gartenweg"), (0.2, "東京図書館駅")]
)
def test_unigram_samples_have_the_probabilities_of_the_paper(compounds, alpha, word):
    subword, draws = compounds, 4000
    every = list_segmentations(f"▁{word}", subword.collect_scores())
    weights = {pieces: math.exp(alpha * score) for pieces, score in every}
    total = sum(weights.values())
    found, _ = draw(UnigramSampler(subword, alpha, 100), subword, [word] * draws)
    counts = Counter(tuple(subword.ids_to_pieces(ids)) for ids in found)
    assert_probabilities(counts, {pieces: weight / total for pieces, weight in weights.items()}, draws)


@pytest.mark.parametrize(
    ("kind", "strength", "line", "max_kept"),
    [
        ("unigram", 0.2, "haustür öl", 24),
        ("unigram", 0.6, "東京図書館駅", 24),
        ("bpe", 0.1, "gesehen", 24),
        ("bpe", 0.1, "gesehen", 3),
        ("bpe", 0.4, "die Straße", 24),
        ("bpe", 0.4, "die Straße", 3),
        ("bpe", 0.7, "المكتبة", 24),
    ],
)
def test_samples_are_distributed_as_those_of_sentencepiece(
    subwords, compounds, monkeypatch, kind, strength, line, max_kept
):
    monkeypatch.setattr(sampling, "MAX_KEPT", max_kept)
    subword, draws = compounds if kind == "unigram" else subwords[kind], 20_000
    ours = Counter(map(tuple, draw(build_sampler(subword, strength, 100), subword, [line] * draws)[0]))
    processor = sentencepiece.SentencePieceProcessor(model_proto=subword.model_bytes)
    options = {"enable_sampling": True, "nbest_size": -1, "alpha": strength}
    theirs = Counter(map(tuple, processor.encode([line] * draws, **options)))
    assert len(ours) > 3
    for pieces in ours.keys() | theirs.keys():
        share = (ours[pieces] + theirs[pieces]) / (2 * draws)
        assert abs(ours[pieces] - theirs[pieces]) <= 6 * math.sqrt(2 * draws * share * (1 - share)) + 2, pieces


def test_the_best_segmentation_wins_with_a_high_alpha(subwords):
    subword = subwords["unigram"]
    sampler = UnigramSampler(subword, 1000.0, 10_000)
    assert draw(sampler, subword, ALL_LINES)[0] == [ids.tolist() for ids in subword.encode_lines(ALL_LINES)]


def test_dropout_of_one_leaves_characters_and_a_small_one_the_stored_pieces(subwords):
    subword = subwords["bpe"]
    letters, _ = draw(DropoutSampler(subword, 1.0, 10_000), subword, ALL_LINES)
    pieces = {piece for ids in letters for piece in subword.ids_to_pieces(ids)}
    assert {len(piece) for piece in pieces - subword.symbols} == {1}
    stored = [ids.tolist() for ids in subword.encode_lines(ALL_LINES)]
    assert draw(DropoutSampler(subword, 1e-12, 10_000), subword, ALL_LINES)[0] == stored


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_depends_on_the_generator_and_the_ids_alone(subwords, kind, monkeypatch):
    """Not on what the sampler has met before, nor on what it has forgotten."""
    subword = subwords[kind]
    lines, others = ALL_LINES[::3], ALL_LINES[1::3]
    used = build_sampler(subword, KINDS[kind], 10_000)
    expected, _ = draw(build_sampler(subword, KINDS[kind], 10_000), subword, lines)
    draw(used, subword, others, seed=2)
    assert draw(used, subword, lines)[0] == draw(used, subword, lines)[0] == expected
    assert draw(used, subword, lines, seed=2)[0] != expected
    monkeypatch.setattr(sampling, "MAX_ENTRIES", 10)
    for _ in range(2):
        assert draw(used, subword, lines)[0] == expected


def test_a_long_stretch_is_merged_once_for_each_draw(monkeypatch):
    """Otherwise the time would grow with the square of its length: merged again for every merge that is skipped."""
    random, draws = Random(1), 10
    lines = ["".join(random.choices("東京駅図書館", k=60)) for _ in range(30)]
    subword = Subword(train_subword(lines, vocab_size=400, subword="bpe"))
    sampler = DropoutSampler(subword, 0.3, 10_000)
    merged, segment = [], sampler._segment
    monkeypatch.setattr(sampler, "_segment", lambda text, skips: merged.append(text) or segment(text, skips))
    found, _ = draw(sampler, subword, lines * draws)
    assert len({tuple(ids) for ids in found}) == draws * len(lines)
    long = [text for text in merged if len(text) > sampling.MAX_KEPT]
    assert len(long) == draws * len(set(long)) >= draws * len(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_would_become_too_long_keeps_its_pieces(subwords, kind):
    subword, lines = subwords[kind], make_lines("de")
    stored = [ids.tolist() for ids in subword.encode_lines(lines)]
    longest = max(map(len, stored))
    free, _ = draw(build_sampler(subword, KINDS[kind], 10_000), subword, lines)
    limited, places = draw(build_sampler(subword, KINDS[kind], longest), subword, lines)
    assert max(map(len, free)) > longest
    assert limited == [own if len(ids) > longest else ids for own, ids in zip(stored, free, strict=True)]
    assert all(len(ids) == len(firsts) for ids, (firsts, _) in zip(limited, places, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [10_000, 30])
def test_a_drawn_piece_comes_from_the_word_that_it_is_a_part_of(subwords, kind, limit):
    subword, lines = subwords[kind], [*make_lines("hi"), *make_lines("emoji")]
    found, places = draw(build_sampler(subword, KINDS[kind], limit), subword, lines)
    for line, ids, ends in zip(lines, found, places, strict=True):
        words_of_pieces = subword.segment(line).group_of_piece
        drawn_words = subword.segment_ids(ids).group_of_piece
        for of_end in ends:
            assert [words_of_pieces[place] for place in of_end] == drawn_words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drawn_piece_comes_from_the_pieces_whose_characters_it_has(subwords, kind, language):
    subword, lines = subwords[kind], LANGUAGES[language]
    found, places = draw(build_sampler(subword, KINDS[kind], 10_000), subword, lines)
    for line, ids, (firsts, lasts) in zip(lines, found, places, strict=True):
        stored, drawn = ([len(piece) for piece in subword.ids_to_pieces(some)] for some in (subword.encode(line), ids))
        owners = [number for number, size in enumerate(stored) for _ in range(size)]  # of each character
        end = 0
        for size, first, last in zip(drawn, firsts, lasts, strict=True):
            assert (first, last) == (owners[end], owners[end + size - 1])
            end += size


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_divided_into_stretches_that_come_again(subwords, kind):
    """Otherwise each sentence would be computed anew: a sentence of known words has nothing new."""
    subword = subwords[kind]
    sampler = build_sampler(subword, KINDS[kind], 10_000)
    draw(sampler, subword, WORDS["de"].split())
    known = len(sampler._state_of_stretch)
    draw(sampler, subword, make_lines("de"))
    assert len(sampler._state_of_stretch) == known
