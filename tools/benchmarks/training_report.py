"""The report of benchmark_train.py: one row for each system over all rounds, and the tables that are printed."""

from collections.abc import Sequence
from typing import Any

from measuring import summarize
from training_cost import summarize_products
from training_profile import PARTS


def make_row(rounds: Sequence[dict[str, Any]], parameters: int, tokens: int) -> dict[str, Any]:
    """The figures of one system over all rounds. `weights_mib`: weights, gradients and both of Adam's moments."""
    rate = summarize([rate for one in rounds for rate in one["rates"]])
    row = {
        "target_tokens_per_second": rate,
        "peak_mib": max(one["peak_mib"] for one in rounds),
        "weights_mib": 4 * 4 * parameters / 2**20,
    }
    if "profile" not in rounds[0]:  # a peer
        return row
    by_duration = sorted((one["profile"] for one in rounds), key=lambda profile: profile["update_ms"])
    return row | {
        "roofline": summarize_products([one["products"] for one in rounds], tokens, rate["median"]),
        "profile": by_duration[len(rounds) // 2],
    }


def format_table(rows: Sequence[dict[str, Any]], baseline: str) -> str:
    """A line for each row, with its speed relative to the baseline's in float32 with the same attention."""
    standard = {
        (row["attention"], row["input_feeding"]): row["target_tokens_per_second"]["median"]
        for row in rows
        if row["system"] == baseline and row["precision"] == "float32"
    }
    heads = [
        "system",
        "attention",
        "input feeding",
        "precision",
        "target tokens/s (min–max)",
        f"times {baseline}",
        "share of the matrix-product limit",
        "peak MiB",
        "peak MiB without weights and Adam",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        rate, limit = row["target_tokens_per_second"], row.get("roofline")
        compared = standard.get((row["attention"], row["input_feeding"]))
        cells = [
            row["system"],
            row["attention"],
            "yes" if row["input_feeding"] else "no",
            row["precision"],
            f"{rate['median']:,.0f} ({rate['min']:,.0f}–{rate['max']:,.0f})",
            f"{rate['median'] / compared:.2f}" if compared else "",
            f"{limit['fraction_reached']:.0%}" if limit else "",
            f"{row['peak_mib']:,.0f}",
            f"{row['peak_mib'] - row['weights_mib']:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def format_profile(row: dict[str, Any], tokens: int) -> str:
    """Where the time of one system's update goes, and how long its matrix products take alone."""
    limit, profile = row["roofline"], row["profile"]
    lines = ["| part | MFLOP a token | products alone, ms | forward, ms | backward, ms |", "|---|---|---|---|---|"]
    sums = [0.0] * 4
    for part in PARTS:
        figures = [limit["flops_per_token"].get(part, 0.0) / 1e6, limit["ms"].get(part, 0.0)]
        figures += profile["parts"][part].values()
        sums = [total + figure for total, figure in zip(sums, figures, strict=True)]
        lines.append(f"| {part} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    lines.append(f"| **in all** | {' | '.join(f'{total:.1f}' for total in sums)} |")
    unprofiled = 1000 * tokens / row["target_tokens_per_second"]["median"]
    name = f"{row['system']}, {row['attention']}{'' if row['input_feeding'] else '/no'}, {row['precision']}"
    return (
        f"{name}: matrix products at {limit['gflops_per_second']:,.0f} GFLOP/s; an update takes "
        f"{profile['update_ms']:.0f} ms with profiling and {unprofiled:.0f} ms without\n\n" + "\n".join(lines)
    )
