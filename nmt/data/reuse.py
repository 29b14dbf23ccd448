"""Subword models of a run or of a prepared folder, for another corpus."""

# V vocabulary

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.data.arrays import read_parts
from nmt.data.prepared import MANIFEST, PreparedCorpus
from nmt.errors import FolderError, Option, UsageError
from nmt.ids import UNK
from nmt.settings import PrepareSettings
from nmt.text.normalization import BLANK_PIECE
from nmt.text.subword import Subword

TRAINING_ONLY = ("character_coverage", "sample_lines", "seed")  # settings of how models are trained
SIZES = ("vocab_size", "source_vocab_size", "target_vocab_size")
FIRST_BYTE = re.compile(r"<0x(?:[0-7]|[C-F])[0-9A-F]>")  # the pieces of bytes with which a character begins


class ReusedSubwords(NamedTuple):
    """The subword models of source and target, which folder they are from, and the settings that they stand for."""

    path: Path
    subwords: list[Subword]
    settings: dict[str, Any]

    def describe(self, languages: Sequence[str]) -> str:
        """`subword models of runs/mine: 8,000 pieces for en, 7,500 for de`"""
        sizes = [subword.size for subword in self.subwords]
        if self.settings["joint"]:
            return f"subword model of {self.path}: {sizes[0]:,} pieces for {' and '.join(languages)}"
        return f"subword models of {self.path}: {sizes[0]:,} pieces for {languages[0]}, {sizes[1]:,} for {languages[1]}"

    def record(self, settings: PrepareSettings) -> dict[str, Any]:
        """The settings of a corpus with these models, as its manifest has them."""
        values = settings.model_dump(mode="json", exclude=set(TRAINING_ONLY))
        return values | {"subwords_from": os.fsencode(self.path).decode("utf-8", "replace")}


def read_subwords(path: Path, languages: Sequence[str], given: PrepareSettings) -> ReusedSubwords:
    """The subword models for a source and a target language, from a run or a prepared folder of these languages.

    The folder may have them in the other direction. `given` are the settings of preparing.

    Raises FolderError for another folder, and UsageError for other languages and for settings that were given and are
    not those of the models.
    """
    subwords, own_languages, is_joint = open_models(path)
    if sorted(own_languages) != sorted(languages):
        raise UsageError(
            f"{path} has subword models for {' and '.join(own_languages)}, and this corpus is in "
            f"{' and '.join(languages)}\n  ",
            *(Option("subwords_from"), " names a run or a prepared folder of the same languages"),
        )
    if own_languages != tuple(languages):
        subwords = subwords[::-1]
    reused = ReusedSubwords(path, subwords, describe_models(subwords, is_joint))
    refuse_contradictions(reused, given)
    return reused


def open_models(path: Path) -> tuple[list[Subword], tuple[str, str], bool]:
    """The subword models in a folder, their languages, and whether they are one model for both."""
    if (path / MANIFEST).is_file():
        prepared = PreparedCorpus.open(path)
        facts = prepared.manifest
        return [prepared.source_subword, prepared.target_subword], (facts.source_lang, facts.target_lang), facts.joint
    if not (path / "run.json").is_file():
        what = "is neither a run nor a prepared folder" if path.exists() else "does not exist"
        raise FolderError(f"{path} {what}\n  Name a folder that `nmt train` or `nmt prepare` has written")
    from nmt.checkpoint import read_run  # a second of imports

    run = read_run(path)
    return [run.source_subword, run.target_subword], run.languages, run.info.joint


def describe_models(subwords: Sequence[Subword], is_joint: bool) -> dict[str, Any]:
    """The settings of preparing that subword models stand for."""
    source, target = subwords
    sizes = (source.size, 0, 0) if source.size == target.size else (source.size, source.size, target.size)
    return dict(zip(SIZES, sizes, strict=True)) | {
        "joint": is_joint,
        "subword": "bpe" if source.is_bpe else "unigram",
        "normalize": find_normalization(source),
        "byte_fallback": source.has_byte_fallback,
        "symbols": tuple(sorted(piece.replace(BLANK_PIECE, " ") for piece in source.symbols)),
    }


def find_normalization(subword: Subword) -> str:
    """The setting `normalize` of a model, by what it does to characters that only some normalizations change."""
    if subword.normalize("e\u0301") != subword.normalize("é"):
        return "identity"
    if subword.normalize("²") != subword.normalize("2"):
        return "nfc"
    return "nmt_nfkc" if subword.normalize("a\u200bb") == subword.normalize("a b") else "nfkc"


def refuse_contradictions(reused: ReusedSubwords, given: PrepareSettings) -> None:
    """Raise UsageError that lists every setting which was given and is not that of the models."""
    source, target = (subword.size for subword in reused.subwords)
    own = reused.settings | {"source_vocab_size": source, "target_vocab_size": target}
    problems: list[str | Option] = []
    for name in [name for name in PrepareSettings.model_fields if name in given.model_fields_set]:
        value = getattr(given, name)
        if name in TRAINING_ONLY:
            problems += ["\n  ", Option(name, value), "   has no effect: no models are trained"]
        elif name == "symbols" and set(value) != set(own[name]):
            problems += [
                "\n  ",
                Option(name),
                f" {', '.join(value)}   the models have {', '.join(own[name]) or 'none'}",
            ]
        elif name == "vocab_size" and {value} != {source, target}:
            problems += ["\n  ", Option(name, value), f"   the models have {source} and {target} pieces"]
        elif name in own and name not in ("symbols", "vocab_size") and value != own[name]:
            problems += ["\n  ", Option(name, value), "   the models have ", Option(name, own[name])]
    if problems:
        raise UsageError(
            f"these options do not fit the subword models of {reused.path}",
            *problems,
            *("\n  Leave them out. Or leave out ", Option("subwords_from"), ", to train other models"),
        )


def describe_unknown(prepared: PreparedCorpus) -> list[str]:
    """Notes on the characters of each split that have no piece in the subword models."""
    languages = prepared.manifest.source_lang, prepared.manifest.target_lang
    subwords = prepared.source_subword, prepared.target_subword
    notes = []
    for name in prepared.manifest.splits:
        split = prepared.open_split(name)
        counts = [
            sum(int(is_unknown_V[part].sum()) for part in read_parts(ids))
            for is_unknown_V, ids in zip(map(find_unknown, subwords), (split.source_ids, split.target_ids), strict=True)
        ]
        if any(counts):
            parts = ", ".join(f"{count:,} of {language}" for count, language in zip(counts, languages, strict=True))
            notes.append(f"{name}: characters without a piece in these models: {parts}")
    return notes or ["every character has a piece in these models"]


def find_unknown(subword: Subword) -> NDArray[np.bool_]:
    """True for the pieces that stand for an unknown character: UNK, or the first of its bytes. -> is_unknown_V"""
    pieces = subword.ids_to_pieces(range(subword.size))
    is_unknown_V = np.array([FIRST_BYTE.fullmatch(piece) is not None for piece in pieces])
    is_unknown_V[UNK] = True
    return is_unknown_V
