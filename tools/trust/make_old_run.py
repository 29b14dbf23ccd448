"""Make the tiny run of this version that later versions must load: see tests/flow/test_old_runs.py.

    python tools/trust/make_old_run.py tests/support/old_runs/0.1.0

It is made once for each release, and never again. Beside the prepared folder and the run is `expected.json`: lines with
their translations by the checkpoints best and last and the scores of these, and the loss of the updates that follow
when the run is resumed.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from random import Random

import nmt
from nmt.run_log import read_log
from nmt.settings import resolve_settings

WORDS = ("kala", "mo", "nu", "pesi", "ra", "su", "tiva", "ve", "wo", "xi", "zu", "bena", "cu", "di", "fa", "gi")
PAIRS = {"train": 600, "valid": 12}
LINES = ["mo nu", "ve", "kala ra su", "tiva pesi mo ve", ""]
MORE_UPDATES = 5
SETTINGS = [
    *("model.embedding_size=8", "model.encoder_size=12", "model.decoder_size=24", "model.attention_size=12"),
    *("model.readout_size=12", "model.attention=luong-concat", "model.dropout=0", "train.label_smoothing=0"),
    *("train.max_tokens=200", "train.learning_rate=0.005", "train.warmup=20", "train.precision=float32"),
    *("train.keep=0", "train.max_epochs=0", "train.max_updates=600", "train.validate_every=300"),
    "search.min_length=4",  # so small a model would often translate a line as an empty one
]


def write_corpus(folder: Path) -> None:
    """Lines of one to four words, which are their own translation."""
    random = Random(1)
    for split, pairs in PAIRS.items():
        lines = [random.choices(WORDS, k=random.randint(1, 4)) for _ in range(pairs)]
        (folder / f"{split}.x").write_text("".join(" ".join(line) + "\n" for line in lines))
        (folder / f"{split}.y").write_text("".join(" ".join(line) + "\n" for line in lines))


def make(out: Path) -> None:
    """Write prepared, run and expected.json to the new folder `out`."""
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name)
        write_corpus(corpus)
        out.mkdir(parents=True)
        splits = {split: corpus / split for split in PAIRS}
        # words are pieces; without byte pieces and tables of Unicode normalisation the files are small
        small = {"joint": True, "vocab_size": 21, "symbols": WORDS, "normalize": "identity", "byte_fallback": False}
        nmt.prepare(**splits, out=out / "prepared", source_lang="x", target_lang="y", **small)
        nmt.train(out / "prepared", out / "run", resolve_settings(overrides=SETTINGS), device="cpu")
        for left_out in ("events", "curve.png"):
            path = out / "run" / left_out
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        expected: dict[str, object] = {"lines": LINES}
        for checkpoint in ("best", "last"):
            translator = nmt.load(out / "run", checkpoint=checkpoint, device="cpu", precision="float32")
            expected[checkpoint] = [[found.text, found.score] for found in translator.translate(LINES)]
        shutil.rmtree(out / "run" / "best" / "graphs-float32", ignore_errors=True)
        shutil.rmtree(out / "run" / "last" / "graphs-float32", ignore_errors=True)
        shutil.copytree(out / "run", corpus / "run")
        nmt.resume(out / "prepared", corpus / "run", max_updates=600 + MORE_UPDATES, device="cpu")
        records = [line.record for line in read_log(corpus / "run" / "log.jsonl") if line.record is not None]
        expected["update"] = records[-1]["update"]
        expected["loss"] = [record for record in records if record["kind"] == "train"][-1]["loss"]
        (out / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


def main() -> None:
    """Make a run at the path that is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="new folder, named for the version")
    make(parser.parse_args().out)


if __name__ == "__main__":
    main()
