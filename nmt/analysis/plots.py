"""Pictures: attention as a heat map in the terminal or in a file, and the learning curve of a run.

Files are drawn with matplotlib, which the extra `plot` installs.
"""

import math
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nmt.analysis.alignment import Links, extract_links
from nmt.errors import NmtError, UsageError
from nmt.files import write_atomically
from nmt.run_log import read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# I source words   J target words

SHADES = ((0.75, "█"), (0.5, "▓"), (0.25, "▒"), (0.1, "░"), (0.0, "·"))  # lower bound of the attention, and its mark
LEGEND = "attention: " + "  ".join(f"{mark} from {bound:.0%}" for bound, mark in SHADES[-2::-1])
MIN_COLUMNS = 12  # columns of a terminal
MAX_LABEL_COLUMNS = 20  # longest word that is written whole
MAX_CURVE_VALUE = 200  # nats or BLEU in a curve: an untrained network's loss is the log of its vocabulary, about 10
PICTURE_SUFFIXES = (".png", ".svg", ".pdf")
BLUE, ORANGE, GRAY = "#1f4e79", "#d9722e", "#6b7280"
VALIDATION: dict[str, Any] = {"color": ORANGE, "marker": "o", "markersize": 3.5}


def draw_terminal_heat_map(
    weights_JI: ArrayLike, source_words: Sequence[str], target_words: Sequence[str], width: int = 80
) -> str:
    """A drawing of attention between words, at most `width` terminal columns wide; `width` is at least MIN_COLUMNS.

    Source words are written above their columns, each one line below the word before it; target words before their
    rows. A cell is two columns wide, or one if two do not fit. If one does not fit either, further drawings show the
    rest of the source.

              ╷ ein
              │ ╷ Hund
              │ │ ╷ bellt
        a     ██· ·
        dog   · ██░░
        barks · ░░▓▓
    """
    weights_JI = np.asarray(weights_JI, dtype=float)
    most = min(MAX_LABEL_COLUMNS, width // 3)
    label = min(max(map(count_columns, target_words), default=0), most)
    room = width - (label + 1) - len("╷ ") - min(max(map(count_columns, source_words), default=0), most)
    cell = 2 if len(source_words) <= room // 2 + 1 else 1
    at_once = room // cell + 1
    drawings = []
    for start in range(0, len(source_words), at_once):
        words = source_words[start : start + at_once]
        lines = []
        for number, word in enumerate(words):
            stairs = " " * (label + 1) + "│".ljust(cell) * number + "╷ "
            lines.append(f"{stairs}{isolate_right_to_left(shorten_text(word, width - len(stairs)))}")
        for word, row in zip(target_words, weights_JI[:, start : start + at_once], strict=True):
            name = shorten_text(word, label)
            cells = "".join(shade(weight, cell) for weight in row)
            lines.append(f"{isolate_right_to_left(name)}{' ' * (label - count_columns(name))} {cells}".rstrip())
        drawings.append("\n".join(lines))
    return "\n\n".join(drawings)


def shade(weight: float, cell: int) -> str:
    """`cell` columns with the mark of the highest bound that a weight reaches."""
    mark = next(mark for bound, mark in SHADES if weight >= bound)
    return mark.ljust(cell) if mark == "·" else mark * cell


def count_columns(text: str) -> int:
    """The terminal columns of a text: two for wide East Asian characters, none for combining characters."""
    return sum(map(count_character_columns, text))


def count_character_columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten_text(text: str, columns: int) -> str:
    """The text in at most `columns` columns, shortened with an ellipsis, and without control characters."""
    text = "".join("\ufffd" if unicodedata.category(character) == "Cc" else character for character in text)
    if count_columns(text) <= columns:
        return text
    while text and count_columns(text) > columns - 1:
        text = text[:-1]
    return text + "…" if columns > 0 else ""


def isolate_right_to_left(word: str) -> str:
    """A right-to-left word between left-to-right marks, which keep it from reordering the text beside it."""
    is_right_to_left = any(unicodedata.bidirectional(character) in ("R", "AL") for character in word)
    return f"\u200e{word}\u200e" if is_right_to_left else word


def save_heat_map(
    path: Path | str,
    weights_JI: ArrayLike,
    source_words: Sequence[str],
    target_words: Sequence[str],
    title: str = "",
    framed: Links | None = None,
) -> set[str]:
    """Draw attention between words as a picture: PNG, SVG or PDF, by the suffix of `path`. The same input gives the
    same file.

    The links in `framed` have frames; by default, those of each target word to the source word with most attention.
    Each script is drawn with an installed font that has it. -> the characters that no font has, boxes in a PNG or PDF

    Raises:
        UsageError: another suffix.
        NmtError: matplotlib is not installed.
    """
    weights_JI = np.asarray(weights_JI, dtype=float).reshape(len(target_words), len(source_words))
    columns, rows = (
        [shorten_text(word, MAX_LABEL_COLUMNS) for word in words] for words in (source_words, target_words)
    )
    beside, above = (max(map(count_columns, words), default=0) * 0.09 for words in (rows, columns))  # inches
    size = (max(0.34 * len(columns) + beside + 1.2, 3.2), max(0.34 * len(rows) + above + 0.8, 2.4))
    with open_figure(Path(path), size) as figure:
        import matplotlib
        from matplotlib.patches import Rectangle

        families, unknown = choose_fonts("".join([title, *columns, *rows]))
        matplotlib.rcParams["font.family"] = families  # open_figure() restores the setting
        axes = figure.add_subplot()
        axes.set_title(title, fontsize=10, color=GRAY, loc="left", pad=12)
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(columns)), columns, rotation=55, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0, labelsize=10, pad=4)
        axes.spines[:].set_visible(False)
        if weights_JI.size == 0:
            return unknown
        image = axes.imshow(weights_JI, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
        for column, row in extract_links(weights_JI) if framed is None else framed:
            corner = (column - 0.44, row - 0.44)
            axes.add_patch(Rectangle(corner, 0.88, 0.88, fill=False, edgecolor=ORANGE, linewidth=1.4))
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=14, pad=0.03, ticks=[0, 0.5, 1])
        bar.ax.tick_params(length=0, labelsize=8, colors=GRAY)
        bar.outline.set_visible(False)
    return unknown


def choose_fonts(text: str) -> tuple[list[str], set[str]]:
    """Font families that together have the characters of a text, and the characters that no font has.

    Only upright fonts are chosen, sans-serif ones first.
    """
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    families = ["sans-serif"]
    unknown = {character for character in text if count_character_columns(character)} - list_characters(
        findfont(FontProperties())
    )
    upright = (font for font in fontManager.ttflist if font.style == "normal" and font.weight == 400)
    for font in sorted(upright, key=lambda font: ("Sans" not in font.name, font.name)):
        if not unknown:
            break
        if font.name not in families and (known := unknown & list_characters(font.fname)):
            families.append(font.name)
            unknown -= known
    return families, unknown


@cache
def list_characters(font: str) -> frozenset[str]:
    """The characters that a font file has. The font of last resort, which has only boxes, counts as empty."""
    from matplotlib.font_manager import get_font

    return frozenset() if "LastResort" in font else frozenset(map(chr, get_font(font).get_charmap()))


def save_curve(path: Path | str, records: Sequence[Mapping[str, Any]]) -> None:
    """Draw the learning curve of a run: PNG, SVG or PDF, by the suffix. Losses above, validation BLEU below.

    `records` are the lines of a run's log: {"kind": "train", "update", "loss"} and {"kind": "valid", "update",
    "perplexity", "bleu"}. The training loss is per token, with label smoothing; the validation loss is the logarithm of
    the perplexity. The best point of each validation curve is marked; of equal BLEU, that of the lowest perplexity.
    Values that are not numbers or exceed MAX_CURVE_VALUE, as in a run that diverges, are left out; the title has their
    number.

    Raises as `save_heat_map` does.
    """
    losses = read_curve(records, "train", "loss")
    valid_losses = read_curve(records, "valid", "perplexity", compute_loss)
    bleu = read_curve(records, "valid", "bleu")
    height = 5.6 if bleu.updates else 3.2  # of which texts take the same inches
    margins = {"left": 0.1, "right": 0.97, "bottom": 0.5 / height, "top": 1 - 0.35 / height, "hspace": 0.3}
    with open_figure(Path(path), (7.2, height), margins) as figure:
        axes = figure.add_subplot(2 if bleu.updates else 1, 1, 1)
        axes.plot(losses.updates, losses.values, color=BLUE, alpha=0.55, linewidth=1.2, label="training, as optimised")
        axes.plot(valid_losses.updates, valid_losses.values, label="validation", **VALIDATION)
        style_axes(axes, "loss per target token, nats", losses.left_out + valid_losses.left_out)
        mark_best(axes, valid_losses, valid_losses.values, lambda loss: f"perplexity {format_number(math.exp(loss))}")
        axes.legend(frameon=False, fontsize=9, loc="upper right")
        if bleu.updates:
            axes = figure.add_subplot(2, 1, 2, sharex=axes)
            axes.plot(bleu.updates, bleu.values, **VALIDATION)
            style_axes(axes, "validation BLEU", bleu.left_out)
            axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
            perplexity = dict(zip(valid_losses.updates, valid_losses.values, strict=True))
            ranks = [(-score, perplexity.get(at, math.inf)) for at, score in zip(*bleu[:2], strict=True)]
            mark_best(axes, bleu, ranks, lambda score: f"{score:.1f} BLEU")
        axes.set_xlabel("updates", fontsize=9, color=GRAY)


def save_curve_of_log(path: Path, log: Path) -> None:
    """`save_curve` of the records in a run's log.jsonl."""
    save_curve(path, [line.record for line in read_log(log) if line.record is not None])


class Curve(NamedTuple):
    """Values that can be drawn, their updates, and the number of values that are left out."""

    updates: list[int]
    values: list[float]
    left_out: int


def read_curve(
    records: Sequence[Mapping[str, Any]], kind: str, key: str, measure: Callable[[float], float] = float
) -> Curve:
    """The curve of `measure(record[key])` over the records of a kind that have this key."""
    points = [
        (record["update"], measure(record[key]))
        for record in records
        if record["kind"] == kind and record.get(key) is not None
    ]
    drawn = [(update, value) for update, value in points if abs(value) <= MAX_CURVE_VALUE]  # false of nan
    return Curve([update for update, _ in drawn], [value for _, value in drawn], len(points) - len(drawn))


def compute_loss(perplexity: float) -> float:
    return math.log(perplexity) if perplexity > 0 else math.nan


def format_number(number: float) -> str:
    """`90.00`, or `1.5e+86` for a number of more than six digits."""
    return f"{number:.2f}" if number < 1e6 else f"{number:.2g}"


def mark_best(axes: "Axes", drawn: Curve, ranks: Sequence[Any], words: Callable[[float], str]) -> None:
    """Draw a ring around the point of a curve that ranks lowest, and write its value and update above the axes."""
    if drawn.values:
        best = min(range(len(ranks)), key=ranks.__getitem__)
        update, value = drawn.updates[best], drawn.values[best]
        axes.plot([update], [value], color=ORANGE, marker="o", markersize=9, fillstyle="none")
        axes.set_title(f"best: {words(value)} at update {update:,}", fontsize=9, color=ORANGE, loc="right")


def style_axes(axes: "Axes", title: str, left_out: int = 0) -> None:
    """Style axes and set their title, which has the number of values that are left out."""
    title += f" ({left_out:,} off the scale)" if left_out else ""
    axes.set_title(title, fontsize=10, color=GRAY, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d1d5db")
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.tick_params(length=0, labelsize=9, colors=GRAY)
    axes.locator_params(axis="x", integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")


@contextmanager
def hide_backend() -> Iterator[None]:
    """Import matplotlib without the backend that the environment names, which may not exist here.

    Notebooks hand down one of theirs in MPLBACKEND, with which the import fails. Figures are written without a backend.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    is_first = "matplotlib" not in sys.modules
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend is not None and is_first:
        import matplotlib

        with suppress(ValueError):  # for the pyplot of whoever called
            matplotlib.rcParams["backend"] = backend


@contextmanager
def open_figure(
    path: Path, size: tuple[float, float], margins: Mapping[str, float] | None = None
) -> Iterator["Figure"]:
    """A figure that is written to `path` when the block ends without an error.

    Its layout leaves room for all texts, unless `margins` give it, as to matplotlib's subplots_adjust: that takes
    half the time.
    """
    if path.suffix not in PICTURE_SUFFIXES:
        raise UsageError(
            f'{path}: pictures cannot be written as "{path.suffix}"\n  The suffixes are {", ".join(PICTURE_SUFFIXES)}'
        )
    try:
        with hide_backend():
            import matplotlib
            from matplotlib.figure import Figure
    except ImportError as error:
        raise NmtError(f'drawing {path} needs the extra plot: pip install "nmt[plot]"') from error
    settings: dict[Any, Any] = {
        "text.parse_math": False,  # a dollar sign is a dollar sign, not the beginning of a formula
        "svg.fonttype": "none",  # text remains text in an SVG
        "pdf.fonttype": 42,
        "svg.hashsalt": "nmt",  # otherwise the names inside an SVG are random
    }
    no_date: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=size, layout=None if margins else "constrained")
        if margins:
            figure.subplots_adjust(**margins)
        yield figure
        box = None if margins else "tight"
        with write_atomically(path, "wb") as file:
            figure.savefig(file, format=path.suffix[1:], dpi=160, metadata=no_date.get(path.suffix), bbox_inches=box)
