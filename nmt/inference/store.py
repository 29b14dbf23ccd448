"""Graphs kept beside the weights that they were made from, so that a run opens without tracing its network again.

Kept graphs are used only when a fingerprint shows that they were made from the same weights, settings and program, and
checksums that they have not changed. A folder that cannot be written keeps none.
"""

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import onnx
import torch

import nmt.inference
import nmt.model
from nmt.checkpoint import LoadedRun, read_checkpoint_info
from nmt.errors import FolderError
from nmt.files import hash_file, locate_folder, replace_folder
from nmt.inference.build import build_graphs, is_own
from nmt.inference.graphs import Graphs

FACTS = "made_from.json"


def load_graphs(run: LoadedRun, precision: str) -> Graphs:
    """The graphs of a run in a precision. They are read where the checkpoint has them; otherwise made, and kept.

    Those with an attention from elsewhere are made every time, because its code may have changed. Raises
    UntraceableError as build_graphs does.
    """
    if not is_own(run.model):
        return build_graphs(run.model, precision)
    folder = locate_folder(run.path / run.checkpoint) / f"graphs-{precision}"
    fingerprint = compute_fingerprint(run, precision)
    graphs = read_graphs(folder, fingerprint)
    if graphs is None:
        graphs = build_graphs(run.model, precision)
        with suppress(OSError, FolderError):  # it cannot be written, or another program writes it now
            write_graphs(folder, graphs, fingerprint)
    return graphs


def compute_fingerprint(run: LoadedRun, precision: str) -> str:
    """What graphs depend on: weights, settings of the model, precision, and the code that makes them."""
    weights = read_checkpoint_info(run.path / run.checkpoint)["sha256"]["weights.safetensors"]
    digest = sha256(f"{weights} {precision} {torch.__version__} {onnx.__version__} ".encode())
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
