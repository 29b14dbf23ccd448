"""Translations as lines of output: text, JSON Lines and word links."""

import json
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from nmt.cli.output import to_json_line

if TYPE_CHECKING:
    from nmt.translation.result import Translation


def write_lines(file: IO[bytes], lines: Iterator[str]) -> None:
    """Write lines and flush them, so that a reader gets them at once and they are kept if the program is killed."""
    file.write("".join(lines).encode())
    file.flush()


def format_link_lines(
    found: "list[Translation]", threshold: float | None, offset: int, with_shares: bool
) -> Iterator[str]:
    """The links of each translation in Pharaoh format."""
    from nmt.analysis.alignment import format_pharaoh

    for one in found:
        links = one.links(threshold, offset)
        yield f"{format_pharaoh(links, links if with_shares else None)}\n"


def read_text_index(line: bytes) -> int:
    """`7 ||| a translation ||| -0.1` -> 7"""
    return int(line.split(b" ||| ", 1)[0])


def read_json_index(line: bytes) -> int:
    """`{"index": 7, ...}` -> 7"""
    return int(json.loads(line)["index"])


def write_line(
    one: "Translation",
    index: int,
    rank: int,
    style: str,
    n_best: int,
    with_attention: bool = False,
    threshold: float | None = None,
    offset: int = 0,
    with_shares: bool = False,
) -> str:
    """A translation as a line of output."""
    if style == "jsonl":
        from nmt.translation.doubts import find_doubts

        links = one.links(threshold, offset)
        facts = {
            "index": index,
            "rank": rank,
            "source": one.source,
            "text": one.text,
            "score": round(one.score, 6),
            "log_prob": round(one.log_prob, 6),
            "confidence": round(one.confidence, 4),
            "doubts": [doubt._asdict() for doubt in find_doubts(one)],
            "is_finished": one.is_finished,
            "is_whole": one.is_whole,
            "source_pieces": one.source_pieces,
            "tokens": one.tokens,
            "token_log_probs": [round(log_prob, 6) for log_prob in one.token_log_probs],
            "source_words": one.source_words,
            "target_words": one.target_words,
            "units": one.units,
            "alignment": list(links),
        }
        if one.match:
            facts["memory"] = one.match._asdict()
        if with_shares:
            facts["alignment_probabilities"] = [round(share, 4) for share in links.values()]
        if with_attention:
            facts["attention"] = [[round(weight, 4) for weight in row] for row in one.attention_TS.tolist()]
        return f"{to_json_line(facts)}\n"
    return f"{index} ||| {one.text} ||| {one.score:.4f}\n" if n_best > 1 else f"{one.text}\n"
