"""The Python way, the module way, completion, and how soon help answers."""

import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import nmt
from nmt.errors import DataError, NmtError
from nmt.search.choices import Continuations, MostProbable
from nmt.search.restrictions import ForbiddenIds
from nmt.settings import ModelSettings, RunSettings, TrainSettings


def test_three_lines_translate(reverser):
    from nmt import Translator

    translator = Translator.load(reverser, device="cpu", precision="int8")
    assert repr(translator) == f"Translator({reverser}, best; int8 on cpu)"
    first, empty = translator.translate(["ba de fi", ""])
    assert (first.text, empty.text) == ("fi de ba", "")
    assert sorted(target for _, target in first.alignment) == [0, 1, 2]
    assert first.word_attention.shape == (3, 3)
    assert first.score < 0
    assert "".join(first.tokens).replace("▁", " ").split("</s>")[0].split() == ["fi", "de", "ba"]


def test_prepare_and_train_are_functions(tmp_path):
    pairs = [(f"{a} {b}", f"{b} {a}") for a in "abcdefgh" for b in "abcdefgh"]
    prepared = nmt.prepare(
        train=pairs, valid=pairs[:5], out=tmp_path / "data", source_lang="x", target_lang="y", vocab_size=270
    )
    assert prepared.manifest.splits["train"].pairs == 64
    settings = RunSettings(model=ModelSettings(embedding_size=8), train=TrainSettings(max_updates=2))
    outcome = nmt.train(tmp_path / "data", tmp_path / "run", settings)
    assert (outcome.state.update, outcome.reason) == (2, "2 updates are done")
    assert len(nmt.load(tmp_path / "run").translate(["a b"])) == 1


def test_the_names_of_the_api_are_listed():
    assert {"Translator", "Translation", "Request", "prepare", "train", "resume", "score"} <= set(dir(nmt))
    assert {"evaluate", "align", "settings", "errors", "Progress", "register_attention"} <= set(dir(nmt))
    for name in dir(nmt):
        assert getattr(nmt, name)


def test_the_library_prints_only_with_progress(tiny_corpus, reverser, tmp_path, capfd):
    splits = {split: tiny_corpus / split for split in ("train", "valid")}
    languages = {"source_lang": "a", "target_lang": "b", "vocab_size": 296}
    nmt.prepare(**splits, out=tmp_path / "data", **languages)
    settings = RunSettings(model=ModelSettings(embedding_size=8), train=TrainSettings(max_updates=1))
    nmt.train(tmp_path / "data", tmp_path / "run", settings)
    nmt.resume(tmp_path / "data", tmp_path / "run", max_updates=2)
    nmt.align(reverser, ["ba de"], ["de ba"])
    nmt.evaluate(reverser, ["ba de"], ["de ba"])
    assert capfd.readouterr() == ("", "")
    nmt.prepare(**splits, out=tmp_path / "more", **languages, progress=True)
    assert capfd.readouterr().err.startswith("training subword models on 1,000 training pairs\n")


def test_progress_can_be_an_object_of_the_caller(tiny_prepared, tmp_path):
    class Kinds(nmt.Progress):
        def record(self, record):
            kinds.append(record["kind"])

    kinds = []
    settings = RunSettings(model=ModelSettings(embedding_size=8), train=TrainSettings(max_updates=2))
    nmt.train(tiny_prepared, tmp_path / "run", settings, progress=Kinds())
    assert kinds == ["begin", "update", "update", "train", "valid", "end"]


def test_texts_are_aligned_scored_and_evaluated(reverser):
    [pair] = nmt.align(reverser, ["ba de fi"], ["fi de ba"])
    assert (pair.source_words, pair.target_words) == (["ba", "de", "fi"], ["fi", "de", "ba"])
    assert sorted(target for _, target in pair.links) == [0, 1, 2]
    assert [one.name for one in nmt.score(["fi de ba go"], ["fi de ba go"], ["bleu", "chrf"])] == ["BLEU", "chrF2"]
    assert nmt.score(["a b c d"], [["x"], ["a b c d"]], ["bleu"])[0].score == pytest.approx(100)
    found = nmt.evaluate([reverser, reverser], ["ba de fi go", "ku la"], ["go fi de ba", "la ku"], ["bleu"], beam=2)
    assert (found.translations, found.beam) == (["go fi de ba", "la ku"], 2)
    assert found.scores[0].score == pytest.approx(100)
    assert 1 < found.perplexity < 2
    with pytest.raises(DataError, match="2 sources cannot be aligned with 1 target"):
        nmt.align(reverser, ["a", "b"], ["a"])


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["ba"], {"n_best": 0}, "n_best=0 must be a whole number of at least 1"),
        (["ba"], {"batch_size": -1}, "batch_size=-1 must be a whole number of at least 1"),
        (["ba"], {"batch_size": 2.5}, "batch_size=2.5 must be a whole number of at least 1"),
        (["ba", None], {}, "line 2 is NoneType, not a string or a Request: 'None'"),
        (["ba", float("nan")], {}, "line 2 is float, not a string or a Request: 'nan'"),
        ([b"ba"], {}, "line 1 is bytes, not a string or a Request: \"b'ba'\""),
        (["ba"], {"beem": 1}, 'beem   no such setting; did you mean "beam"'),
        (["ba"], {"top_k": 5}, "top_k has no effect without sample\n  Add it, or leave both out"),
        (["ba"], {"n_best": 9}, "a beam of 5 cannot find the 9 best translations"),
    ],
)
def test_messages_for_wrong_values_name_python_arguments(reverser, lines, options, message):
    with pytest.raises(NmtError, match=re.escape(message)) as caught:
        nmt.load(reverser).translate(lines, **options)
    assert "--" not in str(caught.value)


def test_a_request_with_other_types_raises_an_error():
    with pytest.raises(DataError, match="a request must consist of strings, not of NoneType"):
        nmt.Request(None)
    with pytest.raises(DataError, match="a request must consist of strings, not of int"):
        nmt.Request("ba", constraints=(3,))
    for name in ("constraints", "banned"):
        with pytest.raises(DataError, match=rf"^{name} is one string, and must be several\n  For a single one write: "):
            nmt.Request("ba", **{name: "Bahnhof"})


def test_one_string_for_several_raises_an_error(reverser):
    for call in (
        lambda: nmt.score("abc", ["abc"]),
        lambda: nmt.score(["abc"], "abc"),
        lambda: nmt.score(["abc"], ["abc"], "bleu"),
        lambda: nmt.evaluate(reverser, "ba", ["ba"]),
        lambda: nmt.align(reverser, "ba", ["ba"]),
        lambda: nmt.align(reverser, ["ba"], "ba"),
    ):
        with pytest.raises(
            DataError, match=r"^\w+ is one string, and must be several\n  For a single one write: \w+=\["
        ):
            call()


def test_align_refuses_values_that_mean_nothing(reverser):
    with pytest.raises(
        NmtError, match=r'^there is no symmetrisation "x"\n  It is one of intersection, union, grow-diag'
    ):
        nmt.align(reverser, ["ba"], ["ba"], symmetrise="x")
    for threshold in (3, -0.1):
        with pytest.raises(NmtError, match=r"^a threshold of \S+ is impossible\n  It is above 0, and at most 1$"):
            nmt.align(reverser, ["ba"], ["ba"], threshold=threshold)


def test_loading_and_training_leave_the_global_generator_alone(tiny_prepared, reverser, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    nmt.load(reverser)
    first = torch.rand(1)
    settings = RunSettings(model=ModelSettings(embedding_size=8), train=TrainSettings(max_updates=1))
    nmt.train(tiny_prepared, tmp_path / "run", settings)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


LINES = ["ba de fi", "", "go ku la me ni", "po"]


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_translator_can_be_pickled(reverser, precision):
    translator = nmt.load(reverser, precision=precision)
    copy = pickle.loads(pickle.dumps(translator))
    for one, other in zip(translator.translate(LINES), copy.translate(LINES), strict=True):
        assert (one.text, one.score) == (other.text, other.score)


def test_threads_share_a_translator(reverser):
    translator = nmt.load(reverser, precision="float32")
    expected = [one.text for one in translator.translate(LINES)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(translator.translate, LINES) for _ in range(8)]
        assert all([one.text for one in job.result()] == expected for job in jobs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_translator_works_after_a_fork(reverser):
    """In a process of its own with two threads, where a child that waits for the parent's threads would hang."""
    code = f"""
import multiprocessing, torch, nmt
torch.set_num_threads(2)
translator = nmt.load({str(reverser)!r}, precision="float32")
translator.translate(["ba de fi"] * 40)
def job(line):
    return translator.translate([line])[0].text
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(job, ["ba de", "go ku"]).get(60))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.returncode) == ("['de ba', 'ku go']\n", 0), done.stderr


def test_search_uses_a_wrapper_and_a_choice_of_the_caller(reverser):
    class SecondBest:
        """Never the most probable continuation, to show who chooses."""

        groups = 1

        def __call__(self, log_prob_UK, out, free_U, slots, sentence_B, position):
            best = MostProbable()(log_prob_UK, out, free_U, slots + 1, sentence_B, position)
            return Continuations(*(part[:, 1:] for part in best))

    plain = nmt.load(reverser)
    ids = plain.runs[0].target_subword.encode("ba")
    wrapped = nmt.Translator.load(reverser, wrap=lambda model: ForbiddenIds(model, ids))
    assert plain.translate(["ba de fi"])[0].text == "fi de ba"
    assert "ba" not in wrapped.translate(["ba de fi"])[0].text.split()
    chosen = nmt.Translator.load(reverser, choice=SecondBest())
    assert chosen.translate(["ba de fi"], beam=1)[0].text != "fi de ba"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'translte'"):
        nmt.translte  # noqa: B018


def test_help_does_not_import_slow_modules():
    slow = "{'torch', 'numpy', 'pydantic', 'sacrebleu', 'sentencepiece', 'matplotlib'}"
    code = f"import sys, nmt.cli.main; nmt.cli.main.main(['--help']); sys.exit(len({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_help_of_no_command_imports_torch():
    code = (
        "import sys; from nmt.cli.main import COMMANDS, main\n"
        "for name in COMMANDS: main([name, '--help'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_program_starts_without_many_searches_for_garbage():
    """By default there are about 80 while the modules of this command are imported."""
    code = (
        "import gc, sys; from nmt.cli.main import run; sys.argv[1:] = ['settings']; searches = []\n"
        "gc.callbacks.append(lambda phase, facts: searches.append(phase))\n"
        "try: run()\n"
        "finally: sys.exit(len(searches))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode < 10


def test_a_run_is_loaded_without_importing_a_compiler(reverser):
    code = f"import sys, nmt; nmt.load({str(reverser)!r}); sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_command_has_help(run_nmt):
    from nmt.cli.main import COMMANDS

    listed = run_nmt("--help").stdout
    for name, line in COMMANDS.items():
        assert line.split()[0] in listed
        done = run_nmt(name, "--help")
        assert done.code == 0
        assert done.stdout.startswith(f"Usage: nmt {name} [OPTIONS]")


def test_the_shell_completes_commands_and_options(run_nmt):
    env = {"_NMT_COMPLETE": "bash_complete", "COMP_WORDS": "nmt tr", "COMP_CWORD": "1"}
    assert run_nmt(process=True, env=env).stdout.split() == ["plain,train", "plain,translate"]
    env["COMP_WORDS"], env["COMP_CWORD"] = "nmt train --max-m", "2"
    assert run_nmt(process=True, env=env).stdout.split() == ["plain,--max-minutes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], 'there is no command "trian"; did you mean "train"?'),
        (["train"], "--data must be given: "),
        (["train", "--dta", "x"], "--dta"),
    ],
)
def test_command_lines_that_cannot_be_used_raise_an_error(run_nmt, words, message):
    done = run_nmt(*words)
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_in_the_program_is_shown_with_its_traceback(run_nmt, monkeypatch):
    monkeypatch.setattr("nmt.text.corpus.read_parallel", lambda paths: 1 / 0)
    done = run_nmt("score", "--reference", __file__, __file__)
    assert done.code == 1
    assert "ZeroDivisionError" in done.stderr
    assert "this is an error in nmt, not in your input" in done.stderr


def test_a_full_disk_gives_a_message_and_files_are_unchanged(run_nmt, reverser, tmp_path, monkeypatch):
    import errno
    import os

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device", "out.txt")

    out = tmp_path / "out.txt"
    out.write_text("old\n")
    monkeypatch.setattr(os, "fsync", full)
    done = run_nmt("translate", "--model", reverser, "--output", out, stdin="ba\n")
    assert done.code == 2
    assert "No space left on device" in done.stderr
    assert out.read_text() == "old\n"


def test_a_path_below_a_file_gives_a_message(run_nmt, tiny_prepared, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "letter.txt" / "run")
    assert done.code == 2
    assert f"nmt: error: {tmp_path / 'letter.txt'}" in done.stderr
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr
