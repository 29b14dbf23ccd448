"""The options of all commands: one style, and one meaning for one name."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import nmt
from nmt.cli.main import COMMANDS

OPTIONS = [
    (name, parameter)
    for name in COMMANDS
    for parameter in importlib.import_module(f"nmt.cli.{name}").command.params
    if isinstance(parameter, click.Option)
]


def test_help_names_every_command_in_one_line(run_nmt):
    done = run_nmt("--help")
    assert done.code == 0
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()[-len(COMMANDS) :]] == [
        [name, meaning] for name, meaning in COMMANDS.items()
    ]


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value))
def test_help_texts_have_one_style(command, option):
    assert (
        option.help[0] == "["
        or option.help[0].islower()
        or option.help.split()[0].strip(",").isupper()
        or option.help.startswith("SentencePiece")
    )
    assert not option.help.endswith(".")
    if not option.is_flag and not isinstance(option.type, click.Choice):
        assert option.metavar
        assert option.metavar.isupper()


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value))
def test_help_names_other_options_as_they_are_written(command, option):
    """Settings are written as in a settings file only where they are settings: train.guided_weight."""
    names = {other.name for _, other in OPTIONS if "_" in other.name}
    assert names & set(re.findall(r"(?<![.\w])[a-z_]+", option.help)) == set()
    assert "e+" not in option.help


@pytest.mark.parametrize("name", ["device", "checkpoint", "batch_size", "model"])
def test_options_with_one_name_have_one_type_and_one_default(name):
    found = [option for _, option in OPTIONS if option.name == name]
    assert found
    assert len({(str(option.type), option.default, option.metavar) for option in found}) == 1


def test_commands_share_the_help_of_device_precision_and_checkpoint():
    by_command = {}
    for command, option in OPTIONS:
        by_command.setdefault(command, {})[option.name] = option.help
    for command in ("translate", "evaluate", "align"):
        for name in ("device", "precision", "checkpoint"):
            assert by_command[command][name] == by_command["translate"][name]
    assert by_command["train"]["device"] == by_command["translate"]["device"]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("nmt tra", ["train", "translate"]),
        ("nmt settings --re", ["--recipes", "--recipe"]),
        ("nmt align --symmetrise inter", ["intersection"]),
    ],
)
def test_a_shell_completes_commands_options_and_values(run_nmt, words, completed):
    request = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = run_nmt(process=True, env=request | {"_NMT_COMPLETE": "bash_complete"})
    assert done.stdout.split() == [f"plain,{word}" for word in completed]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_of_the_readme_prints_the_completion_of_a_shell(run_nmt, shell):
    assert f"{shell}_source" in Path(nmt.__file__).with_name("README.md").read_text("utf-8")
    done = run_nmt(process=True, env={"_NMT_COMPLETE": f"{shell}_source"})
    assert (done.code, "_NMT_COMPLETE" in done.stdout, done.stderr) == (0, True, "")


def test_without_a_command_the_help_is_printed(run_nmt):
    assert run_nmt() == run_nmt("--help")


UNREADABLE = "standard input is closed, and would be read\n  Name a file, or direct one to it: /dev/null is empty\n"
UNWRITABLE = "standard output is closed, and would be written to\n  Direct it to a file, or to /dev/null\n"


@pytest.mark.parametrize(
    ("words", "expected", "message"),
    [
        ("translate --model {run} <&-", "2|", UNREADABLE),
        ("translate --model {run} --document-format text <&-", "2|", UNREADABLE),
        ("score --reference {run}/run.json - <&-", "2|", UNREADABLE),
        ("translate --model {run} >&-", "2|", UNWRITABLE),
        ("--help >&-", "2|", UNWRITABLE),
        ("settings >&-", "2|", UNWRITABLE),
        ("inspect {run} >&-", "2|", UNWRITABLE),
        ("inspect {run} --verify <&- >/dev/null", "0|", ""),  # what is not used may be closed
        ("translate --model {run} --output /dev/null >&-", "0|", ""),
        ("translate --model {run} 2>&-", "0|fi de ba", ""),
        ("translate --model {run} >&- 2>&-", "2|", ""),
    ],
)
def test_a_closed_stream_is_an_error_where_it_is_used(reverser, words, expected, message):
    words = f"'{sys.executable}' -m nmt {words.format(run=reverser)}"
    done = subprocess.run(f'out=$({words}); echo "$?|$out"', shell=True, input=b"ba de fi\n", capture_output=True)
    error = f"nmt: error: {message}" if message else ""
    assert (done.stdout.decode(), done.stderr.decode()) == (expected + "\n", error)


def test_text_is_utf8_in_every_locale(run_nmt, tmp_path):
    file = tmp_path / "größer.txt"
    file.write_text("one\n")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = run_nmt("score", "--reference", file, file, "--format", "json", process=True, env=locale)
    assert (done.code, "größer.txt" in done.stdout) == (0, True)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("train", "--max-minutes"),
        ("tune", "--alpha"),
        ("tune", "--beta"),
        ("align", "--threshold"),
        ("distill", "--max-ratio"),
    ],
)
def test_numbers_of_options_are_finite(run_nmt, command, option, value):
    done = run_nmt(command, option, value)
    assert done.code == 2
    assert re.match(rf"nmt: error: Invalid value for '{option}': .* is not (a finite number|in the range)", done.stderr)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("translate --bem 5", "there is no option --bem; did you mean --beam?"),
        ("translate --beam-size 5", "there is no option --beam-size; did you mean --beam?"),
        ("score --metric bleu", "there is no option --metric; did you mean --metrics?"),
        ("average --model run", "there is no option --model: RUN is given without one"),
        ("translate --input text", "there is no option --input: [FILE]... is given without one"),
        ("train --model run", "there is no option --model"),
        ("align -q", "there is no option -q"),
    ],
)
def test_an_option_that_does_not_exist_is_named_with_what_may_be_meant(run_nmt, words, message):
    done = run_nmt(*words.split())
    command = words.split()[0]
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == f"nmt: error: {message}\n  `nmt {command} --help` lists the options\n"
