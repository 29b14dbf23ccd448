import pytest

from nmt.analysis import tokenizers
from nmt.analysis.metrics import TOKENIZERS, can_use, score_corpus
from nmt.analysis.tokenizers import BY_LANGUAGE, BY_SCRIPT, choose_tokenizer, resolve_tokenizer

LAO = ["ຂ້ອຍຊື້ແມວໂຕໜຶ່ງຢູ່ຕະຫຼາດ", "ລາວເຫັນປຶ້ມສອງຫົວ ໃນໂຮງຮຽນມື້ວານນີ້"]
KHMER = ["ខ្ញុំបានទិញឆ្មាមួយក្បាល។", "គាត់បានឃើញសៀវភៅពីរក្បាល"]
BURMESE = ["ကျွန်တော်ကြောင်တစ်ကောင်ဝယ်ခဲ့တယ်။", "သူမသည် ဈေးသို့သွားခဲ့သည်။"]
CHINESE = ["昨天我在市場買了一隻貓。", "學生洗了五個杯子！", "她在 2019 年去了 Berlin。"]
JAPANESE = ["先生は学校で本を二冊買いました。", "東京特許許可局", "駅で友達に会った。"]
KOREAN = ["나는 어제 시장에서 고양이를 샀다.", "그는 책 두 권을 보았다."]
GERMAN = ["Ich habe gestern eine Katze gekauft.", "Der Lehrer las „東京“."]


@pytest.fixture
def without_mecab(monkeypatch):
    monkeypatch.setattr(tokenizers, "can_use", lambda name: not name.endswith("-mecab"))


@pytest.fixture
def with_mecab(monkeypatch):
    monkeypatch.setattr(tokenizers, "can_use", lambda name: True)


@pytest.mark.parametrize(
    ("codes", "chosen"),
    [
        (["zh", "zh_CN", "zh-Hant-TW", "ZHO", "cmn_Hans", "yue", "wuu", "cjy", "nan", "lzh", "zh.txt"], "zh"),
        (["ja", "jpn", "ja_JP.UTF-8", "jpn_Jpan"], "ja-mecab"),
        (["ko", "kor_Hang", "ko-KR"], "ko-mecab"),
        (["th", "tha", "lo", "lao_Laoo", "km", "khm", "my", "mya", "bo", "bod_Tibt", "dz", "shn"], "char"),
        (["en", "de_DE", "vi", "id", "mn", "ar", "hi", "fa", "tr", "src", "label", "", None], "13a"),
        (["nan_Latn", "ja-Latn", "tha_latn"], "13a"),
    ],
)
@pytest.mark.usefixtures("with_mecab")
def test_a_language_has_its_tokenizer(codes, chosen):
    assert {code: choose_tokenizer(code) for code in codes} == dict.fromkeys(codes, chosen)


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        (LAO, "char"),
        (KHMER, "char"),
        (BURMESE, "char"),
        (CHINESE, "zh"),
        (JAPANESE, "ja-mecab"),
        (KOREAN, "ko-mecab"),
        (GERMAN, "13a"),
        (["猫", "犬", "鳥"], "zh"),  # labels: nothing tells that they are Japanese
        (["แมว", "หมา"], "char"),
        (["昨日 彼女 は 家 で 猫 を 買い ました 。", "駅 で 友達 に 会っ た 。"], "13a"),  # tokenized text
        (["ฉัน ซื้อ แมว หนึ่ง ตัว ที่ ตลาด", "เขา เห็น หนังสือ สอง เล่ม"], "13a"),
        (["Я купил кошку.", "मैंने एक बिल्ली ख़रीदी।", "یک گربه خریدم"], "13a"),
        ([*GERMAN, "昨天我在市場買了一隻貓。"], "13a"),  # a line that was not translated
        (["", "  ", "12 + 3", *KHMER, "5"], "13a"),  # not most of the lines
        (["", *KHMER, "5"], "char"),
        (["", "12"], "13a"),
        ([], "13a"),
    ],
)
@pytest.mark.usefixtures("with_mecab")
def test_an_unknown_language_is_recognised_by_the_script(lines, chosen):
    assert choose_tokenizer("trg", lines) == chosen
    assert choose_tokenizer(None, iter(lines)) == chosen


@pytest.mark.parametrize(
    ("language", "lines"), [("ja", []), ("kor", []), ("ja", GERMAN), ("tgt", JAPANESE), (None, KOREAN)]
)
@pytest.mark.usefixtures("without_mecab")
def test_characters_replace_a_tokenizer_that_is_not_installed(language, lines):
    assert choose_tokenizer(language, lines) == "char"


@pytest.mark.usefixtures("with_mecab")
def test_a_name_is_kept_and_auto_reads_every_reference():
    assert resolve_tokenizer("intl", "zh", [CHINESE]) == "intl"
    assert resolve_tokenizer("auto", "zh", [GERMAN]) == "zh"
    assert resolve_tokenizer("auto", None, [["", ""], JAPANESE]) == "ja-mecab"


def test_what_is_chosen_is_one_of_sacrebleus():
    assert {*BY_LANGUAGE.values(), *BY_SCRIPT.values()} < set(TOKENIZERS)
    assert [can_use(name) for name in ("13a", "zh", "char")] == [True] * 3


@pytest.mark.parametrize(("language", "lines"), [("lo", LAO), ("km", KHMER), (None, CHINESE), ("yue", CHINESE)])
def test_a_sentence_that_is_nearly_right_has_a_score(language, lines):
    nearly = [line.replace(line[4], "", 1) for line in lines]
    by_words, by_choice = (
        score_corpus(nearly, [lines], tokenize=name)[0].score for name in ("13a", choose_tokenizer(language, lines))
    )
    assert by_words < 35 < 50 < by_choice  # a sentence without blanks is one wrong word by 13a
