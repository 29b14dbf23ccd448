"""`nmt evaluate`: runs translate a test set with several beams, and everything is scored in one table.

Joins translation, forced decoding and metrics; how each is done stands in nmt.translation and nmt.analysis.
"""

import json
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from nmt.cli.align import force
from nmt.cli.options import precision_option
from nmt.cli.score import (
    MetricsCommand,
    cells,
    check_scoring,
    explain,
    headings,
    read_parallel,
    score_systems,
    scoring_options,
    tabulate,
    to_json,
)
from nmt.cli.translate import OUTPUT, SHORTLIST, Translator, refuse_unwritable
from nmt.errors import UsageError
from nmt.translation.workers import WorkerPool, parallel_options, share_cores


@click.command(cls=MetricsCommand)
@click.option("--model", "runs", multiple=True, required=True, metavar="RUN", help="run folder; repeat to compare")
@click.option("--source", required=True, metavar="FILE", help="sentences, one a line")
@click.option("--reference", "references", multiple=True, required=True, metavar="FILE", help="right translations")
@click.option("--ensemble", is_flag=True, help="the runs translate together instead of one after the other")
@click.option(
    "--beam",
    "beams",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="hypotheses kept; repeat to compare  [default: as the run says]",
)
@scoring_options
@click.option(
    "--log-probs", type=OUTPUT, metavar="FILE", help="log-probability and token count of each first reference"
)
@click.option(
    "--batch-size", type=click.IntRange(1), default=64, metavar="N", help="sentences at a time  [default: 64]"
)
@SHORTLIST
@parallel_options
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@precision_option
def command(
    runs: tuple[str, ...],
    source: str,
    references: tuple[str, ...],
    ensemble: bool,
    beams: tuple[int, ...],
    metrics: list[str],
    tokenize: str,
    lowercase: bool,
    significance: bool,
    samples: int,
    style: str,
    log_probs: Path | None,
    batch_size: int,
    shortlist: Path | None,
    processes: int,
    threads: int | None,
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Translate a test set with one or several runs and beams, and score every translation.

    A row holds sacreBLEU's scores, sentences translated a second (the run being loaded), and the perplexity of the
    references: exp of minus the mean log-probability of their tokens, EOS included, without label smoothing.
    Perplexities compare between runs of one target subword model only.
    """
    from tqdm import tqdm

    from nmt.files import write_atomically

    names = [" + ".join(runs)] if ensemble else list(runs)
    check_scoring(metrics, tokenize, lowercase, significance, len(names) * max(len(beams), 1))
    if log_probs and len(names) > 1:
        raise UsageError("--log-probs writes what one run says, or one --ensemble, and there are several runs")
    refuse_unwritable(log_probs)
    threads = share_cores(processes, threads, batch_size, device)
    source_lines, *reference_lines = read_parallel([source, *references])
    rows: list[dict[str, Any]] = []
    translations: list[list[str]] = []
    for name, members in zip(names, [runs] if ensemble else [(run,) for run in runs], strict=True):
        opening: dict[str, Any] = {
            "runs": members,
            "checkpoint": checkpoint,
            "device": device,
            "precision": precision,
            "shortlist": shortlist,
        }
        translator = Translator.load(**opening)
        opening["precision"] = translator.precision  # one for all processes
        forced = [  # log-probability and tokens of each sentence
            [(one.log_prob, len(one.token_log_probs)) for one in force(translator, source_lines, lines, batch_size)]
            for lines in reference_lines
        ]
        if log_probs:
            with write_atomically(log_probs) as file:
                file.writelines(f"{log_prob:.6f}\t{tokens}\n" for log_prob, tokens in forced[0])
        log_prob, tokens = (sum(column) for column in zip(*(pair for lines in forced for pair in lines), strict=True))
        perplexity = math.exp(-log_prob / tokens)
        with WorkerPool(processes, threads, **opening) if processes > 1 else nullcontext(translator) as speaker:
            for beam in beams or (translator.runs[0].settings.search.beam,):
                found = speaker.stream(source_lines, batch_size=batch_size, beam=beam)
                begin = time.perf_counter()
                bar = tqdm(found, f"{name}, beam {beam}", len(source_lines), unit=" lines", disable=None, leave=False)
                translations.append([one.text for [one] in bar])
                rate = len(source_lines) / (time.perf_counter() - begin)
                rows.append({"name": name, "beam": beam, "sentences_per_second": rate, "perplexity": perplexity})
    scores = score_systems(translations, reference_lines, metrics, tokenize, lowercase, samples if significance else 0)
    if style == "json":
        systems = [facts | {"scores": to_json(row)} for facts, row in zip(rows, scores, strict=True)]
        document = {"source": source, "references": references, "lines": len(source_lines), "systems": systems}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    table = [["run", "beam", *headings(scores[0]), "sentences/s", "perplexity"]]
    for facts, row in zip(rows, scores, strict=True):
        rate, perplexity = facts["sentences_per_second"], facts["perplexity"]
        table.append([facts["name"], str(facts["beam"]), *cells(row), f"{rate:,.0f}", f"{perplexity:,.2f}"])
    click.echo(tabulate(table))
    click.echo(explain(scores[0], "the first row"))
