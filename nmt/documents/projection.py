"""Projection of inline tags: from a source with tags to its translation, by the alignment between them.

A pure function of text and numbers; nothing here knows a format or a model.
"""

# X atoms of the source   Y atoms of the target   P places between target atoms

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.alignment import Matrix
from nmt.documents.alignment import Alignment
from nmt.documents.anchors import add_anchors, rate_equality
from nmt.documents.division import divide_target
from nmt.documents.rating import BRACKETS, NAMING, Rater, find_brackets, find_joints, is_punctuation, is_word
from nmt.documents.segment import Segment
from nmt.documents.tree import Node, build_tree, list_gaps, place_marks
from nmt.text.atoms import find_atoms
from nmt.text.units import Span

WEAK = 0.5  # a tag with a smaller share has weak evidence
NOTHING = 1e-6  # weights below are no evidence
ORDER = 0.15  # what it is worth that words stay on their side of an unpaired tag
DECAY = 0.6  # of the evidence of words beside an unpaired tag, per word between them
REACH = 45  # words beside an unpaired tag that are evidence: of those further away a billionth would be left


class Placement(NamedTuple):
    """How well the alignment supports the place of a tag, between 0 and 1.

    For a pair it is the F-measure of the weights between the words it held and the words it holds now; for an unpaired
    tag how near the words around it are, compared with the source.
    """

    tag: int
    share: float

    @property
    def is_weak(self) -> bool:
        """Whether a person should look at this tag."""
        return self.share < WEAK


class Projection(NamedTuple):
    """A translation with the tags of its source, and the support of each tag's place, in the order of the tags."""

    segment: Segment
    placements: list[Placement]


def project_tags(
    source: Segment, target: str, alignment: Alignment, dividers: Collection[int] = frozenset()
) -> Projection:
    """Put the tags of a source into its translation.

    A pair goes around the words that the words it held were translated with: around the target atoms p to q with the
    largest

        F(p, q) = 2 w(p..q, held) / (w(p..q, all) + w(all, held))

    where w sums weights between target and source atoms, which come from the alignment and from atoms that are equal in
    both texts, such as numbers and names; weights between words and punctuation marks do not count. What the interval
    looks like is added, see nmt.documents.rating. An unpaired tag goes between the words that it stood between. Pairs
    that are nested stay so, and pairs beside each other stay beside each other; the two ends of a pair that crosses
    another are placed like unpaired tags. Punctuation stays inside or outside as in the source. Where there are no
    weights, the place is proportional to that in the source. A pair that holds words in the source holds some in the
    target, where there are enough.

    `dividers` are unpaired tags, which no pair holds, that divide the text into parts; see
    nmt.documents.division.divide_target. They keep their order, and other tags stay in their part.

    Every tag of the source is in the result once. In a target that equals the source, tags stay where they are.
    """
    tags = sorted({mark.tag for _, mark in source.marks})
    if source.text == target:
        return Projection(source, [Placement(tag, 1.0) for tag in tags])
    atoms = find_atoms(source.text), find_atoms(target)
    words = [source.text[begin:end] for begin, end in atoms[0]], [target[begin:end] for begin, end in atoms[1]]
    weights_YX = add_anchors(leave_out_mixed(alignment.spread(*atoms), *words), *words)
    root = build_tree(source, atoms[0])
    root.high = len(atoms[1])
    if dividers:
        divide_tree(root, dividers, weights_YX, atoms, target)
    joints = find_joints(words[0], atoms[0]), find_joints(words[1], atoms[1])
    placer = Placer(*words, weights_YX, Rater(*words, joints, weights_YX))
    for part in [node for node in root.children if not node.marks] or [root]:
        placer.place_children(part)
    marks = place_marks(list_gaps(root), source, target, *atoms)
    shares: dict[int, float] = {}
    for node in root.walk():
        for _, mark in node.marks:
            shares[mark.tag] = min(node.share, shares.get(mark.tag, 1.0))
    return Projection(Segment(target, marks), [Placement(tag, shares[tag]) for tag in tags])


def leave_out_mixed(weights_YX: Matrix, source: Sequence[str], target: Sequence[str]) -> Matrix:
    """The weights without those between words and punctuation marks, which often only stand beside each other."""
    (marks_X, words_X), (marks_Y, words_Y) = (
        (np.array([*map(is_punctuation, side)], dtype=np.bool_), np.array([*map(is_word, side)], dtype=np.bool_))
        for side in (source, target)
    )
    kept_YX: Matrix = np.where(np.outer(marks_Y, words_X) | np.outer(words_Y, marks_X), 0, weights_YX)
    return kept_YX


def divide_tree(
    root: Node,
    dividers: Collection[int],
    weights_YX: Matrix,
    atoms: tuple[Sequence[Span], Sequence[Span]],
    target: str,
) -> None:
    """Place the dividers among the children of a root, and collect what is between them in nodes without marks."""
    is_divider = [bool(node.marks) and node.marks[0].mark.tag in dividers for node in root.children]
    cuts = [node.begin for node, is_one in zip(root.children, is_divider, strict=True) if is_one]
    places, share = divide_target(weights_YX, cuts, *atoms, target)
    bounds = zip([0, *cuts], [*cuts, root.end], [0, *places], [*places, root.high], strict=True)
    parts = [Node((), begin, end, [], low, high, share) for begin, end, low, high in bounds]
    divided = [parts[0]]
    for node, is_one in zip(root.children, is_divider, strict=True):
        if is_one:
            part = parts[len(divided) // 2 + 1]
            node.low = node.high = part.low
            node.share = share
            divided += [node, part]
        else:
            divided[-1].children.append(node)
    root.children = divided


class Placer:
    """Finds the places of tags among the atoms of a target."""

    def __init__(self, source: list[str], target: list[str], weights_YX: Matrix, rater: Rater) -> None:
        self.source = source
        self.target = target
        self.weights_YX = weights_YX
        self.rater = rater
        self.words_P = np.cumsum([0, *map(is_word, target)])  # before each place of the whole target

    def place_children(self, parent: Node) -> None:
        """Place the nodes below one that has its place: first pairs, the surest first, and then what holds nothing."""
        pairs = [child for child in parent.children if child.begin < child.end]
        needed = {id(node): self.count_needed(node) for node in pairs}
        left = self.count_words(parent.low, parent.high) - sum(needed.values())  # more than all pairs need
        found = [(node, *self.find_interval(node, parent, [], left + needed[id(node)])) for node in pairs]
        taken: list[Span] = []
        for node, interval, share in sorted(found, key=lambda each: -each[2]):
            if (node.begin, node.end) == (parent.begin, parent.end):
                node.low, node.high, node.share = parent.low, parent.high, parent.share
                continue
            most = left + needed[id(node)]
            is_taken = any(low < interval[1] and interval[0] < high for low, high in taken)
            if is_taken or self.count_words(*interval) > max(most, 1):
                interval, share = self.find_interval(node, parent, taken, most)
            (node.low, node.high), node.share = interval, share
            self.fit_punctuation(node, parent, taken)
            taken.append((node.low, node.high))
            left = most - self.count_words(node.low, node.high)
        for child in parent.children:
            if child.begin == child.end:
                child.low, child.share = self.find_gap(child, parent, [(pair.low, pair.high) for pair in pairs])
                child.high = child.low
            self.place_children(child)

    def count_needed(self, node: Node) -> int:
        """The words that a pair needs so that no pair which holds words in the source comes out without."""
        inside = sum(map(self.count_needed, node.children))
        return max(inside, int(any(map(is_word, self.source[node.begin : node.end]))))

    def count_words(self, low: int, high: int) -> int:
        """The words of the target between two places."""
        return int(self.words_P[high] - self.words_P[low])

    def find_interval(self, node: Node, parent: Node, taken: Sequence[Span], most: int) -> tuple[Span, float]:
        """The target atoms of a pair, beside those that are taken, and its F-measure; see project_tags.

        It has as many words as the pairs in it need, and `most` at most, as far as there are such intervals.
        """
        share_PP = self.measure_support(node, parent)
        place_P = np.arange(len(share_PP))
        length_PP = np.subtract.outer(place_P, place_P).T
        score_PP = share_PP if share_PP.max() > NOTHING else self.measure_nearness(node, parent)
        score_PP = score_PP - 1e-6 * length_PP  # atoms without weight stay outside
        score_PP += self.rater.rate(node, parent)
        for place in self.find_phrase(node, parent):
            score_PP[place, place + node.end - node.begin] += 1
            share_PP[place, place + node.end - node.begin] = 1
        is_free_PP = length_PP > 0
        for low, high in taken:
            is_free_PP[: high - parent.low, low - parent.low + 1 :] = False
        if not is_free_PP.any():
            place, _ = self.find_gap(node, parent, taken)
            return (place, place), 0.0
        words_P = self.words_P[parent.low : parent.high + 1]
        words_PP = np.subtract.outer(words_P, words_P).T
        for is_fit_PP in (words_PP >= self.count_needed(node), words_PP <= max(most, 1)):
            is_free_PP = is_fit_PP & is_free_PP if (is_fit_PP & is_free_PP).any() else is_free_PP
        low, high = divmod(int(np.where(is_free_PP, score_PP, -np.inf).argmax()), len(place_P))
        return (low + parent.low, high + parent.low), float(share_PP[low, high])

    def measure_support(self, node: Node, parent: Node) -> Matrix:
        """F(p, q) of a pair for all p and q, counted from the parent's beginning; below zero where q is before p."""
        rows_YX = self.weights_YX[parent.low : parent.high]
        held_P, all_P = (
            np.concatenate([[0.0], weight_Y.cumsum()])
            for weight_Y in (rows_YX[:, node.begin : node.end].sum(axis=1), rows_YX.sum(axis=1))
        )
        share_PP: Matrix = 2 * np.subtract.outer(held_P, held_P).T
        share_PP /= (np.subtract.outer(all_P, all_P).T + held_P[-1]).clip(min=1e-9)
        return share_PP

    def measure_nearness(self, node: Node, parent: Node) -> Matrix:
        """How near each p and q are to the place in proportion to that in the source; zero at most."""
        place_P = np.arange(parent.high - parent.low + 1)
        begin, end = (
            (place - parent.begin) / (parent.end - parent.begin) * (parent.high - parent.low)
            for place in (node.begin, node.end)
        )
        nearness_PP: Matrix = -0.01 * np.add.outer(np.abs(place_P - begin), np.abs(place_P - end))
        return nearness_PP

    def find_phrase(self, node: Node, parent: Node) -> list[int]:
        """Where the words that a pair holds stand unchanged in the target, counted from the parent's beginning."""
        phrase = self.source[node.begin : node.end]
        if not any(rate_equality(word, word) > 0.9 for word in phrase):
            return []
        places = range(parent.low, parent.high - len(phrase) + 1)
        return [place - parent.low for place in places if self.target[place : place + len(phrase)] == phrase]

    def fit_punctuation(self, node: Node, parent: Node, taken: Sequence[Span]) -> None:
        """Let a pair take marks at its ends along, or leave them outside, as in the source."""
        source, target = self.source, self.target
        if not any(map(is_word, source[node.begin : node.end])) or not any(map(is_word, target[node.low : node.high])):
            return
        least = max((high for _, high in taken if high <= node.low), default=parent.low)
        most = min((low for low, _ in taken if low >= node.high), default=parent.high)
        first, last = source[node.begin], source[node.end - 1]
        before, after = "".join(source[: node.begin][-1:]), "".join(source[node.end :][:1])
        while is_word(last) and not is_word(target[node.high - 1]) and not self.closes(node, after):
            node.high -= 1
        while is_word(first) and not is_word(target[node.low]) and not self.opens(node, before):
            node.low += 1
        if node.high < most and not is_word(last) and is_word(target[node.high - 1]):
            node.high += target[node.high] == last or not (is_word(target[node.high]) or (after and not is_word(after)))
        if node.low > least and not is_word(first) and is_word(target[node.low]):
            node.low -= not is_word(target[node.low - 1])
        if node.low > least and target[node.low - 1] in NAMING:
            self.take_gloss(node, most, after)
        if node.low > least and node.high < most and target[node.low - 1] in NAMING and before not in BRACKETS:
            is_closed = BRACKETS[target[node.low - 1]] == target[node.high]
            node.low, node.high = node.low - is_closed, node.high + is_closed

    def take_gloss(self, node: Node, most: int, after: str) -> None:
        """Let a name that stayed as it was take along what a translator explains beside it: `[Save (保存)]`."""
        is_same = self.target[node.low : node.high] == self.source[node.begin : node.end]
        brackets = find_brackets(self.target[node.high : most]) if is_same and BRACKETS.get(after) != ")" else []
        node.high += next((end + 1 for begin, end in brackets if begin == 0), 0)

    def opens(self, node: Node, before: str) -> bool:
        """Whether a pair's first target atom is a bracket that is closed inside, and not the one before the source."""
        first = self.target[node.low]
        return first != before and BRACKETS.get(first) in self.target[node.low + 1 : node.high]

    def closes(self, node: Node, after: str) -> bool:
        """Whether a pair's last target atom is a bracket that is opened inside, and not the one after the source."""
        last = self.target[node.high - 1]
        return last != after and any(BRACKETS.get(atom) == last for atom in self.target[node.low : node.high - 1])

    def find_gap(self, node: Node, parent: Node, taken: Sequence[Span]) -> tuple[int, float]:
        """The place of what holds no words: near the words that it stood between, and between them; and its share.

        near(p) = sum over y of DECAY ** distance(p, y) * sum over x of DECAY ** distance(place, x) w(y, x)

        To it is added how much of the weight is on the same side of the tag as in the source.
        """
        place, begin, end = node.begin, parent.begin, parent.end
        gaps = np.arange(parent.low, parent.high + 1)
        for low, high in taken:
            gaps = gaps[(gaps <= low) | (high <= gaps)]
        if place in (begin, end) and begin < end:
            return (parent.low if place == begin else parent.high), parent.share
        first, last = max(begin, place - REACH), min(end, place + REACH)
        rows_YX = self.weights_YX[parent.low : parent.high, first:last]
        left_X, right_X = DECAY ** np.arange(place - first)[::-1], DECAY ** np.arange(last - place)
        left_Y, right_Y = rows_YX[:, : place - first] @ left_X, rows_YX[:, place - first :] @ right_X
        total = float(left_Y.sum() + right_Y.sum())
        if total <= NOTHING:
            wanted = parent.low + (place - begin) / max(end - begin, 1) * (parent.high - parent.low)
            return int(gaps[np.abs(gaps - wanted).argmin()]), 0.0
        near_P = spread_evidence(left_Y + right_Y)
        kept_P = np.concatenate([[0.0], (left_Y - right_Y).cumsum()]) + right_Y.sum()
        ideal = float((rows_YX.sum(axis=0) * np.concatenate([left_X, right_X]) ** 2).sum())
        score_P = near_P / ideal + ORDER * kept_P / total
        best = int(gaps[score_P[gaps - parent.low].round(6).argmax()])
        return best, min(float(near_P[best - parent.low]) / ideal, 1.0)


def spread_evidence(evidence_Y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over y of DECAY ** (words between place p and y) * evidence(y), for each place p. -> near_P"""
    decay = DECAY ** np.arange(REACH)
    before_Y, after_Y = (np.convolve(one, decay)[: len(one)] for one in (evidence_Y, evidence_Y[::-1]))
    near_P: NDArray[np.float64] = np.concatenate([[0.0], before_Y]) + np.concatenate([after_Y[::-1], [0.0]])
    return near_P
