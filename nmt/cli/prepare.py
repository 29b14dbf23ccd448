"""`nmt prepare`: the options of nmt.data.prepare.prepare."""

from pathlib import Path
from typing import Any

import click

from nmt.cli.command import CommandProgress, NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER, given_settings, settings_options
from nmt.settings import PrepareSettings


@click.command(cls=NmtCommand)
@click.option("--source-lang", required=True, metavar="LANG", help="source language, such as en; ending of its files")
@click.option("--target-lang", required=True, metavar="LANG", help="target language, such as de; ending of its files")
@click.option("--train", multiple=True, metavar="PREFIX", help="training pairs; repeat for several corpora")
@click.option("--tsv", multiple=True, metavar="FILE", help="training pairs in two columns with a tab between them")
@click.option("--tmx", multiple=True, metavar="FILE", help="training pairs in a translation memory")
@click.option("--xliff", multiple=True, metavar="FILE", help="training pairs in XLIFF 1.2 or 2")
@click.option("--po", multiple=True, metavar="FILE", help="training pairs in gettext's PO")
@click.option(
    "--csv", "tables", multiple=True, metavar="FILE", help="training pairs in CSV, whose first row may name languages"
)
@click.option(
    "--xlsx", multiple=True, metavar="FILE", help="training pairs in sheets of Excel; as --csv, for each sheet"
)
@click.option(
    "--train-alignments",
    multiple=True,
    metavar="FILE",
    help="word links of training pairs, 0-0 1-2, to guide attention; repeat for each --train, then for each --tsv, "
    "--tmx, --xliff, --po, --csv and --xlsx",
)
@click.option("--align", is_flag=True, help="learn word links from the training pairs, in place of --train-alignments")
@click.option(
    "--units",
    type=click.Choice(["auto", "words", "characters", "icu-words"]),
    default="auto",
    help="what is linked, as in nmt align; auto is characters where a text has no blanks between words, else words"
    "  [default: auto]",
)
@click.option(
    "--synthetic",
    multiple=True,
    metavar="PREFIX",
    help="training pairs whose source is a machine translation of the target; a tag <BT> marks it",
)
@click.option("--valid", multiple=True, metavar="PREFIX", help="validation pairs, which choose the best checkpoint")
@click.option("--valid-tsv", multiple=True, metavar="FILE", help="validation pairs in two columns")
@click.option("--test", multiple=True, metavar="PREFIX", help="test pairs, which must not be among the training pairs")
@click.option("--test-tsv", multiple=True, metavar="FILE", help="test pairs in two columns")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="prepared folder to make")
@click.option(
    "--subwords-from",
    type=FOLDER,
    metavar="DIR",
    help="a run or a prepared folder, whose subword models to use in place of new ones",
)
@click.option("--overwrite", is_flag=True, help="replace a prepared folder; never anything else")
@import_option
@click.option("--workers", type=click.IntRange(1), metavar="N", help="threads that encode text  [default: all cores]")
@settings_options(
    PrepareSettings, flags={"symbols": "--symbol", "keep_duplicates": "--keep-duplicates/--drop-duplicates"}
)
def command(
    source_lang: str,
    target_lang: str,
    train: tuple[str, ...],
    tsv: tuple[str, ...],
    tmx: tuple[str, ...],
    xliff: tuple[str, ...],
    po: tuple[str, ...],
    tables: tuple[str, ...],
    xlsx: tuple[str, ...],
    train_alignments: tuple[str, ...],
    align: bool,
    units: str,
    synthetic: tuple[str, ...],
    valid: tuple[str, ...],
    valid_tsv: tuple[str, ...],
    test: tuple[str, ...],
    test_tsv: tuple[str, ...],
    out: Path,
    subwords_from: Path | None,
    overwrite: bool,
    workers: int | None,
    **options: Any,
) -> None:
    """Turn parallel text into a prepared folder.

    PREFIX names two files, PREFIX.SOURCE-LANG and PREFIX.TARGET-LANG, plain or compressed (.gz, .bz2, .xz, .zst).
    Line n of one translates line n of the other. Cleaning drops training pairs only, and reports how many it
    dropped and why.

    --tmx, --xliff, --po, --csv and --xlsx are files of translators' tools, several languages in one of which do no
    harm: those with the codes SOURCE-LANG and TARGET-LANG are taken, where `en` stands for en-US too. Units that lack a
    language, or have no text, are counted. --valid and --test take such files too, by their suffixes.

    Line n of --train-alignments links the words of pair n, as any word aligner writes them (Pharaoh format): source
    word, dash, target word, where spaces and tabs separate words and counting starts at 0. Where a text has no blanks
    between words they link its characters, as those of nmt align do, or what --units names. Training with
    train.guided_weight above 0 learns from these links. A possible link, 1p2, counts where its target word has no
    other. With --align no other program is needed: a statistical aligner links the training pairs, in minutes for
    100,000 pairs.
    """
    from nmt.cli.recipes import suggest_recipe
    from nmt.data.prepare import prepare
    from nmt.text.bitext import BilingualFile
    from nmt.text.corpus import TsvFile

    def corpora(prefixes: tuple[str, ...], tsv: tuple[str, ...]) -> list[str | TsvFile]:
        return [*prefixes, *(TsvFile(Path(table), (source_lang, target_lang)) for table in tsv)]

    bilingual = [
        BilingualFile(Path(path), form, source_lang, target_lang)
        for form, paths in (("tmx", tmx), ("xliff", xliff), ("po", po), ("csv", tables), ("xlsx", xlsx))
        for path in paths
    ]
    prepare(
        [*corpora(train, tsv), *bilingual],
        corpora(valid, valid_tsv),
        out,
        source_lang=source_lang,
        target_lang=target_lang,
        test=corpora(test, test_tsv),
        train_alignments=train_alignments,
        align=align,
        units=units,
        synthetic=synthetic,
        subwords_from=subwords_from,
        overwrite=overwrite,
        workers=workers,
        progress=CommandProgress(),
        **given_settings(PrepareSettings, options),
    )
    suggest_recipe(out)
