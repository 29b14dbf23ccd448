"""Shortlists: the target pieces that a sentence may be translated with, so that few words are scored.

A list depends on the source pieces of the sentence, through weights of pairs of pieces, which are counted here or
elsewhere. Everything works on ids; text and models are elsewhere.
"""

# B sentences   S source positions   W source pieces   V target pieces   K columns of the table   F frequent pieces
# X pairs of a source and a target piece   Y of them with repeats, in sentences   C pieces of one list

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as dump_tensors

from nmt.checkpoint import Run
from nmt.errors import FolderError, FormatError, NmtError
from nmt.files import refuse_link, write_atomically
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.metadata import make_damage_error

FORMAT_VERSION = "1"
KIND = "nmt shortlist"
LANGUAGES = "source_lang", "target_lang"  # names of these facts
NAME = "shortlist.safetensors"  # in a run folder
SIZE = re.compile(r"[1-9][0-9]{0,8}")  # of a vocabulary
MAX_BYTES = 2**28  # a larger file is no shortlist
CELLS = 2**20  # pairs of pieces in a block

Ids = NDArray[np.integer[Any]]


class PairWeights(NamedTuple):
    """Weights of pairs of a source and a target piece; a larger weight is a more likely translation."""

    source_X: NDArray[np.int64]
    target_X: NDArray[np.int64]
    weight_X: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The target pieces allowed for each source piece, and those that are always allowed.

    A sentence's list is the union over its source pieces. EOS is on every list; PAD, UNK and BOS are on none. Jean et
    al. 2015, arXiv:1412.2007, section 3.3, who filled it from a dictionary.
    """

    table_WK: Ids  # EOS where a piece has fewer than K
    frequent_F: Ids  # EOS among them
    vocabulary: int
    fingerprints: tuple[str, str]  # of the source's and of the target's subword model
    languages: tuple[str, str] | None = None  # of source and target; None: the file is older than this field

    def allowed_words(self, source_BS: Ids) -> NDArray[np.bool_]:
        """Whether each target id is on the list of each sentence; padding adds no ids. -> allowed_BV"""
        allowed_BV = np.zeros((len(source_BS), self.vocabulary), bool)
        allowed_BV[:, self.frequent_F] = True
        allowed_BV[np.arange(len(source_BS))[:, None], self.table_WK[source_BS].reshape(len(source_BS), -1)] = True
        return allowed_BV

    def list_words(self, source_S: Ids) -> Ids:
        """The list of one sentence, in ascending order. -> ids_C"""
        ids_C: Ids = self.allowed_words(source_S[None])[0].nonzero()[0]
        return ids_C

    def write(self, path: Path) -> None:
        """Write a file for `read`, completely or not at all. In a folder the file is `shortlist.safetensors`."""
        tensors = {"table": self.table_WK.astype(np.int32), "frequent": self.frequent_F.astype(np.int32)}
        facts = {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "vocabulary": str(self.vocabulary),
            "fingerprints": " ".join(self.fingerprints),
            "sha256": compute_checksum(tensors),
            **dict(zip(LANGUAGES, self.languages or (), strict=False)),
        }
        file_path = shortlist_path(path)
        if file_path != path:
            refuse_link(file_path)
        with write_atomically(file_path, "wb") as file:
            file.write(dump_tensors(tensors, facts))

    @classmethod
    def read(cls, path: Path) -> "Shortlist":
        """Read the shortlist in a file or a folder. A file holds numbers and no code.

        Raises FolderError when the file is missing or no shortlist, FormatError for another version, and DamageError
        when its bytes are not those that were written, or its ids are not those of pieces.
        """
        path = shortlist_path(path)
        if not path.is_file():
            raise FolderError(f"{path} {'is not a file' if path.exists() else 'does not exist'}\n  {MAKE}")
        if path.stat().st_size > MAX_BYTES:
            raise make_damage_error(path, f"it has more than {MAX_BYTES:,} bytes", [MAKE])
        try:
            with safe_open(path, "np") as file:
                facts = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, KeyError, RuntimeError, OSError) as error:
            raise FolderError(f"{path} is no shortlist, or is cut short\n  {MAKE}") from error
        if facts.get("kind") != KIND:
            raise FolderError(f"{path} is no shortlist\n  {MAKE}")
        version = str(facts.get("format_version"))[:40]
        if version != FORMAT_VERSION:
            raise FormatError(f"{path} has format version {version}, and this program reads {FORMAT_VERSION}\n  {MAKE}")
        shapes = {name: (tensor.ndim, tensor.dtype) for name, tensor in tensors.items()}
        if shapes != {"table": (2, np.int32), "frequent": (1, np.int32)}:
            raise make_damage_error(path, "its tensors are not those of a shortlist", [MAKE])
        if compute_checksum(tensors) != facts.get("sha256"):
            raise make_damage_error(path, "its bytes are not those that were written", [MAKE])
        vocabulary, fingerprints = facts.get("vocabulary", ""), facts.get("fingerprints", "").split()
        languages = [facts[name] for name in LANGUAGES if name in facts]
        if not SIZE.fullmatch(vocabulary) or len(fingerprints) != 2:
            raise make_damage_error(path, "its vocabulary or fingerprints cannot be used", [MAKE])
        if len(languages) not in (0, 2) or not all(name and name.isprintable() for name in languages):
            raise make_damage_error(path, "its languages cannot be used", [MAKE])
        if any(((ids < EOS) | (ids >= int(vocabulary))).any() for ids in tensors.values()):
            raise make_damage_error(path, f"it has ids that are not among {vocabulary} pieces", [MAKE])
        source, target = fingerprints
        pair = (languages[0], languages[1]) if languages else None
        return cls(tensors["table"], tensors["frequent"], int(vocabulary), (source, target), pair)

    def check_sizes(self, path: Path, source_size: int, target_size: int) -> None:
        """Raise DamageError when the numbers of pieces are not those of the subword models."""
        if (len(self.table_WK), self.vocabulary) != (source_size, target_size):
            why = f"it is for {len(self.table_WK):,} and {self.vocabulary:,} pieces"
            raise make_damage_error(path, f"{why}, and the models have {source_size:,} and {target_size:,}", [MAKE])


MAKE = "`nmt shortlist` makes one"


def shortlist_path(path: Path) -> Path:
    """The file of a shortlist: `path`, or a file in it where it is a folder."""
    return path / NAME if path.is_dir() else path


def refuse_other_pair(path: Path, languages: tuple[str, str] | None, fingerprints: tuple[str, str], run: Run) -> None:
    """Raise NmtError when what is at `path` is for other languages than a run, or its ids mean other subwords.

    `languages` and `fingerprints` of subword models are those of source and target; None if they are not known.
    """
    if languages not in (None, run.languages):
        own, wanted = (" to ".join(pair) for pair in (languages, run.languages) if pair)
        raise NmtError(
            f"{path} is for {own}, and {run.path} translates {wanted}\n"
            "  Make a shortlist from the prepared folder that the run was trained on"
        )
    for side, one, other in zip(("source", "target"), fingerprints, run.fingerprints, strict=True):
        if one != other:
            raise NmtError(
                f"{path} was made for other subwords than those of {run.path}: their {side} subword models differ\n"
                f"  The SHA-256 of one begins {one[:12]}, of the other {other[:12]}; make a shortlist from the "
                "prepared folder that the run was trained on"
            )


def compute_checksum(tensors: Mapping[str, Ids]) -> str:
    """The SHA-256 of tensors with their names, shapes and types."""
    digest = sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].shape} torch.{tensors[name].dtype} ".encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def select_best(weighted: PairWeights, source_size: int, best: int) -> Ids:
    """The `best` target pieces of each source piece by weight, EOS where there are fewer. -> table_WK

    Among equal weights smaller ids are first.
    """
    source_X, target_X, weight_X = weighted
    order_X = np.lexsort((target_X, -weight_X, source_X))
    source_X, target_X = source_X[order_X], target_X[order_X]
    begins_W = np.searchsorted(source_X, np.arange(source_size))
    rank_X = np.arange(len(source_X)) - begins_W[source_X]
    is_kept_X = rank_X < best
    table_WK = np.full((source_size, best), EOS)
    table_WK[source_X[is_kept_X], rank_X[is_kept_X]] = target_X[is_kept_X]
    return table_WK


def select_frequent(counts_V: NDArray[np.int64], most: int) -> Ids:
    """EOS and the `most` most frequent target pieces, without those that never occur. -> frequent_F"""
    counts_V = counts_V.copy()
    counts_V[[PAD, UNK, BOS, EOS]] = 0
    frequent_F = np.argsort(-counts_V, kind="stable")[:most]
    return np.sort(np.append(frequent_F[counts_V[frequent_F] > 0], EOS))


def train_ibm_model_1(
    pairs: Iterable[tuple[Ids, Ids]], source_size: int, target_size: int, rounds: Iterable[object] = range(5)
) -> PairWeights:
    """The expected number of times that each source piece is translated to each target piece, by IBM model 1.

    p(t | s) ~ sum over occurrences of t in targets:   p(t | s) / sum_s' p(t | s'),   s' in the source of that target

    Brown et al. 1993, Computational Linguistics 19:2, section 4.1, by expectation and maximisation from equal
    probabilities. Weights are the expected counts of the last of `rounds`. `pairs` are ids without EOS, and are kept in
    memory as one number for each pair of pieces in each sentence pair. EOS is the empty word of every source.
    """
    sentences = [(np.append(source, EOS).astype(np.int64), target) for source, target in pairs if len(target)]
    known_X: NDArray[np.int64] = np.zeros(0, np.int64)
    for keys_Y, _ in encode_pairs(sentences, target_size):
        known_X = np.union1d(known_X, keys_Y)
    occurrences = [
        (np.searchsorted(known_X, keys_Y).astype(np.int32), sources)
        for keys_Y, sources in encode_pairs(sentences, target_size)
    ]
    source_X, target_X = np.divmod(known_X, target_size)
    weight_X = probability_X = np.ones(len(known_X))
    for _ in rounds:
        weight_X = np.zeros(len(known_X))
        for pair_Y, sources in occurrences:
            share_Y = probability_X[pair_Y]
            begins = np.cumsum(sources) - sources
            share_Y /= np.repeat(np.add.reduceat(share_Y, begins), sources)
            weight_X += np.bincount(pair_Y, share_Y, len(known_X))
        probability_X = weight_X / np.bincount(source_X, weight_X, source_size)[source_X]
    return PairWeights(source_X, target_X, weight_X)


def sum_weights(parts: Iterable[PairWeights], target_size: int) -> PairWeights:
    """Each pair of pieces once, with the sum of its weights."""
    keys_X: NDArray[np.int64] = np.zeros(0, np.int64)
    weight_X: NDArray[np.float64] = np.zeros(0)
    for part in parts:
        keys_X, pair_Y = np.unique(np.append(keys_X, part.source_X * target_size + part.target_X), return_inverse=True)
        weight_X = np.bincount(pair_Y, np.append(weight_X, part.weight_X), len(keys_X)).astype(np.float64)
    return PairWeights(*np.divmod(keys_X, target_size), weight_X)


def encode_pairs(
    sentences: Iterable[tuple[NDArray[np.int64], Ids]], target_size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """source id * target_size + target id of every pair of pieces, a block of sentences at a time.

    The keys of a target piece are adjacent. Yields keys_Y and the number of keys of each target piece.
    """
    keys: list[NDArray[np.int64]] = []
    widths: list[NDArray[np.int64]] = []
    size = 0
    for source, target in sentences:
        keys.append((target[:, None] + source * target_size).ravel())
        widths.append(np.full(len(target), len(source)))
        size += len(keys[-1])
        if size > CELLS:
            yield np.concatenate(keys), np.concatenate(widths)
            keys, widths, size = [], [], 0
    if keys:
        yield np.concatenate(keys), np.concatenate(widths)


class ShortlistCoverage(NamedTuple):
    """How much of known translations a shortlist allows."""

    tokens: int  # of the target, with EOS
    listed: int  # tokens that are on their sentence's list
    sizes: int  # the sum of the sizes of all lists
    sentences: int


def measure_coverage(shortlist: Shortlist, pairs: Iterable[tuple[Ids, Ids]]) -> ShortlistCoverage:
    """Look up every target token in its sentence's list; `pairs` are ids without EOS."""
    tokens = listed = sizes = sentences = 0
    for source, target in pairs:
        allowed_V = shortlist.allowed_words(np.array([[*source.tolist(), EOS]]))[0]
        listed += int(allowed_V[[*target.tolist(), EOS]].sum())
        tokens += len(target) + 1
        sizes += int(allowed_V.sum())
        sentences += 1
    return ShortlistCoverage(tokens, listed, sizes, sentences)
