"""What translates lines for a command: a translator or a pool of processes, perhaps with translation memories."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import INPUT

if TYPE_CHECKING:
    from nmt.translation.memory import MemoryTranslator
    from nmt.translation.translator import Translator
    from nmt.translation.workers import WorkerPool

memory_option = click.option(
    "--memory",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="translation memory, as TMX; lines and sentences that it has are not translated again; repeat for more",
)


def load_translator(
    processes: int, threads: int, loading: dict[str, Any], memory: Sequence[str] = ()
) -> "Translator | WorkerPool | MemoryTranslator":
    """A translator or, for several processes, a worker pool that ends with the command; perhaps with memories."""
    if memory:
        from nmt.checkpoint import read_run
        from nmt.translation.memory import MemoryTranslator, TranslationMemory

        info = read_run(Path(loading["model"][0])).info
        known = TranslationMemory.read(memory, info.source_lang, info.target_lang)
        return MemoryTranslator(load_translator(processes, threads, loading), known)
    if processes > 1:
        from nmt.translation.workers import WorkerPool

        return click.get_current_context().with_resource(WorkerPool(processes, threads, **loading))
    from nmt.translation.translator import Translator

    return Translator.load(**loading)


def note_memory(translator: Any, total: int, what: str) -> None:
    """Write to standard error how many lines or sentences a translation memory had, if there is one."""
    from nmt.progress import format_count
    from nmt.translation.memory import MemoryTranslator

    if isinstance(translator, MemoryTranslator):
        click.echo(f"nmt: {translator.found:,} of {format_count(total, what)} are from the memory", err=True)
