"""Stand-ins for the peers that benchmarks measure: their logs, and a run.sh that prints them."""

from pathlib import Path

OPENNMT_TRAINING = """\
[INFO] Start training loop and validate every 120 steps...
[INFO] Step 10/20000; acc: 7.2; lr: 0.00100; sents:    1294; bsz: 1601/1859/129; 930/1080 tok/s;     17 sec;
[INFO] Step 20/20000; acc: 13.8; lr: 0.00100; sents:    1397; bsz: 1655/1851/140; 1419/1587 tok/s;     29 sec;
[INFO] Step 30/20000; acc: 11.0; lr: 0.00100; sents:     995; bsz: 1766/1790/100; 1198/1214 tok/s;     44 sec;
[INFO] Validation perplexity: 80.1
[INFO] Step 40/20000; acc: 13.2; lr: 0.00100; sents:    1210; bsz: 1714/1799/121; 202/261 tok/s;     58 sec;
[INFO] Step 50/20000; acc: 17.7; lr: 0.00100; sents:    1100; bsz: 1634/1810/110; 1168/1293 tok/s;     72 sec;
"""
JOEYNMT_TRAINING = """\
2026-01-01 - INFO - joeynmt.training - EPOCH 1
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  10, Batch Acc: 0.080907, Tokens per Sec:      653, Lr: 0.001000
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  20, Batch Acc: 0.120225, Tokens per Sec:      623, Lr: 0.001000
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  30, Batch Acc: 0.130225, Tokens per Sec:     1044, Lr: 0.001000
"""
OPENNMT_TRANSLATION = """\
[INFO] PRED SCORE: -0.6040, PRED PPL: 1.83 NB SENTENCES: 1000
[INFO] Total translation time (s): 8.0
[INFO] Average translation time (ms): 8.0
{
 "name": "BLEU",
 "score": 33.2,
 "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
}
"""
JOEYNMT_TRANSLATION = """\
INFO - joeynmt.prediction - Decoding on test set... (device: cpu, n_gpu: 0, use_ddp: False, fp16: {'enabled': False})
INFO - joeynmt.prediction - Generation took 20.0000[sec].
INFO - joeynmt.prediction - Evaluation result (beam search): bleu:  20.01, 0.1153[sec]
"""
JOEYNMT_CONFIG = """\
data:
    train: "train"
    dev: "val"
    test: "test"
testing:
    # as in training
    beam_size: 5
    batch_size: 64
    batch_type: "sentence"
training:
    batch_size: 4096
"""


def fake_peers(folder: Path, opennmt: str, joeynmt: str, code: int = 0) -> Path:
    """A folder of trained peers, with a run.sh that prints the log of a peer.

    It adds its arguments to the file `calls`, and copies the configuration that JoeyNMT is tested with to `config`.
    """
    for name in ("opennmt", "joeynmt", "data", "runs/joeynmt-bahdanau-True"):
        (folder / name).mkdir(parents=True)
    for name in ("opennmt-mlp-1_step_120.pt", "opennmt-mlp-1_step_1080.pt", "joeynmt-bahdanau-True/best.ckpt"):
        (folder / "runs" / name).touch()
    (folder / "runs" / "joeynmt-bahdanau-True" / "config.yaml").write_text(JOEYNMT_CONFIG)
    (folder / "opennmt.log").write_text(opennmt)
    (folder / "joeynmt.log").write_text(joeynmt)
    (folder / "run.sh").write_text(
        f'echo "$@ threads $OMP_NUM_THREADS" >> {folder}/calls\n'
        f'[[ $3 == test ]] && cp "$4" {folder}/config\ncat {folder}/$2.log; exit {code}\n'
    )
    return folder
