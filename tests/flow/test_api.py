"""The Python way, the module way, completion, and how soon help answers."""

import subprocess
import sys

import pytest

import nmt
from nmt.config import ModelSettings, RunSettings, TrainSettings


def test_three_lines_translate(reverser):
    from nmt import Translator

    translator = Translator.load(reverser)
    first, empty = translator.translate(["ba de fi", ""])
    assert (first.text, empty.text) == ("fi de ba", "")
    assert sorted(target for _, target in first.alignment) == [0, 1, 2]
    assert first.word_attention.shape == (3, 3)
    assert first.score < 0
    assert "".join(first.tokens).replace("▁", " ").split("</s>")[0].split() == ["fi", "de", "ba"]


def test_prepare_and_train_are_functions(tmp_path):
    pairs = [(f"{a} {b}", f"{b} {a}") for a in "abcdefgh" for b in "abcdefgh"]
    prepared = nmt.prepare(
        train=pairs, valid=pairs[:5], out=tmp_path / "data", source_lang="x", target_lang="y", vocab_size=270
    )
    assert prepared.manifest.splits["train"].pairs == 64
    settings = RunSettings(model=ModelSettings(embedding_size=8), train=TrainSettings(max_updates=2))
    outcome = nmt.train(tmp_path / "data", tmp_path / "run", settings)
    assert (outcome.state.update, outcome.reason) == (2, "2 updates are done")
    assert len(nmt.load(tmp_path / "run").translate(["a b"])) == 1


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'translte'"):
        nmt.translte  # noqa: B018


def test_help_does_not_import_what_is_slow():
    slow = "{'torch', 'numpy', 'pydantic', 'sacrebleu', 'sentencepiece', 'matplotlib'}"
    code = f"import sys, nmt.cli.main; nmt.cli.main.main(['--help']); sys.exit(len({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_every_command_explains_itself_in_one_line(run_nmt):
    from nmt.cli.main import COMMANDS

    listed = run_nmt("--help").stdout
    for name, line in COMMANDS.items():
        assert line.split()[0] in listed
        done = run_nmt(name, "--help")
        assert done.code == 0
        assert done.stdout.startswith(f"Usage: nmt {name} [OPTIONS]")


def test_the_shell_completes_commands_and_options(run_nmt):
    env = {"_NMT_COMPLETE": "bash_complete", "COMP_WORDS": "nmt tr", "COMP_CWORD": "1"}
    assert run_nmt(process=True, env=env).stdout.split() == ["plain,train", "plain,translate"]
    env["COMP_WORDS"], env["COMP_CWORD"] = "nmt train --max-m", "2"
    assert run_nmt(process=True, env=env).stdout.split() == ["plain,--max-minutes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], 'no command "trian"; did you mean "train"?'),
        (["train"], "Missing option '--data'"),
        (["train", "--dta", "x"], "--dta"),
    ],
)
def test_words_that_make_no_command(run_nmt, words, message):
    done = run_nmt(*words)
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_our_own_fault_keeps_its_traceback(run_nmt, monkeypatch):
    monkeypatch.setattr("nmt.cli.score.read_parallel", lambda paths: 1 / 0)
    done = run_nmt("score", "--reference", __file__, __file__)
    assert done.code == 1
    assert "ZeroDivisionError" in done.stderr
    assert "fault of the program" in done.stderr


def test_a_full_disk_is_told_and_nothing_is_harmed(run_nmt, reverser, tmp_path, monkeypatch):
    import errno
    import os

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device", "out.txt")

    out = tmp_path / "out.txt"
    out.write_text("old\n")
    monkeypatch.setattr(os, "fsync", full)
    done = run_nmt("translate", "--model", reverser, "--output", out, stdin="ba\n")
    assert done.code == 2
    assert "No space left on device" in done.stderr
    assert out.read_text() == "old\n"


def test_a_place_below_a_file_is_told(run_nmt, tiny_prepared, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "letter.txt" / "run")
    assert done.code == 2
    assert f"nmt: error: {tmp_path / 'letter.txt'}" in done.stderr
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr
