"""`nmt translate`, `nmt.load` and `nmt.Translator`: runs that are put to work.

Opens run folders and joins them to search and to text; what a translation is stands in nmt.translation.pipeline.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from nmt.cli.options import given, link_options, precision_option, settings_options
from nmt.config import SearchSettings, check
from nmt.errors import DataError, FolderError, NmtError, UsageError
from nmt.translation.workers import WorkerPool, parallel_options, share_cores

if TYPE_CHECKING:
    import torch

    from nmt.checkpoint import LoadedRun
    from nmt.inference.shortlist import Shortlist
    from nmt.translation.constraints import Request
    from nmt.translation.pipeline import Translation

INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True)
SHORTLIST = click.option(
    "--shortlist",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="of `nmt shortlist`; or a run folder that has one: say no other pieces",
)
OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--model", "runs", multiple=True, required=True, metavar="RUN", help="run folder; repeat for an ensemble")
@click.argument("files", nargs=-1, type=INPUT, metavar="[FILE]...")
@click.option("--output", type=OUTPUT, metavar="FILE", help="where translations go  [default: standard output]")
@click.option(
    "--n-best", type=click.IntRange(1), default=1, metavar="N", help="translations of each line  [default: 1]"
)
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", help="[default: text]")
@click.option("--with-attention", is_flag=True, help="add attention between pieces to --format jsonl")
@click.option("--alignments", type=OUTPUT, metavar="FILE", help="word links of each translation, in Pharaoh format")
@link_options
@click.option("--resume-output", is_flag=True, help="go on after the lines that are already in --output")
@click.option(
    "--input-format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="jsonl: an object a line  [default: text]",
)
@click.option(
    "--prefix", default="", metavar="TEXT", help="how every translation begins; a blank at its end ends a word"
)
@click.option("--constraint", "constraints", multiple=True, metavar="TEXT", help="what they contain; repeat for more")
@click.option("--ban", "banned", multiple=True, metavar="TEXT", help="what they do not contain; repeat for more")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    metavar="N",
    help="sentences translated together; 1 answers each line at once  [default: 64]",
)
@SHORTLIST
@parallel_options
@settings_options(SearchSettings)
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@precision_option
def command(
    runs: tuple[str, ...],
    files: tuple[str, ...],
    output: Path | None,
    n_best: int,
    form: str,
    with_attention: bool,
    alignments: Path | None,
    offset: int,
    threshold: float | None,
    probabilities: bool,
    resume_output: bool,
    input_format: str,
    prefix: str,
    constraints: tuple[str, ...],
    banned: tuple[str, ...],
    batch_size: int,
    shortlist: Path | None,
    processes: int,
    threads: int | None,
    checkpoint: str,
    device: str,
    precision: str,
    **options: Any,
) -> None:
    """Translate files, or standard input, line by line.

    Every line in is one line out; an empty line stays empty. How to search is what the run's settings say, where no
    option says otherwise. With --n-best above 1, text lines are `index ||| translation ||| score`; the index counts
    input lines from 0. --format jsonl writes an object for each translation, with scores, tokens and word links.
    --alignments and --format jsonl say which source word i each target word j came from, as links i-j counted from 0,
    by the rule that `nmt align --help` tells; an ensemble's by the mean of its attention.
    Packed files (.gz, .xz, .zst) are unpacked, `-` is standard input. Lines are read ahead to be sorted by length,
    except from a terminal or with --batch-size 1. Several --processes open the run once each, which takes seconds and
    memory, and answer faster where there are many lines.

    With --input-format jsonl a line is an object with "source" and, for this line, "prefix", "constraints" (words that
    the translation contains), "banned" (strings that it does not; " cat" only at the beginning of words) and
    "max_length" in pieces, with the end as one.

    --output FILE grows as FILE.part and is renamed when it is whole; if something ends the program before that,
    --resume-output goes on from there, given the same input and options.
    """
    from tqdm import tqdm

    from nmt.analysis.alignment import format_pharaoh
    from nmt.checkpoint import read_run
    from nmt.cli.output import find_resume_point, partial_path, write_in_parts
    from nmt.devices import choose_device, choose_translation_precision
    from nmt.translation.pipeline import MAX_PIECES
    from nmt.translation.request import read_requests

    refuse_overlap({"--output": output, "--alignments": alignments}, files)
    if (threshold or probabilities or offset) and not alignments and form != "jsonl":
        raise UsageError(
            "--threshold, --probabilities and --offset are for word links: name a file with --alignments, "
            "or take --format jsonl"
        )
    if with_attention and form != "jsonl":
        raise UsageError("--with-attention adds to --format jsonl, and the format is text")
    if resume_output and output is None:
        raise UsageError("--resume-output goes on with a file: name it with --output")
    threads = share_cores(processes, threads, batch_size, device)
    precision = choose_translation_precision(precision, choose_device(device))  # one for all processes
    opening: dict[str, Any] = {"runs": runs, "checkpoint": checkpoint, "device": device, "precision": precision}
    opening["shortlist"] = shortlist
    translator = WorkerPool.of_command(processes, threads, **opening) if processes > 1 else Translator.load(**opening)
    if options["replace_unk"] and read_run(Path(runs[0])).target_subword.has_byte_fallback:
        print(
            f"nmt: --replace-unk does nothing: {runs[0]} spells in bytes what has no piece\n"
            "  A corpus prepared with --no-byte-fallback and a --character-coverage below 1 has what is unknown",
            file=sys.stderr,
        )
    if alignments and all(read_run(Path(run)).settings.model.attention == "none" for run in runs):
        raise UsageError(f"{runs[0]} has no attention, so there are no links: leave out --alignments")
    batch_size = 1 if files in ((), ("-",)) and sys.stdin.isatty() else batch_size
    paths = [path for path in (output, alignments) if path is not None]
    index = {"text": text_index, "jsonl": json_index}[form] if n_best > 1 else None
    done, sizes = find_resume_point(paths, index) if resume_output else (0, [0] * len(paths))
    requests = read_requests(files or ("-",), input_format, prefix, constraints, banned)
    if (skipped := sum(1 for _ in islice(requests, done))) < done:
        raise DataError(
            f"{output} already holds {done:,} lines, and the input only has {skipped:,}\n"
            "  It was made of another input: leave out --resume-output to begin again"
        )
    search = given(SearchSettings, options)
    results = translator.stream(requests, n_best=n_best, batch_size=batch_size, first=done + 1, **search)
    is_seen = output is None and sys.stdout.isatty()  # a bar between the translations would only disturb
    total = None if is_seen or not sys.stderr.isatty() else count_lines(files)
    bar = tqdm(results, precision, total, initial=done, unit=" lines", disable=is_seen or None, dynamic_ncols=True)
    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(write_in_parts(path, size)) for path, size in zip(paths, sizes, strict=True)]
            out: IO[bytes] = opened[0] if output else sys.stdout.buffer
            for number, found in enumerate(bar, done):
                if not found[0].is_whole:
                    tqdm.write(
                        f"nmt: line {number + 1:,} is too long: only its first {MAX_PIECES:,} pieces are translated\n"
                        "  Split it into sentences, or use --split-long, to have it whole",
                        file=sys.stderr,
                    )
                if alignments:
                    shares = [one.links(threshold, offset) for one in found]
                    lines = [f"{format_pharaoh(links, links if probabilities else None)}\n" for links in shares]
                    opened[-1].write("".join(lines).encode())
                    opened[-1].flush()
                lines = [
                    write_line(one, number, rank, form, n_best, with_attention, threshold, offset, probabilities)
                    for rank, one in enumerate(found)
                ]
                out.write("".join(lines).encode())
                out.flush()
    except BaseException as error:
        if output and partial_path(output).exists() and not isinstance(error, FolderError):
            print(
                f"nmt: finished lines are in {partial_path(output)}; the same command with --resume-output continues",
                file=sys.stderr,
            )
        raise


def count_lines(files: Sequence[str]) -> int | None:
    """How many lines the input has, where it can be read twice."""
    from nmt.text.corpus import read_lines

    if not files or not all(Path(file).is_file() for file in files):
        return None
    return sum(1 for file in files for _ in read_lines(file))


def text_index(line: bytes) -> int:
    """`7 ||| a translation ||| -0.1` -> 7"""
    return int(line.split(b" ||| ", 1)[0])


def json_index(line: bytes) -> int:
    """The "index" of an object."""
    return int(json.loads(line)["index"])


def write_line(
    one: "Translation",
    index: int,
    rank: int,
    form: str,
    n_best: int,
    with_attention: bool = False,
    threshold: float | None = None,
    offset: int = 0,
    with_shares: bool = False,
) -> str:
    """A translation as a line of output."""
    if form == "jsonl":
        links = one.links(threshold, offset)
        facts = {
            "index": index,
            "rank": rank,
            "source": one.source,
            "text": one.text,
            "score": round(one.score, 6),
            "log_prob": round(one.log_prob, 6),
            "is_finished": one.is_finished,
            "source_pieces": one.source_pieces,
            "tokens": one.tokens,
            "token_log_probs": [round(log_prob, 6) for log_prob in one.token_log_probs],
            "source_words": one.source_words,
            "target_words": one.target_words,
            "alignment": list(links),
        }
        if with_shares:
            facts["alignment_probabilities"] = [round(share, 4) for share in links.values()]
        if with_attention:
            facts["attention"] = [[round(weight, 4) for weight in row] for row in one.attention_TS.tolist()]
        return json.dumps(facts, ensure_ascii=False) + "\n"
    return f"{index} ||| {one.text} ||| {one.score:.4f}\n" if n_best > 1 else f"{one.text}\n"


def refuse_overlap(outputs: Mapping[str, Path | None], inputs: Sequence[str] = ()) -> None:
    """`refuse_unwritable` for files by the names of their options.

    Raises UsageError as well where one would be written over another, or over what is read.
    """
    taken = {os.path.realpath(path): "the input" for path in inputs if path != "-"}
    for name, path in outputs.items():
        refuse_unwritable(path)
        if path is None or (path.exists() and not path.is_file()):  # /dev/null, a pipe
            continue
        place = os.path.realpath(path)
        if place in taken:
            raise UsageError(f"{taken[place]} and {name} cannot both be {path}")
        taken[place] = name


def refuse_unwritable(path: Path | None) -> None:
    """Raise FolderError before any work is done where no file can be written, UsageError where it would be misnamed."""
    from nmt.text.corpus import SUFFIXES

    if path is None:
        return
    if path == Path("-"):
        raise UsageError('"-" is no file that can be written: name one, or use /dev/stdout where that is a pipe')
    with suppress(OSError):  # standard output may be closed
        if path.is_file() and os.path.samestat(path.stat(), os.fstat(1)):
            raise UsageError(f"{path} is where standard output goes already\n  Name another file")
    if path.is_dir():
        raise FolderError(f"{path} cannot be written: it is a folder\n  Name a file in it")
    if path.suffix in SUFFIXES[1:]:
        raise UsageError(f"{path} would not be packed: leave out {path.suffix}, or pack what comes to standard output")
    folder = path.resolve().parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise FolderError(f"{path} cannot be written: there is no folder {folder}\n  Make it first")


class Translator:
    """One run, or several that vote, ready to translate.

    >>> translator = Translator.load("checkpoints/my-run")
    >>> [translation.text for translation in translator.translate(["a line", "another"], beam=5)]

    Lines are strings, or requests that say more: Request("a line", constraints=("a word",)).
    Search options are those of nmt.config.SearchSettings: beam, alpha, sample, no_repeat and so on. What is not given
    is as the settings of the first run say.
    """

    def __init__(
        self,
        runs: "Sequence[LoadedRun]",
        device: "torch.device",
        precision: str,
        shortlist: "Shortlist | None" = None,
    ) -> None:
        from nmt.inference.engine import Engine
        from nmt.search.ensemble import Ensemble

        models = [Engine(run.model.to(device), precision) for run in runs]
        self.model = models[0] if len(models) == 1 else Ensemble(models)
        self.runs = runs
        self.device = device
        self.precision = precision
        self.shortlist = shortlist

    @classmethod
    def load(
        cls,
        runs: Path | str | Sequence[Path | str],
        checkpoint: str = "best",
        device: str = "auto",
        precision: str = "auto",
        shortlist: Path | str | None = None,
    ) -> "Translator":
        """Open a run folder, or several as an ensemble; and a shortlist, so that no other pieces are said.

        Raises FolderError for a folder that is no run or lacks the checkpoint, NmtError for runs whose subword models
        differ, or for which the shortlist was not made, UsageError for a device or precision that is not there.
        """
        from nmt.checkpoint import open_run
        from nmt.devices import choose_device, choose_translation_precision

        place = choose_device(device)
        chosen = choose_translation_precision(precision, place)
        opened = [open_run(path, checkpoint) for path in ([runs] if isinstance(runs, Path | str) else runs)]
        for run in opened[1:]:
            refuse_other_subwords(run, opened[0])
        few = None if shortlist is None else read_shortlist(Path(shortlist), opened[0])
        return cls(opened, place, chosen, few)

    def translate(self, lines: "Iterable[str | Request]", **options: Any) -> "list[Translation]":
        """The best translation of each line; `options` are those of `stream`."""
        return [found[0] for found in self.stream(lines, **options)]

    def n_best(self, lines: "Iterable[str | Request]", n: int, **options: Any) -> "list[list[Translation]]":
        """The n best translations of each line, best first; `options` are those of `stream`."""
        return list(self.stream(lines, n_best=n, **options))

    def stream(
        self, lines: "Iterable[str | Request]", *, n_best: int = 1, batch_size: int = 64, first: int = 1, **search: Any
    ) -> "Iterator[list[Translation]]":
        """The n_best translations of each line, best first, while lines are read; see translate_lines.

        Raises SettingsError for search options that do not exist or are out of bounds, UsageError for an n_best larger
        than the beam and for an option that does nothing without another, DataError for a request that cannot be met;
        the first line has number `first`.
        """
        from nmt.translation.pipeline import translate_lines

        if isinstance(lines, str):
            raise TypeError("lines are several strings: put a single one in a list")
        run = self.runs[0]
        settings = check(SearchSettings, run.settings.search.model_dump() | search, "the search options")
        plain = SearchSettings()
        for name, partner in IDLE_ALONE.items():
            is_said = name in search and search[name] != getattr(plain, name)
            if is_said and getattr(settings, partner) == getattr(plain, partner):
                raise UsageError(
                    f"--{name.replace('_', '-')} does nothing without --{partner.replace('_', '-')}\n"
                    "  Add it, or leave both out"
                )
        if n_best > settings.beam and not settings.sample:
            raise UsageError(
                f"a beam of {settings.beam} cannot find the {n_best} best translations\n"
                f"  Ask for at most {settings.beam}, or for a beam of {n_best} or more"
            )
        return translate_lines(
            self.model,
            run.source_subword,
            run.target_subword,
            lines,
            batch_sentences=batch_size,
            first=first,
            device=self.device,
            n_best=n_best,
            shortlist=self.shortlist.allowed_words if self.shortlist else None,
            **settings.model_dump(),
        )


# search options that only mean something beside another
IDLE_ALONE = dict.fromkeys(("temperature", "top_k", "top_p", "seed"), "sample") | {
    "candidates": "mbr",
    "diversity": "groups",
    "longest": "split_long",
}

load = Translator.load


def read_shortlist(path: Path, run: "LoadedRun") -> "Shortlist":
    """A shortlist that a run can be used with."""
    from nmt.inference.shortlist import Shortlist, refuse_other_subwords

    found = Shortlist.read(path)
    own = run.source_subword.fingerprint, run.target_subword.fingerprint
    refuse_other_subwords(path, found.fingerprints, run.path, own)
    return found


def refuse_other_subwords(run: "LoadedRun", first: "LoadedRun") -> None:
    """Raise NmtError when two runs do not mean the same by an id."""
    for side, own, wanted in (
        ("source", run.source_subword.fingerprint, first.source_subword.fingerprint),
        ("target", run.target_subword.fingerprint, first.target_subword.fingerprint),
    ):
        if own != wanted:
            raise NmtError(
                f"{run.path} and {first.path} cannot translate together: their {side} subword models differ\n"
                f"  The SHA-256 of one begins {own[:12]}, of the other {wanted[:12]}; "
                "an ensemble is made of runs trained on one prepared folder"
            )
