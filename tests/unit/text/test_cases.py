"""Small and capital letters of other languages than English, in glossaries and memories."""

import pytest

from nmt.text.cases import capitalize, is_same, write_in_capitals
from nmt.text.similarity import TextIndex
from nmt.text.terms import GlossaryEntry, Terms


@pytest.mark.parametrize(
    ("term", "source"),
    [
        ("iş yeri", "İş yeri ev"),
        ("iş yeri", "bu İŞ YERİ"),
        ("ışık", "Işık"),
        ("istanbul", "İstanbul"),
        ("İstanbul", "istanbul"),
        ("list", "LIST"),
        ("iş*", "İşler"),
        ("straße", "STRASSE"),
    ],
)
def test_terms_of_turkish_are_found_in_small_and_capital_letters(term, source):
    assert [one.targets for one in Terms.build([GlossaryEntry(term, "x")]).find(source)] == [("x",)]


@pytest.mark.parametrize(("term", "source"), [("kir", "kır"), ("sık", "sik")])
def test_the_two_letters_i_of_turkish_are_different(term, source):
    assert Terms.build([GlossaryEntry(term, "x")]).find(source) == []


def test_a_memory_ignores_the_case_of_turkish():
    pytest.importorskip("rapidfuzz")
    assert TextIndex(["iş yeri"]).find("İş yeri", 0.7) == ("iş yeri", 1.0)


@pytest.mark.parametrize(
    ("text", "capitalized", "capitals"),
    [
        ("word", "Word", "WORD"),
        ("οδός", "Οδός", "ΟΔΟΣ"),
        ("προϊόν", "Προϊόν", "ΠΡΟΪΟΝ"),
        ("café", "Café", "CAFÉ"),
        ("სახლი", "სახლი", "სახლი"),
        ("ǆep", "ǅep", "ǄEP"),
    ],
)
def test_capitals(text, capitalized, capitals):
    assert (capitalize(text), write_in_capitals(text)) == (capitalized, capitals)


def test_targets_in_georgian_stay_small():
    terms = Terms.build([GlossaryEntry("house", "სახლი", "follow")])
    assert {target for one in terms.find("A House, HOUSE") for target in one.targets} == {"სახლი"}


def test_words_that_differ_in_more_than_case_are_not_the_same():
    assert not is_same("kir", "kır")
    assert is_same("Iş", "ış")
