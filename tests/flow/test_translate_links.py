"""Word links while translating: hard, by threshold, with probabilities; and words copied along them."""

import json
import subprocess
import sys

import pytest
import torch

from nmt.checkpoint import create_run
from nmt.loaded_run import load_run
from nmt.settings import ModelSettings, RunSettings
from nmt.text.subword import Subword, train_subword
from nmt.weights import build_model, save_checkpoint

TEXT = "ba de fi\n\nku la\nni po ru sa\n"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--threshold", 0.02],
        ["--threshold", 0.02, "--probabilities", "--offset", 1],
        ["--probabilities"],
        ["--offset", 1],
    ],
)
def test_links_of_translations_equal_those_of_nmt_align(run_nmt, reverser, tmp_path, options):
    (tmp_path / "source").write_text(TEXT)
    out = ("--output", tmp_path / "target", "--alignments", tmp_path / "links")
    assert run_nmt("translate", "--model", reverser, *out, *options, tmp_path / "source").code == 0
    pair = ("--source", tmp_path / "source", "--target", tmp_path / "target")
    assert (tmp_path / "links").read_text() == run_nmt("align", "--model", reverser, *pair, *options).stdout


@pytest.mark.parametrize(
    ("words", "each"), [(["--n-best", 3], 3), (["--n-best", 2, "--sample"], 2), (["--model", "{run}"], 1)]
)
def test_every_way_to_translate_has_links(run_nmt, reverser, tmp_path, words, each):
    words = [str(word).format(run=reverser) for word in words]
    command = ("translate", "--model", reverser, *words, "--threshold", 0.3, "--probabilities", "--format", "jsonl")
    done = run_nmt(*command, "--alignments", tmp_path / "links", stdin=TEXT)
    assert done.code == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    lines = (tmp_path / "links").read_text().splitlines()
    assert len(found) == len(lines) == 3 * each + 1
    for one, line in zip(found, lines, strict=True):
        links, shares = [], []
        for link in line.split():
            pair, share = link.split(":")
            links.append([int(word) for word in pair.split("-")])
            shares.append(float(share))
        assert links == one["alignment"]
        assert shares == pytest.approx(one["alignment_probabilities"], abs=6e-4)
        assert all(share >= 0.3 for share in one["alignment_probabilities"])
        assert bool(one["target_words"]) == bool(line)


def test_a_blank_inside_a_word_is_named_once(run_nmt, reverser, tmp_path):
    text = "ba de\nba\u2009de fi\nku\u00a0la\n"
    words = ("translate", "--model", reverser, "--format", "jsonl")
    done = run_nmt(*words, "--alignments", tmp_path / "links", stdin=text)
    assert (done.code, done.stderr) == (
        0,
        "nmt: line 2 is the first with a blank inside a word, U+2009 (THIN SPACE)\n  Only spaces and tabs separate the "
        "words of links. For links of a tool that splits at every blank, write spaces in the text\n",
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["source_words"] for one in found] == [["ba", "de"], ["ba\u2009de", "fi"], ["ku\u00a0la"]]
    assert {i for i, _ in found[2]["alignment"]} == {0}
    assert run_nmt(*words, stdin=text).stderr == ""


@pytest.mark.parametrize(
    "words", [["--threshold", "0.5"], ["--probabilities"], ["--offset", "1"], ["--units", "words"]]
)
def test_link_options_without_links_raise_an_error(run_nmt, reverser, words):
    done = run_nmt("translate", "--model", reverser, *words, stdin=TEXT)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        "nmt: error: --threshold, --probabilities, --offset and --units apply to word links: name a file with "
        "--alignments, or use --format jsonl\n"
    )


@pytest.fixture
def mumbler(reverser, tmp_path):
    """A run without byte fallback that generates only <unk>."""
    subword = Subword(train_subword(["ba de fi go ku la"] * 9, vocab_size=17, byte_fallback=False))
    settings = RunSettings(model=ModelSettings(embedding_size=4, encoder_size=4, decoder_size=8, attention_size=4))
    fingerprints = {"source_fingerprint": subword.fingerprint, "target_fingerprint": subword.fingerprint}
    info = load_run(reverser).info.model_copy(update=fingerprints)
    run = create_run(tmp_path / "mumbler", settings, info, subword, subword)
    weights = dict(build_model(run).named_parameters())
    weights["output_bias"] = torch.zeros(subword.size).index_fill(0, torch.tensor([1]), 100.0)
    save_checkpoint(run.path / "best", weights, {"update": 1})
    return run.path


def test_replace_unk_copies_unknown_words(run_nmt, mumbler, reverser):
    words = ("translate", "--model", mumbler, "--max-length-ratio", "0.1", "--max-length-extra", "1", "--beam", 1)
    copied = run_nmt(*words, "--replace-unk", stdin="zürich\n")
    assert (copied.code, copied.stdout) == (0, "zürich\n")
    plain = run_nmt(*words, stdin="zürich\n")
    assert (plain.code, plain.stdout) != (0, "zürich\n")
    assert "⁇" not in plain.stdout
    runs = [run_nmt("translate", "--model", reverser, *more, stdin=TEXT) for more in ([], ["--replace-unk"])]
    assert runs[0].stdout == runs[1].stdout != ""  # it spells what it does not know in bytes
    assert runs[1].stderr == (
        f"nmt: --replace-unk has no effect: {reverser} spells unknown characters in bytes\n"
        "  A corpus prepared with --no-byte-fallback and a --character-coverage below 1 has unknown characters\n"
    )
    assert "does nothing" not in copied.stderr


def test_a_run_without_attention_has_no_links(run_nmt, reverser, tmp_path):
    taught = load_run(reverser)
    blind = taught.settings.model_copy(update={"model": ModelSettings(attention="none")})
    run = create_run(tmp_path / "none", blind, taught.info, taught.source_subword, taught.target_subword)
    save_checkpoint(run.path / "best", dict(build_model(run).named_parameters()), {"update": 1})
    done = run_nmt("translate", "--model", run.path, "--alignments", tmp_path / "links", stdin=TEXT)
    assert (done.code, done.stdout, (tmp_path / "links").exists()) == (2, "", False)
    assert done.stderr == f"nmt: error: {run.path} has no attention, so there are no links: leave out --alignments\n"


def test_the_file_of_standard_output_is_not_overwritten(reverser, tmp_path):
    words = f"'{sys.executable}' -m nmt translate --model '{reverser}' --alignments /dev/stdout"
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(words, shell=True, input=b"ba\n", stdout=out, stderr=subprocess.PIPE)
    assert (done.returncode, (tmp_path / "out").read_bytes()) == (2, b"")
    assert done.stderr == b"nmt: error: standard output is already written to /dev/stdout\n  Name another file\n"
    done = subprocess.run(words, shell=True, input=b"ba\n", capture_output=True)
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, [b"0-0", b"ba"])
