"""How well intervals of target atoms suit a pair of tags, by what they look like: added to what the alignment tells."""

# X atoms of the source   Y atoms of the target   P places between target atoms, from the parent's beginning on

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.alignment import Matrix
from nmt.documents.tree import Node
from nmt.text.units import Span

# in units of the F-measure of project_tags
LENGTH = 0.2  # malus of an interval e times as long as expected, or a share 1/e of it
CAPITAL = 0.15  # malus of a small letter at the beginning where the source has a capital
JOINT = 0.1  # malus of an end inside a word with marks, such as E-Mail or l'API
CLAUSE = 0.3  # bonus of a whole clause, or of whole brackets
CLAUSE_ENDS = frozenset(".,;:!?…。、；：！？।։؟،؛")
NAMING = frozenset("[「『【［")  # brackets that a translator may add to a name
BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">", "«": "»", "»": "«", "„": "“", "“": "”", "‘": "’", "‹": "›"}
BRACKETS |= {"「": "」", "『": "』", "【": "】", "（": "）", "［": "］", "〈": "〉", "《": "》", '"': '"', "'": "'"}
SPOKEN = frozenset("&%@#*")  # marks that a translation may have as words
JOINING = frozenset("-‐‑'’_/&@.·")  # marks that make one word of two where there is no blank


class Rater:
    """Rates the intervals of a target by its words and those of the source. `joints` are those of find_joints."""

    def __init__(
        self,
        source: Sequence[str],
        target: Sequence[str],
        joints: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        weights_YX: Matrix,
    ) -> None:
        self.source = source
        self.target = target
        self.joints = joints
        self.letters_X, self.letters_Y = (
            np.array([*map(len, words)]) * weights_YX.sum(axis=axis).clip(max=1)
            for axis, words in enumerate((source, target))
        )

    def rate(self, node: Node, parent: Node) -> Matrix:
        """What the target intervals inside `parent` are worth for the pair of `node`. -> worth_PP"""
        kinds = self.rate_lengths, self.rate_capitals, self.rate_joints, self.rate_clauses, self.rate_brackets
        worth_PP: Matrix = sum((rate(node, parent) for rate in kinds), np.zeros((1, 1)))
        return worth_PP

    def rate_lengths(self, node: Node, parent: Node) -> Matrix:
        """A malus for numbers of letters other than expected from the source's, in proportion to the whole texts.

        The letters of a word count by its weight, so that no interval gets longer by words without evidence.
        """
        ratio = (self.letters_Y.sum() + 1) / (self.letters_X.sum() + 1)
        expected = self.letters_X[node.begin : node.end].sum() * ratio
        letters_P = np.concatenate([[0], self.letters_Y[parent.low : parent.high].cumsum()])
        letters_PP = np.subtract.outer(letters_P, letters_P).T.clip(min=0)
        malus_PP: Matrix = -LENGTH * np.minimum(np.log((letters_PP + 1) / (expected + 1)) ** 2, 1)
        return malus_PP

    def rate_capitals(self, node: Node, parent: Node) -> Matrix:
        """A malus for a small letter at the beginning, where the pair begins with a capital inside a clause."""
        is_small_P = np.zeros((parent.high - parent.low + 1, 1))
        if self.source[node.begin][:1].isupper() and not begins_clause(self.source, node.begin):
            is_small_P[:-1, 0] = [word[:1].islower() for word in self.target[parent.low : parent.high]]
        return -CAPITAL * is_small_P

    def rate_joints(self, node: Node, parent: Node) -> Matrix:
        """A malus for ends at joints, but for those that are joints in the source."""
        of_source, of_target = self.joints
        joints_P = of_target[parent.low : parent.high + 1].astype(np.float64)
        begins_P, ends_P = (joints_P * (not of_source[place]) for place in (node.begin, node.end))
        malus_PP: Matrix = -JOINT * np.add.outer(begins_P, ends_P)
        return malus_PP

    def rate_clauses(self, node: Node, parent: Node) -> Matrix:
        """A bonus for target intervals that are whole clauses, where a pair holds whole clauses."""
        if not (begins_clause(self.source, node.begin) and ends_clause(self.source, node.end)):
            return np.zeros((1, 1))
        places = range(parent.low, parent.high + 1)
        begins_P, ends_P = (
            np.array([is_so(self.target, place) for place in places]) for is_so in (begins_clause, ends_clause)
        )
        return CLAUSE * np.outer(begins_P, ends_P)

    def rate_brackets(self, node: Node, parent: Node) -> Matrix:
        """A malus for target intervals with one bracket of a pair, and a bonus for names that have got brackets."""
        size = parent.high - parent.low + 1
        bonus_PP = np.zeros((size, size))
        is_bracketed = bool({*self.source[max(node.begin - 1, 0) : node.begin + 1]} & BRACKETS.keys())
        for opening, closing in find_brackets(self.target[parent.low : parent.high]):
            bonus_PP[: opening + 1, opening + 1 : closing + 1] -= CLAUSE
            bonus_PP[opening + 1 : closing + 1, closing + 1 :] -= CLAUSE
            if self.target[parent.low + opening] in NAMING and not is_bracketed:
                bonus_PP[opening, closing + 1] += CLAUSE
        return bonus_PP


def find_joints(words: Sequence[str], atoms: Sequence[Span]) -> NDArray[np.bool_]:
    """Whether each place, before an atom or at the end, is inside a word that a mark joins. -> is_joint_P"""
    is_joint_P = np.zeros(len(words) + 1, dtype=np.bool_)
    for place in range(1, len(words) - 1):
        is_one = atoms[place - 1][1] == atoms[place][0] and atoms[place][1] == atoms[place + 1][0]
        if is_one and words[place] in JOINING and is_word(words[place - 1]) and is_word(words[place + 1]):
            is_joint_P[place : place + 2] = True
    return is_joint_P


def find_brackets(words: Sequence[str]) -> list[Span]:
    """The places of an opening bracket and of the one that closes it, for each such two."""
    found: list[Span] = []
    opened: list[int] = []
    for place, word in enumerate(words):
        if opened and BRACKETS.get(words[opened[-1]]) == word:
            found.append((opened.pop(), place))
        elif word in BRACKETS and word != "'":
            opened.append(place)
    return found


def begins_clause(words: Sequence[str], place: int) -> bool:
    """Whether a text, or a clause, begins at this place."""
    return place == 0 or words[place - 1] in CLAUSE_ENDS


def ends_clause(words: Sequence[str], place: int) -> bool:
    """Whether a text, or a clause, ends at this place, or just before or after its mark."""
    return place == len(words) or words[place] in CLAUSE_ENDS or (place > 0 and words[place - 1] in CLAUSE_ENDS)


def is_word(atom: str) -> bool:
    """Whether an atom is a word, and not a mark."""
    return unicodedata.category(atom[0])[0] in "LNM"


def is_punctuation(atom: str) -> bool:
    """Whether an atom is a punctuation mark that is not spoken as a word, as `&` and `%` are."""
    return unicodedata.category(atom[0])[0] == "P" and atom not in SPOKEN
