"""nmt distill: new training pairs from the translations of runs, what is dropped, and going on after a kill."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import sacrebleu
from support.corpora import WORDS
from support.processes import wait_until
from support.runs import write_facts

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.distillation.distill import build_selection
from nmt.errors import NmtError, UsageError
from nmt.ids import UNK

PAIRS = 40


@pytest.fixture(scope="module")
def home(novice, reverser, tiny_corpus, tmp_path_factory):
    """A folder with `data`, a prepared corpus of a few pairs, the runs `one` and `two`, and `back` from b to a."""
    home = tmp_path_factory.mktemp("distill")
    random = Random(2)
    lines = [random.choices(WORDS, k=random.randint(5, 9)) for _ in range(PAIRS)]  # longer than what the runs learnt
    (home / "few.a").write_text("".join(f"{' '.join(line)}\n" for line in lines))
    (home / "few.b").write_text("".join(f"{' '.join(reversed(line))}\n" for line in lines))
    texts = {"train": home / "few", "valid": tiny_corpus / "valid", "test": tiny_corpus / "test"}
    languages = {"source_lang": "a", "target_lang": "b"}
    nmt.prepare(**texts, **languages, out=home / "data", vocab_size=285, symbols=["<BT>"])
    for name, run in (("one", novice), ("two", reverser), ("back", novice)):
        shutil.copytree(run, home / name)
    facts = json.loads((home / "back/run.json").read_text())  # what reverses words does so in both directions
    write_facts(home / "back/run.json", facts | {"source_lang": "b", "target_lang": "a"})
    return home


@pytest.fixture
def distill(run_nmt, home, tmp_path, monkeypatch):
    """`distill(words…)`: the command in a folder of its own, with `data` as its corpus and `out` as its result, unless
    words name others."""
    for name in ("data", "one", "two", "back"):
        (tmp_path / name).symlink_to(home / name)
    monkeypatch.chdir(tmp_path)

    def distill(*words):
        names = {"--data": "data", "--out": "out"}
        given = [word for flag, name in names.items() if flag not in words for word in (flag, name)]
        return run_nmt("distill", *given, *words)

    return distill


def read_training(folder):
    """The training pairs of a prepared folder, as text."""
    made = PreparedCorpus.open(folder)
    split, subwords = made.open_split("train"), (made.source_subword, made.target_subword)
    rows = [(split.read_source(row).tolist(), split.read_target(row).tolist()) for row in range(len(split))]
    return [tuple(subword.decode(ids) for subword, ids in zip(subwords, row, strict=True)) for row in rows]


def read_new(prefix="new"):
    """The pairs of --pairs."""
    sides = [Path(f"{prefix}.{side}").read_text("utf-8").split("\n")[:-1] for side in "ab"]
    return list(zip(*sides, strict=True))


def translate(run_nmt, *words):
    done = run_nmt("translate", *words, "--quiet")
    assert done.code == 0, done.stderr
    return done.stdout.splitlines()


def test_an_ensemble_translates_the_sources(distill, run_nmt, home, tmp_path):
    done = distill("--model", "one", "--model", "two", "--pairs", "new", "--beam", "2")
    assert done.code == 0, done.stderr
    old = read_training("data")
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source, _ in old))
    found = translate(run_nmt, "--model", "one", "--model", "two", "--beam", "2", "sources")
    pairs = list(zip((source for source, _ in old), found, strict=True))
    new = list(dict.fromkeys(pair for pair in pairs if pair not in old))
    assert 0 < len(new) < PAIRS
    assert read_new() == new
    assert read_training("out") == old + new
    assert f"one + two: {len(new)} new pairs; dropped: {PAIRS - len(new)} duplicate\n" in done.stderr
    assert f"train: {PAIRS + len(new)} pairs, {PAIRS + len(new)} kept; dropped: none\n" in done.stderr
    assert done.stderr.endswith("nmt: to train on it: nmt train --data out --out RUN\n")
    for file in ("source.model", "target.model", "valid.source.txt", "test.target.txt"):
        assert (tmp_path / "out" / file).read_bytes() == (home / "data" / file).read_bytes()
    assert not (tmp_path / "out.part").exists()


def test_each_run_of_both_directions_translates_alone(distill, run_nmt, tmp_path):
    words = ["--each", "--model", "one", "--model", "two", "--backward", "back", "--original", "2", "--pairs", "new"]
    done = distill(*words)
    assert done.code == 0, done.stderr
    old = read_training("data")
    seen, expected = set(old), []
    for name, text in (("one", 0), ("two", 0), ("back", 1)):
        (tmp_path / "lines").write_text("".join(f"{pair[text]}\n" for pair in old))
        before = len(expected)
        for pair, translation in zip(old, translate(run_nmt, "--model", name, "lines"), strict=True):
            made = (translation, pair[1]) if text else (pair[0], translation)
            if made not in seen:
                seen.add(made)
                expected.append(made)
        count = len(expected) - before
        dropped = f"{PAIRS - count} duplicate" if count < PAIRS else "none"
        assert f"{name}: {count} new pairs; dropped: {dropped}\n" in done.stderr
    assert read_new() == expected
    assert read_training("out") == old + old + expected


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_translation_closest_to_the_reference_is_kept(distill, run_nmt, tmp_path, metric):
    done = distill("--model", "one", "--closest", metric, "--beam", "4", "--original", "0", "--pairs", "new")
    assert done.code == 0, done.stderr
    old = read_training("data")
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source, _ in old))
    found = [
        line.split(" ||| ")[1]
        for line in translate(run_nmt, "--model", "one", "--beam", "4", "--n-best", "4", "sources")
    ]
    score = {"bleu": sacrebleu.sentence_bleu, "chrf": sacrebleu.sentence_chrf}[metric]
    expected = []
    for row, (source, target) in enumerate(old):
        best = max(found[4 * row : 4 * row + 4], key=lambda text: score(text, [target]).score)
        expected.append((source, best))
    assert read_new() == read_training("out") == list(dict.fromkeys(expected))


def test_with_closest_a_line_whose_translations_are_all_cut_off_counts_once(home):
    prepared = PreparedCorpus.open(home / "data")
    cut, whole, better = (
        SimpleNamespace(text=text, is_finished=text != "wo", is_whole=True) for text in ("wo", "ku la", "ba de")
    )
    for closest, kept in (("none", [None, None]), ("chrf", [None])):
        select = build_selection(closest, prepared, "target")
        assert select([cut, cut], "ba de fi") == kept
    assert select([cut, whole, better], "ba de fi") == ["ba de"]


def test_text_of_the_target_language_becomes_tagged_sources(distill, run_nmt, tmp_path):
    (tmp_path / "mono.b").write_text("wo ku\n\nzu zu zu\nwo ku\n")
    done = distill("--backward", "back", "--target-text", "mono.b", "--pairs", "new")
    assert done.code == 0, done.stderr
    one, other = translate(run_nmt, "--model", "back", "mono.b")[::2]
    new = [(f"<BT> {one}", "wo ku"), (f"<BT> {other}", "zu zu zu")]
    assert read_new() == new
    assert "back, mono.b: 2 new pairs; dropped: 1 empty source, 1 duplicate\n" in done.stderr
    assert read_training("out")[PAIRS:] == new
    assert "<BT>" in PreparedCorpus.open("out").source_subword.ids_to_pieces(
        PreparedCorpus.open("out").open_split("train").read_source(PAIRS).tolist()
    )
    again = run_nmt("distill", "--data", "out", "--out", "more", "--model", "one")
    assert again.code == 0, again.stderr
    assert read_training("more")[: PAIRS + 2] == read_training("out")
    assert "<BT>" not in str(read_training("more")[PAIRS + 2 :])  # tagged pairs are not translated
    plain = run_nmt(
        "distill", "--data", "data", "--out", "plain", "--backward", "back", "--target-text", "mono.b", "--no-tag"
    )
    assert plain.code == 0, plain.stderr
    assert read_training("plain")[PAIRS:] == [(one, "wo ku"), (other, "zu zu zu")]
    words = ["--model", "one", "--backward", "back", "--target-text", "mono.b", "--closest", "chrf", "--original", "0"]
    done = distill(*words, "--overwrite")  # what translates text has no other side to be close to
    assert "back, mono.b: 2 new pairs" in done.stderr
    assert read_training("out")[-2:] == new


def test_translations_that_are_cut_off_are_dropped(distill, tmp_path):
    (tmp_path / "mono.a").write_text("ba de fi go ku la\nba\n")
    done = distill("--model", "two", "--source-text", "mono.a", "--max-length-ratio", "0.01", "--max-length-extra", "2")
    assert done.code == 0, done.stderr
    assert "two, mono.a: 1 new pair; dropped: 1 cut off\n" in done.stderr
    (tmp_path / "mono.a").write_text("ba de fi go ku la\n")
    words = ["--model", "two", "--source-text", "mono.a", "--max-length-ratio", "0.01", "--max-length-extra", "2"]
    done = distill(*words, "--overwrite")
    assert done.code == 2
    advice = "Train longer, or allow longer translations with --max-length-ratio\n"
    assert f"error: no new pair is left of all translations\n  {advice}" in done.stderr


def test_translations_with_bytes_that_are_no_characters_are_dropped(distill, tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.distillation.distill.build_selection", lambda *_: lambda *_: ["zu \ufffd"])
    (tmp_path / "mono.a").write_text("ba de\nfi \ufffd\n")
    done = distill("--model", "two", "--source-text", "mono.a")
    assert done.code == 0, done.stderr
    assert "two, mono.a: 1 new pair; dropped: 1 not decoded\n" in done.stderr


def test_samples_are_kept_each(distill):
    done = distill("--model", "two", "--sample", "--temperature", "1.5", "--n-best", "5", "--pairs", "new")
    assert done.code == 0, done.stderr
    new = read_new()
    assert len(new) == len(set(new)) > 2 * PAIRS


def cut_after(monkeypatch, lines, error):
    """Let translators raise an error after a number of lines. -> undo it"""
    stream = nmt.Translator.stream

    def short(self, *words, **options):
        for number, found in enumerate(stream(self, *words, **options)):
            if number == lines:
                raise error
            yield found

    monkeypatch.setattr(nmt.Translator, "stream", short)
    return lambda: monkeypatch.setattr(nmt.Translator, "stream", stream)


def raise_interrupt(*words):
    raise KeyboardInterrupt


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NmtError("gone")])
def test_it_goes_on_where_it_ended(distill, run_nmt, tmp_path, monkeypatch, error):
    words = ["--model", "one", "--backward", "back", "--sample", "--pairs", "new"]
    assert (
        run_nmt("distill", "--data", "data", "--out", "whole", "--model", "one", "--backward", "back", "--sample").code
        == 0
    )
    mend = cut_after(monkeypatch, 7, error)
    done = distill(*words)
    assert done.code == {KeyboardInterrupt: 130, NmtError: 2}[type(error)]
    work = tmp_path / "out.part"
    assert f"nmt: finished translations are in {work}; the same command with --resume continues\n" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_symlink()) == ["out.part", "whole"]
    with open(work / "1.jsonl", "ab") as file:
        file.write(b'["half a li')
    mend()
    done = distill(*words)
    assert (done.code, done.stderr.splitlines()[0]) == (
        2,
        f"nmt: error: {work} has translations of a command that has not ended well",
    )
    done = distill(*words, "--beam", "3", "--n-best", "2", "--resume")
    assert done.code == 2
    assert done.stderr.startswith(
        f"nmt: error: {work} was made with another --n-best, --beam\n  Continue with the same"
    )
    with monkeypatch.context() as patch:  # killed after the last file is in place
        patch.setattr("nmt.distillation.work.shutil", SimpleNamespace(rmtree=raise_interrupt))
        assert distill(*words, "--resume").code == 130
    assert (work / "outputs.json").exists()
    assert read_new()
    assert distill(*words, "--resume").code == 0
    assert not work.exists()
    for file in (tmp_path / "whole").iterdir():
        if file.name != "manifest.json":  # which has the path of the corpus's subwords
            assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_files_of_others_are_not_replaced_when_it_goes_on(distill, home, tmp_path, monkeypatch):
    words = ["--model", "one", "--sample"]
    mend = cut_after(monkeypatch, 3, KeyboardInterrupt())
    assert distill(*words).code == 130
    mend()
    (tmp_path / "mine.a").write_text("my own text\n")
    done = distill(*words, "--resume", "--pairs", "mine")
    assert (done.code, done.stderr) == (2, "nmt: error: mine.a exists already\n  Name another --pairs\n")
    shutil.copytree(home / "data", tmp_path / "out")
    done = distill(*words, "--resume")
    assert (done.code, done.stderr.splitlines()[0]) == (2, "nmt: error: out already holds a prepared corpus")
    assert (tmp_path / "mine.a").read_text() == "my own text\n"
    for content in ("[", '{"out": 1}', "[7]"):
        (tmp_path / "out.part/outputs.json").write_text(content)  # nothing that this program writes
        assert distill(*words, "--resume").code == 2
    assert distill(*words, "--resume", "--overwrite").code == 0


def test_a_killed_program_goes_on(distill, home, tmp_path):
    command = [sys.executable, "-m", "nmt", "distill", "--data", home / "data", "--out", tmp_path / "out"]
    command += ["--model", home / "one", "--batch-size", "2", "--processes", "2"]
    file = tmp_path / "out.part/1.jsonl"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: file.exists() and file.read_text().count("\n") > 2, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    (tmp_path / "model").symlink_to(home / "one")
    done = distill("--model", "model", "--resume")  # in one process, and with another name of the run
    assert done.code == 0, done.stderr
    assert len(read_training("out")) > PAIRS


def test_what_was_changed_in_the_work_folder_is_noticed(distill, tmp_path, monkeypatch):
    mend = cut_after(monkeypatch, 7, NmtError("gone"))
    assert distill("--model", "one").code == 2
    mend()
    work = tmp_path / "out.part"
    lines = (work / "1.jsonl").read_text().splitlines()
    (work / "1.jsonl").write_text("\n".join([*lines[:3], "[", *lines[4:], ""]))
    done = distill("--model", "one", "--resume")
    assert done.code == 2
    assert (
        f"{work / '1.jsonl'} is damaged: line 4 is not a list of texts\n  Remove {work}, and begin again" in done.stderr
    )
    (work / "request.json").write_text("{")
    done = distill("--model", "one", "--resume")
    assert f"{work / 'request.json'} is damaged: it is not JSON\n  Remove {work}, and begin again" in done.stderr


REFUSED = {
    "there is no run that translates\n  Name one or several with --model for the sources of data, or with --bac": [],
    "--target-text has no run that translates it\n  Name one with --backward": ["--model", "one", "--target-text", "t"],
    "--source-text has no run that translates it\n  Name one with --model": [
        "--backward",
        "back",
        "--source-text",
        "t",
    ],
    "back translates b to a, and data is a to b\n  Name it with --backward": ["--model", "back"],
    "one translates a to b, and data is a to b\n  Name it with --model": ["--backward", "one"],
    "--each has no effect with one run\n  Name several, or leave it out": [
        "--model",
        "one",
        "--backward",
        "back",
        "--each",
    ],
    "--closest compares with the other side of a pair, and a text has none: leave it out": [
        *("--model", "one", "--source-text", "t", "--closest", "bleu"),
    ],
    "--closest has no effect with --n-best 1: raise it, or leave it out": [
        *("--model", "one", "--closest", "chrf", "--n-best", "1"),
    ],
    "--closest has nothing to choose from with a beam of 1\n  Raise --beam, or give --n-best and --sample": [
        *("--model", "one", "--closest", "bleu", "--beam", "1"),
    ],
    "data is the corpus to translate\n  Name another --out": ["--model", "one", "--out", "data", "--overwrite"],
    "t.b exists already\n  Name another --pairs": ["--model", "one", "--pairs", "t"],
    "no/new.a cannot be written: there is no folder no\n  Name another --pairs": [
        "--model",
        "one",
        "--pairs",
        "no/new",
    ],
    "t already holds": ["--model", "one", "--out", "t"],
    "one cannot find the 3 best translations with a beam of 2\n  Lower --n-best, or give a beam of at least 3": [
        *("--model", "one", "--beam", "2", "--n-best", "3"),
    ],
    "- is not a file": ["--model", "one", "--source-text", "-"],
    "/dev/null is not a file\n  A text is read several times": ["--model", "one", "--source-text", "/dev/null"],
    "--temperature has no effect without --sample": ["--model", "one", "--temperature", "2"],
    'one has no checkpoint "bset"; did you mean "best"?': ["--model", "one", "--checkpoint", "bset"],
    "bad.a is not UTF-8: line 1, byte 0 of the text is 0xFF": [
        *("--model", "one", "--source-text", "t", "--source-text", "bad.a"),  # found before t is translated
    ],
    "nothing does not exist": ["--model", "one", "--source-text", "nothing"],
    "empty.b has no lines to translate": [
        "--model",
        "one",
        "--backward",
        "back",
        "--target-text",
        "empty.b",
        "--no-tag",
    ],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_before_any_work(distill, tmp_path, message):
    (tmp_path / "t.b").write_text("ba\n")
    (tmp_path / "empty.b").touch()
    (tmp_path / "bad.a").write_bytes(b"\xff\n")
    if REFUSED[message][-2:] == ["--out", "t"]:
        (tmp_path / "t").mkdir()
        (tmp_path / "t/mine").touch()
    else:
        (tmp_path / "t").write_text("ba\n")
    done = distill(*REFUSED[message])
    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out.part").exists()
    assert not (tmp_path / "out").exists()


def test_a_run_of_other_languages_is_refused(distill, home, tmp_path):
    run = shutil.copytree(home / "one", tmp_path / "other")
    facts = json.loads((run / "run.json").read_text())
    write_facts(run / "run.json", facts | {"target_lang": "c"})
    done = distill("--model", "other")
    message = "nmt: error: other translates a to c, and data is a to b\n  It must be a to b\n"
    assert (done.code, done.stderr) == (2, message)


@pytest.mark.parametrize("options", [{"original": -1}, {"n_best": 0}])
def test_numbers_that_cannot_be_are_refused(home, tmp_path, options):
    [(name, value)] = options.items()
    with pytest.raises(UsageError, match=rf"^{name}={value} must be a whole number of at least {value + 1}$"):
        nmt.distill(home / "data", tmp_path / "out", home / "one", **options)


def test_an_ensemble_has_one_vocabulary(distill, home, tiny_corpus, tmp_path):
    (tmp_path / "other").mkdir()
    texts = {"train": home / "few", "valid": tiny_corpus / "valid", "source_lang": "a", "target_lang": "b"}
    nmt.prepare(**texts, out=tmp_path / "prepared", vocab_size=284)
    model = nmt.settings.ModelSettings(embedding_size=4, encoder_size=4, decoder_size=4, attention_size=4)
    settings = nmt.settings.RunSettings(model=model, train={"max_updates": 1, "max_tokens": 100})
    nmt.train(tmp_path / "prepared", tmp_path / "other/run", settings, device="cpu")
    words = ["--model", "one", "--model", "other/run"]
    done = distill(*words)
    assert done.code == 2
    assert "other/run and one cannot form an ensemble: their source subword models differ\n" in done.stderr
    assert distill(*words, "--each").code == 0  # and the corpus has other subwords than both


def test_a_tag_needs_a_piece(distill, home, tiny_corpus, tmp_path):
    texts = {"train": home / "few", "valid": tiny_corpus / "valid", "source_lang": "a", "target_lang": "b"}
    nmt.prepare(**texts, out=tmp_path / "untagged", vocab_size=285)
    (tmp_path / "t").write_text("ba\n")
    done = distill("--data", "untagged", "--backward", "back", "--target-text", "t")
    assert (done.code, done.stderr) == (
        2,
        "nmt: error: the subword models of untagged have no piece <BT>, which marks the pairs of --target-text\n"
        "  Prepare the corpus with --symbol '<BT>', or add --no-tag\n",
    )


def test_nothing_new_is_an_error(distill, tmp_path):
    (tmp_path / "empty").write_text("\n\n")
    done = distill("--model", "two", "--source-text", "empty")
    assert done.code == 2
    assert "two, empty: 0 new pairs; dropped: 2 empty source\n" in done.stderr
    assert (
        "error: no new pair is left of all translations\n  Most were dropped for this reason: empty source\n"
        f"  The translations are in {tmp_path / 'out.part'}: remove it before the next try\n"
    ) in done.stderr
    assert not (tmp_path / "out").exists()


def test_translations_that_the_corpus_has_already_are_an_error_too(distill):
    assert distill("--model", "two").code == 0
    done = distill("--data", "out", "--out", "more", "--model", "two")
    assert done.code == 2
    assert "\n  Translations that differ more: --sample, or a larger --n-best\n" in done.stderr


def test_characters_without_a_piece_are_kept_and_word_links_are_not(home, tiny_corpus, tmp_path):
    for side in "ab":
        (tmp_path / f"few.{side}").write_text((home / f"few.{side}").read_text() + "ba d☂e☂ ☂\n")
    (tmp_path / "links").write_text("0-0\n" * (PAIRS + 1))
    texts = {"train": tmp_path / "few", "valid": tiny_corpus / "valid", "source_lang": "a", "target_lang": "b"}
    settings = {"byte_fallback": False, "character_coverage": 0.99, "train_alignments": [tmp_path / "links"]}
    data = nmt.prepare(**texts, out=tmp_path / "data", **settings)
    notes = []

    class Notes(nmt.Progress):
        def note(self, text):
            notes.append(text)

    made = nmt.distill(data.path, tmp_path / "out", home / "one", progress=Notes())
    before, after = (
        [one.open_split("train").read_source(row).tolist() for row in range(PAIRS + 1)] for one in (data, made)
    )
    assert before[PAIRS].count(UNK) == 3
    assert after == before
    assert notes[-1] == f"the word links of {data.path} are left out: they cannot guide attention here"
