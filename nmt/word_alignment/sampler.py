"""Gibbs sampling of the alignment of one direction: each target token is linked to one source token, or to none.

The model is an HMM with fertilities and sparse priors: Östling & Tiedemann 2016, "Efficient word alignment with Markov
chain Monte Carlo"; the HMM is that of Vogel et al. 1996, fertilities are those of Brown et al. 1993.
"""

# B pairs   S source tokens   T target tokens   A pairs with a target token t   E entries   V words
# D lengths of jumps   F fertilities   P source tokens, a beginning and an end

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.word_alignment.cells import Batch, Floats, Integers

NO_LINK = -1
MAX_JUMP = 40  # longer jumps count as this one
MAX_FERTILITY = 7  # higher ones count as this one
ABSENT = 0.2  # prior probability that a target token has no link
LEXICON = 0.001  # pseudo-count of a target word of a source word
EMPTY = 0.1  # pseudo-count of a target word of the empty word, to which a rare word hardly ever belongs
JUMPS_AHEAD = 5.0  # pseudo-count of the jump to the next word; each word further away halves it
JUMP = 0.5  # pseudo-count of a jump, in addition
FERTILITY = 0.5  # pseudo-counts of the fertilities of a word, together
USUAL = np.array([4.0, 12.0, 2.0, 1.0, 0.4, 0.2, 0.1, 0.04, 0.02])  # pseudo-counts of the fertilities of all words
LEXICON_ALONE, JUMPS, FERTILITIES = range(3)  # stages, each of which adds a factor to the model


class Chain(NamedTuple):
    """The state of a batch: its words and entries, with pairs by falling number of target tokens, its links and how
    many each source token has. Arrays begin with the axis that the sampler walks along."""

    pairs: list[int]
    source_BS: Integers
    target_TB: Integers
    entries_TBS: NDArray[np.int32]
    active_T: list[int]
    lengths_B: Integers
    links_TB: Integers
    fertility_BS: Integers


class Factors(NamedTuple):
    """The prior of fertilities, and the shares of the jumps between each source token and the links before and after.

    A link is a source token, or -1 for the beginning and S for the end.
    """

    prior_F: Floats
    after_PS: Floats
    before_PS: Floats


class Sampler:
    """Samples the links of a direction, one target token of all pairs of a batch at a time.

        p(link of t is s) ~ lexicon(t, s) * jump(s - previous) * jump(next - s) * fertility(n + 1) / fertility(n)

    Each factor is a ratio of counts over all other links, plus a prior: the count of the two words over that of the
    source word; the count of that jump; and the number of other tokens of the source word with n + 1 links over that
    with n, where n are the links that s has without t. A token without a link has the factor of the empty word, and
    the jump between its neighbours. `extra_E` is added to the prior of the entries.

    Pairs of a batch are sampled at the same time, from the same counts. Counts of jumps are those before the sweep.
    """

    def __init__(
        self,
        batches: Sequence[Batch],
        words: tuple[int, int],
        source_E: Integers,
        extra_E: Floats,
        generator: np.random.Generator,
    ) -> None:
        self.generator = generator
        self.entry_E = extra_E + LEXICON
        self.entry_E[0] = 0
        self.word_V = np.bincount(source_E, weights=extra_E, minlength=words[0]) + LEXICON * words[1]
        self.empty_V = np.full(words[1], EMPTY)
        self.empty_total = EMPTY * words[1]
        self.jump_D = np.full(2 * MAX_JUMP + 1, 1 / (2 * MAX_JUMP + 1))
        self.fertility_VF = np.zeros((words[0], MAX_FERTILITY + 2))
        self.chains = [self.begin(batch) for batch in batches]

    def begin(self, batch: Batch) -> Chain:
        """A batch with links that are drawn from the prior."""
        order = np.argsort(-(batch.target_BT > 0).sum(axis=1), kind="stable")
        source_BS, target_TB = batch.source_BS[order], np.ascontiguousarray(batch.target_BT[order].T)
        chain = Chain(
            [batch.pairs[row] for row in order],
            source_BS,
            target_TB,
            np.ascontiguousarray(batch.entries_BTS[order].transpose(1, 0, 2)),
            (target_TB > 0).sum(axis=1).tolist(),
            (source_BS > 0).sum(axis=1),
            np.full(target_TB.shape, NO_LINK),
            np.zeros_like(source_BS),
        )
        np.add.at(self.fertility_VF[:, 0], source_BS, 1)
        for t, active in enumerate(chain.active_T):
            prior_AS = self.entry_E[chain.entries_TBS[t, :active]] / self.word_V[source_BS[:active]]
            drawn_A = self.draw(prior_AS, prior_AS.sum(axis=1))
            chain.links_TB[t, :active] = np.where(self.generator.random(active) < ABSENT, NO_LINK, drawn_A)
        for t in range(len(target_TB)):
            self.count(chain, t, 1)
        return chain

    def draw(self, weights_AS: Floats, total_A: Floats) -> Integers:
        """A source token for each row by its weights; no link with what is left of the total. -> links_A"""
        drawn_A1 = self.generator.random((len(total_A), 1)) * total_A[:, None]
        links_A: Integers = (weights_AS.cumsum(axis=1) <= drawn_A1).sum(axis=1)
        return np.where(links_A < weights_AS.shape[1], links_A, NO_LINK)

    def count(self, chain: Chain, t: int, change: int) -> None:
        """Add the links of target tokens t to all counts but those of jumps, or take them out with a change of -1."""
        links_A = chain.links_TB[t, : chain.active_T[t]]
        rows = np.flatnonzero(links_A != NO_LINK)
        places = links_A[rows]
        words, fertilities = chain.source_BS[rows, places], chain.fertility_BS[rows, places]
        np.add.at(self.entry_E, chain.entries_TBS[t, rows, places], change)
        np.add.at(self.word_V, words, change)
        np.add.at(self.fertility_VF, (words, np.minimum(fertilities, MAX_FERTILITY)), -1)
        np.add.at(self.fertility_VF, (words, np.minimum(fertilities + change, MAX_FERTILITY)), 1)
        chain.fertility_BS[rows, places] += change
        absent = chain.target_TB[t, : len(links_A)][links_A == NO_LINK]
        np.add.at(self.empty_V, absent, change)
        self.empty_total += change * len(absent)

    def count_jumps(self) -> None:
        """The shares of the lengths of jumps, with those from before the beginning and to the end."""
        jump_D = JUMP + JUMPS_AHEAD * 0.5 ** np.abs(np.arange(-MAX_JUMP, MAX_JUMP + 1) - 1)
        for chain in self.chains:
            previous_B = np.full(len(chain.pairs), -1)
            for links_B in [*chain.links_TB, chain.lengths_B]:
                rows = np.flatnonzero(links_B != NO_LINK)
                jump_D += np.bincount(number_jumps(links_B[rows] - previous_B[rows]), minlength=len(jump_D))
                previous_B[rows] = links_B[rows]
        self.jump_D = jump_D / jump_D.sum()

    def make_factors(self, chain: Chain) -> Factors:
        """The factors of the links of a batch that stay the same during a sweep."""
        prior_F = self.fertility_VF[1:].sum(axis=0) + USUAL
        here_S = np.arange(chain.source_BS.shape[1])
        other_P1 = np.arange(-1, len(here_S) + 1)[:, None]
        return Factors(
            prior_F * FERTILITY / prior_F.sum(),
            self.jump_D[number_jumps(here_S - other_P1)],
            self.jump_D[number_jumps(other_P1 - here_S)],
        )

    def sweep(self, stage: int, sums: Sequence[NDArray[np.float32]] | None = None) -> None:
        """Sample every link once by the factors up to `stage`.

        The probabilities of the links of each pair are added to its array of `sums`, [target tokens, source tokens].
        """
        if stage >= JUMPS:
            self.count_jumps()
        for chain in self.chains:
            factors = self.make_factors(chain)
            previous_B, next_TB = np.full(len(chain.pairs), -1), find_next_links(chain)
            sums_TBS = np.zeros(chain.entries_TBS.shape if sums else 0, dtype=np.float32)
            for t, active in enumerate(chain.active_T):
                weights_AS, absent_A = self.weigh(chain, t, stage, previous_B[:active], next_TB[t, :active], factors)
                total_A = weights_AS.sum(axis=1) + absent_A
                if sums:
                    sums_TBS[t, :active] = weights_AS / total_A[:, None]
                self.count(chain, t, -1)
                links_A = chain.links_TB[t, :active] = self.draw(weights_AS, total_A)
                self.count(chain, t, 1)
                previous_B[:active] = np.where(links_A == NO_LINK, previous_B[:active], links_A)
            if sums:
                for row, pair in enumerate(chain.pairs):
                    sums[pair] += sums_TBS[: len(sums[pair]), row, : sums[pair].shape[1]]

    def weigh(
        self, chain: Chain, t: int, stage: int, previous_A: Integers, next_A: Integers, factors: Factors
    ) -> tuple[Floats, Floats]:
        """The weight of each source token as the link of target tokens t, and that of no link. -> weights_AS, absent_A

        Counts are those of all links but the one that is weighed anew.
        """
        active = len(previous_A)
        source_AS, links_A = chain.source_BS[:active], chain.links_TB[t, :active]
        rows = np.flatnonzero(links_A != NO_LINK)
        own = rows, links_A[rows]
        pairs_AS, words_AS = self.entry_E[chain.entries_TBS[t, :active]], self.word_V[source_AS]
        own_word_A1 = np.full((active, 1), -1)
        own_word_A1[rows, 0] = source_AS[own]
        is_own_word_AS = source_AS == own_word_A1  # a word may occur twice
        pairs_AS -= is_own_word_AS
        words_AS -= is_own_word_AS
        weights_AS = pairs_AS / words_AS * (1 - ABSENT)
        is_absent_A = links_A == NO_LINK
        absent_A = (self.empty_V[chain.target_TB[t, :active]] - is_absent_A) / (self.empty_total - is_absent_A) * ABSENT
        if stage >= JUMPS:
            weights_AS *= factors.after_PS[previous_A + 1]
            weights_AS *= factors.before_PS[next_A + 1]
            absent_A *= self.jump_D[number_jumps(next_A - previous_A)]
        else:
            weights_AS /= chain.lengths_B[:active, None]
        if stage >= FERTILITIES:
            links_AS = chain.fertility_BS[:active].copy()
            links_AS[own] -= 1
            fertility_AS = np.minimum(links_AS, MAX_FERTILITY)
            place_AS = source_AS * (MAX_FERTILITY + 2) + fertility_AS
            more_AS, same_AS = self.fertility_VF.ravel()[place_AS + 1], self.fertility_VF.ravel()[place_AS]
            same_AS -= 1  # the token itself, which is counted with all its links
            same_AS[own] += 1
            more_AS[own] -= 1
            weights_AS *= np.maximum(more_AS, 0) + factors.prior_F[fertility_AS + 1]
            weights_AS /= np.maximum(same_AS, 0) + factors.prior_F[fertility_AS]
        weights_AS[source_AS == 0] = 0
        return weights_AS, absent_A


def find_next_links(chain: Chain) -> Integers:
    """The next link after each target token; at the end the length of the source. -> next_TB"""
    next_TB = np.empty_like(chain.links_TB)
    following_B = chain.lengths_B
    for t in reversed(range(len(next_TB))):
        next_TB[t] = following_B
        following_B = np.where(chain.links_TB[t] == NO_LINK, following_B, chain.links_TB[t])
    return next_TB


def number_jumps(lengths: Integers) -> Integers:
    """The places of jumps of these lengths among their counts."""
    return np.minimum(np.maximum(lengths, -MAX_JUMP), MAX_JUMP) + MAX_JUMP
