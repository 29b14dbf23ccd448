import math
from dataclasses import replace

import numpy as np
import pytest
from support.documents import WordTranslator

from nmt.translation.doubts import (
    Doubt,
    find_copies,
    find_doubts,
    find_lost_numbers,
    list_whole_words,
    repeat_words,
)
from nmt.translation.memory import build_known_translation
from nmt.translation.result import MemoryMatch


def make(source, text, probabilities=None, **changes):
    """A translation of words, with the probability of each and then of the end."""
    one = WordTranslator().translate(source)
    words = text.split()
    numbers = list(range(len(words)))
    log_probs = tuple(map(math.log, probabilities or [0.9] * (len(words) + 1)))
    return replace(
        one,
        text=text,
        tokens=[*words, "</s>"],
        target_words=words,
        target_group_of_piece=numbers,
        target_group_of_word=numbers,
        token_log_probs=log_probs,
        log_prob=sum(log_probs),
        attention_blocks=(np.full((len(words) + 1, len(one.source_pieces)), 1 / len(one.source_pieces), np.float32),),
        **changes,
    )


def listed(one):
    return [(doubt.side, doubt.text, doubt.reason) for doubt in find_doubts(one)]


def test_confidence_is_the_geometric_mean_of_the_probabilities_of_pieces():
    assert make("a b", "x y", [0.5, 0.25, 1.0]).confidence == pytest.approx((0.5 * 0.25) ** (1 / 3))
    assert make("a", "x", [1.0, 1.0]).confidence == 1.0
    assert build_known_translation("a b", MemoryMatch(100, "a b", "x")).confidence == 1.0  # what a person translated


def test_confidence_is_that_of_the_search_whatever_the_beam(reverser):
    from nmt import Translator

    translator = Translator.load(reverser)
    for options in ({"beam": 1}, {"beam": 5}, {"sample": True, "seed": 3}):
        for [one] in translator.stream(["ba de fi", "ku", "", "ni po ru"], **options):
            assert one.confidence == pytest.approx(math.exp(np.mean(one.token_log_probs or [0.0])), abs=1e-6)


def test_improbable_words_come_least_probable_first():
    one = make("eins zwei drei vier", "one too tree for", [0.9, 0.25, 0.05, 0.31, 0.9])
    assert listed(one) == [("target", "tree", "low probability"), ("target", "too", "low probability")]


def test_a_word_is_as_probable_as_all_its_pieces_together():
    one = make("maison rouge", "Rot haus", [0.5, 0.5, 0.9])
    assert listed(one) == []
    pieces = replace(one, text="Rothaus", target_words=["Rot", "haus"], units=("pieces", "pieces"))
    assert listed(pieces) == [("target", "Rothaus", "low probability")]
    unspaced = replace(one, text="赤い家", target_words=["赤い", "家"], token_log_probs=(-0.1, -2.0, -0.1))
    assert listed(unspaced) == [("target", "家", "low probability")]


@pytest.mark.parametrize(
    ("text", "units", "groups", "words"),
    [
        ("Haus, rot", ["Haus,", "rot"], [0, 1], ["Haus,", "rot"]),
        ("Haus, rot", ["Ha", "us", ",", "rot"], [0, 1, 2, 3], ["Haus,", "rot"]),
        ("赤い家", ["赤", "い", "家"], [0, 0, 1], ["赤い", "家"]),  # a piece has two characters
        ("a bc", ["a", "bc"], [0, 0], ["a bc"]),
        ("", [], [], []),
    ],
)
def test_pieces_make_up_words_where_text_has_blanks(text, units, groups, words):
    assert [text[begin:end] for begin, end, _ in list_whole_words(text, units, groups)] == words


@pytest.mark.parametrize(
    ("source", "target", "missing", "added"),
    [
        ("Pay 1,250.75 now", "Payez 1 250,75 maintenant", [], []),
        ("Pay 1,250.75 now", "Payez 1\u202f250,75", [], []),
        ("12/31/1999", "31.12.1999", [], []),
        ("rooms 7 and 7", "pièce 7", ["7"], []),
        ("gate B12", "porte B21", ["12"], ["21"]),
        ("१५ दिन", "15 days", [], []),
        ("no digits", "pas de chiffres", [], []),
        ("two of 5", "2 de 5", [], ["2"]),
    ],
)
def test_numbers_are_looked_for_on_the_other_side(source, target, missing, added):
    assert [source[begin:end] for begin, end in find_lost_numbers(source, target)] == missing
    assert [target[begin:end] for begin, end in find_lost_numbers(target, source)] == added
    doubts = listed(make(source, target))
    assert [text for side, text, reason in doubts if reason == "number not in translation"] == missing
    assert [text for side, text, reason in doubts if reason == "number not in source"] == added


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("le chat le chat dort", ["le chat"]),
        ("Oui, oui. Non", ["oui."]),
        ("un chat, un chien", []),
        ("7 7 7", []),
        ("les bananananananas, 11111111", ["bananananananas"]),
        ("Alle-Fe-Fe-Fe-Fe-Fem, ein Ma-ma-Ma-Mant.", ["Alle-Fe-Fe-Fe-Fe-Fem", "Ma-ma-Ma-Mant"]),
        ("Bo-Be-Bo-Be-Bo-Be-Bo-Be und Bo‐Bo‐Bo‐Bo", ["Bo-Be-Bo-Be-Bo-Be-Bo-Be", "Bo‐Bo‐Bo‐Bo"]),
        ("Cha-Cha-Cha, 1-2-1-2-1-2-1-2 ________ ", []),
        ("bananas", []),
        ("- - -", []),
        ("我去东京我去东京吧", ["我去东京"]),
        ("人人いろいろ", []),
    ],
)
def test_repetitions_are_found(text, repeated):
    assert [text[begin:end] for begin, end in repeat_words(text)] == repeated


def test_a_repetition_of_the_source_is_none_of_the_translation():
    assert [reason for *_, reason in listed(make("very very good", "très très bon"))] == []
    assert ("target", "très", "repeated") in listed(make("very good", "très très bon"))


@pytest.mark.parametrize(
    ("source", "text", "copied"),
    [
        ("we met near the old mill", "wir near the old Mühle", ["near the old"]),
        ("New York City sleeps", "New York City schläft", []),  # a name
        ("in a box", "in einer Kiste", []),
        ("see page ten of it", "see page ten of it", ["see page ten of it"]),
    ],
)
def test_copies_are_runs_of_words_that_are_no_names(source, text, copied):
    assert [text[begin:end] for begin, end in find_copies(source, text)] == copied


def test_source_words_without_attention_may_be_left_out():
    one = make("der alte Hund .", "the dog .")
    weights_TS = np.array([[0.9, 0, 0.1, 0, 0], [0, 0.1, 0.9, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], np.float32)
    one = replace(one, attention_blocks=(weights_TS,))
    assert listed(one) == [("source", "alte", "low attention")]
    without = replace(one, attention_blocks=(np.zeros((4, 0), np.float32),))  # a model without attention
    assert listed(without) == []


def test_what_is_cut_comes_first():
    one = make("a b", "x y", [0.1, 0.9, 0.9], is_finished=False, is_whole=False)
    assert listed(one) == [
        ("target", "", "length limit"),
        ("source", "", "source cut"),
        ("target", "x", "low probability"),
    ]


def test_doubts_are_described_on_one_line():
    assert Doubt("target", 0, 4, "a\nb\x15\u2028c", "copied").describe() == '"a b c" (copied)'
    assert Doubt("target", 4, 4, "", "length limit").describe() == "length limit"


def test_an_empty_translation_has_one_doubt():
    for text in ("", " ", "\u200b"):
        assert listed(make("12 cats", text, [0.1] * 2, is_finished=False)) == [("source", "12 cats", "no translation")]


def test_what_the_model_did_not_generate_has_no_doubts():
    assert find_doubts(build_known_translation("12 cats", MemoryMatch(100, "12 cats", "13 13 13 chats"))) == []
    assert find_doubts(WordTranslator().translate("")) == []
