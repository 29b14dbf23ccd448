"""Lines that occur again, such as the labels of buttons in a document, are translated once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from nmt.translation.request import Request
from nmt.translation.result import Translation

Line = str | Request
MOST_KEPT = 2000  # different lines whose translations are kept, those that were used last
LONGEST_KEPT = 200  # characters of such a line: a translation takes memory by the square of its length


def translate_once(
    translate: Callable[[Iterator[Line]], Iterable[list[Translation]]], lines: Iterable[Line]
) -> Iterator[list[Translation]]:
    """Translate lines by `translate`, which gets an empty line, which costs little, for one that it has had before.

    Results are in the order of the lines. Where translations are samples, too, equal lines have the same one.
    """
    kept: dict[Line, list[Translation]] = {}
    order: deque[list[Translation]] = deque()  # of each line; empty until its translation is there

    def leave_out_known() -> Iterator[Line]:
        for line in lines:
            known = kept.pop(line, None)
            found = [] if known is None else known
            if len(line if isinstance(line, str) else line.source) <= LONGEST_KEPT:
                kept[line] = found
            if len(kept) > MOST_KEPT:
                del kept[next(iter(kept))]
            order.append(found)
            yield line if known is None else ""

    for ranked in translate(leave_out_known()):
        found = order.popleft()
        found += [] if found else ranked
        yield found
