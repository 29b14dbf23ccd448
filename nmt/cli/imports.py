"""`--import`: modules of the user's own, which register kinds of attention before a command runs.

Loading a run never runs code by itself; what is imported here is named on the command line.
"""

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click

from nmt.errors import NmtError

IMPORTED = f"{__name__}.imported"  # key of the names in the context


def get_imported_modules() -> tuple[str, ...]:
    """The values of --import in the current command line."""
    names: tuple[str, ...] = click.get_current_context().meta.get(IMPORTED, ())
    return names


def import_modules(ctx: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    """Import every module by its name, as `python -m` finds it, or by the path of its file."""
    ctx.meta[IMPORTED] = names
    for name in () if ctx.resilient_parsing else names:  # a shell that completes words runs no code
        path = Path(name)
        is_file = name.endswith(".py")
        if is_file and not path.is_file():
            raise click.UsageError(f"--import {name}: there is no such file", ctx)
        if is_file and "." in path.stem:
            raise click.UsageError(
                f'--import {name}: "{path.stem}" cannot be the name of a module, because of its dot\n'
                f"  Rename the file, for example to {path.stem.replace('.', '_')}.py",
                ctx,
            )
        folder = str(path.resolve().parent if is_file else Path.cwd())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        module = path.stem if is_file else name
        try:
            loaded = import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module.partition(".")[0]:
                raise import_error(name, error) from error
            raise click.UsageError(
                f'--import {name}: no module "{module}" is installed or in the current folder\n'
                "  A file is named with its ending .py",
                ctx,
            ) from error
        except NmtError as error:
            raise click.UsageError(f"--import {name}: {error}", ctx) from error
        except Exception as error:
            raise import_error(name, error) from error
        refuse_other_file(ctx, name, path if is_file else Path(f"{name}.py"), loaded)


def refuse_other_file(ctx: click.Context, name: str, path: Path, module: ModuleType) -> None:
    """Raise UsageError if another module has the name of the file at `path`, such as one of Python's own."""
    found = getattr(module, "__file__", None)
    if path.is_file() and not (found and os.path.exists(found) and os.path.samefile(found, path)):
        raise click.UsageError(
            f'--import {name}: the name "{module.__name__}" belongs to another module, {found or "a part of Python"}\n'
            f"  Rename {path}",
            ctx,
        )


def import_error(name: str, error: Exception) -> click.ClickException:
    """The message for a module that fails while it is imported, with the traceback that its author needs."""
    lines = traceback.format_exception(error)
    return click.UsageError(f"--import {name} failed:\n  " + "".join(lines).rstrip().replace("\n", "\n  "))


import_option = click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    is_eager=True,
    expose_value=False,
    callback=import_modules,
    help="module, or file that ends in .py, which registers kinds of attention; repeat for more",
)
