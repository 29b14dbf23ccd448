"""The command line: the list of commands, and how errors are printed.

A command's module is imported when it runs, so that `nmt --help` is printed without importing torch.
"""

import atexit
import difflib
import errno
import gc
import importlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import click

from nmt import __version__
from nmt.cli.command import CommandError, choose_name
from nmt.errors import did_you_mean
from nmt.files import FileSystemWarning, open_stream

COMMANDS = {
    "prepare": "Turn parallel text into subword models and encoded tensors.",
    "train": "Train a translator on a prepared corpus.",
    "translate": "Translate files, or stdin to stdout.",
    "score": "Score translations against references: BLEU, chrF, TER.",
    "evaluate": "Translate and score with one or several runs, in one table.",
    "tune": "Choose search settings by their scores on a validation text.",
    "distill": "Make more training pairs from what trained runs translate.",
    "align": "Link the words of given pairs by attention; score the links.",
    "serve": "Translate in the browser while typing, and over HTTP.",
    "inspect": "Describe a run or a prepared folder.",
    "settings": "Print every setting of a run with its default and meaning.",
    "average": "Average the last checkpoints of a run into a new run.",
    "shortlist": "List the likely translations of each piece, for a faster search.",
    "export": "Write the network of a run as ONNX graphs, for other programs.",
    "demo": "Prepare, train, translate, score and align on the sample corpus.",
}
# errors that are caused by a path of the user, or by its disk
PATH_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENOENT, errno.EISDIR),
}


# what other programs give with an option, and commands of nmt may take without one
GIVEN_WITHOUT_OPTION = {"model", "checkpoint", "run", "data", "input", "file", "src", "source", "sys", "hypothesis"}
LIKE = 0.65  # the least similarity of an option that is suggested, from 0 to 1


class Commands(click.Group):
    """A group whose commands are listed here and imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"nmt.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f'there is no command "{args[0]}"{did_you_mean(args[0], COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="nmt", message="%(prog)s %(version)s")
@click.pass_context
def nmt(context: click.Context) -> None:
    """Train, run, score and inspect attention-GRU translation models.

    Results go to stdout, progress and messages to stderr. `nmt COMMAND --help` lists the options of a command.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. -> exit code: 0 success, 1 an error in the program, 2 one in the input, 130 interrupted"""
    warnings.showwarning = build_warning_printer()
    try:
        nmt.main(args=None if arguments is None else list(arguments), prog_name="nmt", standalone_mode=False)
        sys.stdout.flush()  # at the exit of Python an error, such as that of a full disk, would be no message
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        command = where.command_path if where is not None else "nmt"
        return fail(f"{describe(error)}\n  `{command} --help` lists the options")
    except CommandError as error:
        return fail(str(error), error.code)
    except (KeyboardInterrupt, click.Abort):
        return fail("interrupted", 130)
    except OSError as error:
        if error.errno not in PATH_ERRORS:
            return crash()
        what = f"{os.fsdecode(error.filename)}: {error.strerror}" if error.filename else str(error.strerror)
        advice = "Existing files are unchanged: free disk space or use another path, then run again"
        return fail("\n  ".join([what, *getattr(error, "__notes__", [advice])]))
    except Exception:
        return crash()
    return 0


def describe(error: click.ClickException) -> str:
    """click's message; for an option with several names it has the one that was typed."""
    if isinstance(error, click.NoSuchOption) and error.ctx:
        return describe_unknown_option(error.option_name, error.ctx.command)
    option = getattr(error, "param", None)
    if isinstance(option, click.Option):
        name = choose_name(option.opts, getattr(error, "ctx", None))
        if isinstance(error, click.MissingParameter):
            return f"{name} must be given: {option.help}"
        if isinstance(error, click.BadParameter):
            error.param_hint = repr(name)
    return error.format_message()


def describe_unknown_option(name: str, command: click.Command) -> str:
    """What may be meant by an option that a command has not: a similar one, or what it takes without an option."""
    word = name.strip("-")
    options = [one for one in command.params if isinstance(one, click.Option)]
    flags = {flag.strip("-"): flag for option in options for flag in option.opts}
    nearest = [flag for flag in flags if word.startswith(f"{flag}-")]  # --beam-size
    nearest += difflib.get_close_matches(word, flags, n=1, cutoff=LIKE)
    if nearest:
        return f"there is no option {name}; did you mean {flags[nearest[0]]}?"
    if word in GIVEN_WITHOUT_OPTION:
        for argument in set(command.params) - set(options):
            return f"there is no option {name}: {argument.make_metavar(click.Context(command))} is given without one"
    return f"there is no option {name}"


def build_warning_printer() -> Callable[..., None]:
    """A function for warnings.showwarning: it prints a warning of nmt as a message, once, and others as Python does."""
    printed = set()

    def show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, FileSystemWarning):
            print(warnings.formatwarning(message, category, *where[:2]), end="", file=sys.stderr)
        elif str(message) not in printed:
            printed.add(str(message))
            print(f"nmt: warning: {message}", file=sys.stderr)

    return show_warning


def fail(message: str, code: int = 2) -> int:
    """Print an error that the user can mend."""
    print(f"nmt: error: {message}", file=sys.stderr)
    return code


def crash() -> int:
    """Print an error in the program."""
    traceback.print_exc()
    print("nmt: this is an error in nmt, not in your input: please report it with the lines above", file=sys.stderr)
    return 1


class ClosedStream(io.FileIO):
    """Standard input or output that was closed before the program began: its use raises CommandError, once.

    It is the null device, so that no other file gets its number.
    """

    has_failed = False

    def fail(self) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise CommandError(
                "standard input is closed, and would be read\n  Name a file, or direct one to it: /dev/null is empty"
                if self.readable()
                else "standard output is closed, and would be written to\n  Direct it to a file, or to /dev/null"
            )

    def readinto(self, buffer: Any) -> int:
        self.fail()
        return 0

    def readall(self) -> bytes:
        self.fail()
        return b""

    def write(self, content: Any) -> int:
        self.fail()
        return memoryview(content).nbytes


def run() -> None:
    """The console script. Text is UTF-8 in every locale. Messages to a closed standard error are dropped.

    When a reader closes a pipe, what is written to it is dropped, and the command goes on with its other outputs.

    Python searches for garbage less often than by default, and not at the end: a third of the time of a start went into
    searches among the objects of torch's modules, which all stay.
    """
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    for name, mode, errors in (
        ("stdin", "r", "strict"),
        ("stdout", "w", "surrogateescape"),  # file names are written as they were given
        ("stderr", "w", "backslashreplace"),
    ):
        stream = getattr(sys, name)
        if stream is None and name == "stderr":
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif stream is None:
            closed = ClosedStream(os.devnull, mode)
            buffered = io.BufferedReader(closed) if mode == "r" else io.BufferedWriter(closed)
            setattr(sys, name, io.TextIOWrapper(buffered, encoding="utf-8"))
        elif mode == "r" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)
        elif isinstance(stream, io.TextIOWrapper):
            is_by_line = name == "stderr" or stream.isatty()
            buffer = open_stream(stream.fileno(), close=False)
            setattr(sys, name, io.TextIOWrapper(buffer, encoding="utf-8", errors=errors, line_buffering=is_by_line))
    sys.exit(main())
