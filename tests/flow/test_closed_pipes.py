"""What commands do when a reader of theirs, such as head, closes its pipe: only what went to it ends."""

import json
import os
import subprocess
import sys

import pytest

SOURCE, TARGET = "ba de fi\nku la\nme\n", "fi de ba\nla ku\nme\n"


@pytest.fixture
def pair(tmp_path):
    """The paths of three source sentences and their translations."""
    paths = tmp_path / "in.a", tmp_path / "in.b"
    for path, text in zip(paths, (SOURCE, TARGET), strict=True):
        path.write_text(text)
    return paths


def run_without_readers(*words, streams=("stdout",), **options):
    """Run `nmt` with pipes that nobody reads. -> exit code, standard error"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE} | dict.fromkeys(streams, writer) | options
        done = subprocess.run([sys.executable, "-m", "nmt", *map(str, words)], **pipes, timeout=100)
    finally:
        os.close(writer)
    return done.returncode, (done.stderr or b"").decode()


def test_align_writes_all_files_without_a_reader_of_links(run_nmt, reverser, pair, tmp_path):
    words = ["align", "--model", reverser, "--source", pair[0], "--target", pair[1], "--n-best", "1"]
    written = {}
    for name in ("read", "unread"):
        folder = tmp_path / name
        folder.mkdir()
        files = [("--html", "page.html"), ("--matrix", "matrix"), ("--table", "table"), ("--plot", "plots")]
        options = [word for option, file in files for word in (option, folder / file)]
        if name == "read":
            assert run_nmt(*words, *options).stdout == "0-2 1-1 2-0\n0-1 1-0\n0-0\n"
        else:
            assert run_without_readers(*words, *options)[0] == 0
        written[name] = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    assert written["read"] == written["unread"]


@pytest.mark.parametrize("style", ["text", "json"])
def test_align_without_other_outputs_just_ends(reverser, pair, style):
    words = ["align", "--model", reverser, "--source", pair[0], "--target", pair[1], "--format", style]
    assert run_without_readers(*words) == (0, "")


def test_align_scores_links_that_nobody_reads(reverser, pair, tmp_path):
    (tmp_path / "gold").write_text("0-2 1-1 2-0\n0-1 1-0\n0-0\n")
    words = ["align", "--model", reverser, "--source", pair[0], "--target", pair[1], "--gold", tmp_path / "gold"]
    code, messages = run_without_readers(*words)
    assert code == 0
    assert "AER" in messages


def test_a_page_is_written_although_the_matrix_has_no_reader(reverser, pair, tmp_path):
    page = tmp_path / "page.html"
    words = ["align", "--model", reverser, "--source", pair[0], "--target", pair[1]]
    assert run_without_readers(*words, "--matrix", "/dev/stdout", "--html", page) == (
        0,
        f"{page}: a page of 3 pairs, to open in a browser\n",
    )
    assert page.read_text().endswith("</html>\n")


def test_translate_writes_the_links_of_translations_that_nobody_reads(reverser, pair, tmp_path):
    links = tmp_path / "links"
    words = ["translate", "--model", reverser, "--alignments", links, "--batch-size", "1", pair[0]]
    assert run_without_readers(*words) == (0, "")
    assert links.read_text() == "0-2 1-1 2-0\n0-1 1-0\n0-0\n"


def test_translate_writes_its_output_although_nobody_reads_messages(reverser, tmp_path):
    (tmp_path / "in").write_text("ba " * 1200 + "\nku la\n")  # a message says that the first line is too long
    words = ["translate", "--model", reverser, "--output", tmp_path / "out", tmp_path / "in"]
    assert run_without_readers(*words, streams=("stdout", "stderr")) == (0, "")
    assert (tmp_path / "out").read_text().endswith("\nla ku\n")


@pytest.mark.parametrize("options", [[], ["--output", "/dev/stdout"], ["--alignments", "/dev/stdout"]])
def test_translate_ends_with_its_last_reader_while_input_goes_on(reverser, options):
    ours, theirs = os.pipe()
    with open(theirs, "wb") as lines:
        lines.write(b"ba de\n" * 5)
        lines.flush()  # and the pipe stays open
        words = ["translate", "--model", reverser, "--batch-size", "1", *options]
        assert run_without_readers(*words, stdin=ours) == (0, "")
    os.close(ours)


def test_evaluate_writes_log_probabilities_without_a_reader_of_scores(reverser, pair, tmp_path):
    words = ["evaluate", "--model", reverser, "--source", pair[0], "--reference", pair[1], "--metrics", "bleu"]
    assert run_without_readers(*words, "--log-probs", tmp_path / "probs")[0] == 0
    assert len((tmp_path / "probs").read_text().splitlines()) == 3


def test_shortlist_writes_its_file_without_a_reader_of_the_table(tiny_prepared, tmp_path):
    assert (
        run_without_readers("shortlist", "--data", tiny_prepared, "--out", tmp_path / "list", "--max-pairs", 50)[0] == 0
    )
    assert (tmp_path / "list").stat().st_size > 0


def test_score_and_inspect_end_without_a_message(reverser, pair):
    assert run_without_readers("score", "--reference", pair[0], pair[1]) == (0, "")
    assert run_without_readers("inspect", reverser) == (0, "")


def test_training_goes_on_without_a_reader_of_messages(tiny_prepared, tmp_path):
    words = ["train", "--data", tiny_prepared, "--out", tmp_path / "run", "--max-updates", "3"]
    words += ["--set", "model.embedding_size=8", "--set", "train.max_tokens=100"]
    assert run_without_readers(*words, streams=("stdout", "stderr")) == (0, "")
    assert json.loads((tmp_path / "run/last/checkpoint.json").read_text())["update"] == 3


def test_errors_keep_their_exit_code_without_a_reader(tmp_path):
    assert run_without_readers("inspect", tmp_path / "none", streams=("stdout", "stderr"))[0] == 2
