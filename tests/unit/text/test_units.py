import pytest

from nmt.errors import UsageError
from nmt.text import units as units_of_text
from nmt.text.subword import Subword, train_subword
from nmt.text.units import WORDS, Units, choose_units, find_units, is_text_unspaced, is_vocabulary_unspaced

CHARACTERS, PIECES = Units("characters"), Units("pieces")
CHINESE = ["小猫在花园里睡觉", "狗看见小猫", "老师在学校里看书", "花园里有狗", "小猫和狗在学校", "老师看见花园"]
THAI = ["แมวนอนในสวน", "หมาเห็นแมว", "ครูอ่านหนังสือที่โรงเรียน", "ในสวนมีหมา แมวเห็นครู", "ครูอยู่ในสวน"]
ENGLISH = ["the cat sleeps in the garden", "the dog sees the cat", "the teacher reads at school", "a dog is there"]


def make_subword(lines, longer=12, **options):
    """A model with a piece for each character and about so many longer ones."""
    size = 4 + len(set("".join(lines))) + longer + 256 * options.get("byte_fallback", False)
    return Subword(train_subword(lines * 9, vocab_size=size, subword="bpe", **{"byte_fallback": False} | options))


def make_pieces(lines):
    subword = make_subword(lines)
    return subword.ids_to_pieces(range(subword.size))


@pytest.fixture(scope="module")
def chinese():
    return make_subword(CHINESE, byte_fallback=True)


@pytest.mark.parametrize(
    ("text", "units", "expected"),
    [
        ("10\u00a0000  euros\t!", WORDS, ["10\u00a0000", "euros", "!"]),
        ("小猫\u3000在 a\u00a0b", CHARACTERS, ["小", "猫", "在", "a", "b"]),
        ("ที่นี่", CHARACTERS, ["ที่", "นี่"]),  # letters have the marks above them
        ("ភាសាខ្មែរ", CHARACTERS, ["ភា", "សា", "ខ្", "មែ", "រ"]),
        ("ກິນເຂົ້າ", CHARACTERS, ["ກິ", "ນ", "ເ", "ຂົ້", "າ"]),
        ("か\u3099e\u0301", CHARACTERS, ["か\u3099", "e\u0301"]),
        ("", CHARACTERS, []),
        (" \u00a0", CHARACTERS, []),
        ("", WORDS, []),
    ],
)
def test_units_of_a_text(text, units, expected):
    assert [text[begin:end] for begin, end in find_units(text, units)] == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "今天天气很好，我们去公园。", ["今天", "天气", "很好", "，", "我们", "去", "公园", "。"]),
        ("th", "อากาศดีมาก เราไปสวนกัน", ["อากาศ", "ดี", "มาก", "เรา", "ไป", "สวน", "กัน"]),
        ("lo", "ມື້ນີ້ອາກາດດີ", ["ມື້ນີ້", "ອາກາດ", "ດີ"]),
        ("km", "ថ្ងៃនេះអាកាសធាតុល្អ", ["ថ្ងៃនេះ", "អាកាសធាតុ", "ល្អ"]),
        ("ja", "😀公園\u3000へ", ["😀", "公園", "へ"]),  # a character of two UTF-16 units shifts nothing
    ],
)
def test_icu_finds_words(language, text, expected):
    pytest.importorskip("icu4py", reason="no ICU (pip install icu4py)")
    spans = find_units(text, Units("icu-words", language))
    assert [text[begin:end] for begin, end in spans] == expected


@pytest.mark.parametrize("units", [WORDS, CHARACTERS, PIECES])
@pytest.mark.parametrize("line", [*CHINESE, "小猫 在\u3000花园", "a 狗", "飞机 见狗", "😀狗", "", " ", "\u00a0"])
def test_a_group_is_the_units_that_share_pieces(chinese, line, units):
    found = chinese.segment(line, units)
    assert found.ids == chinese.encode(line)
    assert len(found.group_of_word) == len(found.words)
    assert sorted(set(found.group_of_word)) == list(range(found.groups))
    assert found.group_of_piece == sorted(found.group_of_piece)
    if units != WORDS:
        assert "".join(found.words) == "".join(line.split())
    for group in range(found.groups):
        text = "".join(word for word, own in zip(found.words, found.group_of_word, strict=True) if own == group)
        ids = [index for index, own in zip(found.ids, found.group_of_piece, strict=True) if own == group]
        assert chinese.decode(ids).split() == text.split()


def test_characters_of_one_piece_are_one_group(chinese):
    found = chinese.segment("狗看见小猫", CHARACTERS)
    pieces = [piece.strip("▁") for piece in chinese.ids_to_pieces(found.ids)]
    assert "小猫" in pieces
    assert found.words == list("狗看见小猫")
    assert found.group_of_word[-2] == found.group_of_word[-1] != found.group_of_word[0]
    alone = chinese.segment("飞", CHARACTERS)  # spelled in three bytes
    assert (len(alone.ids) > 2, alone.words, set(alone.group_of_piece)) == (True, ["飞"], {0})


def test_the_units_of_generated_text_are_those_of_its_line(chinese):
    for units in (WORDS, CHARACTERS, PIECES):
        line = chinese.segment("花园里 有狗", units)
        assert chinese.segment_ids(line.ids, units) == line


def test_a_symbol_with_a_space_is_one_piece_and_has_no_space_as_a_unit():
    subword = make_subword(ENGLISH, symbols=['<g id="1">'], byte_fallback=True)
    assert '<g\u00a0id="1">' in subword.segment('the <g id="1"> cat', PIECES).words


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (CHINESE, True),
        (THAI, True),  # with blanks between phrases
        (["ສະບາຍດີທ່ານທັງຫຼາຍ", "ຂ້ອຍກິນເຂົ້າ"], True),
        (["ខ្ញុំស្រឡាញ់អ្នក", "ថ្ងៃនេះអាកាសធាតុល្អ"], True),
        (["བཀྲ་ཤིས་བདེ་ལེགས", "ང་ཚོ་འགྲོ"], True),
        (["はい。", "東京タワーへAnnaと行った。", "iPhoneを買ったあと、駅まで歩いた。"], True),
        ([*CHINESE, "", "...", "100"], True),
        (["小猫 在 花园 里 睡觉 。", "老师 看 书", "好 。"], False),  # split into words before
        (["แมว นอน ใน สวน", "ครู อ่าน หนังสือ ที่ โรงเรียน"], False),
        (["ខ្ញុំ ស្រឡាញ់ អ្នក", "ថ្ងៃ នេះ អាកាសធាតុ ល្អ"], False),
        (ENGLISH, False),
        (["고양이가 정원에서 잔다", "개가 고양이를 본다"], False),
        (["He said 你好 to them all.", "The word 猫 means cat."], False),
        ([], False),
    ],
)
def test_text_without_blanks_between_words_is_recognised(lines, expected):
    assert is_text_unspaced(lines) == expected


def test_the_first_lines_tell_how_a_text_is_written(monkeypatch):
    """A corpus need not be read to its end, and all who judge it read the same lines."""
    monkeypatch.setattr(units_of_text, "JUDGED_LINES", 2)
    assert is_text_unspaced([*CHINESE[:2], *ENGLISH])


@pytest.mark.parametrize(
    ("language", "lines", "is_joint", "expected"),
    [
        ("zh", CHINESE, False, True),
        ("zh_Hant", CHINESE, False, True),
        ("xx", CHINESE, False, True),  # by its script
        ("tha_Thai", THAI, False, True),
        ("khb", ["ᦱᦲᦳᦴᦵᦶᦷ ᦸᦹᦺᦻᦼᦽ"], False, True),  # New Tai Lue
        ("tdd", ["ᥐᥑᥒᥓᥔᥕᥖᥗᥘ"], False, True),  # Tai Le
        ("blt", ["ꪀꪁꪂꪃꪄꪅꪆꪇ"], False, True),  # Tai Viet
        ("nod", ["ᨠᩣᨡᨢᨣᨤᨥᨦᨧ"], False, True),  # Tai Tham
        ("shn", ["ꩠꩡꩢꩣꩤꩥꩦꩧ"], False, True),  # Burmese letters beyond the first block
        ("jv_Java", ["ꦲꦤꦕꦫꦏꦢꦠꦱꦮꦭ"], False, True),
        ("ban", ["ᬅᬓᬱᬭᬩᬮᬶ"], False, True),
        ("en", ENGLISH, False, False),
        ("zh", ["xiao mao zai hua yuan li", "lao shi kan shu"], False, False),  # in Latin letters
        ("ko", ["고양이가 정원에서 잔다", "개가 고양이를 본다"], False, False),
        ("zh", ENGLISH + CHINESE, True, True),
        ("en", ENGLISH + CHINESE, True, False),
        ("xx", CHINESE, True, False),
    ],
)
def test_a_vocabulary_without_blanks_is_recognised(language, lines, is_joint, expected):
    assert is_vocabulary_unspaced(language, make_pieces(lines), is_joint) == expected


def test_units_are_chosen_by_name_or_by_how_text_is_written(monkeypatch):
    assert choose_units("auto", "zh", True) == Units("characters", "zh")
    assert choose_units("auto", "en", False) == WORDS
    assert choose_units("words", "zh", True).name == "words"
    assert choose_units("pieces", "en", False).name == "pieces"
    monkeypatch.setattr(units_of_text, "WordBreaker", object())
    assert choose_units("icu-words", "zh", True) == Units("icu-words", "zh")
    assert choose_units("icu-words", "en", False) == WORDS
    monkeypatch.setattr(units_of_text, "WordBreaker", None)
    for name, message in (
        ("icu-words", "units='icu-words' needs the extra icu: pip install \"nmt[icu]\""),
        ("character", 'there are no units "character"; did you mean "characters"?\n  They are auto, words, pieces, '),
    ):
        with pytest.raises(UsageError) as caught:
            choose_units(name, "zh", True)
        assert str(caught.value).startswith(message)
