"""nmt train --from: what a new run takes from another one, what it may change, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.attentions import BiasedAdditiveAttention
from support.corpora import WORDS, prepare_again

import nmt
from nmt.checkpoint import read_run
from nmt.errors import UsageError
from nmt.loaded_run import load_run
from nmt.settings import RunSettings, SearchSettings, TrainSettings

OLD_RUN = Path(__file__).parents[1] / "support" / "old_runs" / "0.1.0"
# one update that changes no weight
STILL = ["--max-updates", "1", "--set", "train.learning_rate=1e-30", "--set", "train.warmup=0", "--device", "cpu"]


@pytest.fixture(scope="module")
def echo(tiny_prepared, tmp_path_factory) -> Path:
    """A corpus with the pieces of the toy language, in which the target repeats the first word of the source."""
    pairs = [(f"{one} {other}", f"{one} {one}") for one in WORDS for other in WORDS]
    out = tmp_path_factory.mktemp("echo") / "prepared"
    return prepare_again(tiny_prepared, out, {"train": pairs[::2], "valid": pairs[1:40:4]})


@pytest.fixture
def train(run_nmt, echo):
    """`train(out, words…)`: nmt train on the corpus `echo`."""
    return lambda out, *words: run_nmt("train", "--data", echo, "--out", out, *words)


def weights(run, checkpoint="last", name="weights.safetensors"):
    return load_file(run / checkpoint / name)


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("checkpoint", ["best", "last", "update-000075"])
def test_a_run_starts_with_the_weights_of_another(train, run_nmt, novice, tmp_path, checkpoint):
    run = tmp_path / "run"
    words = [] if checkpoint == "best" else ["--checkpoint", checkpoint]
    done = train(run, "--from", novice, *words, *STILL)
    assert (done.code, done.stdout) == (0, ""), done.stderr
    update = json.loads((novice / checkpoint / "checkpoint.json").read_text())["update"]
    assert f"starts with the weights of {novice}, checkpoint {checkpoint}, update {update:,}\n" in done.stderr
    assert_same(weights(run), weights(novice, checkpoint))
    old, new = read_run(novice).settings, read_run(run).settings
    assert (new.model, new.search) == (old.model, old.search)
    assert (new.train.label_smoothing, old.train.label_smoothing) == (0.1, 0.0)  # training has the defaults
    facts = json.loads(run_nmt("inspect", run, "--format", "json").stdout)["start"]
    sums = json.loads((novice / checkpoint / "checkpoint.json").read_text())["sha256"]
    sha256 = sums["weights.safetensors"]
    assert facts == {"run": "novice", "checkpoint": checkpoint, "update": update, "sha256": sha256}
    shown = run_nmt("inspect", run, "--verify").stdout
    assert f"  started from  novice, checkpoint {checkpoint}, update {update:,}, weights {sha256[:12]}\n" in shown
    assert str(novice) not in (run / "run.json").read_text()


def test_a_run_with_random_weights_started_from_nothing(run_nmt, novice):
    assert "started from" not in run_nmt("inspect", novice).stdout
    assert json.loads(run_nmt("inspect", novice, "--format", "json").stdout)["start"] is None


def test_what_was_learnt_makes_learning_faster(train, novice, tmp_path):
    words = ["--max-epochs", "1", "--set", "train.max_tokens=100", "--set", "model.dropout=0.1", "--device", "cpu"]
    sizes = [f"model.{name}={value}" for name, value in read_run(novice).settings.model if name.endswith("_size")]
    for name, start in (("new", []), ("tuned", ["--from", novice])):
        given = [word for size in sizes for word in ("--set", size)]
        assert (
            train(tmp_path / name, *start, *given, *words).code == 0
        )  # sizes that equal those of the run may be given
    new, tuned = (json.loads((tmp_path / name / "best" / "checkpoint.json").read_text()) for name in ("new", "tuned"))
    assert tuned["perplexity"] < 0.8 * new["perplexity"]


def test_it_is_resumed_exactly_after_the_other_run_is_gone(train, novice, tmp_path):
    parent = shutil.copytree(novice, tmp_path / "parent")
    words = ["--set", "model.dropout=0.2", "--set", "train.validate_every=3", "--set", "train.max_tokens=100"]
    words += ["--precision", "float32", "--device", "cpu"]
    assert train(tmp_path / "whole", "--from", parent, *words, "--max-updates", "6").code == 0
    assert train(tmp_path / "half", "--from", parent, *words, "--max-updates", "3").code == 0
    shutil.rmtree(parent)
    assert train(tmp_path / "half", "--resume", "--max-updates", "6", "--device", "cpu").code == 0
    for name in ("weights.safetensors", "training.safetensors"):
        assert_same(weights(tmp_path / "half", name=name), weights(tmp_path / "whole", name=name))


def test_settings_whose_weights_fit_may_change_and_are_named(train, novice, tmp_path):
    changes = ["model.dropout=0.25", "model.bridge=mean", "search.beam=3", "train.clip=0.5"]
    done = train(tmp_path / "run", "--from", novice, *STILL, *(word for one in changes for word in ("--set", one)))
    assert done.code == 0, done.stderr
    assert "model.dropout is 0.25, and was 0.0\n" in done.stderr
    assert 'model.bridge is "mean", and was "final"\n' in done.stderr
    assert "search.beam is 3, and was 5\n" in done.stderr
    settings = read_run(tmp_path / "run").settings
    assert (settings.model.dropout, settings.model.bridge, settings.search.beam) == (0.25, "mean", 3)


@pytest.mark.parametrize(
    ("changes", "count", "named"),
    [
        (["encoder_size=16", "dropout=0.1"], "1 setting", ["encoder_size = 16   the run has 32"]),
        (["attention=luong-general"], "1 setting", ['attention = "luong-general"   the run has "bahdanau"']),
        (
            ["encoder_layers=2", "decoder_size=48"],
            "2 settings",
            ["encoder_layers = 2   the run has 1", "decoder_size = 48   the run has 64"],
        ),
        (["tie=all"], "1 setting", ['tie = "all"   the run has "target"']),
        (["tie=none"], "1 setting", ['tie = "none"   the run has "target"']),
        (
            ["heads=2", "attention_size=30"],
            "2 settings",
            ["heads = 2   the run has 1", "attention_size = 30   the run has 32"],
        ),
        (["encoder_layers=0", "embedding_size=64"], "2 settings", ["embedding_size = 64   the run has 32"]),
    ],
)
def test_settings_whose_weights_do_not_fit_are_refused_by_name(train, novice, tmp_path, changes, count, named):
    words = [word for change in changes for word in ("--set", f"model.{change}")]
    done = train(tmp_path / "run", "--from", novice, *words, *STILL)
    assert done.code == 2
    heading, *lines, advice = done.stderr.splitlines()
    assert heading == f"nmt: error: {count} cannot change, because the weights of {novice} would not fit"
    assert {f"  model.{one}" for one in named} <= set(lines)
    assert len(lines) == int(count[0])
    assert advice == "  Leave them out, or train without --from"
    assert not (tmp_path / "run").exists()


def test_settings_that_contradict_those_of_the_run_are_explained(train, novice, tmp_path):
    done = train(tmp_path / "run", "--from", novice, "--set", "model.heads=3", *STILL)
    assert done.code == 2
    assert f"nmt: error: 1 setting in the settings to start from {novice} cannot be used\n" in done.stderr
    assert "3 heads cannot share twice encoder_size, which is 64, evenly" in done.stderr


def test_a_corpus_with_other_subwords_is_refused(run_nmt, novice, tiny_corpus, tmp_path):
    splits = {"train": tiny_corpus / "train", "valid": tiny_corpus / "valid"}
    nmt.prepare(**splits, out=tmp_path / "data", source_lang="a", target_lang="b", vocab_size=290)
    done = run_nmt("train", "--data", tmp_path / "data", "--out", tmp_path / "run", "--from", novice, *STILL)
    assert (done.code, done.stderr) == (
        2,
        f"nmt: error: {tmp_path / 'data'} has other source and target subwords than {novice}, whose weights are "
        f"those of its own pieces\n  Prepare the corpus with the subwords of the run: --subwords-from {novice}\n",
    )
    shutil.copy(novice / "source.model", tmp_path / "data")
    rewrite_manifest(tmp_path / "data")
    with pytest.raises(UsageError, match=r"has other target subwords than [\s\S]*: subwords_from='.*novice'"):
        nmt.train(tmp_path / "data", tmp_path / "run", start_from=novice, device="cpu")
    assert not (tmp_path / "run").exists()


def test_the_opposite_direction_needs_one_vocabulary(run_nmt, novice, tiny_corpus, tmp_path):
    for ours, theirs in (("a", "b"), ("b", "a")):
        for split in ("train", "valid"):
            (tmp_path / f"{split}.{ours}").symlink_to(tiny_corpus / f"{split}.{theirs}")
    texts = {"train": tmp_path / "train", "valid": tmp_path / "valid"}
    nmt.prepare(**texts, out=tmp_path / "data", source_lang="b", target_lang="a", subwords_from=novice)
    done = run_nmt("train", "--data", tmp_path / "data", "--out", tmp_path / "run", "--from", novice, *STILL)
    assert (done.code, done.stderr) == (
        2,
        f"nmt: error: {novice} has a vocabulary for each language, and {tmp_path / 'data'} has them the other way "
        "round\n  A run of the opposite direction can be the start only where both languages have one vocabulary: "
        "--joint\n",
    )


def rewrite_manifest(folder):
    """Give a prepared folder whose files have changed their checksums."""
    from nmt.data.prepared import read_manifest, write_manifest

    manifest = read_manifest(folder)
    (folder / "manifest.json").unlink()
    write_manifest(folder, **manifest.model_dump(exclude={"files"}))


def test_other_languages_with_the_same_pieces_are_noted(run_nmt, novice, tiny_prepared, tmp_path):
    pairs = [("ba de", "de ba"), ("go", "go")]
    prepare_again(tiny_prepared, tmp_path / "data", {"train": pairs, "valid": pairs}, source_lang="gv")
    done = run_nmt("train", "--data", tmp_path / "data", "--out", tmp_path / "run", "--from", novice, *STILL)
    assert done.code == 0, done.stderr
    assert f"{novice} translates a to b, and this corpus is gv to b\n" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--checkpoint", "last"],
            "--checkpoint last is a checkpoint to start from, and there is no run\n  Name its run with --from\n",
        ),
        (
            ["--from", "RUN", "--checkpoint", "lats"],
            'RUN has no checkpoint "lats"; did you mean "last"?\n  It has best, last, ',
        ),
        (["--from", "RUN", "--resume"], "--from starts a new run, and --resume continues one: leave one of them out\n"),
        (
            ["--resume", "--checkpoint", "best2"],
            "--resume continues from the checkpoint last: leave out --checkpoint\n",
        ),
        (["--from", "RUN/best"], "RUN/best is not a run folder\n  It is a checkpoint of a run: use RUN with "),
        (["--from", "nowhere"], "nowhere does not exist\n  A run is a folder that `nmt train` writes"),
    ],
)
def test_wrong_starts_are_explained(train, novice, tmp_path, words, message):
    done = train(tmp_path / "run", *(word.replace("RUN", str(novice)) for word in words), *STILL)
    assert done.code == 2
    assert done.stderr.startswith("nmt: error: " + message.replace("RUN", str(novice)))
    assert not (tmp_path / "run").exists()


def test_an_average_and_a_run_of_an_older_version_are_starts(run_nmt, train, novice, tmp_path):
    assert run_nmt("average", novice, "--last", "2", "--out", tmp_path / "mean").code == 0
    assert train(tmp_path / "run", "--from", tmp_path / "mean", *STILL).code == 0
    assert_same(weights(tmp_path / "run"), weights(tmp_path / "mean", "best"))
    old = OLD_RUN / "run", "--data", OLD_RUN / "prepared"
    done = run_nmt("train", "--from", *old, "--out", tmp_path / "new", *STILL)
    assert done.code == 0, done.stderr
    assert_same(weights(tmp_path / "new"), weights(OLD_RUN / "run", "best"))


def test_a_registered_attention_starts_from_one(register, train, run_nmt, tmp_path):
    register("tilted", BiasedAdditiveAttention, wiring="before")
    sizes = ["attention=tilted", "encoder_size=8", "decoder_size=12", "embedding_size=8", "attention_size=6"]
    words = [word for size in sizes for word in ("--set", f"model.{size}")]
    assert train(tmp_path / "first", *words, "--max-updates", "2", "--device", "cpu").code == 0
    assert train(tmp_path / "second", "--from", tmp_path / "first", *STILL).code == 0
    assert_same(weights(tmp_path / "second"), weights(tmp_path / "first", "best"))
    assert load_run(tmp_path / "second").settings.model.attention == "tilted"


def test_processes_start_together(train, novice, tmp_path):
    done = train(tmp_path / "run", "--from", novice, *STILL, "--processes", "2", "--set", "model.dropout=0.2")
    assert done.code == 0, done.stderr
    assert done.stderr.count("model.dropout is 0.2, and was 0.0\n") == 1
    assert_same(weights(tmp_path / "run"), weights(novice, "best"))
    assert read_run(tmp_path / "run").info.start.run == "novice"


def test_from_python_only_settings_that_are_given_differ_from_the_run(echo, novice, tmp_path):
    settings = RunSettings(train=TrainSettings(max_updates=1), search=SearchSettings(alpha=0.4))
    nmt.train(echo, tmp_path / "run", settings, start_from=novice, checkpoint="last", device="cpu")
    old, new = read_run(novice).settings, read_run(tmp_path / "run").settings
    assert new.model == old.model
    assert new.search == old.search.model_copy(update={"alpha": 0.4})
    assert new.train.max_updates == 1


def test_a_start_has_the_name_of_its_folder_from_wherever_it_is_named(echo, novice, tmp_path, monkeypatch):
    inner = tmp_path / "general" / "inner"
    shutil.copytree(novice, tmp_path / "general")
    inner.mkdir()
    monkeypatch.chdir(inner)
    settings = RunSettings(train=TrainSettings(max_updates=1))
    nmt.train(echo, "run", settings, start_from="..", device="cpu")
    assert read_run(Path("run")).info.start.run == "general"


def test_text_of_a_domain_is_prepared_and_trained_on(run_nmt, novice, tiny_corpus, tmp_path):
    splits = ["--train", tiny_corpus / "test", "--valid", tiny_corpus / "valid", "--source-lang", "a"]
    words = [*splits, "--target-lang", "b", "--subwords-from", novice, "--out", tmp_path / "domain"]
    assert run_nmt("prepare", *words).code == 0
    words = ["--data", tmp_path / "domain", "--out", tmp_path / "run", "--from", novice, "--set", "train.average=0.9"]
    done = run_nmt("train", *words, *STILL)
    assert done.code == 0, done.stderr
    for name, weight in weights(novice, "best").items():
        torch.testing.assert_close(weights(tmp_path / "run")[name], weight)  # averages begin with them, too


def test_fewer_threads_than_wanted_are_noted(train, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    done = train(tmp_path / "run", *STILL, "--threads", "2")
    limit = "train.threads is 2, and torch has 1 thread: $OMP_NUM_THREADS or the number of cores limits them\n"
    assert limit in done.stderr
    assert "train.threads" not in train(tmp_path / "other", *STILL, "--threads", "1").stderr


def test_a_list_of_names_may_be_one_string():
    chosen = ["model.mix=luong-dot, scaled-dot", "train.freeze=encoder,bridge"]
    found = nmt.settings.resolve_settings(overrides=chosen)
    assert (found.model.mix, found.train.freeze) == (("luong-dot", "scaled-dot"), ("encoder", "bridge"))
