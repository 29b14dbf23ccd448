"""Graphs of a run for other programs: a folder with all that they need to translate."""

import json
from pathlib import Path
from typing import Any

import onnx

from nmt.errors import FolderError, NmtError, Option
from nmt.files import replace_folder
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.inference.build import build_graphs
from nmt.inference.graphs import UntraceableError
from nmt.inference.output import ALL, end_with
from nmt.loaded_run import load_run


def export_graphs(run: Path, out: Path, precision: str = "float32", checkpoint: str = "best") -> list[str]:
    """Write the graphs of a run to a new folder, with its subword models and a description. -> names of the files

    Raises FolderError when `out` already has files, and NmtError for a run whose attention has no correct graph.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FolderError(f"{out} already exists, and is not an empty folder\n  Name another ", Option("out"))
    loaded = load_run(run, checkpoint)
    try:
        graphs = build_graphs(loaded.model, precision)
    except UntraceableError as error:
        raise NmtError(
            f"{run} cannot be exported: a graph of its attention, {loaded.settings.model.attention}, does not compute "
            'what its class does\n  "Add a kind of attention" in nmt/README.md says how to write one that has a graph'
        ) from error
    models = {"encoder": graphs.encoder, "step": end_with(graphs.step, ALL)}
    if graphs.first is not None:
        models["first"] = end_with(graphs.first, ALL)
    facts = {
        "source_language": loaded.info.source_lang,
        "target_language": loaded.info.target_lang,
        "precision": precision,
        "ids": {"pad": PAD, "unk": UNK, "bos": BOS, "eos": EOS},
        "graphs": {name: describe_graph(model.graph) for name, model in models.items()},
    }
    with replace_folder(out) as folder:
        for name, model in models.items():
            onnx.save(model, folder / f"{name}.onnx")
        (folder / "source.model").write_bytes(loaded.source_subword.model_bytes)
        (folder / "target.model").write_bytes(loaded.target_subword.model_bytes)
        (folder / "graphs.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return sorted(file.name for file in folder.iterdir())


def describe_graph(graph: onnx.GraphProto) -> dict[str, dict[str, list[Any]]]:
    """The inputs and outputs of a graph, each with its axes: a letter, or the size of one that never changes."""

    def describe(values: Any) -> dict[str, list[Any]]:
        return {
            value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values
        }

    return {"inputs": describe(graph.input), "outputs": describe(graph.output)}
