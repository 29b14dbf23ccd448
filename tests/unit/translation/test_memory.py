import pytest
from support.documents import WordTranslator

from nmt.errors import DataError, UsageError
from nmt.text import similarity
from nmt.translation.memory import MemoryTranslator, TranslationMemory, build_known_translation
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch

TMX = "<tmx>{}</tmx>"
UNIT = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>'


@pytest.fixture
def memory(tmp_path):
    path = tmp_path / "a.tmx"
    path.write_text(
        TMX.format(UNIT.format("one two", "no") + UNIT.format("one  two", "eins zwei") + UNIT.format("café", "Café"))
    )
    return TranslationMemory.read([path], "en", "de")


def test_what_a_memory_has_is_not_translated(memory):
    inner = WordTranslator(str.upper)
    translator = MemoryTranslator(inner, memory)
    lines = ["one two", "one Two", Request("one\u00a0two"), "", "cafe\u0301", "three"]
    found = [one for (one,) in translator.stream(lines)]
    assert [one.text for one in found] == ["eins zwei", "ONE TWO", "eins zwei", "", "Café", "THREE"]
    same, unlike = MemoryMatch(100, "one two", "eins zwei"), MemoryMatch(99, "one two", "eins zwei")
    assert [one.match for one in found] == [same, unlike, same, None, MemoryMatch(100, "café", "Café"), None]
    assert inner.lines == ["", "one Two", "", "", "", "three"]


@pytest.mark.parametrize(
    ("wanted", "is_used"),
    [
        ({"prefix": "Das "}, True),
        ({"prefix": "Das  rote\u00a0Ca"}, True),
        ({"prefix": "das"}, False),
        ({"prefix": "Das rote Café "}, True),  # no other word begins there
        ({"prefix": "Das ro "}, False),  # a word does not end there
        ({"constraints": ["rote Café", "Das"]}, True),
        ({"constraints": ["rot"]}, False),  # as a whole word
        ({"constraints": ["Das", "Das"]}, False),  # twice
        ({"constraints": [""]}, False),  # which the translator refuses
        ({"banned": ["blau", " ot", "as  rote Cafe\u0301!"]}, True),
        ({"banned": ["ot"]}, False),
        ({"banned": [" Das"]}, False),
        ({"banned": ["Café "]}, False),
        ({"max_length": 1}, True),
    ],
)
@pytest.mark.parametrize("threshold", [99, 100])
def test_a_translation_that_does_not_meet_its_request_counts_as_similar(tmp_path, wanted, is_used, threshold):
    pytest.importorskip("rapidfuzz")
    inner = WordTranslator(str.upper)
    translator = MemoryTranslator(inner, read(tmp_path, ("the red café", "Das rote\nCafé"), threshold=threshold))
    ((one,),) = translator.stream([Request("the red café", **wanted)])
    score = 100 if is_used else 99
    assert one.text == ("Das rote Café" if is_used else "THE RED CAFÉ")
    assert one.match == (None if score < threshold else MemoryMatch(score, "the red café", "Das rote Café"))


def test_several_memories_and_formats(tmp_path, memory):
    (tmp_path / "b.csv").write_text("one two,other\nthree,drei\n")
    both = TranslationMemory.read([tmp_path / "a.tmx", tmp_path / "b.csv"], "en", "de")
    assert [found and found.target for found in map(both.find, ("one two", "three", "four"))] == [
        *("other", "drei", None)
    ]
    assert [note.removeprefix(f"{tmp_path}/") for note in both.notes] == [
        "a.tmx: 3 units, 3 pairs; 1 replaced by later ones of the same source",
        "b.csv: its first row is a pair, because it does not name en and de: one two | other",
        "b.csv: 2 units, 2 pairs; 1 replaced by later ones of the same source",
    ]
    (tmp_path / "c.txt").touch()
    with pytest.raises(DataError) as caught:
        TranslationMemory.read([tmp_path / "c.txt"], "en", "de")
    assert str(caught.value) == (
        f"{tmp_path / 'c.txt'}: its suffix is that of no translation memory\n"
        "  Known are .tmx, .xlf, .xliff, .po, .csv, .xlsx, .xlsm"
    )


def test_a_known_translation_has_words_and_no_links():
    one = build_known_translation("a b c", MemoryMatch(100, "a b c", "d e"))
    assert (one.source_words, one.target_words, one.alignment) == (["a", "b", "c"], ["d", "e"], [])
    assert one.word_attention.shape == (2, 3)
    assert not one.word_attention.any()


def test_a_memory_of_other_languages_is_refused_with_those_of_the_run(tmp_path, memory):
    with pytest.raises(DataError) as caught:
        TranslationMemory.read([tmp_path / "a.tmx"], "fr", "it")
    assert str(caught.value) == (
        f"{tmp_path / 'a.tmx'}: 3 units, 0 pairs; 3 without fr, 3 without it\n"
        "  Its languages are en, de\n"
        "  The run translates fr to it, and needs a memory of these languages"
    )


def read(tmp_path, *pairs, threshold=70):
    path = tmp_path / "m.tmx"
    path.write_text(TMX.format("".join(UNIT.format(*pair) for pair in pairs)))
    return TranslationMemory.read([path], "en", "de", threshold)


@pytest.mark.parametrize(
    ("source", "threshold", "score"),
    [
        ("Press the red button twice now.", 70, 100),
        ("press the red button twice now.", 70, 99),  # case
        ("Press the red button twice now", 70, 85),  # 6 of 7, rounded down
        ("Press the green button now.", 70, 71),
        ("Press the green button now.", 72, None),
        ("Press the green button now.", 1, 71),
        ("Press the red button twice now", 100, None),
        ("", 70, None),
        ("now button", 70, None),
    ],
)
def test_the_most_similar_source_is_found_above_the_threshold(tmp_path, source, threshold, score):
    pytest.importorskip("rapidfuzz")
    memory = read(tmp_path, ("Press it.", "no"), ("Press the red button twice now.", "Rot"), threshold=threshold)
    found = memory.find(source)
    assert found == (score and (score, "Press the red button twice now.", "Rot"))


def test_a_translation_keeps_what_is_similar(tmp_path):
    pytest.importorskip("rapidfuzz")
    translator = MemoryTranslator(WordTranslator(str.upper), read(tmp_path, ("one two three four", "eins")))
    ((one,),) = translator.stream(["one two three"])
    assert (one.text, one.match) == ("ONE TWO THREE", MemoryMatch(75, "one two three four", "eins"))


def test_without_rapidfuzz_only_equal_sources_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(similarity, "cdist", None)
    with pytest.raises(UsageError) as caught:
        read(tmp_path, ("one", "eins"))
    assert str(caught.value) == (
        'similar segments are found with the extra documents: pip install "nmt[documents]"\n'
        "  To use only equal segments of a memory, set memory_threshold=100"
    )
    assert read(tmp_path, ("one", "eins"), threshold=100).find("one") == (100, "one", "eins")


@pytest.mark.parametrize("threshold", [0, 101, -5])
def test_a_threshold_is_a_percentage(tmp_path, threshold):
    with pytest.raises(UsageError, match=rf"^memory_threshold={threshold} must be a whole number from 1 to 100$"):
        read(tmp_path, ("one", "eins"), threshold=threshold)
