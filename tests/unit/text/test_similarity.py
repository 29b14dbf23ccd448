import random

import pytest

from nmt.text.similarity import TextIndex, list_words

Levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein


@pytest.mark.parametrize(
    ("text", "nearest", "similarity"),
    [
        ("Tallenna tiedosto nyt.", "Tallenna tiedosto.", 3 / 4),
        ("TALLENNA TIEDOSTO .", "Tallenna tiedosto.", 1),
        ("Poista tiedosto", "Poista tiedosto?", 2 / 3),
        ("ファイルを保存する", "ファイルを保存します", 4 / 7),  # katakana is a word, other characters are words
        ("xyz", None, None),
        ("", None, None),
    ],
)
def test_similarity_is_by_words_or_by_characters_without_blanks(text, nearest, similarity):
    index = TextIndex(["Tallenna tiedosto.", "Poista tiedosto?", "", "ファイルを保存します"])
    assert index.find(text, 0.5) == (nearest and (nearest, pytest.approx(similarity)))


def test_of_equally_similar_texts_the_one_with_fewest_other_characters_counts():
    index = TextIndex(["ein Haus hier", "ein Hut hier", "ein Hut hier "])
    assert index.find("ein Huf hier", 0.5) == ("ein Hut hier", pytest.approx(2 / 3))


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.7, 0.99, 1])
def test_none_is_missed(threshold):
    draw = random.Random(1)
    texts = [" ".join(draw.choices("abcdefg", k=draw.randint(1, 9))) for _ in range(300)]
    index = TextIndex(texts)
    for _ in range(100):
        words = draw.choices("abcdefghx", k=draw.randint(1, 9))
        best = max(Levenshtein.normalized_similarity(words, list(list_words(text))) for text in texts)
        found = index.find(" ".join(words), threshold)
        assert (found and found[1]) == (pytest.approx(best) if best >= threshold else None)


def test_an_index_of_nothing_finds_nothing():
    assert TextIndex([]).find("a", 0.7) is None
    assert TextIndex([""]).find("a", 0.7) is None
