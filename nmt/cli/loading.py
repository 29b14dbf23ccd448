"""What translates lines for a command: a translator or a pool of processes, perhaps with translation memories."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nmt.cli.memory import MemoryOptions
    from nmt.translation.memory import MemoryTranslator
    from nmt.translation.translator import Translator
    from nmt.translation.workers import WorkerPool


def load_translator(
    processes: int, threads: int, loading: dict[str, Any], memory: "MemoryOptions | None" = None
) -> "Translator | WorkerPool | MemoryTranslator":
    """A translator or, for several processes, a worker pool that ends with the command; perhaps with memories."""
    if memory and memory.files:
        from nmt.translation.memory import MemoryTranslator

        return MemoryTranslator(load_translator(processes, threads, loading), memory.read(loading["model"][0]))
    if processes > 1:
        from nmt.translation.workers import WorkerPool

        return click.get_current_context().with_resource(WorkerPool(processes, threads, **loading))
    from nmt.translation.translator import Translator

    return Translator.load(**loading)
