"""Links between characters, pieces and words of ICU, where a language has no blanks between words."""

import base64
import json
import re
import zlib

import pytest
from playwright.sync_api import expect

import nmt
from nmt.errors import UsageError
from nmt.settings import ModelSettings, RunSettings, TrainSettings

WORDS = {"cat": "小猫", "dog": "狗", "teacher": "老师", "garden": "花园", "school": "学校", "book": "书"}
PAIRS = [(f"the {a} sees a {b}", f"{WORDS[a]}看见{WORDS[b]}。") for a in WORDS for b in WORDS if a != b]
TOKENIZED = [(english, chinese.replace("看见", " 看见 ").replace("。", " 。")) for english, chinese in PAIRS]
SOURCE, TARGET = "the cat sees a teacher\n\nthe book sees a dog\n", "小猫看见老师。\n\n书看见狗。\n"


def train(folder, pairs, target_lang="zh"):
    nmt.prepare(pairs * 2, pairs[:9], folder / "data", source_lang="en", target_lang=target_lang, keep_duplicates=True)
    small = ModelSettings(embedding_size=8, encoder_size=8, decoder_size=8)
    settings = RunSettings(model=small, train=TrainSettings(max_updates=2, precision="float32"))
    nmt.train(folder / "data", folder / "run", settings, device="cpu")
    return folder / "run"


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A run from English to Chinese, which has learnt next to nothing."""
    return train(tmp_path_factory.mktemp("chinese"), PAIRS)


@pytest.fixture
def align(run_nmt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").write_text(SOURCE)
    (tmp_path / "target").write_text(TARGET, encoding="utf-8")
    words = ("align", "--source", "source", "--target", "target", "--precision", "float32")
    return lambda run, *more: run_nmt(*words, "--model", run, *more)


def read_matrices(folder):
    return [json.loads(line) for line in (folder / "matrix.jsonl").read_text(encoding="utf-8").splitlines()]


def test_characters_are_linked_where_a_language_has_no_blanks(align, chinese, tmp_path):
    done = align(chinese, "--matrix", "matrix.jsonl", "--table", "table.tsv", "--html", "page.html", "--show", 1)
    assert done.code == 0, done.stderr
    assert done.stderr.startswith("nmt: links are between words of the source and characters of the target\n")
    first, empty, third = read_matrices(tmp_path)
    assert first["source_words"] == ["the", "cat", "sees", "a", "teacher"]
    assert first["target_words"] == list("小猫看见老师。")
    assert (empty["target_words"], third["target_words"]) == ([], list("书看见狗。"))
    links = [[tuple(map(int, link.split("-"))) for link in line.split()] for line in done.stdout.splitlines()]
    assert [[list(link) for link in of_pair] for of_pair in links] == [row["links"] for row in (first, empty, third)]
    assert {target for _, target in links[0]} == set(range(7))
    assert [len(weights) for weights in first["attention"]] == [5] * 7
    assert "\n小 " in done.stderr
    table = [line.split("\t") for line in (tmp_path / "table.tsv").read_text(encoding="utf-8").splitlines()]
    assert {row[-1] for row in table[1:]} == {"小 猫 看 见 老 师 。", "", "书 看 见 狗 。"}
    packed = re.search(r'id="index">([A-Za-z0-9+/=]*)<', (tmp_path / "page.html").read_text())
    shown = json.loads(zlib.decompress(base64.b64decode(packed[1])))["sentences"][0]["views"][0]
    assert (shown["target"], shown["links"]) == ("\x1f".join("小猫看见老师。"), first["links"])


@pytest.mark.parametrize("units", ["pieces", "characters", "words"])
def test_units_are_chosen_for_both_sides(align, chinese, tmp_path, units):
    done = align(chinese, "--matrix", "matrix.jsonl", "--units", units, "--format", "json")
    assert done.code == 0
    document = json.loads(done.stdout)
    assert document["units"] == [units, units]
    first = read_matrices(tmp_path)[0]
    counts = {"words": (5, 1), "characters": (18, 7)}
    sides = first["source_words"], first["target_words"]
    if units in counts:
        assert tuple(map(len, sides)) == counts[units]
    else:
        pieces = nmt.load(chinese).runs[0].target_subword
        assert len(sides[1]) <= len(pieces.encode("小猫看见老师。"))
    assert ["".join(side) for side in sides] == ["thecatseesateacher", "小猫看见老师。"]
    note = "" if units == "words" else f"nmt: links are between {units} of the source and {units} of the target\n"
    assert done.stderr == note


def test_words_of_icu_are_linked(align, chinese, tmp_path):
    pytest.importorskip("icu4py", reason="no ICU (pip install icu4py)")
    done = align(chinese, "--matrix", "matrix.jsonl", "--units", "icu-words")
    assert (done.code, done.stderr) == (0, "nmt: links are between words of the source and icu-words of the target\n")
    first = read_matrices(tmp_path)[0]
    assert first["source_words"] == ["the", "cat", "sees", "a", "teacher"]
    assert first["target_words"] == ["小猫", "看见", "老师", "。"]


def test_text_that_was_split_into_words_has_links_between_them(align, tmp_path):
    run = train(tmp_path, TOKENIZED)
    (tmp_path / "target").write_text("小猫 看见 老师 。\n\n书 看见 狗 。\n", encoding="utf-8")
    done = align(run, "--matrix", "matrix.jsonl")
    assert (done.code, done.stderr) == (0, "")
    assert read_matrices(tmp_path)[0]["target_words"] == ["小猫", "看见", "老师", "。"]


def test_gold_links_count_the_same_units(align, chinese, tmp_path):
    (tmp_path / "own").write_text(align(chinese).stdout)
    done = align(chinese, "--gold", "own")
    assert done.stderr.splitlines()[-1].split() == ["forward", "0.0", *["100.0"] * 3]
    refused = align(chinese, "--gold", "own", "--units", "words")
    assert (refused.code, refused.stdout) == (2, "")
    assert "is out of range: the pair has 5 and 1 words\n" in refused.stderr
    (tmp_path / "own").write_text("5-0\n\n\n")
    refused = align(chinese, "--gold", "own")
    assert "is out of range: the pair has 5 words and 7 characters\n  They are counted from 0; " in refused.stderr


@pytest.mark.parametrize("units", ["auto", "words", "pieces", "characters"])
@pytest.mark.parametrize("split", [[], ["--split-long", "--longest", 4]])
def test_translations_are_linked_as_their_pairs_are(run_nmt, align, chinese, tmp_path, units, split):
    words = ("translate", "--model", chinese, "--precision", "float32", "--units", units, *split)
    limits = ("--max-length-ratio", 1, "--max-length-extra", 4)
    done = run_nmt(*words, *limits, "--format", "jsonl", "--alignments", "links", "source")
    assert done.code == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    names = ["words", "characters"] if units == "auto" else [units, units]
    assert [one["units"] for one in found] == [names] * 3
    for one, line in zip(found, (tmp_path / "links").read_text().splitlines(), strict=True):
        assert line == " ".join(f"{i}-{j}" for i, j in one["alignment"])
        assert "".join(one["source_words"]) == "".join(one["source"].split())
        blanks = "[ \t]" if units == "words" else r"\s"  # other blanks are parts of words
        assert "".join(one["target_words"]) == re.sub(blanks, "", one["text"])
        if units == "characters":
            assert one["source_words"] == list("".join(one["source"].split()))
        assert all(i < len(one["source_words"]) and j < len(one["target_words"]) for i, j in one["alignment"])
    assert ("links are between" in done.stderr) == (units != "words")


def test_units_are_an_argument_in_python(chinese):
    (pair,) = nmt.align(chinese, ["the cat sees a dog"], ["小猫看见狗。"])
    assert pair.target_words == list("小猫看见狗。")
    assert pair.forced.alignment == pair.links
    assert pair.forced.word_attention.shape == (6, 5)
    assert repr(pair) == f"AlignedPair('the cat sees a dog', '小猫看见狗。', links={pair.links})"
    (pair,) = nmt.align(chinese, ["the cat sees a dog"], ["小猫看见狗。"], units="words")
    assert pair.target_words == ["小猫看见狗。"]
    one = nmt.load(chinese).translate(["the cat sees a dog"], beam=1, units="characters")[0]
    assert one.word_attention.shape == (len(one.target_words), len(one.source_words))
    assert one.source_words == list("thecatseesadog")
    for call in (nmt.align, lambda run, source, target, **units: nmt.load(run).translate(source, **units)):
        with pytest.raises(UsageError, match='there are no units "word"; did you mean "words"'):
            call(chinese, ["a"], ["b"], units="word")


def test_a_page_has_characters_and_finds_text(align, chinese, tmp_path, open_page):
    assert align(chinese, "--html", "page.html").stderr.endswith(
        "\npage.html: a page of 3 pairs, to open in a browser\n"
    )
    page = open_page((tmp_path / "page.html").as_uri())
    assert page.locator("#about").text_content() == "en (words) → zh (characters) · run"
    assert page.locator(".item .target").first.text_content() == "小猫看见老师。"
    target = page.locator('.view .words[aria-label="target words"] .word')
    assert [word.strip() for word in target.all_text_contents()] == list("小猫看见老师。")
    page.locator("#search").fill("看见狗")
    expect(page.locator(".item .target")).to_have_text(["书看见狗。"])
