import math
import os
import subprocess
import sys

import numpy as np
import pytest

from nmt.analysis.plots import (
    MAX_LABEL_COLUMNS,
    choose_fonts,
    count_columns,
    draw_terminal_heat_map,
    save_curve,
    save_heat_map,
    shorten_text,
)
from nmt.errors import NmtError, UsageError

WEIGHTS = [[0.9, 0.1, 0.0], [0.05, 0.6, 0.35]]
LOG = [
    {"kind": "train", "update": 10, "epoch": 1, "loss": 5.0, "tokens_per_second": 900.0, "seconds": 1.0},
    {"kind": "valid", "update": 10, "epoch": 1, "perplexity": 90.0, "bleu": 3.25, "seconds": 1.5},
    {"kind": "train", "update": 20, "epoch": 1, "loss": 4.0, "tokens_per_second": 900.0, "seconds": 2.5},
    {"kind": "valid", "update": 20, "epoch": 1, "perplexity": 1080.0, "bleu": 12.5, "seconds": 3.0},
]


def test_a_terminal_heat_map_by_hand():
    assert draw_terminal_heat_map(WEIGHTS, ["ein", "Hund", "bellt"], ["a", "barks"], 30).split("\n") == [
        "      ╷ ein",
        "      │ ╷ Hund",
        "      │ │ ╷ bellt",
        "a     ██░░·",
        "barks · ▓▓▒▒",
    ]


def test_right_to_left_words_do_not_reorder_the_line():
    assert draw_terminal_heat_map([[0.9, 0.1]], ["a", "חתול"], ["אני"], 30).split("\n") == [
        "    ╷ a",
        "    │ ╷ \u200eחתול\u200e",
        "\u200eאני\u200e ██░░",
    ]


def test_a_wide_heat_map_has_narrower_cells_or_several_parts():
    weights = np.eye(6)[:1]
    assert draw_terminal_heat_map(weights, list("abcdef"), ["x"], 12).split("\n")[-1] == "x █·····"
    parts = draw_terminal_heat_map(np.eye(20)[:1], list("abcdefghijklmnopqrst"), ["x"], 12).split("\n\n")
    assert [part.split("\n")[-1] for part in parts] == ["x █·······", "x ········", "x ····"]
    assert [part.count("╷") for part in parts] == [8, 8, 4]


@pytest.mark.parametrize("width", [12, 20, 33, 80, 200])
@pytest.mark.parametrize("seed", range(5))
def test_no_line_is_wider_than_the_terminal(width, seed):
    random = np.random.default_rng(seed)
    alphabet = "abc我喜ﾊﾝ한e\u0301ß\x1b"
    source, target = (
        ["".join(random.choice(list(alphabet), size=random.integers(1, 30))) for _ in range(random.integers(1, 40))]
        for _ in range(2)
    )
    drawn = draw_terminal_heat_map(random.dirichlet(np.ones(len(source)), size=len(target)), source, target, width)
    assert max(map(count_columns, drawn.split("\n"))) <= width
    assert "\x1b" not in drawn  # a word cannot command the terminal


@pytest.mark.parametrize(("source", "target"), [([], []), (["a"], []), ([], ["b"])])
def test_heat_maps_of_empty_sentences_are_empty(tmp_path, source, target):
    assert "█" not in draw_terminal_heat_map(np.zeros((len(target), len(source))), source, target)
    save_heat_map(tmp_path / "empty.png", np.zeros((len(target), len(source))), source, target)


@pytest.mark.parametrize(
    ("text", "columns", "shortened"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("我喜欢", 6, "我喜欢"),
        ("我喜欢", 5, "我喜…"),
        ("我喜欢", 4, "我…"),  # half of a character cannot be shown
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),  # combining accents take no room
        ("a\tb\x1b", 4, "a\ufffdb\ufffd"),
        ("abc", 0, ""),
    ],
)
def test_words_are_shortened_to_a_number_of_columns(text, columns, shortened):
    assert shorten_text(text, columns) == shortened
    assert count_columns(shortened) <= columns


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_input_gives_the_same_file(tmp_path, suffix):
    drawn = []
    for name in ("one", "two"):
        heat, curve = tmp_path / f"{name}{suffix}", tmp_path / f"{name}-curve{suffix}"
        save_heat_map(heat, WEIGHTS, ["$a", "b$", "我"], ["x_1", "y" * 50], title="$ <1>")
        save_curve(curve, LOG)
        drawn.append((heat.read_bytes(), curve.read_bytes()))
    assert drawn[0] == drawn[1]
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert all(picture.startswith(magic) for picture in drawn[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}{suffix}" for name in ("one", "two", "one-curve", "two-curve")
    )


def test_a_picture_has_the_words_as_text(tmp_path):
    save_heat_map(tmp_path / "map.svg", WEIGHTS, ["$a", "b$", "我"], ["x_1", "y" * 50], title="pair 7")
    drawn = (tmp_path / "map.svg").read_text(encoding="utf-8")
    for text in ("$a", "b$", "我", "x_1", "y" * (MAX_LABEL_COLUMNS - 1) + "…", "pair 7"):
        assert f">{text}</text>" in drawn


def test_each_script_is_drawn_with_a_font_that_has_it(tmp_path, monkeypatch):
    from matplotlib import font_manager, get_data_path

    own = [font for font in font_manager.fontManager.ttflist if font.fname.startswith(get_data_path())]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    assert choose_fonts("aß א e\u0301") == (["sans-serif"], set())
    assert choose_fonts("a\ue000") == (["sans-serif", "STIXNonUnicode"], set())
    assert choose_fonts("a我\ue000") == (["sans-serif", "STIXNonUnicode"], {"我"})
    assert save_heat_map(tmp_path / "map.png", [[1.0]], ["a"], ["我"]) == {"我"}
    assert save_heat_map(tmp_path / "map.png", [[1.0]], ["a"], ["b"]) == set()


def test_right_to_left_words_are_drawn_from_right_to_left(tmp_path):
    """An override shows letters in the order they are stored in: the reversed word under it looks like the word."""
    from matplotlib.image import imread

    drawn = []
    for name, word in (("right", "אוו"), ("left", "\u202dווא")):
        save_heat_map(tmp_path / f"{name}.png", [[1.0]], ["a"], [word])
        drawn.append(imread(tmp_path / f"{name}.png"))
    np.testing.assert_array_equal(*drawn)


def test_the_learning_curve_marks_the_best_validation_scores(tmp_path):
    save_curve(tmp_path / "curve.svg", LOG)
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert ">best: perplexity 90.00 at update 10</text>" in drawn
    assert ">best: 12.5 BLEU at update 20</text>" in drawn


def test_of_equal_bleu_the_curve_marks_that_of_the_lowest_perplexity(tmp_path):
    records = [valid_record(at, perplexity, 0.0) for at, perplexity in ((4, 30.0), (8, 20.0), (12, 25.0))]
    save_curve(tmp_path / "curve.svg", records)
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert ">best: 0.0 BLEU at update 8</text>" in drawn
    assert "−0." not in drawn  # the axis begins at zero


@pytest.mark.parametrize(
    "records", [[], LOG[:1], LOG[:2], [record | {"bleu": None} for record in LOG], [LOG[1] | {"perplexity": math.inf}]]
)
def test_a_learning_curve_of_few_records_can_be_drawn(tmp_path, records):
    save_curve(tmp_path / "curve.png", records)
    assert (tmp_path / "curve.png").stat().st_size > 1000


ABSURD = [0.0, 1e-320, 1e-300, 199.0, 1e30, 1e300, sys.float_info.max, math.inf, math.nan, -math.inf, -1e300]


def train_record(update, loss):
    return LOG[0] | {"update": update, "loss": loss}


def valid_record(update, perplexity, bleu):
    return LOG[1] | {"update": update, "perplexity": perplexity, "bleu": bleu}


@pytest.mark.parametrize(
    "records",
    [
        *([valid_record(1, value, value)] for value in ABSURD),  # one single point
        *([*LOG, train_record(10**15, value), valid_record(10**15, value, value)] for value in ABSURD),
        [record for value in ABSURD for record in (train_record(1, value), valid_record(1, value, None))],
    ],
)
def test_extreme_values_are_drawn_or_left_out_without_a_warning(tmp_path, records):
    """pytest makes errors of warnings."""
    save_curve(tmp_path / "curve.png", records)
    assert (tmp_path / "curve.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("records", "titles"),
    [
        (LOG, ["loss per target token, nats", "validation BLEU", "best: perplexity 90.00 at update 10"]),
        (
            [*LOG, train_record(30, 1e300), train_record(40, math.nan), valid_record(40, math.inf, math.nan)],
            ["loss per target token, nats (3 off the scale)", "validation BLEU (1 off the scale)"],
        ),
        ([valid_record(1, 1e86, None)], ["loss per target token, nats", "best: perplexity 1e+86 at update 1"]),
        ([valid_record(1, 1e87, None)], ["loss per target token, nats (1 off the scale)"]),  # e ** 200 lies between
    ],
)
def test_values_that_are_left_out_are_counted_in_the_title(tmp_path, records, titles):
    save_curve(tmp_path / "curve.svg", records)
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    for title in titles:
        assert f">{title}</text>" in drawn


def test_an_unknown_suffix_raises_an_error(tmp_path):
    with pytest.raises(UsageError, match=r'map\.gif: pictures cannot be written as "\.gif"\n  The suffixes are \.png,'):
        save_heat_map(tmp_path / "map.gif", WEIGHTS, ["a", "b", "c"], ["x", "y"])


def test_without_matplotlib_the_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NmtError, match=r'map\.png needs the extra plot: pip install "nmt\[plot\]"'):
        save_heat_map(tmp_path / "map.png", WEIGHTS, ["a", "b", "c"], ["x", "y"])


@pytest.mark.parametrize(("handed_down", "kept"), [("svg", "svg"), ("module://nowhere", None)])
def test_the_first_import_of_matplotlib_keeps_a_backend_that_exists(tmp_path, handed_down, kept):
    """It may be the program of someone who draws with pyplot later."""
    program = (
        f"from nmt.analysis.plots import save_curve; save_curve({str(tmp_path / 'curve.svg')!r}, []);"
        "import matplotlib, os; print(matplotlib.rcParams._get('backend'), os.environ['MPLBACKEND'])"
    )
    environment = os.environ | {"MPLBACKEND": handed_down}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    backend, variable = done.stdout.split()
    assert variable == handed_down
    assert (backend == kept) == (kept is not None)
