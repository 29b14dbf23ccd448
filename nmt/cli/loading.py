"""What translates lines for a command: a translator or a pool of processes, perhaps with translation memories."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nmt.cli.memory import MemoryOptions
    from nmt.translation.growing import GrowingTranslator
    from nmt.translation.memory import MemoryTranslator
    from nmt.translation.translator import Translator
    from nmt.translation.workers import WorkerPool


def load_translator(
    processes: int,
    threads: int,
    loading: dict[str, Any],
    memory: "MemoryOptions | None" = None,
    note: Callable[[str], None] | None = None,
) -> "Translator | WorkerPool | GrowingTranslator | MemoryTranslator":
    """A translator or, for several processes, a worker pool that ends with the command; perhaps with memories.

    With `note`, which is called with what is chosen, one process may become several where lines are many.
    """
    if memory and memory.files:
        from nmt.translation.memory import MemoryTranslator

        inner = load_translator(processes, threads, loading, note=note)
        return MemoryTranslator(inner, memory.read(loading["model"][0]))
    from nmt.translation.workers import WorkerPool

    end_with_command = click.get_current_context().with_resource
    if processes > 1:
        return end_with_command(WorkerPool(processes, threads, **loading))
    from nmt.translation.batching import count_threads
    from nmt.translation.growing import THREADS, GrowingTranslator, count_processes
    from nmt.translation.translator import Translator

    translator = Translator.load(**loading)
    several = count_processes(count_threads(translator.model))
    if note and several > 1 and translator.precision == "int8":
        return GrowingTranslator(translator, lambda: end_with_command(WorkerPool(several, THREADS, **loading)), note)
    return translator
