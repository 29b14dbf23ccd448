import json
import math

import pytest

SOURCE = ["ba de fi", "", "ku la", "me", "ni po ru sa", "te vi wo zu"]
REFERENCE = [" ".join(reversed(line.split())) for line in SOURCE]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("source", SOURCE), ("reference", REFERENCE), ("other", SOURCE)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def test_the_table_has_a_row_for_each_run_and_beam(run_nmt, files, reverser):
    done = run_nmt(
        *("evaluate", "--model", reverser, "--model", reverser, "--beam", 1, "--beam", 3),
        *("--source", "source", "--reference", "reference", "--metrics", "bleu", "ter"),
    )
    assert (done.code, done.stderr) == (0, "")
    heading, *rows, empty, bleu, ter = done.stdout.splitlines()
    assert heading.split() == ["run", "beam", "BLEU", "TER", "sentences/s", "perplexity"]
    assert [row.split()[:2] for row in rows] == [[str(reverser), beam] for beam in "1313"]
    assert [row.split()[2:4] + row.split()[5:] for row in rows[:2]] == [
        row.split()[2:4] + row.split()[5:] for row in rows[2:]
    ]
    assert empty == ""
    assert bleu.startswith("BLEU|nrefs:1|case:mixed|")
    assert ter.startswith("TER|nrefs:1|case:lc|")


def test_scores_are_those_of_translate_and_score(run_nmt, files, reverser):
    translated = run_nmt("translate", "--model", reverser, "--beam", 2, "source").stdout
    words = ("--reference", "reference", "--reference", "other", "--metrics", "chrf,bleu", "--format", "json")
    scored = json.loads(run_nmt("score", *words, stdin=translated).stdout)
    done = json.loads(run_nmt("evaluate", "--model", reverser, "--source", "source", "--beam", 2, *words).stdout)
    [system] = done["systems"]
    assert system["scores"] == scored["systems"][0]["scores"]
    assert (done["lines"], done["references"]) == (6, ["reference", "other"])
    assert (system["name"], system["beam"]) == (str(reverser), 2)
    assert system["sentences_per_second"] > 0


def test_perplexity_is_that_of_the_log_probabilities(run_nmt, files, reverser):
    def evaluate(reference):
        done = run_nmt(
            *("evaluate", "--model", reverser, "--source", "source", "--reference", reference, "--beam", 1),
            *("--metrics", "bleu", "--log-probs", "log", "--format", "json"),
        )
        [system] = json.loads(done.stdout)["systems"]
        columns = [line.split("\t") for line in (files / "log").read_text().splitlines()]
        log_probs, tokens = [float(one) for one, _ in columns], [int(other) for _, other in columns]
        assert len(columns) == len(SOURCE)
        assert all(log_prob <= 0 for log_prob in log_probs)
        assert system["perplexity"] == pytest.approx(math.exp(-sum(log_probs) / sum(tokens)), rel=1e-4)
        return system["perplexity"], tokens

    right, tokens = evaluate("reference")
    assert 1 < right < 2
    assert tokens[1] == 1  # an empty line is EOS alone
    wrong, _ = evaluate("other")
    assert wrong > 2 * right


def test_the_log_probability_of_a_translation_is_that_of_search(run_nmt, files, reverser):
    found = run_nmt("translate", "--model", reverser, "--beam", 1, "--format", "jsonl", "source").stdout.splitlines()
    translations = [json.loads(line) for line in found]
    (files / "own").write_text("".join(f"{one['text']}\n" for one in translations))
    run_nmt(
        *("evaluate", "--model", reverser, "--source", "source", "--reference", "own", "--beam", 1),
        *("--metrics", "bleu", "--log-probs", "log"),
    )
    given = [line.split("\t") for line in (files / "log").read_text().splitlines()]
    for one, (log_prob, tokens) in zip(translations, given, strict=True):
        if one["source"]:  # search does not ask the model about an empty line
            assert int(tokens) == len(one["tokens"])
            assert float(log_prob) == pytest.approx(one["log_prob"], abs=1e-4)


def test_an_ensemble_is_one_row(run_nmt, files, reverser):
    words = ("--source", "source", "--reference", "reference", "--beam", 2, "--metrics", "bleu", "--format", "json")
    alone = json.loads(run_nmt("evaluate", "--model", reverser, *words).stdout)
    both = json.loads(run_nmt("evaluate", "--ensemble", "--model", reverser, "--model", reverser, *words).stdout)
    [one], [voted] = alone["systems"], both["systems"]
    assert voted["name"] == f"{reverser} + {reverser}"
    assert voted["scores"] == one["scores"]
    assert voted["perplexity"] == pytest.approx(one["perplexity"], rel=1e-5)


def test_significance_compares_with_the_first_row(run_nmt, files, reverser):
    done = run_nmt(
        *("evaluate", "--model", reverser, "--beam", 1, "--beam", 2, "--source", "source"),
        *("--reference", "reference", "--metrics", "bleu", "--significance", "--samples", 30),
    )
    heading, first, second, _, signature, legend = done.stdout.splitlines()
    assert heading.split() == ["run", "beam", "BLEU", "p", "sentences/s", "perplexity"]
    assert len(second.split()) == len(first.split()) + 1
    assert "|bs:30|seed:12345|" in signature
    assert legend.endswith("p: p-value against the first row")


def test_runs_of_opposite_directions_have_no_test_set_in_common(run_nmt, files, reverser, turned):
    words = ("--source", "source", "--reference", "reference")
    done = run_nmt("evaluate", "--model", reverser, "--model", turned, *words)
    assert (done.code, done.stdout) == (2, "")
    assert f"{reverser} translates a to b, and {turned} translates b to a\n" in done.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--reference", "short"], "source has 6 lines and short has 2\n  Line n of one must belong to line n"),
        (["--reference", "absent"], "absent does not exist"),
        (["--metrics", "blue"], 'there is no metric "blue"; did you mean "bleu"?'),
        (["--tokenize", "14a"], 'there is no tokenizer "14a"; did you mean "13a"?'),
        (["--tokenize", "zh", "-m", "ter"], "--tokenize has no effect without bleu, which is not among --metrics"),
        (["--language", "b", "-m", "ter"], "--language has no effect without bleu, which is not among --metrics"),
        (["--significance"], "--significance compares with the first of several systems, and there is only one"),
        (
            ["--model", "absent", "--log-probs", "log"],
            "--log-probs needs one run or one --ensemble, and",
        ),
        (["--log-probs", "no/log"], "no/log cannot be written: there is no folder no\n"),
        (["--model", "absent"], "absent does not exist\n  A run is a folder that `nmt train` writes"),
        (["--source", "other"], "--source is given 2 times, and takes one file\n"),
        (["--beam", "0"], "Invalid value for '--beam': 0 is not in the range x>=1"),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(run_nmt, files, reverser, changes, message):
    (files / "short").write_text("a\nb\n")
    before = {path: path.read_bytes() for path in files.iterdir()}
    done = run_nmt(
        *("evaluate", "--model", reverser, "--source", "source", "--reference", "reference", "--beam", 1), *changes
    )
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message}")
    assert {path: path.read_bytes() for path in files.iterdir()} == before
