"""The graphs of a run are called as a stranger would call them, with ONNX Runtime and SentencePiece alone."""

import json

import numpy as np
import pytest
from onnxruntime import InferenceSession
from sentencepiece import SentencePieceProcessor

from nmt.checkpoint import create_run, read_run
from nmt.weights import build_model, save_checkpoint

PAD, BOS, EOS = 0, 2, 3
LINES = ["ba de ku", "la", "me ku ba de la"]


def run_graph(session, inputs):
    found = session.run(None, {value.name: inputs[value.name] for value in session.get_inputs()})
    return dict(zip([value.name for value in session.get_outputs()], found, strict=True))


def translate(folder, lines, longest=12):
    """Greedy search for all lines at once."""
    names = [path.stem for path in folder.glob("*.onnx")]
    graphs = {name: InferenceSession(folder / f"{name}.onnx") for name in names}
    source, target = (SentencePieceProcessor(str(folder / f"{side}.model")) for side in ("source", "target"))
    ids = [[*source.encode(line), EOS] for line in lines]
    padded = np.array([row + [PAD] * (max(map(len, ids)) - len(row)) for row in ids])
    state = run_graph(graphs["encoder"], {"source": padded, "lengths": np.array([len(row) for row in ids])})
    tokens = np.full((len(lines), 1), BOS)
    for length in range(longest):
        session = graphs.get("first", graphs["step"]) if length == 0 else graphs["step"]
        out = run_graph(session, state | {"previous": tokens[:, -1:]})
        np.testing.assert_allclose(out["attention"].sum(-1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.exp(out["log_probs"]).sum(-1), 1, rtol=1e-4)
        state |= {name.removesuffix("_out"): part for name, part in out.items()}
        out["log_probs"][..., [PAD, 1, BOS]] = -np.inf
        tokens = np.append(tokens, out["log_probs"][:, 0].argmax(1)[:, None], 1)
    rows = tokens[:, 1:].tolist()
    return [target.decode(row[: row.index(EOS)] if EOS in row else row) for row in rows]


def translate_greedily(run_nmt, run, *options):
    done = run_nmt("translate", "--model", run, "--beam", "1", *options, stdin="".join(f"{line}\n" for line in LINES))
    assert done.code == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_exported_graphs_translate_as_the_program_does(run_nmt, reverser, tmp_path, precision):
    out = tmp_path / "graphs"
    done = run_nmt("export", reverser, "--out", out, "--format", "onnx", "--precision", precision)
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == f"{out} holds encoder.onnx, graphs.json, source.model, step.onnx, target.model\n"
    assert translate(out, LINES) == translate_greedily(run_nmt, reverser, "--precision", precision)
    facts = json.loads((out / "graphs.json").read_text("utf-8"))
    assert facts["precision"] == precision
    assert facts["ids"] == {"pad": PAD, "unk": 1, "bos": BOS, "eos": EOS}
    step = InferenceSession(out / "step.onnx")
    assert list(facts["graphs"]["step"]["inputs"]) == [value.name for value in step.get_inputs()]
    assert facts["graphs"]["step"]["inputs"]["previous"] == ["B", "K"]


def test_an_attention_with_a_history_has_a_graph_of_the_first_step(run_nmt, reverser, tmp_path):
    taught = read_run(reverser)
    settings = taught.settings.model_copy(
        update={"model": taught.settings.model.model_copy(update={"coverage": "neural", "window": "monotonic"})}
    )
    run = create_run(tmp_path / "run", settings, taught.info, taught.source_subword, taught.target_subword)
    save_checkpoint(run.path / "last", dict(build_model(run).named_parameters()), {"update": 1})
    done = run_nmt("export", run.path, "--checkpoint", "last", "--out", tmp_path / "graphs")
    assert (done.code, "first.onnx" in done.stderr) == (0, True)
    assert len(translate(tmp_path / "graphs", LINES)) == len(LINES)


def test_a_folder_with_files_is_not_replaced(run_nmt, reverser, tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = run_nmt("export", reverser, "--out", tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert f"{tmp_path} already exists, and is not an empty folder\n  Name another --out\n" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"
