"""Long lines are split into parts, and the translations of the parts are joined."""

import itertools

import numpy as np
import pytest
from support.corpora import WORDS as TOY_WORDS
from support.lines import translate_lines
from support.scripted import copying

from nmt.analysis.alignment import extract_links
from nmt.text.subword import Subword, train_subword
from nmt.text.words import split_words
from nmt.translation import long_lines
from nmt.translation.long_lines import cut_span, split_line

OPTIONS = {"beam": 2, "normalization": "wu", "alpha": 1.0, "max_length_ratio": 2.0, "max_length_extra": 3}


@pytest.fixture(scope="module")
def subword():
    lines = [" ".join(words) + ", . " for words in itertools.permutations(TOY_WORDS, 2)]
    return Subword(train_subword(lines, vocab_size=290))


class Letters:
    """A subword model in which every character but blanks is a piece."""

    def encode(self, line):
        return [ord(letter) for letter in line if letter != " "]


@pytest.fixture(params=["sentencex", "no sentencex"])
def splitter(request, monkeypatch):
    """Sentences are found with the library and without it."""
    if request.param == "sentencex":
        pytest.importorskip("sentencex")
    else:
        monkeypatch.setattr(long_lines, "sentencex", None)


@pytest.mark.usefixtures("splitter")
@pytest.mark.parametrize(
    ("line", "longest", "parts"),
    [
        ("a b c", 3, ["a b c"]),
        ("", 3, [""]),
        ("a b c d", 3, ["a b c ", "d"]),  # at the last blank
        ("ab. cd ef gh", 7, ["ab. ", "cd ef gh"]),  # after the sentence
        ("ab, cd. ef, gh", 9, ["ab, cd. ", "ef, gh"]),  # after a sentence rather than a later comma
        ("Ab. Cd ef. Gh", 9, ["Ab. ", "Cd ef. ", "Gh"]),  # after every sentence
        ("Ab. Cd ef. Gh", 10, ["Ab. Cd ef. Gh"]),
        ("Ab. Cd, ef gh ij. Kl", 7, ["Ab. ", "Cd, ", "ef gh ij. ", "Kl"]),
        ("ab z.b. cd. 5 ef", 9, ["ab z.b. cd. ", "5 ef"]),  # a lower-case letter follows an abbreviation
        ("你好。世界！好", 6, ["你好。", "世界！", "好"]),
        ("ab, cd ef gh", 7, ["ab, ", "cd ef gh"]),
        ('ab." cd ef gh', 8, ['ab." ', "cd ef gh"]),  # closing quotation marks belong to the sentence
        ("  ab  cd ", 2, ["  ab  ", "cd "]),
        ("abcdefgh", 3, ["ab", "cd", "ef", "gh"]),  # a word that is too long
        ("ab abcdefgh", 4, ["ab ", "abcd", "efgh"]),
        ("你好。世界，好吗", 4, ["你好。", "世界，", "好吗"]),  # no blanks
        ("3.14 a", 4, ["3.14 ", "a"]),
        ("aaaa", 1, ["a", "a", "a", "a"]),
    ],
)
def test_long_lines_are_split_at_sentences_clauses_and_blanks(line, longest, parts):
    assert split_line(line, Letters(), longest) == parts
    assert "".join(parts) == line


@pytest.mark.usefixtures("splitter")
@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["We saw Dr. Smith, Mrs. Jones and Prof. Hill near St. James. ", "They left at 6 p.m. in a U.S. car. "]),
        ("en", ["it rained. ", "we stayed at home! ", "did you? ", "no."]),
        ("en", ['"Why?" she asked. ', "Nobody knew."]),
        ("ne", ["मेरो घर ठूलो छ। ", "यो किताब हो। "]),
        ("sa", ["रामः वनं गच्छति॥ ", "सीता अपि॥"]),
        ("ur-PK", ["وہ کہاں گیا؟ ", "وہ گھر گیا۔ ", "اچھا۔"]),
        ("fa", ["حالت چطور است؟ ", "خوبم. ", "تو چطوری؟"]),
        ("ti", ["ሰላም ንዓለም። ", "ደሓንዶ ሓዲርኩም፧ ", "እወ።"]),
        ("hy", ["Բարեւ ձեզ։ ", "Ինչպե՞ս եք։ "]),
        ("km", ["ខ្ញុំទៅសាលា។ ", "គាត់នៅផ្ទះ៕ "]),
        ("my", ["သူသွားသည်။ ", "ငါနေသည်။"]),
        ("zh_TW", ["他走了。", "「你好嗎？」", "她問我！", "真的……"]),
        ("ja", ["『本当ですか？』と聞いた。", "はい！", "「行く。」って言った。"]),
        ("xyz", ["Ka mo. ", "Lu ta."]),
    ],
)
def test_sentences_end_as_their_language_ends_them(language, sentences):
    line = "".join(sentences)
    longest = max(len(Letters().encode(sentence)) for sentence in sentences)
    assert split_line(line, Letters(), longest, language) == sentences


LINES = [
    "ba de, fi go. ku la me ni po ru sa te vi wo zu ba",
    "ba " * 40 + "zu",
    "badefigokulame" * 5 + " de fi",
    "ba de\u00a0fi go ku\u202fla\u3000me ni\u2009po ru\tsa te vi wo zu",  # some parts end inside a word
    "  ba de fi   go ku la me ni po  ",
    "ba",
    "",
    "\u3000",
]


class CountingList(list):
    """A list that counts how many of its items are read."""

    reads = 0

    def __getitem__(self, place):
        found = super().__getitem__(place)
        self.reads += len(found) if isinstance(place, slice) else 1
        return found

    def __iter__(self):
        self.reads += len(self)
        return super().__iter__()


@pytest.mark.parametrize(
    ("begin", "end", "spans"),
    [
        (0, 10, [(0, 4), (4, 8), (8, 10)]),
        (4, 8, [(4, 8)]),
        (5, 7, [(5, 7)]),
        (3, 9, [(3, 4), (4, 8), (8, 9)]),
    ],
)
def test_words_are_cut_where_sentences_begin(begin, end, spans):
    assert list(cut_span(begin, end, [4, 8, 20])) == spans


def test_the_time_of_cutting_a_word_does_not_depend_on_the_number_of_sentences():
    begins = CountingList(range(0, 1_000_000, 10))
    assert list(cut_span(500_005, 500_012, begins)) == [(500_005, 500_010), (500_010, 500_012)]
    assert begins.reads < 100


@pytest.mark.parametrize("longest", [4, 7, 20])
def test_joined_parts_have_the_indices_of_the_whole_line(subword, longest):
    search = OPTIONS | {"split_long": True, "longest": longest}
    for line, (one,) in zip(
        LINES, translate_lines(copying(subword.size), subword, subword, LINES, **search), strict=True
    ):
        parts = split_line(line, subword, longest)
        assert one.source == line
        assert one.source_words == split_words(line)
        assert one.text.split() == one.target_words == "".join(f"{part} " for part in parts).split()
        assert one.attention_TS.shape == (len(one.tokens), len(one.source_pieces))
        assert len(one.token_log_probs) == len(one.tokens)
        assert one.log_prob == pytest.approx(sum(one.token_log_probs))
        assert np.array_equal(one.attention_TS, np.eye(len(one.tokens)))  # every piece attends to its copy
        assert one.alignment == extract_links(one.word_attention)
        starts = np.cumsum(
            [0, *(len("".join(word.split())) for word in split_words(line))]
        )  # each copy is linked to the word that it is a part of
        letter = 0
        for source, target in sorted(one.alignment, key=lambda link: link[1]):
            assert starts[source] <= letter < starts[source + 1]
            letter += len(one.target_words[target])


def test_parts_are_translated_as_separate_lines(subword):
    model = copying(subword.size)
    (whole,) = translate_lines(model, subword, subword, LINES[:1], **OPTIONS, split_long=True, longest=7, n_best=2)
    parts = list(
        translate_lines(model, subword, subword, split_line(LINES[0], subword, 7), **OPTIONS, n_best=2, batch_size=1)
    )
    for rank, one in enumerate(whole):
        assert one.text == " ".join(part[rank].text for part in parts if part[rank].text)
        assert one.score == pytest.approx(sum(part[rank].score for part in parts))
        assert one.tokens == [token for part in parts for token in part[rank].tokens]


def test_without_split_long_no_line_is_split(subword):
    ((one,),) = translate_lines(copying(subword.size), subword, subword, LINES[:1], **OPTIONS, longest=4)
    assert one.tokens.count("</s>") == 1
