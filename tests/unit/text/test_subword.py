import pytest

from nmt.errors import DataError, FolderError, SettingsError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.text.corpus import Pair
from nmt.text.subword import (
    Subword,
    VocabularySizeError,
    cut_long_lines,
    select_fitting,
    split_into_parts,
    train_subword,
)
from nmt.text.words import split_words

SYLLABLES = ("ca", "do", "fi", "hen", "lu", "mo", "nit", "rab")
LINES = [f"the {first}{second} sees a {second}{first} and sleeps" for first in SYLLABLES for second in SYLLABLES]
SIZE = 300


@pytest.fixture(scope="module")
def subword():
    return Subword(train_subword(LINES, vocab_size=SIZE, symbols=["<sep>"]))


def test_the_first_ids_are_those_of_nmt_ids(subword):
    assert subword.size == SIZE
    assert subword.ids_to_pieces([PAD, UNK, BOS, EOS]) == ["<pad>", "<unk>", "<s>", "</s>"]


@pytest.mark.parametrize(
    "line", ["the cat sees a dog", "", "zebra", "Ünïcode 漢字 😀", "the cat<sep>a dog", "the </s> end"]
)
def test_decoding_an_encoded_line_gives_the_line(subword, line):
    ids = subword.encode(line)
    assert subword.decode(ids) == line
    assert UNK not in ids  # characters without a piece are encoded as bytes
    assert EOS not in ids  # also when the text contains "</s>"


@pytest.mark.parametrize(
    ("line", "normal"), [("  the \t cat\u2028sees  ", "the cat sees"), ("ﬁne ½", "fine ½"), ("a\ufeffb", "ab")]
)
def test_decoding_gives_the_normalised_line(subword, line, normal):
    assert subword.decode(subword.encode(line)) == normal


def test_special_ids_are_not_decoded(subword):
    ids = subword.encode("the cat")
    assert subword.decode([BOS, *ids, EOS, PAD, PAD]) == "the cat"


def test_a_decoded_text_is_one_line(subword):
    newline = subword.ids_to_pieces(range(SIZE)).index("<0x0A>")
    ids = [*subword.encode("the cat"), newline, *subword.encode("a dog")]
    assert "\n" not in subword.decode(ids)
    assert "\n" not in subword.segment_ids(ids).text


def test_a_symbol_stays_one_piece(subword):
    assert "<sep>" in subword.ids_to_pieces(subword.encode("cat<sep>dog"))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("byte_fallback", [True, False])
def test_symbols_are_those_that_training_was_given(kind, byte_fallback):
    size = {"vocab_size": 300 if byte_fallback else 40, "subword": kind, "byte_fallback": byte_fallback}
    symbols = ["<sep>", "@"]
    assert Subword(train_subword(LINES * 9, symbols=symbols, **size)).symbols == set(symbols)
    assert Subword(train_subword(LINES * 9, **size)).symbols == set()


def test_lines_encoded_together_have_the_same_ids_as_alone(subword):
    lines = [*LINES, "", "漢字"]
    for threads in (1, 2):
        assert [ids.tolist() for ids in subword.encode_lines(lines, threads)] == [
            subword.encode(line) for line in lines
        ]


LONG = {"blanks": " the cado sees  a dofi", "one word": "fihen", "no such letters": "Ёж ", "no blanks": "漢字。"}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_line_is_encoded_in_parts(subword, text, monkeypatch):
    line = text * 40
    whole = subword.encode(line)
    monkeypatch.setattr("nmt.text.subword.PART_CHARACTERS", 50)
    parts = list(split_into_parts(line, 50))
    assert "".join(parts) == line
    assert max(map(len, parts)) <= 50 < len(line)
    ids = subword.encode(line)
    assert [of_line.tolist() for of_line in subword.encode_lines(["a", line, ""])] == [subword.encode("a"), ids, []]
    if " " in text:
        assert ids == whole
    else:  # the word is several words
        assert subword.decode(ids) == " ".join(parts)


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("pieces", [1, 7, 40])
def test_a_cut_line_has_the_first_pieces_of_the_whole(subword, text, pieces):
    line = text * 2000
    cut = subword.cut(line, pieces)
    assert line.startswith(cut)
    assert pieces < len(subword.encode(cut)) <= 2 * pieces + 10
    assert subword.encode(cut)[:pieces] == subword.encode(line)[:pieces]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("the cat", "the cat"),
        ("", ""),
        ("the" + " " * 900 + "cat", "the" + " " * 900 + "cat"),  # blanks have no pieces
        ("\u200b" * 900 + "the cat", "\u200b" * 900 + "the cat"),  # bytes, but none that shows
        ("the" + " " * 900 + "cat " * 90, "the" + " " * 900 + "cat"),
    ],
)
def test_a_line_is_cut_only_beyond_its_pieces(subword, line, kept):
    cut = subword.cut(line, 2)
    assert len(cut) >= len(kept)
    assert cut.startswith(kept)


@pytest.mark.parametrize(
    "line",
    [
        "the cat sees",
        "  the   cat\tsees\u2028dogs ",
        "a ﬁ b",  # one character that becomes two
        "x 漢字 y 😀 z",  # characters spelled in bytes
        "a\u200bb c",  # U+200B is no blank, neither for the subword model nor for links
        "Ünïcode\u00a0words and 2\u202f500\u2009km",  # blanks for the subword model, and inside the words of links
        "今日は\u3000晴れ です",
        "the\x0bcat\u0085sees",
        "the c\u00ada\u00adt \u200f\u200e 漢\ufe0f字 \0se\u2060es\u00ad",  # invisible, and without a piece
    ],
)
def test_each_piece_belongs_to_its_word(subword, line):
    found = subword.segment(line)
    assert (found.text, found.ids, found.words) == (line, subword.encode(line), split_words(line))
    assert found.group_of_piece == sorted(found.group_of_piece)
    for number, word in enumerate(found.words):
        ids = [index for index, owner in zip(found.ids, found.group_of_piece, strict=True) if owner == number]
        assert subword.decode(ids) == subword.decode(subword.encode(word))


@pytest.mark.parametrize("word", ["\ufeff", "\x7f", "\ufeff\x02", "\x01", "\u00a0", "\u3000\u2003"])
def test_a_word_without_pieces_takes_no_piece_from_others(subword, word):
    assert subword.encode(word) == []
    found = subword.segment(f"the {word} cat")
    assert found.words == ["the", word, "cat"]
    assert sorted(set(found.group_of_piece)) == [0, 2]
    assert subword.decode([i for i, word in zip(found.ids, found.group_of_piece, strict=True) if word == 2]) == "cat"


INVISIBLE_LINE = "th\u00ade\u200b c\u2060at\u200e\ufe0f s\u202dee\u202cs\0 \u034f\U000e0041dogs"


def test_invisible_characters_do_not_divide_words_unless_the_text_of_training_has_them(subword):
    assert subword.encode(INVISIBLE_LINE) == subword.encode("the cat sees dogs")
    assert subword.cut(INVISIBLE_LINE * 90, 2).startswith("th\u00ade\u200b c\u2060at")
    lines = ["ខ្ញុំ\u200bទៅ\u200bផ្សារ", "می\u200cروم ❤\ufe0f", "the cat"] * 9
    learnt = Subword(train_subword(lines, vocab_size=286))
    kept = "ទៅ\u200bខ្ញុំ ری\u200cم\ufe0f"
    assert learnt.decode(learnt.encode(kept)) == kept
    assert learnt.decode(learnt.encode(f"\u00ad{kept}\u2060")) == kept
    assert learnt.drop_invisible(kept + "\u200e") == kept


@pytest.mark.parametrize("line", ["", " \t", "\u200b", "\u0085", "\u00a0\u200e \u2060", "\ufeff\u200c"])
def test_a_line_that_shows_nothing_has_no_pieces(subword, line):
    assert subword.encode(line) == subword.segment(line).ids == subword.encode_lines([line])[0].tolist() == []
    assert subword.segment(line).words == split_words(line)
    assert subword.encode(line + "a") != []


def test_words_and_pieces_of_ids(subword):
    ids = subword.encode("the 漢字 sees")
    found = subword.segment_ids([*ids, EOS, PAD])
    assert (found.text, found.ids, found.words) == ("the 漢字 sees", ids, ["the", "漢字", "sees"])
    assert len(found.group_of_piece) == len(ids)
    assert sorted(set(found.group_of_piece)) == [0, 1, 2]


def test_a_piece_that_is_a_blank_belongs_to_the_word_after_it(subword):
    found = subword.segment("the 漢")
    pieces = subword.ids_to_pieces(found.ids)
    blank = pieces.index("<0xE6>") - 1
    assert (pieces[blank], found.group_of_piece[blank]) == ("▁", 1)


def test_a_blank_at_the_end_belongs_to_the_word_before_it_if_there_is_one(subword):
    blank = subword.ids_to_pieces(range(SIZE)).index("▁")
    the = subword.encode("the")
    assert set(subword.segment_ids([*the, blank]).group_of_piece) == {0}
    assert set(subword.segment_ids([blank, blank]).group_of_piece) <= {-1}
    assert subword.segment_ids([]).words == []


def test_the_same_lines_give_the_same_model():
    models = {train_subword(iter(LINES), vocab_size=SIZE) for _ in range(2)}
    assert len(models) == 1
    assert Subword(models.pop()).fingerprint != Subword(train_subword(LINES, vocab_size=SIZE - 1)).fingerprint


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_the_largest_vocabulary_in_the_message_works(kind):
    with pytest.raises(DataError, match="en: a vocabulary of 5,000 pieces is larger than the text supports") as caught:
        train_subword(LINES, "en", vocab_size=5000, subword=kind)
    largest, hint = str(caught.value).partition("vocab_size=")[2].split(";") if kind == "unigram" else (None, None)
    assert hint == (" subword='bpe' allows larger ones" if kind == "unigram" else None)
    largest = int(largest or str(caught.value).partition("vocab_size=")[2])
    assert largest == caught.value.nearest
    assert Subword(train_subword(LINES, vocab_size=largest, subword=kind)).size == largest


def test_bpe_allows_larger_vocabularies_as_the_message_says():
    largest = []
    for kind in ("unigram", "bpe"):
        with pytest.raises(VocabularySizeError) as caught:
            train_subword(LINES, vocab_size=5000, subword=kind)
        largest.append(caught.value.nearest)
    assert largest[0] < largest[1]


def test_the_smallest_vocabulary_in_the_message_works():
    with pytest.raises(VocabularySizeError, match="en: a vocabulary of 100 pieces has no room") as caught:
        train_subword(LINES, "en", vocab_size=100, size_option="target_vocab_size")
    smallest = int(str(caught.value).partition("target_vocab_size=")[2].partition(",")[0])
    assert smallest == caught.value.nearest
    assert Subword(train_subword(LINES, vocab_size=smallest)).size == smallest


@pytest.mark.parametrize("lines", [[], ["", " "], [" " * 5000]])
def test_training_without_lines_raises_an_error(lines):
    with pytest.raises(DataError, match=r"en: there are no lines to train subwords on: all are empty$"):
        train_subword(lines, "en", vocab_size=SIZE)


@pytest.mark.parametrize(
    ("line", "sizes"),
    [
        ("x" * 4192, [4192]),  # as long as SentencePiece takes
        ("слово " * 700, [4190, 3508]),
        ("x" * 4193, [3674, 526]),
        ("漢" * 3000, [3145, 3145, 2713]),  # a text without blanks
        ("a" + " " * 5000 + "b", [3]),
        ("𠀀 " * 1000, [4189, 809]),
    ],
)
def test_lines_that_are_too_long_are_cut_and_lose_nothing(line, sizes):
    parts = list(cut_long_lines(["before", line, "", "after"]))
    assert [parts[0], *parts[-2:]] == ["before", "", "after"]
    assert [len(part.encode()) for part in parts[1:-2]] == sizes
    assert "".join(parts[1:-2]).replace(" ", "") == line.replace(" ", "")


@pytest.mark.parametrize("line", ["ЖУК И ЁЖ. " * 1000, "龍虎鳳" * 2000])
def test_long_lines_teach_subwords(line):
    subword = Subword(train_subword([line, *LINES * 3], vocab_size=45, byte_fallback=False))
    assert UNK not in subword.encode(line[:10])


@pytest.mark.parametrize(
    "symbol", ['<g id="1">', "<br />", "a,b", '"', "½", "ﬁ", "[PERSON 1]", "</x>", "<S>", "<unk", "e\u0301"]
)
@pytest.mark.parametrize("normalize", ["nfc", "nmt_nfkc", "identity"])
def test_a_symbol_is_one_piece_and_comes_back(symbol, normalize):
    subword = Subword(train_subword(LINES, vocab_size=297, symbols=[symbol], normalize=normalize))
    line = f"{symbol}the cat{symbol}dog {symbol}"
    pieces = subword.ids_to_pieces(subword.encode(line))
    assert pieces.count(symbol.replace(" ", "▁")) == 3
    assert subword.decode(subword.encode(line)) == line


@pytest.mark.parametrize(
    ("symbols", "problems"),
    [
        (["<pad>"], ["'<pad>' is the name of a piece that every subword model has"]),
        (["<x>", "</s>", "<s>"], [f"'{name}' is the name of a piece that every subword" for name in ("</s>", "<s>")]),
        (["<unk>", "<0x0A>"], [f"'{name}' is the name of a piece that every subword" for name in ("<unk>", "<0x0A>")]),
        (["@@", "<y>", "@@", "@@"], ["'@@' is given 3 times"]),
        (
            [" <x>", "<y>\t", "a  b", "a\u00a0b", "a\nb", "▁"],
            ["has a blank at an end, or a blank that is not a single space"],
        ),
        (["a\0b"], [r"'a\x00b' has a blank at an end, or a blank that is not a single space, or a NUL"]),
    ],
)
def test_symbols_that_cannot_be_pieces_are_named(symbols, problems):
    with pytest.raises(SettingsError) as caught:
        train_subword(LINES, vocab_size=SIZE, symbols=symbols)
    first, *lines, last = str(caught.value).splitlines()
    assert first == ("1 symbol cannot be used" if len(lines) == 1 else f"{len(lines)} symbols cannot be used")
    for problem in problems:
        assert any(problem in line for line in lines)
    assert last == "  Change or remove symbols"


def test_a_symbol_that_normalization_would_change_is_refused():
    with pytest.raises(
        SettingsError, match=r"changes the symbol '<q ½>', so .*\n  Write it .*or choose another normalize"
    ):
        train_subword(LINES, vocab_size=SIZE, symbols=["<q ½>"], normalize="nfkc")
    Subword(train_subword(LINES, vocab_size=SIZE, symbols=["<q ½>"]))


def test_without_byte_fallback_new_characters_are_unknown():
    subword = Subword(train_subword(LINES, vocab_size=40, byte_fallback=False))
    assert UNK in subword.encode("漢")


def test_reading_a_model(subword, tmp_path):
    path = tmp_path / "it.model"
    with pytest.raises(FolderError, match=r"it\.model cannot be read: No such file"):
        Subword.read(path)
    path.write_bytes(subword.model_bytes[:1000])
    with pytest.raises(FolderError, match=r"it\.model is not a SentencePiece model"):
        Subword.read(path)
    path.write_bytes(subword.model_bytes)
    assert Subword.read(path).fingerprint == subword.fingerprint


@pytest.mark.parametrize(("rule", "decoded"), [("identity", "the ﬁne，cat"), ("nfkc", "the fine,cat")])
def test_the_normalisation_rule_can_be_chosen(rule, decoded):
    lines = [*LINES, "the ﬁne，cat"]
    subword = Subword(train_subword(lines, vocab_size=300, normalize=rule))
    assert subword.decode(subword.encode("the ﬁne，cat")) == decoded


@pytest.mark.parametrize("content", [b"", b"text", b"\x00" * 50])
def test_a_file_that_is_no_model_raises_an_error_and_sentencepiece_prints_nothing(tmp_path, capfd, content):
    (tmp_path / "source.model").write_bytes(content)
    with pytest.raises(FolderError, match=r"source\.model is not a SentencePiece model\n  Restore"):
        Subword.read(tmp_path / "source.model")
    assert capfd.readouterr() == ("", "")


def test_pairs_that_are_surely_too_long_are_not_for_subword_models():
    """A piece has at most 16 characters, so that 33 characters are more than two pieces."""
    short, long_source, long_target = Pair("a" * 32, "b" * 32), Pair("a" * 33, "b"), Pair("a", "b" * 33)
    assert select_fitting([long_source, short, long_target], 2) == [short]
    assert select_fitting([long_source, long_target], 2) == [long_source, long_target]
    assert select_fitting([], 2) == []
