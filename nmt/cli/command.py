"""A command that reports errors in terms of its own options."""

import shlex
from collections.abc import Sequence
from typing import Any

import click

from nmt.errors import NmtError, Option, UnknownAttentionError
from nmt.progress import TerminalProgress

TYPED = f"{__name__}.typed"  # key of the words that were typed, in the context
PATHS = {"FILE": "file", "DIR": "folder", "RUN": "run", "PREFIX": "prefix"}  # by what an option takes
OTHER_FLAGS = {"symbols": "symbol"}  # flags of one command, in messages of others, that are not named as their argument


class CommandError(Exception):
    """A problem that the user can mend, with options written as flags of the command. `code` is the exit code."""

    code = 2


class InterruptionError(CommandError):
    """A command that Ctrl-C has ended: what it kept, and how to go on."""

    code = 130


def choose_name(names: Sequence[str], ctx: click.Context | None) -> str:
    """Of several names of a flag the long one that was typed, or else the first."""
    typed = ctx.meta.get(TYPED, ()) if ctx else ()
    return next((name for name in names if name.startswith("--") and name in typed), names[0])


class NmtCommand(click.Command):
    """A command that writes the arguments in error messages of the library as its flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = {word.partition("=")[0] for word in args}
        try:
            self.refuse_repeated(ctx, args)
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click does not always name the command
            raise

    def refuse_repeated(self, ctx: click.Context, args: list[str]) -> None:
        """Raise UsageError for an option that takes one file or folder and is given twice: only the last would count.

        Other options may be repeated, as those of other programs: the last value counts.
        """
        if ctx.resilient_parsing:
            return
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in given:
            what = PATHS.get(parameter.metavar or "") if isinstance(parameter, click.Option) else None
            if what and not parameter.multiple and (times := given.count(parameter)) > 1:
                flag = choose_name(parameter.opts, ctx)
                raise click.UsageError(f"{flag} is given {times} times, and takes one {what}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NmtError as error:
            message = error.message(lambda option: self.write_option(option, ctx))
            if isinstance(error, UnknownAttentionError):
                message += "\n  --import MODULE imports the module that registers it"
            raise CommandError(message) from error

    def write_option(self, option: Option, ctx: click.Context | None = None) -> str:
        """`--vocab-size 900`: the flag of this command or, if it has no such flag, that of another command."""
        flags = {parameter.name: parameter for parameter in self.params if isinstance(parameter, click.Option)}
        known = flags.get(option.name)
        is_off = option.value is False
        if known is None:
            flag = f"--{'no-' * is_off}{OTHER_FLAGS.get(option.name, option.name).replace('_', '-')}"
        else:
            flag = choose_name(known.secondary_opts if is_off else known.opts, ctx)
        if option.value is None or isinstance(option.value, bool):
            return flag
        values = option.value if isinstance(option.value, list) else [option.value]
        return " ".join(f"{flag} {shlex.quote(str(value))}" for value in values)


class CommandProgress(TerminalProgress):
    """Progress on the terminal, whose messages have the flags of the command that runs."""

    def write_option(self, option: Option) -> str:
        context = click.get_current_context()
        assert isinstance(context.command, NmtCommand)
        return context.command.write_option(option, context)
