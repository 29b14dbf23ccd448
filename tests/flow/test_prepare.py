"""`nmt prepare`: its folder, its messages, and its errors, after which nothing has changed."""

import gzip
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from itertools import product

import pytest
from support.corpora import SIZES
from support.fixtures import ROOT

import nmt
from nmt.data.prepared import PreparedCorpus

PAIRS = f"{SIZES['train']:,}"
LANGS = ("--source-lang", "a", "--target-lang", "b")


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """A copy of the toy corpus that a test may change."""
    return shutil.copytree(tiny_corpus, tmp_path / "corpus")


@pytest.fixture
def prepare(run_nmt, corpus):
    """Prepare that corpus: `prepare("--joint")` -> Done, into `corpus/out`."""

    def run(*words, train=("--train", corpus / "train"), valid=("--valid", corpus / "valid"), size=296, **how):
        return run_nmt("prepare", *LANGS, *train, *valid, "--out", corpus / "out", "--vocab-size", size, *words, **how)

    return run


def contents(folder):
    """Every file below a folder, and the digest of its bytes."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_same_text_on_both_sides_is_noted(prepare, corpus):
    """One file under two names. Lines that are names or numbers are the same in both languages."""
    question = f"of {PAIRS} training pairs, %s have the same text on both sides: are these files a and b?"
    lines = (corpus / "train.a").read_text().splitlines(keepends=True)
    third = len(lines) // 3
    own = (corpus / "train.b").read_text().splitlines(keepends=True)
    (corpus / "train.b").write_text("".join(lines[:third] + own[third:]))
    assert "same text" not in prepare().stderr
    (corpus / "train.b").write_text("".join(lines))
    assert prepare("--overwrite").stderr.splitlines()[0] == question % PAIRS


def test_a_table_with_the_quotation_marks_of_a_spreadsheet_is_noted_and_read_as_csv(prepare, corpus):
    sides = [(corpus / f"train.{side}").read_text("utf-8").splitlines() for side in ("a", "b")]
    (corpus / "table.tsv").write_text("".join(f'"{a}"\t"{b}"\n' for a, b in zip(*sides, strict=True)), "utf-8")
    done = prepare(train=("--tsv", corpus / "table.tsv"))
    assert done.code == 0, done.stderr
    count = f"of {PAIRS} training pairs, {PAIRS} have quotation marks around both texts\n"
    assert f"{count}  If a spreadsheet has written them, give the file as CSV, which leaves them out\n" in done.stderr
    shutil.rmtree(corpus / "out")
    done = prepare(train=("--csv", corpus / "table.tsv"))
    assert done.code == 0, done.stderr
    assert "quotation" not in done.stderr


def test_a_line_that_is_dropped_for_its_length_does_not_change_the_subwords(prepare, corpus):
    prepare()
    expected = contents(corpus / "out")
    with (corpus / "train.a").open("a") as source, (corpus / "train.b").open("a") as target:
        source.write("zzyyxxzzyyxx" * 1000 + "\n")
        target.write("qqwwqqww" * 1000 + "\n")
    done = prepare("--overwrite")
    assert f"train: {SIZES['train'] + 1:,} pairs, {PAIRS} kept; dropped: 1 too long" in done.stderr
    assert {name for name, digest in contents(corpus / "out").items() if expected[name] != digest} == {"manifest.json"}


def test_validation_pairs_with_exchanged_sides_are_noted(prepare, corpus):
    """Letters of the toy language are the same on both sides; here one side has Greek ones."""
    greek = str.maketrans("abdegiknoptu", "αβδεγικνοπτυ")
    for name in ("train", "valid"):
        (corpus / f"{name}.b").write_text((corpus / f"{name}.b").read_text().translate(greek))
    assert "other order" not in prepare().stderr
    for ending in ("a", "b"):
        (corpus / f"valid.{ending}").rename(corpus / f"valid.turned.{ending}")
    (corpus / "valid.turned.a").rename(corpus / "valid.b")
    (corpus / "valid.turned.b").rename(corpus / "valid.a")
    assert prepare("--overwrite").stderr.startswith(
        f"{corpus}/valid has its sides in the other order than {corpus}/train: what one has as a is like what the "
        "other has as b\n  Exchange the two files or columns where they are wrong\n"
    )


def test_it_makes_a_folder_and_reports_the_number_of_pairs(prepare, corpus):
    done = prepare("--test", corpus / "test")
    assert (done.code, done.stdout) == (0, "")
    *lines, last = done.stderr.splitlines()
    assert lines == [
        f"training subword models on {PAIRS} training pairs",
        f"train: {PAIRS} pairs, {PAIRS} kept; dropped: none",
        "valid: 30 pairs, 6 of which training has too",  # the sentences of the toy language are short
        "  Scores on training pairs say little about other text",
        "test: 30 pairs, 8 of which training has too",
        "  Scores on training pairs say little about other text",
    ]
    assert last.startswith(f"{corpus / 'out'}: prepared in ")
    opened = PreparedCorpus.open(corpus / "out")
    assert {name: counts.pairs for name, counts in opened.manifest.splits.items()} == SIZES
    assert opened.source_subword.fingerprint != opened.target_subword.fingerprint


def test_validation_and_test_pairs_that_training_has_too_are_counted(prepare, corpus):
    for side in "ab":
        known = (corpus / f"train.{side}").read_text().splitlines()
        own = [f"ba {number}" for number in range(30)]
        (corpus / f"valid.{side}").write_text("\n".join([*own[3:], known[0], known[7], known[0]]) + "\n")
        (corpus / f"test.{side}").write_text("\n".join([*own[4:], *known[:4]]) + "\n")
    assert prepare("--test", corpus / "test").stderr.splitlines()[-4:-1] == [
        "valid: 30 pairs, 3 of which training has too",
        "test: 30 pairs, 4 of which training has too",
        "  Scores on training pairs say little about other text",
    ]
    for side in "ab":  # the same for training, which normalises text
        text = (corpus / f"valid.{side}").read_text()
        (corpus / f"valid.{side}").write_text(text.replace(" ", "\u00a0 ").replace("\n", " \n"))
    assert "valid: 30 pairs, 3 of which training has too" in prepare("--overwrite").stderr
    lines = (corpus / "test.b").read_text().splitlines()
    (corpus / "test.b").write_text("\n".join(lines[::-1]) + "\n")  # the same sources with other translations
    assert prepare("--test", corpus / "test", "--overwrite").stderr.splitlines()[-2] == "test: 30 pairs"


def test_dropped_pairs_are_counted_by_reason(prepare, corpus):
    source, target = (corpus / "train.a").open("a"), (corpus / "train.b").open("a")
    with source, target:
        source.write("\nba\n" + "ba de fi go " * 40 + "\nba\nku ku ku\nku ku ku\n")
        target.write("ba\n\nba\n" + "ba de fi " * 4 + "\nku la ku\nku la ku\n")
    done = prepare("--drop-duplicates", "--max-length", "100")
    assert done.code == 0
    before, after = done.stderr.splitlines()[1].split("; dropped: ")
    dropped = PreparedCorpus.open(corpus / "out").manifest.dropped
    assert after == ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    assert before == f"train: {SIZES['train'] + 6:,} pairs, {SIZES['train'] + 6 - sum(dropped.values()):,} kept"
    duplicates = dropped.pop("duplicate")
    pairs = list(zip(*((corpus / f"train.{lang}").read_text().split("\n")[:-1] for lang in "ab"), strict=True))
    assert duplicates == len(pairs) - len(set(pairs))
    assert dropped == {"empty source": 1, "empty target": 1, "too long": 1, "length ratio": 1}


def test_validation_and_test_keep_every_line(prepare, corpus):
    text = "ba\n\n" + "ba " * 300 + "\nx\x00y\tz\u2028\x0cw\n"
    for name in ("valid", "test"):
        for lang in "ab":
            (corpus / f"{name}.{lang}").write_text(text)
    assert prepare("--test", corpus / "test").code == 0
    opened = PreparedCorpus.open(corpus / "out")
    for name in ("valid", "test"):
        assert opened.read_raw_lines(name, "source") == opened.read_raw_lines(name, "target") == text.split("\n")[:-1]
        split = opened.open_split(name)
        assert len(split) == 4
        assert split.source_lengths[1] == 0
        assert split.source_lengths[2] >= 300


def test_corpora_of_several_formats_are_concatenated(prepare, corpus, tiny_corpus):
    lines = {lang: (corpus / f"train.{lang}").read_text().splitlines() for lang in "ab"}
    for lang in "ab":
        (corpus / f"train.{lang}").unlink()
        (corpus / f"one.{lang}.gz").write_bytes(gzip.compress("".join(f"{n}\n" for n in lines[lang][:100]).encode()))
        (corpus / f"two.{lang}").write_text("".join(f"{n}\n" for n in lines[lang][100:300]))
    (corpus / "three").write_text(
        "".join(f"{s}\t{t}\n" for s, t in zip(lines["a"][300:], lines["b"][300:], strict=True))
    )
    done = prepare(train=("--train", corpus / "one", "--train", corpus / "two", "--tsv", corpus / "three"))
    assert done.code == 0
    direct = nmt.prepare(
        tiny_corpus / "train",
        tiny_corpus / "valid",
        corpus / "direct",
        source_lang="a",
        target_lang="b",
        vocab_size=296,
    )
    assert contents(corpus / "out") == contents(direct.path)


def test_the_same_text_gives_the_same_bytes(prepare, corpus, run_nmt):
    assert prepare("--workers", "1").code == 0
    first = contents(corpus / "out")
    again = ("prepare", *LANGS, "--train", corpus / "train", "--valid", corpus / "valid", "--vocab-size", "296")
    assert (
        run_nmt(*again, "--out", corpus / "other", "--workers", "3", process=True, env={"PYTHONHASHSEED": "7"}).code
        == 0
    )
    assert contents(corpus / "other") == first


def test_the_seed_chooses_the_lines_for_subword_models(prepare, corpus):
    fingerprints = []
    for seed in (1, 1, 2):
        assert prepare("--sample-lines", "200", "--seed", seed, "--overwrite", size=285).code == 0
        fingerprints.append(PreparedCorpus.open(corpus / "out").source_subword.fingerprint)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_a_joint_vocabulary_is_one_model(prepare, corpus):
    assert prepare("--joint", "--subword", "bpe", "--symbol", "<x>", "--symbol", "<y>", size=300).code == 0
    opened = PreparedCorpus.open(corpus / "out")
    assert opened.source_subword is opened.target_subword
    assert opened.source_subword.size == 300
    assert {"<x>", "<y>"} <= set(opened.source_subword.ids_to_pieces(range(300)))
    assert opened.manifest.settings["symbols"] == ["<x>", "<y>"]


def test_word_alignments_become_links_of_pieces(prepare, corpus, run_nmt):
    with (corpus / "train.a").open("a") as source, (corpus / "train.b").open("a") as target:
        source.write("\nba de\n")
        target.write("ba\nde ba\n")
    lines = [line.split() for line in (corpus / "train.a").read_text().splitlines()]
    links = "".join(" ".join(f"{i}-{len(line) - 1 - i}" for i in range(len(line))) + "\n" for line in lines)
    (corpus / "links.gz").write_bytes(gzip.compress(links.encode()))
    (corpus / "more.tsv").write_text("ku\tku\n")
    (corpus / "more.links").write_text("0p0\n")
    done = prepare(
        *("--train-alignments", corpus / "links.gz", "--train-alignments", corpus / "more.links"),
        *("--tsv", corpus / "more.tsv"),
    )
    assert done.code == 0, done.stderr
    opened = PreparedCorpus.open(corpus / "out")
    split = opened.open_split("train", with_links=True)
    assert len(split) == len(lines)  # the pair with an empty side is gone, and its links with it
    for row in range(len(split)):
        own = slice(*split.links.offsets[row : row + 2])
        for i, j in zip(split.links.sources[own], split.links.targets[own], strict=True):
            linked = split.read_source(row)[i], split.read_target(row)[j]
            assert opened.source_subword.ids_to_pieces(linked[:1]) == opened.target_subword.ids_to_pieces(linked[1:])
    count = opened.manifest.splits["train"].links
    assert count == len(split.links.sources) > len(lines)
    assert f"  word alignments, as links of pieces: {count:,} in train\n" in run_nmt("inspect", corpus / "out").stdout


def test_overwrite_replaces_a_prepared_folder(prepare, corpus):
    assert prepare().code == 0
    before = contents(corpus / "out")
    (corpus / "out" / "train.source.ids.npy").write_bytes(b"damaged")
    assert prepare("--overwrite").code == 0
    assert contents(corpus / "out") == before
    assert not list(corpus.glob(".*"))  # nothing temporary is left


# What it refuses


@pytest.fixture
def refused(prepare, corpus):
    """Prepare, expect a refusal that changes nothing on disk, and give its message."""

    def run(*words, **how) -> str:
        before = contents(corpus)
        done = prepare(*words, **how)
        assert (done.code, done.stdout) == (2, "")
        assert contents(corpus) == before
        assert "Traceback" not in done.stderr
        said, error, message = done.stderr.rpartition("nmt: error: ")
        assert error
        assert re.fullmatch(r"(training subword models on [\d,]+ training pairs\n)?", said)
        return message

    return run


def test_all_missing_files_are_named(refused, corpus):
    (corpus / "valid.b").unlink()
    (corpus / "train.a").unlink()
    message = refused("--test", corpus / "gone", "--tsv", corpus / "gone.tsv")
    assert message.startswith("4 problems with the text\n")
    assert f"  {corpus}/train.a does not exist, nor with .gz, .bz2, .xz, .zst\n    Files that begin so are " in message
    assert f"{corpus}/valid.b does not exist" in message
    assert f"{corpus}/gone.a does not exist" in message
    assert f"{corpus}/gone.b does not exist" in message
    assert f"{corpus}/gone.tsv does not exist" in message


def test_the_message_for_a_prefix_with_its_language_gives_the_prefix(refused, corpus):
    message = refused(train=("--train", corpus / "train.a"))
    assert f"{corpus}/train.a.a does not exist" in message
    assert f"Give the prefix without its ending: {corpus}/train" in message
    assert "  Files that begin so are train.a\n" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--valid", "train"], "train is named for training and again for validation\n  Scores on training pairs"),
        (["--test", "./train"], "train is named for training and again for the test\n"),
        (["--valid", "valid"], "valid is named for validation and again for validation\n"),
        (["--test", "valid", "--test", "valid"], "valid is named for the test and again for the test\n"),
        (["--tsv", "all.tsv", "--valid-tsv", "all.tsv"], "all.tsv is named for training and again for validation\n"),
    ],
)
def test_validation_and_test_do_not_share_a_file_with_training(refused, corpus, monkeypatch, words, message):
    (corpus / "all.tsv").write_text("ba\tba\n")
    monkeypatch.chdir(corpus)
    assert refused(*words, train=("--train", "train"), valid=("--valid", "valid")).startswith(message)


def test_a_file_that_cannot_be_read(refused, corpus):
    (corpus / "train.a").unlink()
    (corpus / "train.a").mkdir()
    assert refused().startswith(f"{corpus}/train.a is not a file\n")


def test_an_incomplete_compressed_file(refused, corpus):
    packed = gzip.compress((corpus / "train.a").read_bytes())
    (corpus / "train.a").unlink()
    (corpus / "train.a.gz").write_bytes(packed[:-20])
    assert f"{corpus}/train.a.gz cannot be read beyond line " in refused()


def test_training_and_validation_pairs_are_required(refused):
    assert refused(train=(), valid=()) == (
        "2 problems with the text\n"
        "  there are no training pairs\n"
        "    Name them with --train\n"
        "  there are no validation pairs\n"
        "    Name them with --valid\n"
    )


def test_unequal_line_counts_of_all_corpora(refused, corpus):
    (corpus / "train.a").write_text("ba\n\nde\n")
    (corpus / "valid.b").write_text("ba\n" * 1031)
    assert refused() == (
        "2 problems with the text\n"
        f"  {corpus}/train.a has 3 lines and {corpus}/train.b has {PAIRS}\n"
        "    Line n of one must translate line n of the other. Look first at empty lines:\n"
        "    train.a has 1, the first at line 2; train.b has none.\n"
        '    Lines are split at "\\n" only; U+2028 and form feeds stay inside a line.\n'
        f"  {corpus}/valid.a has 30 lines and {corpus}/valid.b has 1,031\n"
        "    Line n of one must translate line n of the other.\n"
        '    Lines are split at "\\n" only; U+2028 and form feeds stay inside a line.\n'
    )


def test_bytes_that_are_not_utf8(refused, corpus):
    content = (corpus / "train.b").read_bytes()
    third = content.index(b"\n", content.index(b"\n") + 1) + 1
    (corpus / "train.b").write_bytes(content[:third] + b"\xe4" + content[third:])
    assert refused() == (
        f"{corpus}/train.b is not UTF-8: line 3, byte {third} of the text is 0xE4\n"
        "  If it is ISO-8859-1, convert it first: iconv -f ISO-8859-1 -t UTF-8\n"
    )


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u2009", "\u3000"])
def test_links_count_words_at_spaces_and_tabs(prepare, corpus, blank):
    lines = (corpus / "train.a").read_text().splitlines()
    links = corpus / "links"
    links.write_text("0-2 1-1 2-0\n" + "\n" * len(lines), encoding="utf-8")
    for side, line in (("a", f"ba\tde{blank}fi  ku"), ("b", f"ku de{blank}fi ba")):
        path = corpus / f"train.{side}"
        path.write_text(f"{line}\n{path.read_text()}", encoding="utf-8")
    done = prepare("--train-alignments", links)
    assert done.code == 0, done.stderr
    assert done.stderr.startswith(f"{links}, line 1 is the first with a blank inside a word, U+{ord(blank):04X} (")
    opened = PreparedCorpus.open(corpus / "out")
    split = opened.open_split("train", with_links=True)
    source = opened.source_subword.ids_to_pieces(split.read_source(0))
    target = opened.target_subword.ids_to_pieces(split.read_target(0))
    linked = {(source[i], target[j]) for i, j in zip(split.links.sources, split.links.targets, strict=True)}
    typeset = {"▁de", "▁fi"}
    assert linked == {("▁ba", "▁ba"), ("▁ku", "▁ku"), *product(typeset, typeset)}


def test_alignments_that_do_not_fit_are_named_with_their_lines(refused, corpus):
    links = corpus / "links"
    links.write_text("0-0\n" * 999)
    assert refused("--train-alignments", links) == (
        f"{links} has 999 lines for {PAIRS} pairs\n"
        "  Line n must have the links of pair n; a pair without links has an empty line\n"
    )
    links.write_text("0-0\n" * 998 + "0-0 9-1\n0,0\n")
    words = [len((corpus / f"train.{lang}").read_text().splitlines()[998].split()) for lang in "ab"]
    assert refused("--train-alignments", links) == (
        f"2 lines of {links} cannot be used\n"
        f"  {links}, line 999: link 9-1 is out of range: the pair has {words[0]} and {words[1]} words\n"
        "    Words are separated by spaces and tabs, and counted from 0; links of an aligner that counts from 1, or "
        "splits text in another way, cannot be used\n"
        "    --units tells what links are between, if it is something else\n"
        f'  {links}, line 1,000: "0,0" is not a link\n'
        "    Write 1-2 for a sure link of source word 1 and target word 2, 1p2 for a possible one; "
        "the first word is 0\n"
    )
    assert refused("--train-alignments", links, "--train-alignments", corpus / "gone") == (
        "2 problems with the text\n"
        f"  {corpus}/gone does not exist\n"
        "  2 files of word alignments and 1 training text\n"
        "    --train-alignments names one file for each corpus, in the order of the corpora\n"
    )
    assert refused("--train-alignments", corpus).startswith(f"{corpus} is not a file\n")


@pytest.mark.parametrize("units", [None, "words"])
def test_links_of_nmt_align_are_read_as_it_writes_them(run_nmt, tmp_path, units):
    """In a language without blanks they are between characters."""
    animals, places = {"cats": "猫", "dogs": "狗", "birds": "鸟", "mice": "老鼠"}, {"home": "家", "school": "学校"}
    pairs = [(f"{one} at {place}", f"{animals[one]}在{places[place]}") for one in animals for place in places] * 20
    for column, language in enumerate(("en", "zh")):
        (tmp_path / f"all.{language}").write_text("".join(f"{pair[column]}\n" for pair in pairs), "utf-8")
        (tmp_path / f"some.{language}").write_text(f"{pairs[0][column]}\n", "utf-8")
    chosen = ("--units", units) if units else ()
    texts = ("--source", tmp_path / "all.en", "--target", tmp_path / "all.zh")
    done = run_nmt("align", *texts, "--symmetrise", "grow-diag-final-and", *chosen)
    (tmp_path / "links").write_text(done.stdout)

    def prepare(out, *words):
        corpora = ("--train", tmp_path / "all", "--valid", tmp_path / "some")
        done = run_nmt("prepare", "--source-lang", "en", "--target-lang", "zh", *corpora, "--out", out, *words)
        assert done.code == 0, done.stderr
        note = f"{tmp_path}/links: links are between words of the source and characters of the target\n"
        assert (note in done.stderr) == (units is None and "--align" not in words)

    prepare(tmp_path / "given", "--train-alignments", tmp_path / "links", *chosen)
    prepare(tmp_path / "learnt", "--align", *chosen)
    assert contents(tmp_path / "given") == contents(tmp_path / "learnt")


def test_units_without_links_are_refused(refused):
    assert refused("--units", "characters") == (
        "--units characters has no effect without --train-alignments or --align\n  Add one, or leave it out\n"
    )


def test_an_empty_corpus(refused, corpus):
    for lang in "ab":
        (corpus / f"train.{lang}").write_text("")
    assert refused() == f"{corpus}/train is empty: it has no lines\n"


def test_a_corpus_of_which_every_pair_is_dropped(refused, corpus):
    assert refused("--max-length", "0").startswith(
        "1 setting in prepare cannot be used\n  max_length = 0   must be at least 1"
    )
    for lang, first in (("a", "zu"), ("b", "ba")):
        (corpus / f"train.{lang}").write_text(f"{first} de fi go ku la me ni po ru sa te vi wo zu ba\n" * 400)
    message = refused("--max-length", "1", size=281)
    assert message == "nothing is left of 400 training pairs; dropped: 400 too long\n  Raise --max-length\n"
    (corpus / "train.b").write_text("ba\nde\nfi\ngo\nku\nla\nme\nni\npo\nru\nsa\nte\nvi\nwo\nzu\n" * 27)
    (corpus / "train.a").write_text("ba de fi go ku la me ni po ru sa te vi wo zu\n" * 27 * 15)
    assert refused("--max-ratio", "2", size=281).endswith("dropped: 405 length ratio\n  Raise --max-ratio\n")


def test_a_vocabulary_larger_than_the_text_supports(refused, prepare):
    message = refused(size=5000)
    assert message == (
        "2 problems with the text\n"
        "  a: a vocabulary of 5,000 pieces is larger than the text supports\n"
        "    The largest that works is 296: --source-vocab-size 296; --subword bpe allows larger ones\n"
        "  b: a vocabulary of 5,000 pieces is larger than the text supports\n"
        "    The largest that works is 296: --target-vocab-size 296; --subword bpe allows larger ones\n"
    )
    assert prepare("--source-vocab-size", "296", "--target-vocab-size", "296", size=5000).code == 0
    assert prepare("--subword", "bpe", "--joint", "--overwrite", size=297).code == 0


GREEK = [f"{word} {number}" for word in ("το σπίτι", "η θάλασσα", "ο ήλιος", "το ψωμί") for number in range(40)]
CHINESE = [chr(0x4E00 + 7 * n) * 3 + chr(0x4E00 + 11 * n) for n in range(160)]


def test_advice_about_sizes_works_when_no_size_fits_both_sides(run_nmt, tmp_path):
    """The source supports fewer pieces than the target needs."""
    for split in ("train", "valid"):
        (tmp_path / f"{split}.el").write_text("\n".join(GREEK))
        (tmp_path / f"{split}.zh").write_text("\n".join(CHINESE))
    words = ["prepare", "--source-lang", "el", "--target-lang", "zh", "--out", tmp_path / "out"]
    words += [part for split in ("train", "valid") for part in (f"--{split}", tmp_path / split)]
    sizes = ["--vocab-size", "400"]
    done = run_nmt(*words, *sizes)
    assert done.code == 2
    advice = re.findall(
        r"(?:largest|smallest) that works is [\d,]+: (--(?:source|target)-vocab-size) (\d+)", done.stderr
    )
    assert {flag for flag, _ in advice} == {"--source-vocab-size", "--target-vocab-size"}
    assert run_nmt(*words, *sizes, *(word for pair in advice for word in pair)).code == 0


def test_the_default_size_adapts_to_the_text_and_says_so(tmp_path):
    pairs = list(zip(GREEK, CHINESE, strict=True))
    notes = []

    class Notes(nmt.Progress):
        def note(self, text):
            notes.append(text)

    prepared = nmt.prepare(pairs, pairs, tmp_path / "out", source_lang="el", target_lang="zh", progress=Notes())
    for name, subword in (("el", prepared.source_subword), ("zh", prepared.target_subword)):
        reason = "because the text supports no more"
        assert f"{name}: a vocabulary of {subword.size:,} pieces, not 8,000, {reason}" in notes
    joint = nmt.prepare(pairs, pairs, tmp_path / "j", source_lang="el", target_lang="zh", joint=True, progress=Notes())
    assert f"joint: a vocabulary of {joint.source_subword.size:,} pieces, not 8,000, {reason}" in notes


def test_the_default_size_has_room_for_every_character(tmp_path):
    lines = ["".join(chr(0x4E00 + (9 * n + k) % 9000) for k in range(18)) for n in range(1000)]
    notes = []

    class Notes(nmt.Progress):
        def note(self, text):
            notes.append(text)

    pairs = [(line, line) for line in lines]
    languages = {"source_lang": "zh", "target_lang": "ja"}
    prepared = nmt.prepare(pairs, pairs[:9], tmp_path / "out", **languages, source_vocab_size=9300, progress=Notes())
    assert prepared.source_subword.size == 9300
    assert prepared.target_subword.size > 9261
    reason = "because 9,261 characters, bytes and symbols each need one"
    assert f"ja: a vocabulary of {prepared.target_subword.size:,} pieces, not 8,000, {reason}" in notes


@pytest.mark.parametrize("name", ["source_vocab_size", "target_vocab_size"])
def test_each_side_may_have_a_size_of_its_own(tiny_corpus, tmp_path, name):
    languages = {"source_lang": "a", "target_lang": "b", "vocab_size": 290}
    prepared = nmt.prepare(tiny_corpus / "train", tiny_corpus / "valid", tmp_path / "out", **languages, **{name: 285})
    sizes = {"source_vocab_size": prepared.source_subword.size, "target_vocab_size": prepared.target_subword.size}
    assert sizes == {"source_vocab_size": 290, "target_vocab_size": 290} | {name: 285}


def test_a_joint_vocabulary_has_one_size(refused):
    message = refused("--joint", "--target-vocab-size", "300")
    assert "--joint makes one vocabulary, whose size is --vocab-size alone" in message


@pytest.mark.parametrize("flag", ["--source-vocab-size", "--target-vocab-size"])
def test_a_size_of_one_side_has_room_for_the_control_tokens(refused, flag):
    assert "--source-vocab-size and --target-vocab-size must be 0 or at least 16" in refused(flag, 3)


def test_symbols_are_refused_by_name_before_the_text_is_read(refused):
    assert refused("--symbol", "<s>", "--symbol", "<x>", "--symbol", "<x>", train=("--train", "gone")) == (
        "2 symbols cannot be used\n"
        "  '<s>' is the name of a piece that every subword model has\n"
        "  '<x>' is given 2 times\n"
        "  Change or remove --symbol\n"
    )


def test_a_vocabulary_without_room_for_the_characters(refused):
    assert "joint: a vocabulary of 50 pieces has no room for the" in refused("--joint", size=50)


def test_all_settings_out_of_bounds_are_listed(refused):
    message = refused("--character-coverage", "0.1", "--max-ratio", "0", size=3)
    assert message.splitlines() == [
        "3 settings in prepare cannot be used",
        "  vocab_size = 3             must be at least 16",
        "  character_coverage = 0.1   must be at least 0.98",
        "  max_ratio = 0.0            must be at least 1",
    ]


def test_a_folder_with_other_files_is_never_replaced(refused, corpus):
    (corpus / "out").mkdir()
    for name in ("one.txt", "two.txt", "three.txt", "manifest.json"):
        (corpus / "out" / name).write_text("{}")
    for words in ((), ("--overwrite",)):
        assert refused(*words) == (
            f"{corpus}/out already holds manifest.json, one.txt, three.txt and 1 more\n"
            "  Name another --out; --overwrite replaces only prepared folders\n"
        )


def test_a_prepared_folder_is_replaced_only_with_overwrite(refused, prepare, corpus):
    assert prepare().code == 0
    assert refused() == (
        f"{corpus}/out already holds a prepared corpus\n  Name another --out, or add --overwrite to replace it\n"
    )
    (corpus / "out" / "notes.txt").write_text("mine")
    assert "out already holds notes.txt\n" in refused("--overwrite")


def test_a_file_is_not_replaced_by_a_folder(refused, corpus):
    (corpus / "out").write_text("mine")
    assert refused("--overwrite") == f"{corpus}/out is a file\n  Name another --out\n"


def test_after_an_error_the_old_folder_is_unchanged(refused, prepare, corpus):
    assert prepare().code == 0
    (corpus / "train.b").write_text("ba\n")
    refused("--overwrite")
    assert len(PreparedCorpus.open(corpus / "out").open_split("train")) == SIZES["train"]


def test_another_format_version_can_be_overwritten(prepare, corpus):
    assert prepare().code == 0
    path = corpus / "out" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 0, "new": 1}))
    assert prepare("--overwrite").code == 0
    assert PreparedCorpus.open(corpus / "out").manifest.format_version == 3


KILLED = """
import os, signal, sys
import nmt

def pairs():
    for number in range(100_000):
        if number == 50_000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield "ba de", "de ba"

nmt.prepare(pairs(), [("ba", "ba")], sys.argv[1], source_lang="a", target_lang="b")
"""


def test_a_killed_program_leaves_no_incomplete_folder(prepare, corpus):
    killed = subprocess.run([sys.executable, "-c", KILLED, corpus / "out"], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert not (corpus / "out").exists()
    assert prepare().code == 0


def test_help_has_defaults_and_bounds(run_nmt):
    done = run_nmt("prepare", "--help")
    assert done.code == 0
    text = " ".join(done.stdout.split())
    assert (
        "--vocab-size N subword pieces of each language, or of both when joint; unless it is given, it adapts to the "
        "text [default: 8000; at least 16; at most 10000000]" in text
    )
    assert "[default: 1.0; at least 0.98; at most 1]" in text
    assert "--keep-duplicates / --drop-duplicates keep training pairs that occur more than once [default: yes]" in text


def test_files_of_translators_tools_are_corpora(run_nmt, corpus):
    """Several at once, with counts by name; validation too, by its suffix."""
    pytest.importorskip("polib")
    sides = [(corpus / f"train.{lang}").read_text().splitlines() for lang in "ab"]
    pairs = list(zip(*sides, strict=True))
    side = '<tuv xml:lang="{}"><seg>{}</seg></tuv>'
    unit = f"<tu>{side.format('a-X', '{}')}{side.format('b', '{}')}{side.format('c', 'c')}</tu>"
    units = "".join(unit.format(*pair) for pair in pairs[:900])
    tmx, valid, po, xliff, table = (corpus / name for name in ("t.tmx", "v.tmx", "t.po", "t.xlf", "t.csv"))
    tmx.write_text(f'<tmx><body>{units}<tu><tuv xml:lang="a"><seg>ba</seg></tuv></tu></body></tmx>')
    valid.write_text(f"<tmx>{unit.format('ba', 'ba')}</tmx>")
    po.write_text("".join(f'msgid "{n} {a}"\nmsgstr "{b} {n}"\n\n' for n, (a, b) in enumerate(pairs[900:960])))
    xliff.write_text(
        '<xliff version="1.2"><file source-language="a" target-language="b">'
        + "".join(f"<trans-unit><source>{a}</source><target>{b}</target></trans-unit>" for a, b in pairs[960:980])
        + "<trans-unit><source>ba</source></trans-unit></file></xliff>"
    )
    table.write_text("b,a\n" + "".join(f"{b},{a}\n" for a, b in pairs[980:]))
    words = ["--tmx", tmx, "--po", po, "--xliff", xliff, "--csv", table, "--valid", valid, "--keep-duplicates"]
    done = run_nmt("prepare", *LANGS, *words, "--out", corpus / "out", "--vocab-size", 300)
    assert done.code == 0
    *lines, _ = done.stderr.splitlines()
    assert lines == [
        f"{tmx}: 901 units, 900 pairs; 1 without b",
        f"{xliff}: 21 units, 20 pairs; 1 without b",
        f"{po}: 60 units, 60 pairs",
        f"{table}: 20 units, 20 pairs",
        f"{valid}: 1 unit, 1 pair",
        "training subword models on 1,000 training pairs",
        "train: 1,000 pairs, 1,000 kept; dropped: none",
        "valid: 1 pair, 1 of which training has too",
        "  Scores on training pairs say little about other text",
    ]
    again = run_nmt("prepare", *LANGS, "--tmx", valid, "--valid", valid, "--out", corpus / "again")
    assert again.code == 2
    assert "v.tmx is named for training and again for validation" in again.stderr
    none = run_nmt(
        "prepare", "--source-lang", "a", "--target-lang", "x", "--tmx", tmx, "--valid", valid, "--out", corpus / "no"
    )
    assert none.code == 2
    assert f"{tmx}: 901 units, 0 pairs; 901 without x\n    Its languages are " in none.stderr
    assert not (corpus / "no").exists()


def test_sheets_of_excel_are_corpora(run_nmt, corpus):
    openpyxl = pytest.importorskip("openpyxl")
    sides = [(corpus / f"train.{lang}").read_text().splitlines()[:300] for lang in "ab"]
    book = openpyxl.Workbook()
    for row in [("b", "note", "a"), *zip(sides[1], sides[0], sides[0], strict=True), ("ba", "", "")]:
        book.active.append(row)
    table = corpus / "t.xlsx"
    book.save(table)
    words = ["prepare", *LANGS, "--xlsx", table, "--valid", corpus / "valid", "--keep-duplicates"]
    done = run_nmt(*words, "--out", corpus / "out")
    assert done.code == 0
    assert f"{table}: 301 units, 300 pairs; 1 empty\n" in done.stderr
    table.write_bytes(table.read_bytes()[:-100])
    done = run_nmt(*words, "--out", corpus / "no")
    assert done.code == 2
    assert f"{table} is not XLSX, or it is damaged or has a password" in done.stderr
    assert not (corpus / "no").exists()


def test_the_limit_that_drops_most_pairs_is_named_as_a_flag(prepare, corpus, capfd):
    done = prepare("--max-length", "2")
    assert "\n  More than half is dropped for its length: raise --max-length\n" in done.stderr
    files = {name: corpus / name for name in ("train", "valid")}
    nmt.prepare(**files, out=corpus / "other", source_lang="a", target_lang="b", max_length=2, progress=True)
    assert "\n  More than half is dropped for its length: raise max_length\n" in capfd.readouterr().err
