import pytest

from nmt.documents.plurals import OF_LANGUAGE, find_plural_forms, parse_plural_forms


@pytest.mark.parametrize("language", sorted(OF_LANGUAGE))
def test_every_form_of_every_language_is_used(language):
    forms = parse_plural_forms(find_plural_forms(language))
    assert {forms.choose(number) for number in range(200)} == set(range(forms.total))


@pytest.mark.parametrize(
    ("language", "forms"),
    [  # of 0, 1, 2, 5, 11, 21, 22 and 100, as in the tables of CLDR
        ("zh-Hant", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("de_AT", [1, 0, 1, 1, 1, 1, 1, 1]),
        ("fr-CA", [0, 0, 1, 1, 1, 1, 1, 1]),
        ("PT-br", [0, 0, 1, 1, 1, 1, 1, 1]),
        ("pt_PT", [1, 0, 1, 1, 1, 1, 1, 1]),
        ("pl", [2, 0, 1, 2, 2, 2, 1, 2]),
        ("ru", [2, 0, 1, 2, 2, 0, 1, 2]),
        ("cs", [2, 0, 1, 2, 2, 2, 2, 2]),
        ("sl", [3, 0, 1, 3, 3, 3, 3, 3]),
        ("lt", [2, 0, 1, 1, 2, 0, 1, 2]),
        ("ro", [1, 0, 1, 1, 1, 2, 2, 2]),
        ("is", [1, 0, 1, 1, 1, 0, 1, 1]),
        ("ga", [4, 0, 1, 2, 4, 4, 4, 4]),
        ("ar", [0, 1, 2, 3, 4, 4, 4, 5]),
    ],
)
def test_rules_are_those_of_the_languages(language, forms):
    found = parse_plural_forms(find_plural_forms(language))
    assert [found.choose(number) for number in (0, 1, 2, 5, 11, 21, 22, 100)] == forms


@pytest.mark.parametrize(
    "declared",
    [
        *(
            "",
            "nplurals=INTEGER; plural=EXPRESSION;",
            "nplurals=2;",
            "nplurals=2; plural=n ** n;",
            "nplurals=2; plural=7;",
        ),
        *("nplurals=2; plural=1/(n-1);", "nplurals=0; plural=0;", f"nplurals=2; plural={'(' * 99}n;"),
        "nplurals=999999999; plural=n;",
    ],
)
def test_what_is_no_rule_is_none(declared):
    assert parse_plural_forms(declared) is None


def test_an_unknown_language_has_no_rule():
    assert find_plural_forms("tlh") is None
