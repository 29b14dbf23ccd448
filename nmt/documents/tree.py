"""Tags as a tree of what they hold, and back to marks in a text."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nmt.documents.segment import Mark, PlacedMark, Segment, Side
from nmt.text.units import Span


@dataclass
class Node:
    """A tag and what it holds: the source atoms `begin` to `end`, and later the target atoms `low` to `high`.

    `marks` are the two of a pair, or one: an unpaired tag, or one end of a pair that crosses another. `share` is that
    of Placement in nmt.documents.projection.
    """

    marks: tuple[PlacedMark, ...]
    begin: int
    end: int
    children: list["Node"] = field(default_factory=list)
    low: int = 0
    high: int = 0
    share: float = 1.0

    def walk(self) -> Iterator["Node"]:
        """The nodes below this one."""
        for child in self.children:
            yield child
            yield from child.walk()


class Gap(NamedTuple):
    """A mark that stands before the target atom `place`."""

    place: int
    mark: PlacedMark


def build_tree(source: Segment, atoms: Sequence[Span]) -> Node:
    """The tree of a source's tags; its root is no tag. A pair includes the whole of an atom that it begins or ends in.

    Of two pairs that cross, the one that is opened later becomes two nodes without content.
    """
    begins, ends = [begin for begin, _ in atoms], [end for _, end in atoms]
    crossing = find_crossing(source.marks)
    root = Node((), 0, len(atoms))
    stack = [root]
    least = 0
    for placed in source.marks:
        place, (tag, side) = placed
        is_opening = side == "open" and tag not in crossing
        least = max(least, bisect_right(ends, place) if is_opening else bisect_left(begins, place))
        if side == "close" and tag not in crossing:
            closed = stack.pop()
            closed.marks += (placed,)
            closed.end = least
            continue
        node = Node((placed,), least, least)
        stack[-1].children.append(node)
        if is_opening:
            stack.append(node)
    return root


def find_crossing(marks: Iterable[PlacedMark]) -> set[int]:
    """The tags that are opened inside another pair and closed outside it."""
    open_tags: list[int] = []
    crossing: set[int] = set()
    for _, (tag, side) in marks:
        if side == "open":
            open_tags.append(tag)
        elif side == "close" and tag in open_tags:
            place = open_tags.index(tag)
            crossing.update(open_tags[place + 1 :])
            del open_tags[place:]
    return crossing


def list_gaps(node: Node) -> Iterator[Gap]:
    """The marks of a node and of those below it, in the order of the target."""
    yield from (Gap(node.low, placed) for placed in node.marks[:1])
    for child in sorted(node.children, key=lambda child: (child.low, child.high)):  # stable: else as in the source
        yield from list_gaps(child)
    yield from (Gap(node.high, placed) for placed in node.marks[1:])


def place_marks(
    gaps: Iterable[Gap], source: Segment, target: str, source_atoms: Sequence[Span], target_atoms: Sequence[Span]
) -> tuple[PlacedMark, ...]:
    """The marks at characters of the target: on the same side of the blanks between two atoms as in the source.

    Of a pair that crosses another, the end that comes first opens.
    """
    placed: list[PlacedMark] = []
    opened: set[int] = set()
    last = 0
    for gap, (place, (tag, side)) in gaps:
        left, right = (find_end(target_atoms, gap), find_begin(target_atoms, gap, target))
        offset = measure_offset(source, place, side, source_atoms)
        last = max(last, right if offset is None else min(left + offset, right))
        if side != "single":
            side = "close" if tag in opened else "open"
            opened.add(tag)
        placed.append(PlacedMark(last, Mark(tag, side)))
    return tuple(placed)


def measure_offset(source: Segment, place: int, side: Side, atoms: Sequence[Span]) -> int | None:
    """How many characters after the atom before it a mark stands; None directly before the next atom."""
    gap = bisect_left(atoms, (place,))
    left, right = find_end(atoms, gap), find_begin(atoms, gap, source.text)
    if place < left:  # inside an atom
        return None if side == "open" else 0
    if left == right:
        return None if side == "open" or (side == "single" and not gap) else 0
    return None if place == right else place - left


def find_end(atoms: Sequence[Span], gap: int) -> int:
    """The end of the atom before a gap, or the beginning of the text."""
    return atoms[gap - 1][1] if gap else 0


def find_begin(atoms: Sequence[Span], gap: int, text: str) -> int:
    """The beginning of the atom after a gap, or the end of the text."""
    return atoms[gap][0] if gap < len(atoms) else len(text)
