"""`nmt train`: the options of nmt.train and nmt.resume."""

import json
from pathlib import Path
from typing import Any

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER, device_option
from nmt.errors import UsageError
from nmt.settings import list_recipes, parse_override, resolve_settings


@click.command(cls=NmtCommand)
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="prepared folder, which `nmt prepare` wrote")
@click.option("--out", required=True, type=FOLDER, metavar="RUN", help="run folder to make")
@click.option("--recipe", metavar="NAME", help=f"settings that are part of the program: {', '.join(list_recipes())}")
@click.option("--config", type=FOLDER, metavar="FILE", help="settings in a TOML file")
@click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="one setting; repeat for more")
@click.option("--resume", is_flag=True, help="continue from the last checkpoint of --out, with its settings")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0), metavar="M", help="stop after this many minutes; 0 for no limit"
)
@click.option(
    "--max-epochs", type=click.IntRange(min=0), metavar="N", help="stop after this many epochs; 0 for no limit"
)
@click.option(
    "--max-updates", type=click.IntRange(min=0), metavar="N", help="stop after this many updates; 0 for no limit"
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="random seed for initial weights, batch order and dropout",
)
@device_option
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="number format of matrix products; auto chooses the faster  [default: auto]",
)
@click.option(
    "--compile/--no-compile",
    default=None,
    help="compile element-wise operations first, which takes seconds; training then runs faster",
)
@import_option
def command(
    data: Path,
    out: Path,
    recipe: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    resume: bool,
    device: str,
    **limits: Any,
) -> None:
    """Train a translator on a prepared corpus.

    Settings are the defaults, overridden by --recipe, then by --config, then by --set and the options below. The run
    folder has everything that translating needs. Ctrl-C saves the state of training, and --resume continues from it.

    Every validation computes BLEU (by the tokenizer for the target language), chrF, accuracy and F1 of whole lines, and
    perplexity. The setting train.metric chooses which of them decides what is best. With --resume, --set may change
    train.metric, train.tokenize, train.patience, train.learning_rate, train.validate_every, train.validation_beam and
    train.keep; `best` then becomes the best by the new metric of the checkpoints that the run still has.
    """
    import nmt

    given = {key: value for key, value in limits.items() if value is not None}
    if resume:
        if recipe or config or "seed" in given:
            raise UsageError(
                "--resume continues with the settings of the run: leave out --recipe, --config and --seed\n"
                "  Only --set, --max-minutes, --max-epochs, --max-updates, --precision and --compile may change it"
            )
        changes = parse_changes(overrides)
        nmt.resume(data, out, device=device, progress=True, **(changes | given))
    else:
        words = [*overrides, *(f"train.{key}={json.dumps(value)}" for key, value in given.items())]
        nmt.train(data, out, resolve_settings(recipe, config, words), device=device, progress=True)


def parse_changes(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The settings of `train` in strings `train.key=value`. Raises UsageError for those that a run cannot change."""
    from nmt.training.run import refuse_fixed_settings

    changes = [
        (section, *entry)
        for word in overrides
        for section, keys in parse_override(word).items()
        for entry in keys.items()
    ]
    refuse_fixed_settings(f"{section}.{key}" for section, key, _ in changes)
    return {key: value for _, key, value in changes}
