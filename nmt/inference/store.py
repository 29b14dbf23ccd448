"""Graphs kept beside the weights that they were made from, so that a run opens without tracing its network again.

Kept graphs are used only when a fingerprint shows that they were made from the same weights, settings and program, and
checksums that they have not changed. A folder that cannot be written keeps none.
"""

import json
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import onnx

import nmt.inference
import nmt.model
from nmt.checkpoint import read_checkpoint_info
from nmt.errors import FolderError
from nmt.files import hash_file, locate_folder, replace_folder
from nmt.inference.graphs import Graphs, is_own
from nmt.loaded_run import LoadedRun

FACTS = "made_from.json"
WEIGHTS = "weights.safetensors"


def load_graphs(run: LoadedRun, precision: str) -> Graphs:
    """The graphs of a run in a precision. They are read where the checkpoint has them; otherwise made, and kept.

    Those with an attention from elsewhere are made every time, because its code may have changed. Raises
    UntraceableError as build_graphs does.
    """
    folder = locate_folder(run.path / run.checkpoint)
    checksum = read_checkpoint_info(folder)["sha256"].get(WEIGHTS)
    kept, fingerprint = folder / f"graphs-{precision}", None
    if is_own(run.settings.model):
        fingerprint = compute_fingerprint(run, folder, precision, checksum)
        graphs = read_graphs(kept, fingerprint)
        if graphs is not None and hash_file(folder / WEIGHTS) == checksum:
            return graphs
    from nmt.inference.build import build_graphs  # torch is needed only here

    graphs = build_graphs(run.model, precision)
    if fingerprint:
        with suppress(OSError, FolderError):  # it cannot be written, or another program writes it now
            write_graphs(kept, graphs, fingerprint)
    return graphs


def compute_fingerprint(run: LoadedRun, folder: Path, precision: str, checksum: str | None) -> str:
    """What graphs depend on: the checksum and size of weights, settings of the model, precision, and the code that
    makes them.
    """
    size = (folder / WEIGHTS).stat().st_size if (folder / WEIGHTS).is_file() else 0
    digest = sha256(f"{checksum} {size} {precision} {version('torch')} {onnx.__version__} ".encode())
    digest.update(run.settings.model.model_dump_json().encode())
    for package in (nmt.model, nmt.inference):
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def read_graphs(folder: Path, fingerprint: str) -> Graphs | None:
    """The graphs in a folder; None where there are none, or others, or damaged ones."""
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        sums = facts["sha256"]
        if facts["fingerprint"] != fingerprint or any(hash_file(folder / name) != sums[name] for name in sums):
            return None
        kept = {name.removesuffix(".onnx"): onnx.load(folder / name, load_external_data=False) for name in sums}
        return Graphs(kept["encoder"], kept["step"], kept.get("first"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_graphs(folder: Path, graphs: Graphs, fingerprint: str) -> None:
    """Write graphs to a folder, completely or not at all."""
    with replace_folder(folder) as temporary:
        for name, graph in graphs._asdict().items():
            if graph is not None:
                onnx.save(graph, temporary / f"{name}.onnx")
        sums = {file.name: hash_file(file) for file in sorted(temporary.iterdir())}
        facts = {"fingerprint": fingerprint, "sha256": sums}
        (temporary / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
