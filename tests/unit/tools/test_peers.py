"""peers.py: how run.sh is called, and what is read from the logs of the peers."""

import json
import subprocess
import sys

import pytest
from support.peers import (
    JOEYNMT_CONFIG,
    JOEYNMT_TRAINING,
    JOEYNMT_TRANSLATION,
    OPENNMT_TRAINING,
    OPENNMT_TRANSLATION,
    fake_peers,
)
from support.tools import TOOLS, load_tool

tool = load_tool("benchmarks/peers")


@pytest.fixture
def trainers(tmp_path):
    """Peers that train, with one thread."""
    folder = fake_peers(tmp_path / "peers", OPENNMT_TRAINING, JOEYNMT_TRAINING)
    return tool.Installation(folder, folder, 1)


@pytest.fixture
def translators(tmp_path):
    """Peers that translate, with three threads."""
    folder = fake_peers(tmp_path / "peers", OPENNMT_TRANSLATION, JOEYNMT_TRANSLATION)
    return tool.Installation(folder, folder, 3)


def test_training_rates_are_read_without_warm_up_and_validation():
    assert tool.read_training_rates("opennmt-py", OPENNMT_TRAINING) == [1214, 1293]
    assert tool.read_training_rates("joeynmt", JOEYNMT_TRAINING) == [1044]
    assert tool.read_training_rates("joeynmt", OPENNMT_TRAINING) == []


def test_a_peer_is_run_and_its_memory_measured(trainers):
    """By a process that holds as little as a benchmark, because it counts in the peak memory of those it starts."""
    code = (
        "import json, sys, benchmark_train, peers; from pathlib import Path;"
        "installed = peers.Installation(Path(sys.argv[1]), Path(sys.argv[1]), 1);"
        "arguments = benchmark_train.System('opennmt-py', 'bahdanau', True, 'float32').peer_arguments;"
        "print(json.dumps(peers.measure_training('opennmt-py', arguments, installed, seconds=5)))"
    )
    command = [sys.executable, "-c", code, trainers.folder]
    done = subprocess.run(command, cwd=TOOLS / "benchmarks", capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["rates"] == [1214, 1293]
    assert 0.5 < found["peak_mib"] < 100
    assert (trainers.folder / "calls").read_text() == f"{trainers.folder} opennmt train mlp 1 95 threads 1\n"


def test_a_peer_that_reports_no_rate_is_named_with_the_end_of_its_log(tmp_path):
    folder = fake_peers(tmp_path / "peers", "", "loading\nno such file", 3)
    with pytest.raises(tool.PeerError) as caught:
        tool.measure_training("joeynmt", ("joeynmt", "train"), tool.Installation(folder, folder, 1), seconds=5)
    assert str(caught.value) == (
        "joeynmt reported no rate after its warm-up in 95 seconds and ended with code 3\n"
        "  loading\n"
        "  no such file\n"
        "  Give more --seconds, or leave out --peers"
    )


def test_peers_translate_with_their_newest_checkpoint(translators):
    found = tool.measure_translation("opennmt-py", 5, 64, translators, lines=1000)
    assert (found["rates"], found["bleu"]) == ([125.0], 33.2)
    assert found["peak_mib"] > 0.5
    found = tool.measure_translation("joeynmt", 1, 7, translators, lines=1000)
    assert (found["rates"], found["bleu"]) == ([50.0], 20.01)
    first, second = ((translators.folder / "calls").read_text()).splitlines()
    begin = f"{translators.folder} opennmt translate {translators.folder}"
    assert first == f"{begin}/runs/opennmt-mlp-1_step_1080.pt 5 64 threads 3"
    assert second.startswith(f"{translators.folder} joeynmt test ")
    assert (translators.folder / "config").read_text() == JOEYNMT_CONFIG.replace('    dev: "val"\n', "").replace(
        "beam_size: 5\n    batch_size: 64", "beam_size: 1\n    batch_size: 7"
    )


def test_a_peer_that_fails_is_named_with_the_end_of_its_log(tmp_path):
    folder = fake_peers(tmp_path / "peers", "no such model\n", "", 3)
    with pytest.raises(tool.PeerError, match=r"^opennmt-py ended with code 3 and reported no .*\n  no such model$"):
        tool.measure_translation("opennmt-py", 5, 64, tool.Installation(folder, folder, 1), 1000)


def test_peers_without_a_checkpoint_are_trained(translators, capsys):
    tool.train_missing(translators, 60)
    assert not (translators.folder / "calls").exists()
    (translators.folder / "runs" / "joeynmt-bahdanau-True" / "best.ckpt").unlink()
    with pytest.raises(
        tool.PeerError, match=r"^joeynmt had no checkpoint after 60 seconds\n(.*\n)+  Give more --peer-sec"
    ):
        tool.train_missing(translators, 60)
    calls = (translators.folder / "calls").read_text()
    assert calls == f"{translators.folder} joeynmt train bahdanau True 60 threads 3\n"
    assert capsys.readouterr().err == "joeynmt has no checkpoint: training it for 60 seconds\n"
