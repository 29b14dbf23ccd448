"""One message, in the words of a Python caller and in those of the command line."""

import pickle

import click
import pytest

from nmt.cli.command import NmtCommand
from nmt.errors import DataError, NmtError, Option, UsageError, describe_unreadable, indent


def test_str_names_options_as_arguments():
    error = UsageError("use ", Option("beam"), ", or ", Option("vocab_size", 900), "; not ", Option("device", "cpu"))
    assert str(error) == "use beam, or vocab_size=900; not device='cpu'"


def open_error(path):
    """What opening a path raises."""
    with pytest.raises(OSError, match=path.name) as caught:
        path.open()
    return caught.value


def test_a_file_that_cannot_be_opened_is_described(tmp_path):
    (tmp_path / "corpus.sv").touch()
    (tmp_path / "folder").mkdir()
    reasons = {
        "corpus.se": 'does not exist; did you mean "corpus.sv"?',
        "far/away": "does not exist",
        "folder": "is a folder, and must be a file",
        "corpus.sv/in": "cannot be read: Not a directory",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        assert describe_unreadable(path, open_error(path)) == f"{path} {reason}"
    denied = describe_unreadable(tmp_path / "corpus.sv", PermissionError(13, "Permission denied"))
    assert denied == f"{tmp_path}/corpus.sv cannot be read: you have no permission"


COMMAND = NmtCommand(
    "some",
    params=[
        click.Option(["--symbol", "symbols"], multiple=True),
        click.Option(["--byte-fallback/--no-byte-fallback"], default=None),
        click.Option(["--set", "overrides"], multiple=True),
        click.Argument(["file"]),
    ],
)


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        (Option("symbols"), "--symbol"),
        (Option("byte_fallback", True), "--byte-fallback"),
        (Option("byte_fallback", False), "--no-byte-fallback"),
        (Option("overrides", "train.clip=0.5"), "--set train.clip=0.5"),
        (Option("max_length", 40), "--max-length 40"),  # of another command
        (Option("compile", False), "--no-compile"),
        (Option("out", "a b"), "--out 'a b'"),
    ],
)
def test_the_command_line_writes_flags_of_the_command(option, flag):
    assert UsageError("use ", option).message(COMMAND.write_option) == f"use {flag}"


def test_a_pickled_error_keeps_its_options():
    error = pickle.loads(pickle.dumps(DataError("use ", Option("beam", 3))))
    assert (type(error), error.message(COMMAND.write_option)) == (DataError, "use --beam 3")


def test_several_problems_become_one_message():
    problems = [DataError("one\n  more of it"), DataError("use ", Option("beam"))]
    assert str(NmtError("2 problems", *indent(problems))) == "2 problems\n  one\n    more of it\n  use beam"
