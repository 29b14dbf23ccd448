"""The options of terms: a glossary, parts of the source that stay as they are, and the report of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import INPUT, OUTPUT, combine

if TYPE_CHECKING:
    from nmt.text.terms import Terms, TermUse

COLUMNS = ("file", "line", "kind", "term", "required", "used", "source", "translation")

required_options = combine(
    click.option(
        "--glossary",
        type=INPUT,
        metavar="FILE",
        help="terms and their translations: source, which may end with * for every ending, tab, target, and perhaps a "
        "tab and ignore, exact or follow, the rule for case",
    ),
    click.option(
        "--keep",
        multiple=True,
        metavar="REGEX",
        help="what translations have as the source has it: numbers, urls, placeholders, emails, emoji, or what a "
        "regular expression matches; repeat for more",
    ),
)
term_options = combine(
    required_options,
    click.option(
        "--term-report",
        type=OUTPUT,
        metavar="FILE",
        help="table of every term, and what was kept, and whether the translation has it; JSON Lines if FILE ends with "
        ".jsonl, else tab-separated",
    ),
)


def read_terms(glossary: str | None, keep: Sequence[str], run: str) -> "Terms | None":
    """The terms that options name; None if they name none. A glossary is in the languages of a run."""
    if not glossary and not keep:
        return None
    from nmt.checkpoint import read_run
    from nmt.text.terms import KEPT, Terms

    info = read_run(Path(run)).info if glossary else None
    terms = Terms.read(glossary, keep, (info.source_lang, info.target_lang) if info else ())
    for word in keep:
        if word.isalpha() and word not in KEPT:
            click.echo(f"nmt: --keep {word} keeps this word alone: it is not one of {', '.join(KEPT)}", err=True)
    return terms


def describe_use(file: str, line: int, use: "TermUse", source: str, translation: str) -> dict[str, Any]:
    """A row of the report, for a term of a sentence."""
    return {
        "file": file,
        "line": line,
        "kind": use.term.kind,
        "term": use.term.text,
        "required": list(use.term.targets),
        "used": use.used,
        "source": source,
        "translation": translation,
    }


def note_terms(found: int, missing: int, report: Path | None) -> None:
    """Write to standard error how many terms translations do not have, if there are such."""
    from nmt.progress import format_count

    if missing:
        where = f"{report} lists them" if report else "--term-report FILE lists them"
        is_or_are = "is" if missing == 1 else "are"
        counted = f"{missing:,} of {format_count(found, 'term')}"
        click.echo(f"nmt: {counted} {is_or_are} missing in the translation: {where}", err=True)
