"""Options that several commands share, each declared once; and options made from settings.

An option that is not given is None and leaves the setting as it is elsewhere.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from nmt.cli.command import CommandError
from nmt.cli.imports import import_option
from nmt.errors import describe_unreadable
from nmt.settings import Settings, list_recipes

F = TypeVar("F", bound=Callable[..., Any])
BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}


class FiniteRange(click.FloatRange):
    """A range of numbers, of which NaN is none. click compares it with the ends of a range, and takes it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class InputPath(click.Path):
    """A file to read, or `-`. It is looked for before a command starts its work. It may be a folder if `folders`."""

    def __init__(self, folders: bool = False) -> None:
        super().__init__()
        self.folders = folders

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if value != "-":
                os.stat(value)  # and not open(), after which a pipe would have lost its reader
                if os.path.isdir(value) and not self.folders:
                    raise IsADirectoryError
                if not os.access(value, os.R_OK):
                    raise PermissionError
        except OSError as error:
            raise CommandError(describe_unreadable(value, error)) from error
        return value


INPUT = InputPath()
INPUT_OR_FOLDER = InputPath(folders=True)
OUTPUT = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path)

checkpoint_option = click.option(
    "--checkpoint",
    default="best",
    metavar="NAME",
    help="checkpoint to load: best, last, update-000500 …  [default: best]",
)
device_option = click.option(
    "--device",
    default="auto",
    metavar="DEVICE",
    help="device to compute on: auto (the first GPU, else the CPU), cpu, cuda, cuda:1 …  [default: auto]",
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    metavar="N",
    help="sentences in a batch; more take more memory  [default: 64]",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "int8"]),
    default="auto",
    help="number format of matrix products; auto is int8 on a CPU and float32 on a GPU  [default: auto]",
)
shortlist_option = click.option(
    "--shortlist",
    type=FOLDER,
    metavar="FILE",
    help="allow only the target pieces of this shortlist; a file that `nmt shortlist` wrote, or a run folder with one",
)
gold_option = click.option(
    "--gold",
    type=INPUT,
    metavar="FILE",
    help="gold word links to compare with: 1-2 is sure, 1p2 is possible; or the NAACL format",
)
gold_base_option = click.option(
    "--gold-base",
    type=click.IntRange(0, 1),
    metavar="N",
    help="number of the first word in --gold  [default: 0; in the NAACL format: 1]",
)


def model_option(purpose: str, required: bool = True) -> Callable[[F], F]:
    """`--model`, which may be repeated for a purpose."""
    return click.option(
        "--model", multiple=True, required=required, metavar="RUN", help=f"run folder; repeat it {purpose}"
    )


def format_option(*choices: str) -> Callable[[F], F]:
    """`--format`, with the first choice as the default."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(choices),
        default=choices[0],
        help=f"output format  [default: {choices[0]}]",
    )


def combine(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, listed in help in the order given."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def parallel_options(processes: str) -> Callable[[F], F]:
    """--processes, with the number by default in words, and --threads."""
    return combine(
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=1,
            metavar="N",
            help=f"processes that translate side by side on the CPU  [default: {processes}]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1),
            metavar="N",
            help="threads of each process  [default: the cores, divided among the processes]",
        ),
    )


run_options = combine(checkpoint_option, device_option, precision_option, import_option)
link_options = combine(
    click.option(
        "--offset",
        type=click.IntRange(0, 1),
        default=0,
        metavar="N",
        help="attention to read for a word: that of the step that predicts it (0), or of the next step, which has "
        "it as input (1)  [default: 0]",
    ),
    click.option(
        "--threshold",
        type=FiniteRange(0, 1, min_open=True),
        metavar="X",
        help="link each target word to all source words with at least this share of its attention"
        "  [default: only to the one with most]",
    ),
    click.option(
        "--units",
        type=click.Choice(["auto", "words", "pieces", "characters", "icu-words"]),
        default="auto",
        help="what is linked: words between spaces, pieces, characters, or words that ICU finds in languages without "
        "blanks; auto is characters in languages without blanks, else words  [default: auto]",
    ),
    click.option("--probabilities", is_flag=True, help="write links as i-j:0.912, with their share of the attention"),
)
settings_source_options = combine(
    click.option(
        "--recipe",
        metavar="NAME",
        help=f"settings that come with the program: {', '.join(list_recipes())}; see `nmt settings --recipes`",
    ),
    click.option("--config", type=FOLDER, metavar="FILE", help="settings in a TOML file"),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="one setting; repeat for more. `nmt settings` explains all",
    ),
)
metric_options = combine(
    click.option(
        "--metrics",
        "-m",
        multiple=True,
        metavar="NAME...",
        default=("bleu", "chrf", "ter"),
        callback=lambda ctx, parameter, words: [name for word in words for name in word.split(",")],
        help="metrics to compute: bleu, chrf, chrf++, ter, accuracy, f1  [default: bleu chrf ter]",
    ),
    click.option(
        "--tokenize",
        default="auto",
        metavar="NAME",
        help="sacreBLEU's tokenizer for BLEU: none, 13a, intl, char, zh, ja-mecab, ko-mecab, spm, flores101, "
        "flores200, spBLEU-1K, or auto, the one for the language: zh for Chinese; ja-mecab and ko-mecab where "
        "sacrebleu[ja] and sacrebleu[ko] are installed, else char; char for Thai, Lao, Khmer, Burmese and Tibetan; "
        "13a for all others  [default: auto]",
    ),
    click.option(
        "--language",
        metavar="CODE",
        help="target language, which chooses the tokenizer: ja, zh_CN, tha …  "
        "[default: that of the run, or else by the script of the references]",
    ),
    click.option("--lowercase", is_flag=True, help="ignore case in BLEU and chrF, as TER does anyway"),
)


def settings_options(kind: type[Settings], flags: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """A decorator that gives a command one option for each setting of `kind`.

    `flags` overrides the name of an option: {"symbols": "--symbol"}.
    """

    def decorate(function: F) -> F:
        for name, field in reversed(kind.model_fields.items()):
            text = write_flags(str(field.description), kind)
            function = settings_option(name, field, text, (flags or {}).get(name))(function)
        return function

    return decorate


def write_flags(text: str, kind: type[Settings]) -> str:
    """A description in which settings of `kind` with several words are options: max_length becomes --max-length."""
    names = "|".join(name for name in kind.model_fields if "_" in name)
    return re.sub(rf"\b({names})\b", lambda match: f"--{match[0].replace('_', '-')}", text)


def settings_option(name: str, field: FieldInfo, description: str, flag: str | None) -> Callable[[F], F]:
    """One setting as an option."""
    dashed = name.replace("_", "-")
    text = f"{description}  [{describe_values(field)}]"
    repeated = f"{description}; repeat for more  [{describe_values(field)}]"
    annotation = get_args(field.annotation)[0] if get_origin(field.annotation) is UnionType else field.annotation
    if annotation is bool:
        return click.option(flag or f"--{dashed}/--no-{dashed}", name, is_flag=True, default=None, help=text)
    if get_origin(annotation) is Literal:
        return click.option(flag or f"--{dashed}", name, type=click.Choice(get_args(annotation)), help=text)
    if get_origin(annotation) is tuple:
        return click.option(flag or f"--{dashed}", name, multiple=True, metavar="TEXT", help=repeated)
    metavar = "N" if annotation is int else "X" if annotation is float else None
    return click.option(flag or f"--{dashed}", name, type=annotation, metavar=metavar, help=text)


def describe_values(field: FieldInfo) -> str:
    """`default: 8000; at least 16`"""
    default = (
        ("no", "yes")[field.default] if field.annotation is bool else "none" if field.default == () else field.default
    )
    defaults = [] if default is None else [f"default: {default}"]
    return "; ".join([*defaults, *describe_bounds(field)])


def describe_bounds(field: FieldInfo) -> list[str]:
    """`at least 1`, `below 10`"""
    bounds = [(*BOUNDS[type(bound)], bound) for bound in field.metadata if type(bound) in BOUNDS]
    return [f"{words} {getattr(bound, key)}" for key, words, bound in bounds]


def given_settings(kind: type[Settings], options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `kind` that were given as options."""
    return {name: options[name] for name in kind.model_fields if options.get(name) not in (None, ())}
