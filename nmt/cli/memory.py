"""The options of translation memories, and the report of what they have."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nmt.cli.options import INPUT, OUTPUT, combine
from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.translation.memory import TranslationMemory
    from nmt.translation.result import MemoryMatch

COLUMNS = ("file", "line", "score", "source", "memory_source", "memory_target", "translation")

memory_options = combine(
    click.option(
        "--memory",
        multiple=True,
        type=INPUT,
        metavar="FILE",
        help="translation memory: TMX, or XLIFF, PO, CSV or XLSX; its units are not translated again; repeat for more",
    ),
    click.option(
        "--memory-threshold",
        type=click.IntRange(1, 100),
        metavar="PERCENT",
        help="least similarity of a source in the memory that is reported; 100 is an equal one  [default: 70]",
    ),
    click.option(
        "--memory-report",
        type=OUTPUT,
        metavar="FILE",
        help="table of what the memory has for each line or sentence; JSON Lines if FILE ends with .jsonl, else "
        "tab-separated",
    ),
)


class MemoryOptions(NamedTuple):
    """The options of memories, as given."""

    files: Sequence[str]
    threshold: int | None
    report: Path | None
    quiet: bool = False

    def check(self, resumes: bool) -> None:
        """Raise UsageError for options that have no effect, or half of one where output is resumed."""
        for flag, value in (("--memory-threshold", self.threshold), ("--memory-report", self.report)):
            if value and not self.files:
                raise UsageError(f"{flag} is about translation memories: name one with --memory")
        if self.report and resumes:
            raise UsageError(
                "--memory-report would have the last lines only: leave it out, or leave out --resume-output"
            )

    def read(self, run: str) -> "TranslationMemory":
        """The memories in the languages of a run. Unless quiet, writes to standard error what was read of each."""
        from nmt.checkpoint import read_run
        from nmt.translation.memory import THRESHOLD, TranslationMemory

        info = read_run(Path(run)).info
        threshold = THRESHOLD if self.threshold is None else self.threshold
        memory = TranslationMemory.read(self.files, info.source_lang, info.target_lang, threshold)
        for note in () if self.quiet else memory.notes:
            click.echo(f"nmt: {note}", err=True)
        return memory


def describe_match(file: str, line: int, match: "MemoryMatch", source: str, translation: str) -> dict[str, Any]:
    """A row of the report."""
    return {
        "file": file,
        "line": line,
        "score": match.score,
        "source": source,
        "memory_source": match.source,
        "memory_target": match.target,
        "translation": translation,
    }


def note_memory(scores: Sequence[int], total: int, what: str, report: Path | None) -> None:
    """Write to standard error for how many lines or sentences a memory has the same, or a similar one."""
    from nmt.progress import format_count

    found = sum(score == 100 for score in scores)
    others = len(scores) - found
    similar = f", and {others:,} {'is' if others == 1 else 'are'} similar to what it has" if others else ""
    is_or_are = "is" if found == 1 else "are"
    where = f": {report} lists them" if report else ": --memory-report FILE lists them" if similar else ""
    click.echo(f"nmt: {found:,} of {format_count(total, what)} {is_or_are} from the memory{similar}{where}", err=True)
