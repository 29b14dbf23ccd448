import pytest
from support.documents import WordTranslator

from nmt.errors import DataError
from nmt.translation.memory import MemoryTranslator, TranslationMemory, build_known_translation
from nmt.translation.request import Request

TMX = "<tmx>{}</tmx>"
UNIT = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>'


@pytest.fixture
def memory(tmp_path):
    path = tmp_path / "a.tmx"
    path.write_text(
        TMX.format(UNIT.format("one  two", "eins zwei") + UNIT.format("one two", "no") + UNIT.format("café", "Café"))
    )
    return TranslationMemory.read([path], "en", "de")


def test_what_a_memory_has_is_not_translated(memory):
    inner = WordTranslator(str.upper)
    translator = MemoryTranslator(inner, memory)
    lines = ["one two", "one Two", Request("one\u00a0two"), "", "cafe\u0301", "three"]
    found = [one.text for (one,) in translator.stream(lines)]
    assert found == ["eins zwei", "ONE TWO", "eins zwei", "", "Café", "THREE"]
    assert translator.found == 3
    assert inner.lines == ["", "one Two", "", "", "", "three"]


def test_several_memories_and_formats(tmp_path, memory):
    (tmp_path / "b.csv").write_text("one two,other\nthree,drei\n")
    both = TranslationMemory.read([tmp_path / "a.tmx", tmp_path / "b.csv"], "en", "de")
    assert (both.find("one two"), both.find("three"), both.find("four")) == ("eins zwei", "drei", None)
    (tmp_path / "c.txt").touch()
    with pytest.raises(DataError) as caught:
        TranslationMemory.read([tmp_path / "c.txt"], "en", "de")
    assert str(caught.value) == (
        f"{tmp_path / 'c.txt'}: its suffix is that of no translation memory\n  Known are .tmx, .xlf, .xliff, .po, .csv"
    )


def test_a_known_translation_has_words_and_no_links():
    one = build_known_translation("a b c", "d e")
    assert (one.source_words, one.target_words, one.alignment) == (["a", "b", "c"], ["d", "e"], [])
    assert one.word_attention.shape == (2, 3)
    assert not one.word_attention.any()
