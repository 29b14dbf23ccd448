import gzip
import json
import math
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from support.corpora import WORDS
from support.fixtures import ROOT

import nmt
from nmt.checkpoint import RunInfo, create_run
from nmt.errors import SettingsError, UsageError
from nmt.loaded_run import load_run
from nmt.settings import ModelSettings, RunSettings
from nmt.text.subword import Subword, train_subword
from nmt.weights import build_model, save_checkpoint

LINES = ["ba de fi", "", "ku la", "me", "ni po ru sa", " \t", "te vi"]
TEXT = "".join(f"{line}\n" for line in LINES)
TURNED = [" ".join(reversed(line.split())) for line in LINES]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A run that has learnt nothing, with a subword model of its own; its weights are not numbers."""
    subword = Subword(train_subword([" ".join(WORDS)] * 9, vocab_size=282))
    info = RunInfo(
        format_version=1,
        source_lang="a",
        target_lang="b",
        joint=True,
        source_fingerprint=subword.fingerprint,
        target_fingerprint=subword.fingerprint,
        data_fingerprint="",
    )
    settings = RunSettings(model=ModelSettings(embedding_size=4, encoder_size=4, decoder_size=4))
    run = create_run(tmp_path_factory.mktemp("runs") / "stranger", settings, info, subword, subword)
    weights = {name: torch.full_like(weight, torch.nan) for name, weight in build_model(run).named_parameters()}
    save_checkpoint(run.path / "best", weights, {"update": 1})
    return run.path


def test_lines_of_stdin_become_lines_of_stdout_and_empty_ones_stay_empty(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, stdin=TEXT)
    assert (done.code, done.stdout.split("\n"), done.stderr) == (0, [*TURNED, ""], "")


def test_plain_and_compressed_files_are_translated_in_order(run_nmt, reverser, tmp_path):
    (tmp_path / "plain").write_text("ba de\nku")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"la me\n"))
    done = run_nmt("translate", "--model", reverser, tmp_path / "plain", "-", tmp_path / "packed.gz", stdin="ni po\n")
    assert (done.code, done.stdout) == (0, "de ba\nku\npo ni\nme la\n")


def test_a_note_says_that_a_document_is_translated_line_by_line(run_nmt, reverser, tmp_path):
    for name in ("a.HTML", "b.po", "c.txt"):
        (tmp_path / name).write_text("ba de\n")
    files = tmp_path / "a.HTML", tmp_path / "b.po", tmp_path / "c.txt"
    done = run_nmt("translate", "--model", reverser, *files)
    assert (done.code, done.stdout) == (0, "de ba\n" * 3)
    assert re.findall(r"nmt: (\S+) is translated line by line, with its markup\n  With --document", done.stderr) == [
        str(file) for file in files[:2]
    ]
    assert run_nmt("translate", "--model", reverser, "--quiet", *files).stderr == ""


@pytest.mark.parametrize(
    "content",
    [b"ba de\r\nku la\r\n", b"\xef\xbb\xbfba de\nku la", "ba\u2028de\nku\x0cla\n".encode(), b"ba de\nku la\n"],
)
def test_only_newlines_end_a_line(run_nmt, reverser, content):
    done = run_nmt("translate", "--model", reverser, stdin=content)
    assert (done.code, done.stdout.count("\n")) == (0, 2)


def test_empty_input_gives_empty_output(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, stdin="")
    assert (done.code, done.stdout) == (0, "")


@pytest.mark.parametrize("beam", [1, 5])
def test_the_batch_size_changes_no_line(run_nmt, reverser, tiny_corpus, beam):
    words = ["--precision", "float32", "--beam", beam]
    outputs = [
        run_nmt("translate", "--model", reverser, *words, "--batch-size", size, tiny_corpus / "test.a").stdout
        for size in (1, 7, 64)
    ]
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0].count("\n") == 30


def test_output_and_alignments_go_to_files(run_nmt, reverser, tmp_path):
    out, links = tmp_path / "out.txt", tmp_path / "links.txt"
    done = run_nmt("translate", "--model", reverser, "--output", out, "--alignments", links, stdin=TEXT)
    assert (done.code, done.stdout, out.read_text().split("\n")) == (0, "", [*TURNED, ""])
    assert done.stderr == f"nmt: {len(LINES)} lines are translated in {out}\n"
    found = links.read_text().split("\n")
    assert len(found) == len(LINES) + 1
    assert found[0] == "0-2 1-1 2-0"
    assert found[1] == found[5] == ""


def test_a_quiet_translation_writes_nothing_beside_its_output(run_nmt, reverser, tmp_path):
    out = tmp_path / "out.txt"
    done = run_nmt("translate", "--model", reverser, "--output", out, "--quiet", stdin=TEXT)
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    assert out.read_text().split("\n") == [*TURNED, ""]


def test_n_best_lines_have_index_and_score(run_nmt, reverser, tmp_path):
    links = tmp_path / "links.txt"
    done = run_nmt("translate", "--model", reverser, "--n-best", 3, "--alignments", links, stdin="ba de\n\nku\n")
    lines = [line.split(" ||| ") for line in done.stdout.splitlines()]
    assert [index for index, _, _ in lines] == ["0", "0", "0", "1", "2", "2", "2"]
    assert [text for _, text, _ in (lines[0], lines[3], lines[4])] == ["de ba", "", "ku"]
    scores = [float(score) for _, _, score in lines[:3]]
    assert scores == sorted(scores, reverse=True)
    assert links.read_text().count("\n") == len(lines)


def test_json_lines_have_all_fields(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, "--format", "jsonl", stdin="ba de fi\n\ngrößer\n")
    first, empty, other = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["index"], first["rank"], first["source"], first["text"]) == (0, 0, "ba de fi", "fi de ba")
    assert first["alignment"] == [[0, 2], [1, 1], [2, 0]]
    assert first["source_words"] == ["ba", "de", "fi"]
    assert first["target_words"] == ["fi", "de", "ba"]
    assert first["source_pieces"][-1] == first["tokens"][-1] == "</s>"
    assert len(first["tokens"]) == len(first["token_log_probs"])
    assert first["log_prob"] == pytest.approx(sum(first["token_log_probs"]), abs=1e-4)
    assert first["score"] == pytest.approx(first["log_prob"] / ((5 + len(first["tokens"])) / 6), abs=1e-4)
    assert first["confidence"] == pytest.approx(math.exp(first["log_prob"] / len(first["tokens"])), abs=1e-3)
    assert first["doubts"] == []
    assert (empty["index"], empty["text"], empty["tokens"], empty["alignment"]) == (1, "", [], [])
    assert (empty["confidence"], empty["doubts"]) == (1, [])
    assert other["confidence"] < first["confidence"]
    assert other["source"] == "größer"
    assert "größer" in done.stdout


def test_the_table_of_json_lines_names_every_key(run_nmt, reverser, tmp_path):
    table = (ROOT / "data" / "README.md").read_text("utf-8").split("## Translations as JSON Lines")[1].split("\n## ")[0]
    named = {key for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for key in re.findall("`(.*?)`", row)}
    (tmp_path / "m.csv").write_text("a,b\nba de,po\n")
    options = ("--probabilities", "--with-attention", "--memory", tmp_path / "m.csv", "--memory-threshold", 100)
    done = run_nmt("translate", "--model", reverser, "--format", "jsonl", *options, stdin="ba de\n")
    assert json.loads(done.stdout).keys() == named


def test_json_lines_are_as_many_lines_for_every_program(run_nmt, reverser, tmp_path):
    lines = ["ba\u2029de", "ba\x85\u2028\x0c\x1c", "fi"]
    done = run_nmt("translate", "--model", reverser, "--format", "jsonl", stdin="\n".join(lines))
    assert len(done.stdout.splitlines()) == done.stdout.count("\n") == 3
    assert [json.loads(line)["source"] for line in done.stdout.splitlines()] == lines
    (tmp_path / "a").write_text("\n".join(lines), "utf-8")
    (tmp_path / "b").write_text("ba\nde\x85\u2028\nfi", "utf-8")
    words = ["align", "--model", reverser, "--matrix", tmp_path / "m", "--source", tmp_path / "a", "--target"]
    assert run_nmt(*words, tmp_path / "b").code == 0
    assert len((tmp_path / "m").read_text("utf-8").splitlines()) == 3


def test_an_ensemble_of_one_run_twice_translates_as_the_run(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, "--model", reverser, stdin=TEXT)
    assert (done.code, done.stdout.split("\n")) == (0, [*TURNED, ""])


def test_runs_with_other_subword_models_cannot_form_an_ensemble(run_nmt, reverser, stranger):
    done = run_nmt("translate", "--model", reverser, "--model", stranger, stdin=TEXT)
    assert (done.code, done.stdout) == (2, "")
    assert f"{stranger} and {reverser} cannot form an ensemble: their source subword models differ" in done.stderr
    assert load_run(stranger).source_subword.fingerprint[:12] in done.stderr


@pytest.mark.parametrize("command", ["translate", "tune", "evaluate"])
def test_runs_of_other_languages_cannot_form_an_ensemble(run_nmt, reverser, turned, tiny_corpus, command):
    words = ["--model", reverser, "--model", turned, *["--ensemble"] * (command == "evaluate")]
    if command != "translate":
        words += ["--source", tiny_corpus / "test.a", "--reference", tiny_corpus / "test.b"]
    done = run_nmt(command, *words, stdin=TEXT)
    assert (done.code, done.stdout) == (2, "")
    assert (
        f"nmt: error: {reverser} translates a to b, and {turned} translates b to a\n"
        "  Runs that are used together must translate between the same languages\n"
    ) in done.stderr
    with pytest.raises(UsageError, match=f"^{reverser} translates a to b, and {turned} translates b to a\n"):
        nmt.Translator.load([reverser, turned])


def test_weights_that_are_not_numbers_raise_an_error(run_nmt, stranger, tmp_path):
    out = tmp_path / "out.txt"
    out.write_text("what was there before\n")
    done = run_nmt("translate", "--model", stranger, "--output", out, stdin="\nba de\n")
    assert done.code == 2
    assert "the model's log-probabilities are not numbers (NaN) at target position 1\n" in done.stderr
    assert "try another checkpoint, or --precision float32" in done.stderr
    assert out.read_text() == "what was there before\n"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_bytes_that_are_not_utf8_end_the_output_before_their_line(run_nmt, reverser, tmp_path):
    out = tmp_path / "out.txt"
    out.write_text("what was there before\n")
    done = run_nmt("translate", "--model", reverser, "--output", out, stdin=b"ba de\nku \xff\n")
    assert done.code == 2
    assert "standard input is not UTF-8: line 2" in done.stderr
    assert out.read_text() == "what was there before\n"
    assert (tmp_path / "out.txt.part").read_text() == "de ba\n"
    assert f"finished lines are in {out}.part; the same command with --resume-output continues" in done.stderr
    mended = run_nmt("translate", "--model", reverser, "--output", out, "--resume-output", stdin="ba de\nku la\n")
    assert (mended.code, out.read_text()) == (0, "de ba\nla ku\n")
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--n-best", "9"],
            "a beam of 5 cannot find the 9 best translations\n  Request at most 5, or a beam of at least 9",
        ),
        (["--beam", "0"], "1 setting in the search options cannot be used\n  beam = 0   must be at least 1\n"),
        (["--alpha", "-1"], "alpha = -1.0   must be at least 0\n"),
        (["--output", "gone/out.txt"], "gone/out.txt cannot be written: there is no folder gone\n"),
        (["--output", ""], ". cannot be written: it is a folder\n  Name a file in it"),
        (["--output", "out.gz"], "out.gz would not be compressed: leave out .gz, or compress standard output"),
        (["--seed", "5"], "--seed has no effect without --sample\n  Add it, or leave both out"),
        (["--longest", "5"], "--longest has no effect without --split-long\n"),
        (["--candidates", "5"], "--candidates has no effect without --mbr\n"),
        (["--diversity", "5"], "--diversity has no effect without --groups\n"),
        (
            ["--alpha", "3", "--normalization", "average"],
            "--alpha has no effect with --normalization average\n  Leave one of them out",
        ),
        (["--normalization", "none", "--alpha", "3"], "--alpha has no effect with --normalization none\n"),
        (["--sample", "--beam", "50"], "--beam has no effect with --sample\n  Leave one of them out"),
        (["--sample", "--beam", "9", "--n-best", "3"], "--beam has no effect with --sample\n"),
        (["--mbr", "chrf", "--beam", "1"], "--mbr has nothing to choose from with one candidate\n  Raise --beam"),
        (["--mbr", "bleu", "--candidates", "1"], "--mbr has nothing to choose from with one candidate\n  Raise --can"),
        (["--max-length-ratio", "1e300"], "max_length_ratio = 1e+300   must be at most 100"),
        (["--alignments", "gone/links"], "gone/links cannot be written: there is no folder gone\n"),
        (["--output", "same", "--alignments", "same"], "--output and --alignments cannot both be same\n"),
        (["--output", "-"], '"-" cannot be written to: name a file, or use /dev/stdout if standard'),
        (["missing.txt"], "nmt: error: missing.txt does not exist\n"),
        (["."], "nmt: error: . is a folder, and must be a file\n"),
        (["--checkpoint", "bets"], 'has no checkpoint "bets"; did you mean "best"?'),
        (["--device", "abacus"], "--device abacus cannot be used here\n"),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(run_nmt, reverser, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = run_nmt("translate", "--model", reverser, *words, stdin=TEXT)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "options",
    [
        {"sample": True, "mbr": "chrf", "beam": 9},  # nine samples
        {"sample": True, "beam": 3, "n_best": 3},
        {"sample": True, "beam": 5},  # the default, too
        {"sample": True, "alpha": 0.5, "n_best": 2},
        {"beam": 1, "alpha": 0.5, "beta": 0.1},  # of the score
        {"normalization": "average", "alpha": 1.0},
        {"mbr": "chrf", "beam": 2},
        {"mbr": "chrf", "beam": 1, "sample": True, "candidates": 3},
    ],
)
def test_options_that_have_an_effect_or_are_defaults_are_accepted(reverser, options):
    assert list(nmt.Translator.load(reverser).stream([], **options)) == []


def test_an_option_may_repeat_a_setting_of_the_run(reverser):
    translator = nmt.Translator.load(reverser)
    run = translator.runs[0]
    search = run.settings.search.model_copy(update={"normalization": "average", "alpha": 0.5})
    translator.runs = [replace(run, settings=run.settings.model_copy(update={"search": search}))]
    assert list(translator.stream([], alpha=0.5)) == []
    with pytest.raises(
        UsageError, match=r"^alpha has no effect with normalization='average'\n  Leave one of them out$"
    ):
        translator.stream([], alpha=0.6)


@pytest.mark.parametrize("option", ["--output", "--alignments"])
def test_input_files_are_not_overwritten(run_nmt, reverser, tmp_path, option):
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "again").symlink_to(tmp_path / "text")
    done = run_nmt("translate", "--model", reverser, option, tmp_path / "again", tmp_path / "text")
    assert (done.code, (tmp_path / "text").read_text()) == (2, TEXT)
    assert done.stderr == f"nmt: error: the input and {option} cannot both be {tmp_path / 'again'}\n"


def test_a_dangling_symbolic_link_raises_an_error(run_nmt, reverser, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "out.txt")
    done = run_nmt("translate", "--model", reverser, "--output", tmp_path / "link", stdin=TEXT)
    assert done.code == 2
    assert f"link cannot be written: there is no folder {(tmp_path / 'gone').resolve()}\n" in done.stderr


def test_model_is_required_and_must_be_a_run(run_nmt, tmp_path):
    assert "--model must be given: run folder; " in run_nmt("translate").stderr
    done = run_nmt("translate", "--model", tmp_path / "nowhere")
    assert (done.code, f"{tmp_path / 'nowhere'} does not exist" in done.stderr) == (2, True)


def test_a_warning_says_that_a_line_is_too_long(run_nmt, reverser, monkeypatch):
    monkeypatch.setattr("nmt.translation.batching.MAX_PIECES", 2)
    done = run_nmt("translate", "--model", reverser, stdin="ba\n" + "ku la me " * 5 + "\n")
    assert (done.code, done.stdout.count("\n")) == (0, 2)
    assert "nmt: line 2 is too long: only its first 2 pieces are translated\n" in done.stderr
    done = run_nmt("translate", "--model", reverser, "--format", "jsonl", stdin="ba\n" + "ku la me " * 5 + "\n\n")
    assert [json.loads(line)["is_whole"] for line in done.stdout.splitlines()] == [True, False, True]


@pytest.mark.numerical
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_precision_translates(run_nmt, reverser, precision):
    done = run_nmt("translate", "--model", reverser, "--precision", precision, stdin="ba de\nku\n")
    assert (done.code, done.stdout) == (0, "de ba\nku\n")


def test_a_terminal_shows_a_progress_bar_with_the_precision(run_nmt, reverser, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "in").write_text(TEXT)
    done = run_nmt("translate", "--model", reverser, "--output", tmp_path / "out", tmp_path / "in")
    picked = nmt.Translator.load(reverser).precision
    assert re.search(rf"{picked}: .* 7/7 \[.* lines/s", done.stderr.replace("\r", "\n"))


def test_a_terminal_is_answered_line_by_line(reverser):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nmt", "translate", "--model", reverser]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            for said, answer in [(b"ba de\n", b"de ba\n"), (b"\n", b"\n"), (b"ku la\n", b"la ku\n")]:
                os.write(ours, said)
                assert process.stdout.readline() == answer
            os.write(ours, b"\x04")  # Ctrl-D
            assert process.wait(20) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


def test_a_reader_that_closes_stdout_ends_the_command_without_an_error(reverser):
    command = [sys.executable, "-m", "nmt", "translate", "--model", reverser, "--batch-size", "1"]
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "--format", "jsonl"], env=environment, **streams) as process:
        process.stdin.write("größer\n".encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["source"] == "größer"  # whatever the locale
        process.stdout.close()
        process.stdin.write(b"ba\n" * 10)
        process.stdin.close()
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_python_translates_in_three_lines(reverser):
    translator = nmt.Translator.load(reverser)
    assert [one.text for one in translator.translate(LINES)] == TURNED
    assert [one.text for one in nmt.load([reverser, str(reverser)]).translate(LINES, beam=1)] == TURNED
    (found,) = translator.n_best(["ba de"], 4)
    assert [one.text for one in found[:1]] == ["de ba"]
    assert len(found) == 4
    stream = translator.stream(iter(LINES), batch_size=1)
    assert next(stream)[0].alignment == [(0, 2), (1, 1), (2, 0)]
    with pytest.raises(SettingsError, match='beem   no such setting; did you mean "beam"'):
        translator.translate(LINES, beem=3)
    with pytest.raises(UsageError, match=r"a beam of 2 cannot find the 3 best"):
        translator.n_best(LINES, 3, beam=2)
    with pytest.raises(UsageError, match="translate gives one translation of each line\n  The method n_best gives"):
        translator.translate(LINES, n_best=2)
    with pytest.raises(TypeError, match="put a single line in a list"):
        translator.translate("ba de")
