"""The sample corpus: the checked-in files are what the grammar writes, and they keep the promises of data/README.md."""

import hashlib
import re
from itertools import groupby

import pytest
from support.tools import TOOLS, load_tool

SAMPLE = TOOLS.parent / "data" / "sample"
SIZES = {"train": 10_000, "valid": 500, "test": 500}

tool = load_tool("corpora/make_sample_corpus")
lexicon, phrases, words, grammar = (
    load_tool(f"corpora/sample_corpus.{name}") for name in ("lexicon", "phrases", "words", "grammar")
)


def read(name: str) -> list[str]:
    return (SAMPLE / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[tuple[list[str], list[str], list[str]]]]:
    """split -> (source words, target words, links) of every line"""
    return {
        split: [
            (source.split(" "), target.split(" "), links.split(" "))
            for source, target, links in zip(
                *(read(f"{split}.{suffix}") for suffix in ("en", "de", "align")), strict=True
            )
        ]
        for split in SIZES
    }


@pytest.fixture(scope="module")
def pairs(corpus) -> list[tuple[list[str], list[str], list[str]]]:
    return [pair for split in corpus.values() for pair in split]


def test_the_grammar_writes_the_files_that_are_checked_in(tmp_path):
    tool.write_corpus(tmp_path)
    sums = (SAMPLE / "SHA256SUMS").read_text()
    assert (tmp_path / "SHA256SUMS").read_text() == sums
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() == digest, name
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_another_seed_writes_other_sentences():
    assert tool.make_pairs(20, seed=1) == tool.make_pairs(20, seed=1) != tool.make_pairs(20, seed=2)


def test_sizes(corpus):
    assert {split: len(lines) for split, lines in corpus.items()} == SIZES
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 2_500_000


def test_sentences_have_3_to_25_words(pairs):
    lengths = [len(side) for source, target, _ in pairs for side in (source, target)]
    assert min(lengths) == 3
    assert 20 <= max(lengths) <= 25


@pytest.mark.parametrize("side", [0, 1])
def test_no_sentence_comes_twice(pairs, side):
    """So no sentence of valid or test is in train, and none has two translations to choose from."""
    assert len({" ".join(pair[side]) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(("side", "fewest", "most"), [(0, 300, 600), (1, 400, 800)])
def test_the_vocabulary_has_some_hundreds_of_words(corpus, side, fewest, most):
    seen = {split: {word.strip(".,?").lower() for pair in corpus[split] for word in pair[side]} for split in SIZES}
    assert fewest < len({word for word in seen["train"] if word.isalpha()}) < most
    assert len((seen["valid"] | seen["test"]) - seen["train"]) <= 5  # what the test asks was taught


def test_links_are_pharaoh_in_order_and_in_range(pairs):
    for source, target, links in pairs:
        ends = [tuple(map(int, re.fullmatch(r"(\d+)[-p](\d+)", link).groups())) for link in links]
        assert ends == sorted(set(ends))
        assert all(i < len(source) and j < len(target) for i, j in ends)


def test_every_target_word_has_a_link(pairs):
    for _, target, links in pairs:
        assert {int(re.split("[-p]", link)[1]) for link in links} == set(range(len(target)))


def test_digits_and_names_are_linked_to_themselves(pairs):
    """Words that are the same on both sides must be surely linked when a sentence has them once."""
    checked = 0
    for source, target, links in pairs:
        for j, word in enumerate(target):
            bare = word.strip(".,?")
            if re.fullmatch(r"\d[\d:]*|Peter|Berlin", bare):
                places = [i for i, other in enumerate(source) if other.strip(".,?") == bare]
                if len(places) == 1 and sum(other.strip(".,?") == bare for other in target) == 1:
                    assert f"{places[0]}-{j}" in links
                    checked += 1
    assert checked > 1000


def test_a_source_has_one_translation_only():
    """Drawn far more often than the corpus needs, short sentences come again and again, translated the same."""
    translations = {}
    sentences = grammar.Grammar(seed=7)
    draws = 15_000
    for _ in range(draws):
        pair = tool.make_pair(sentences.make_sentence())
        assert translations.setdefault(pair.source, pair.target) == pair.target
    assert len(translations) < draws


@pytest.mark.parametrize(
    ("phenomenon", "pattern", "side"),
    [
        ("verb last after a conjunction", r", (weil|dass|obwohl|wenn) .* (hat|ist|haben|sind|kann|muss)[.,?]$", 1),
        ("infinitive last after a modal", r"^\w+ (will|kann|muss|möchte) .* \w+en\.$", 1),
        ("participle last", r"^\w+ (hat|haben|ist|sind) .* (ge\w+|\w+ge\w+)\.$", 1),
        ("particle split off", r" (macht|ruft|hebt|schaltet|lädt|hört|kommt) .* (auf|zu|an|ein)[.,]", 1),
        ("particle inside", r" (aufmachen|anrufen|eingeschaltet|eingeladen|zugehört)[.,]", 1),
        ("verb before subject after a front", r"^(Heute|Gestern|Morgen|Vielleicht|Natürlich) (\w+) ", 1),
        ("contraction", r"\b(im|am|zum|zur|ins) ", 1),
        ("dative article", r"\b(dem|einem|der|einer|den) ", 1),
        ("genitive owner", r" (des|meines|seines|ihres|unseres) \w+e?[sn]\b", 1),
        ("negated indefinite", r"\bkein(e|en|em|er)?\b", 1),
        ("relative clause", r", (der|die|das|den|dem) .* \w+,? ", 1),
        ("participle before its noun", r"\b\w+ende[nrs]? [A-Z]", 1),
        ("measure before its noun", r" (Meter|Jahre) \w+e[nrs]? [A-Z]", 1),
        ("ordinal after its number", r"\b(zwei|drei|vier) (ersten|letzten|nächsten) ", 1),
        ("perfect with sein", r" (bin|ist|sind) .*\b(gegangen|gefahren|angekommen|eingeschlafen|zurückgekehrt)\b", 1),
        ("question", r"\?$", 0),
        ("number in digits", r"\b\d\d\b", 0),
        ("clock time", r"\b\d+:\d\d\b", 0),
    ],
)
def test_every_phenomenon_is_there_to_learn_and_to_test(corpus, phenomenon, pattern, side):
    train, test = (sum(bool(re.search(pattern, " ".join(pair[side]))) for pair in corpus[s]) for s in ("train", "test"))
    assert train >= 60, phenomenon
    assert test >= 1, phenomenon


@pytest.mark.parametrize(("end", "at_least"), [(0, 100), (1, 2000)])
def test_one_word_is_surely_linked_to_several(pairs, end, at_least):
    """end 0: an English word that becomes two (home, nach Hause); end 1: a German word made of two (im, in the)."""
    several = 0
    for _, _, links in pairs:
        sure = sorted(int(link.split("-")[end]) for link in links if "-" in link)
        several += any(len(list(group)) > 1 for _, group in groupby(sure))
    assert several > at_least


def test_words_change_places(pairs):
    """A third of the sentences at the least has sure links that cross."""

    def crosses(links):
        ends = [tuple(map(int, link.split("-"))) for link in links if "-" in link]
        return any(i < k and j > m for i, j in ends for k, m in ends)

    assert sum(crosses(links) for _, _, links in pairs) > len(pairs) / 3


@pytest.mark.parametrize(
    ("entry", "source", "links"),
    [
        ("home | nach~0 Hause^0", ["home"], "0p0 0-1"),
        ("in the evening | am^0,1 Abend^2", ["in", "the", "evening"], "0-0 1-0 2-1"),
        ("two years ago | vor^2 zwei^0 Jahren^1", ["two", "years", "ago"], "0-1 1-2 2-0"),
    ],
)
def test_fixed_expressions_carry_their_links(entry, source, links):
    phrase = phrases.read_expression(entry)
    assert [word.text for word in phrase.source] == source
    assert tool.make_pair(phrase).links == links


@pytest.mark.parametrize(
    ("english", "case", "is_plural", "german"),
    [
        ("man", "nom", False, "ein alter Mann"),
        ("man", "gen", False, "eines alten Mannes"),
        ("boy", "dat", False, "einem alten Jungen"),      # weak noun
        ("girl", "acc", False, "ein altes Mädchen"),
        ("woman", "dat", False, "einer alten Frau"),
        ("child", "dat", True, "alten Kindern"),          # no article, strong adjective, dative plural in -n
        ("queen", "nom", True, "alte Königinnen"),
    ],
)  # fmt: skip
def test_noun_phrases_agree(english, case, is_plural, german):
    noun = next(noun for noun in words.NOUNS["person"] if noun.singular == english)
    phrase = grammar.Grammar(seed=1).describe(lexicon.AN, noun, case, is_plural, ["old"])
    assert " ".join(word.text for word in phrase.target) == german
