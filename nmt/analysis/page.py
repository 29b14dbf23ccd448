"""A page of attention to open in a browser: one file that needs no network and no other file.

It consists of the template, the style and the joined scripts in `page/`. What it shows is packed as text that HTML
cannot read as anything else; the script sets every word as text.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from nmt.analysis.alignment import (
    AttentionDiagnostics,
    Matrix,
    alignment_error_rate,
)
from nmt.text.links import GoldLinks, Link

# I source words   J target words

BOUNDARY = "\x1f"
SENTENCES_PER_BLOCK = 256  # sentences whose attention is unpacked together
SCRIPTS = (  # in the order in which they are joined
    *("base.js", "data.js", "list.js", "navigation.js", "sentence.js", "fonts.js", "highlight.js", "pictures.js"),
    *("save.js", "live.js", "document.js", "tags.js", "review.js", "listeners.js", "start.js"),
)
POLICY = "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src blob: data:; connect-src {connect}"


class AttentionView(NamedTuple):
    """One model's attention for a sentence and one of its translations.

    `model` counts the page's models from 0. `rank` is 0 for a given translation, and 1 for the model's best
    translation. `score` is the mean log-probability of a piece. A gate is no attention and has no `diagnostics`.
    """

    model: int
    rank: int
    target_words: Sequence[str]
    weights_JI: Matrix
    links: list[Link]
    diagnostics: AttentionDiagnostics | None
    score: float
    is_whole: bool = True  # False: only the beginning of the text was read
    is_finished: bool = True  # False: the length limit ended the translation
    target_text: str = ""  # the text of target_words, where these may be characters or pieces


class Page:
    """Collects sentences one by one, and then makes the page of them.

    With `max_characters` the page has boxes for texts of at most that length, and for documents of at most
    `max_document` characters, which it sends to the server that it came from.

    `units` are what the page calls words of source and target: characters, for example. With `review`, "lines" or
    "documents", translations can be edited; see nmt.documents.review.

    Before it is packed, the attention of a view takes a byte for each pair of a source word and a target word.
    """

    def __init__(
        self,
        title: str,
        source_lang: str,
        target_lang: str,
        models: Sequence[str],
        max_characters: int | None = None,
        units: tuple[str, str] = ("words", "words"),
        review: str = "",
        max_document: int = 0,
    ) -> None:
        self.facts: dict[str, Any] = {
            "title": title,
            "source": source_lang,
            "target": target_lang,
            "models": models,
            "block": SENTENCES_PER_BLOCK,
        }
        if set(units) != {"words"}:
            self.facts["units"] = units
        if review:
            self.facts["review"] = review
        if max_characters:
            self.facts |= {"max_characters": max_characters, "max_document": max_document}
        self.sentences: list[str] = []
        self.blocks: list[str] = []
        self.waiting: list[bytes] = []

    def add(
        self,
        source_words: Sequence[str],
        views: Sequence[AttentionView],
        gold: GoldLinks | None = None,
        source_text: str = "",
        review: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Show a sentence below those that are there; gold belongs to the views of rank 0.

        `review` is what the script for reviews reads: "place" and perhaps "confidence", "doubts", "tags" and "text".
        """
        views = [fit_view(view, len(source_words)) for view in views]
        facts = describe_sentence(source_words, views, gold, source_text) | dict(review)
        self.sentences.append(json.dumps(facts, ensure_ascii=False))
        self.waiting.append(b"".join(quantise(view.weights_JI) for view in views))
        if len(self.waiting) == SENTENCES_PER_BLOCK:
            self.close_block()

    def close_block(self) -> None:
        if self.waiting:
            self.blocks.append(compress_base64(b"".join(self.waiting)))
            self.waiting = []

    def html(self, connect: str = "'none'") -> str:
        """The whole file. `connect` is the source, in a content security policy, that the page may fetch from."""
        self.close_block()
        sentences = ",".join(self.sentences)
        own = {"key": sha256(sentences.encode()).hexdigest()[:16]} if "review" in self.facts else {}
        facts = json.dumps(self.facts | own, ensure_ascii=False)
        index = f'{facts[:-1]}, "sentences": [{sentences}]}}'
        packed = {"index": compress_base64(index.encode())} | {
            f"block-{number}": block for number, block in enumerate(self.blocks)
        }
        folder = files("nmt.analysis") / "page"
        template, style, *scripts = (
            (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", *SCRIPTS)
        )
        script = "\n".join(scripts)
        parts = {
            "policy": POLICY.format(
                script=hash_for_policy(script),
                style="unsafe-inline" if "max_document" in self.facts else hash_for_policy(style),  # of documents
                connect=connect,
            ),
            "style": style,
            "script": script,
            "data": "\n".join(
                f'<script type="text/plain" id="{name}">{text}</script>' for name, text in packed.items()
            ),
        }
        before, *rest = template.split("{{")
        named = (part.split("}}", 1) for part in rest)
        return before + "".join(parts[name] + after for name, after in named)


def fit_view(view: AttentionView, words: int) -> AttentionView:
    """The view with a column for each of `words` source words: another model may have read more or fewer of a line."""
    read, found = view.weights_JI.shape[1], view.diagnostics
    weights_JI = np.pad(view.weights_JI[:, :words], ((0, 0), (0, max(0, words - read))))
    if found is not None:
        found = found._replace(unattended=[word for word in found.unattended if word < words])
    return view._replace(
        weights_JI=weights_JI, links=[link for link in view.links if link[0] < words], diagnostics=found
    )


def describe_sentence(
    source_words: Sequence[str],
    views: Sequence[AttentionView],
    gold: GoldLinks | None = None,
    source_text: str = "",
) -> dict[str, Any]:
    """A sentence as the script reads it, without the attention. A gold link is [source word, target word, is sure]."""
    facts: dict[str, Any] = {"source": mark_words(source_words, source_text), "views": []}
    if gold is not None:
        facts["gold"] = [[*link, link in gold.sure] for link in sorted(gold.possible)]
    for view in views:
        entry = {
            "model": view.model,
            "rank": view.rank,
            "target": mark_words(view.target_words, view.target_text),
            "links": view.links,
            "score": round(view.score, 4),
        }
        entry |= {name: False for name in ("is_whole", "is_finished") if not getattr(view, name)}
        if view.diagnostics is not None:
            entry |= {
                "entropy": round(view.diagnostics.entropy, 4),
                "coverage": round(view.diagnostics.coverage_deviation, 4),
                "unattended": view.diagnostics.unattended,
                "unsupported": view.diagnostics.unsupported,
            }
        if gold is not None and view.rank == 0 and view.diagnostics is not None:
            entry["aer"] = round(alignment_error_rate([view.links], [gold]).aer, 4)
        facts["views"].append(entry)
    return facts


def mark_words(words: Sequence[str], text: str = "") -> str:
    """Words as one string, with a space between them, or U+001F where there is nothing between them in the text."""
    marked, place = "", 0
    for word in words:
        begin = text.find(word, place)
        is_joined = marked != "" and begin == place
        marked += (BOUNDARY if is_joined else " " if marked else "") + word.replace(BOUNDARY, "")
        place = begin + len(word) if begin >= 0 else place
    return marked


def quantise(weights_JI: Matrix) -> bytes:
    """Attention as a byte for each pair of words, row by row, where 255 stands for a weight of one."""
    return np.rint(255 * np.asarray(weights_JI)).astype(np.uint8).tobytes()


def encode_weights(views: Sequence[AttentionView]) -> list[str]:
    """The attention of each view in base64, for an answer over HTTP."""
    return [base64.b64encode(quantise(view.weights_JI)).decode() for view in views]


def compress_base64(content: bytes) -> str:
    """Bytes as ASCII letters, digits, +, / and = only."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def hash_for_policy(content: str) -> str:
    """The name that a content security policy has for a script or style."""
    return f"sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}"
