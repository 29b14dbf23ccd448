"""Options that `nmt score` and `nmt evaluate` share with sacreBLEU's command, whose output is the measure."""

import json
import os
import subprocess
import sys

import pytest
import sacrebleu
from sacrebleu.significance import PairedTest

import nmt
from nmt.analysis.metrics import MetricScore
from nmt.cli.tables import build_columns
from nmt.errors import DataError, SettingsError, UsageError

SYSTEM = ["El perro ladra.", "", "Dos hombres  leen un libro.", "¡Son 5.000 km!", "sí"]
OTHER = ["El perro ladró.", "nada", "Dos hombres leen libros.", "Son 5000 km.", "no"]
REFERENCE = ["Un perro ladra.", "Nada.", "Dos hombres leen un libro viejo.", "¡Son 5.000 kilómetros!", "Sí"]
SECOND = ["El perro está ladrando.", "", "Dos señores leen el libro.", "", "sí"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("system", SYSTEM), ("other", OTHER), ("reference", REFERENCE), ("second", SECOND)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def sacrebleu_prints(*words, **environment):
    command = [sys.executable, "-m", "sacrebleu", *words]
    done = subprocess.run(
        command, capture_output=True, check=True, encoding="utf-8", env=os.environ | {"NO_COLOR": "1"} | environment
    )
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "theirs"),
    [
        (["-m", "bleu", "--smooth-method", "floor", "--smooth-value", "0.5", "-w", "4"], []),
        (["-m", "chrf", "--chrf-word-order", "2", "--chrf-beta", "1", "--chrf-char-order", "5", "--width", "3"], []),
        (["-m", "chrf", "--chrf-whitespace", "--chrf-lowercase", "--chrf-eps-smoothing"], []),
        (["-m", "ter", "--ter-case-sensitive", "--ter-normalized"], []),
        (["-m", "ter", "--ter-no-punct", "--ter-asian-support"], []),
        (["-m", "bleu", "chrf", "ter", "--confidence", "--confidence-n", "40"], []),
        (["-m", "bleu", "--sentence-level"], []),
        (["-m", "chrf", "--sentence-level", "--score-only", "--width", "2"], []),
        (["-m", "bleu", "chrf", "--confidence", "--samples", "40", "-b"], ["--confidence-n", "40"]),
    ],
)
def test_options_of_sacrebleu_print_what_sacrebleu_prints(run_nmt, files, options, theirs):
    done = run_nmt("score", "--reference", "reference", "system", *options)
    assert (done.code, done.stderr) == (0, "")
    given = [word for word in options if not theirs or word not in ("--samples", "40")]
    assert done.stdout.splitlines() == sacrebleu_prints("reference", "-i", "system", "-f", "text", *given, *theirs)


@pytest.mark.parametrize("test", ["--paired-bs", "--paired-ar"])
def test_systems_are_compared_as_by_sacrebleu(run_nmt, files, test):
    words = (test, f"{test}-n", "50", "-m", "bleu", "chrf")
    done = run_nmt("score", "--reference", "reference", "system", "other", *words, "--format", "json")
    systems = [("system", [line.rstrip() for line in SYSTEM]), ("other", OTHER)]
    metrics = {"BLEU": sacrebleu.BLEU(), "chrF2": sacrebleu.CHRF()}
    signatures, theirs = PairedTest(systems, metrics, [REFERENCE], test_type=test[-2:], n_samples=50)()
    for number, system in enumerate(json.loads(done.stdout)["systems"]):
        for score in system["scores"]:
            their = theirs[score["name"]][number]
            assert (score["score"], score.get("p_value")) == (their.score, their.p_value)
            assert (score.get("mean"), score.get("confidence")) == (their.mean, their.ci)
            assert score["signature"] == str(signatures[score["name"]])
            bleu = sacrebleu.BLEU().corpus_score(systems[number][1], [REFERENCE])
            assert score["details"] == (bleu._verbose if score["name"] == "BLEU" else "")
    table = run_nmt("score", "--reference", "reference", "system", "other", *words).stdout.splitlines()
    assert table[0].split() == ["BLEU", "p", "chrF2", "p"]
    assert ("±" in table[1], table[-1].startswith("±")) == (test == "--paired-bs", test == "--paired-bs")
    assert table[-1].endswith("p: p-value against system")


@pytest.mark.parametrize(
    ("value", "width", "figure"),
    [
        (0.03125, 1, "0.0312"),
        (0.03125, 5, "0.03125"),
        (9.999e-05, 1, "0.0001"),
        (9.999e-06, 1, "<0.0001"),
        (9.999e-06, 6, "0.000010"),
        (1.0, 0, "1.0000"),
    ],
)
def test_a_p_value_is_never_printed_as_zero(value, width, figure):
    score = MetricScore("BLEU", 30.0, "x", p_value=value)
    assert build_columns([[score]], width) == [["BLEU", "p"], [f"{30:.{width}f}", figure]]


def test_several_systems_have_confidence_intervals_without_a_comparison(run_nmt, files):
    words = ("--reference", "reference", "-m", "ter", "--confidence", "--samples", "30", "-w", "2")
    heading, first, second, _, signature, legend = run_nmt("score", "system", "other", *words).stdout.splitlines()
    assert heading.split() == ["TER"]
    for name, row in (("system", first), ("other", second)):
        [line] = sacrebleu_prints("reference", "-i", name, *("-m", "ter", "-ci", "-cin", "30", "-w", "2", "-f", "text"))
        _, score, _, half = row.split()
        assert f" = {score} (μ = " in line
        assert line.endswith(f" ± {half})")
    assert "|bs:30|" in signature
    assert legend == "±: half the interval with 95% of the samples"
    bare = run_nmt("score", "system", "other", *words, "--score-only").stdout.splitlines()
    assert bare == [heading, first, second]


def test_sentences_of_several_metrics_are_columns_and_json_has_everything(run_nmt, files):
    words = ("score", "--reference", "reference", "--metrics", "chrf++", "ter", "--sentence-level")
    lines = run_nmt(*words, "system", "-b").stdout.splitlines()
    chrf = sacrebleu_prints(
        *["reference", "-i", "system", "-m", "chrf", "--chrf-word-order", "2", "-sl", "-b", "-f", "text"]
    )
    ter = sacrebleu_prints(*["reference", "-i", "system", "-m", "ter", "-sl", "-b", "-f", "text"])
    assert lines == [f"{one}\t{other}" for one, other in zip(chrf, ter, strict=True)]
    done = run_nmt(*words, "system", "other", "--format", "json", "--confidence")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    for system in document["systems"]:
        for score in system["scores"]:
            assert len(score["sentences"]) == 5
            assert score["confidence"] >= 0
    assert [f"{one['score']:.1f}" for one in document["systems"][0]["scores"][0]["sentences"]] == chrf


def test_an_empty_line_of_a_second_reference_is_no_reference(run_nmt, files):
    words = ("score", "--reference", "reference", "--reference", "second", "system", "--format", "json")
    done = run_nmt(*words, "-m", "bleu", "chrf", "ter", "--sentence-level")
    assert (done.code, done.stderr) == (0, "")
    [system] = json.loads(done.stdout)["systems"]
    references = [REFERENCE, [line or None for line in SECOND]]
    for score, metric in zip(system["scores"], (sacrebleu.BLEU(), sacrebleu.CHRF(), sacrebleu.TER()), strict=True):
        assert score["score"] == metric.corpus_score(SYSTEM, references).score
        assert score["signature"] == str(metric.get_signature())
        assert [one["signature"][:7] for one in score["sentences"]] == [f"nrefs:{count}" for count in (2, 1, 2, 1, 2)]
    for missing in ([line or None for line in SECOND], SECOND):
        scores = nmt.score(SYSTEM, [REFERENCE, missing])
        assert [(one.score, one.signature) for one in scores] == [
            (one["score"], one["signature"]) for one in system["scores"]
        ]


@pytest.fixture
def cache(files):
    """A cache of sacreBLEU's with two of its test sets."""
    for name in ("wmt15", "wmt16"):
        (files / "cache" / name).mkdir(parents=True)
        texts = {"src": "Yksi.\nKaksi.\n", "ref": f"One.\nTwo of {name}.\n"}
        for field in ("src", "ref", "docid", "genre", "origlang"):
            text = texts.get(field, "x\nx\n")
            (files / "cache" / name / f"{name}.fi-en.{field}").write_text(text, encoding="utf-8")
    (files / "translated").write_text("One.\nTwo is\nOne.\nTwo of wmt16!\n")
    return {"SACREBLEU": str(files / "cache")}


def test_test_sets_are_known_by_name(run_nmt, files, cache):
    (files / "short").write_text("One.\n")
    for sets in ("wmt16", "wmt15,wmt16"):
        text = "".join((files / "translated").read_text().splitlines(keepends=True)[: 2 * len(sets.split(","))])
        words = ("-t", sets, "-l", "fi-en", "-m", "bleu", "chrf")
        done = run_nmt("score", *words, stdin=text, process=True, env=cache)
        assert (done.code, done.stderr) == (0, "")
        (files / "part").write_text(text)
        assert done.stdout.splitlines() == sacrebleu_prints(*words, "-i", "part", "-f", "text", **cache)
    document = json.loads(run_nmt(*("score", *words, "--format", "json"), stdin=text, process=True, env=cache).stdout)
    assert (document["test_sets"], document["language_pair"]) == (["wmt15", "wmt16"], "fi-en")
    done = run_nmt("score", "-t", "wmt16", "-l", "fi-en", stdin="One.\n", process=True, env=cache)
    assert done.code == 2
    assert done.stderr.startswith("nmt: error: wmt16 has 2 lines for fi-en and standard input has 1\n  Line n of")


def test_evaluate_translates_a_test_set_and_scores_its_sentences(run_nmt, files, cache, reverser):
    words = ("evaluate", "--model", reverser, "--beam", "2", "-t", "wmt15", "-l", "fi-en", "-m", "chrf")
    done = run_nmt(*words, "--format", "json", "--sentence-level", "--confidence", process=True, env=cache)
    document = json.loads(done.stdout)
    assert (document["test_sets"], document["lines"], "source" in document) == (["wmt15"], 2, False)
    [score] = document["systems"][0]["scores"]
    assert (len(score["sentences"]), "|bs:1000|" in score["signature"]) == (2, True)
    lines = run_nmt(*words, "--sentence-level", "-w", "3", process=True, env=cache).stdout.splitlines()
    assert [line.partition("|")[0] for line in lines] == ["chrF2", "chrF2"]
    assert [float(line.rpartition(" = ")[2]) for line in lines] == [
        round(one["score"], 3) for one in score["sentences"]
    ]


def test_the_perplexity_of_an_evaluation_leaves_out_missing_references(run_nmt, files, reverser):
    (files / "source").write_text("ba de\nku la\n")
    (files / "first").write_text("de ba\nla ku\n")
    (files / "missing").write_text("\nla ku\n")
    words = ("evaluate", "--model", reverser, "--beam", "1", "--source", "source", "--format", "json")

    def evaluate(*references):
        done = run_nmt(*words, *(word for name in references for word in ("--reference", name)), "--log-probs", "log")
        [system] = json.loads(done.stdout)["systems"]
        return system["perplexity"], system["scores"][0]["signature"][:9], len((files / "log").read_text().split("\n"))

    two, three = evaluate("first")[0], evaluate("first", "missing")
    assert three[1:] == ("nrefs:var", 3)
    assert three[0] != two
    lines = [["de ba", "la ku"], ["", "la ku"]]
    found = nmt.evaluate(reverser, ["ba de", "ku la"], lines, ["chrf"], beam=1, chrf_word_order=2, sentence_level=True)
    assert (found.perplexity, found.scores[0].name) == (pytest.approx(three[0]), "chrF2++")
    assert len(found.scores[0].sentences) == 2
    (files / "all").write_text("de ba\nla ku\nla ku\n")
    (files / "source").write_text("ba de\nku la\nku la\n")
    assert evaluate("all")[0] == pytest.approx(three[0], rel=1e-5)


def test_python_takes_the_same_options(files):
    [bleu] = nmt.score(SYSTEM, REFERENCE, ["bleu"], smooth_method="add-k", confidence=True, samples=40)
    [line] = sacrebleu_prints(
        *["reference", "-i", "system", "-m", "bleu", "-s", "add-k", "-ci", "-cin", "40", "-f", "text"]
    )
    assert str(bleu) == line
    [ter] = nmt.score(SYSTEM, REFERENCE, ["ter"], ter_normalized=True, sentence_level=True)
    assert [str(one) for one in ter.sentences] == sacrebleu_prints(
        *["reference", "-i", "system", "-m", "ter", "--ter-normalized", "-sl", "-f", "text"]
    )
    with pytest.raises(SettingsError, match='chrf_wordorder   no such setting; did you mean "chrf_word_order"'):
        nmt.score(SYSTEM, REFERENCE, ["chrf"], chrf_wordorder=2)
    with pytest.raises(UsageError, match="samples=1 is too small for a confidence interval: it needs two or more"):
        nmt.score(SYSTEM, REFERENCE, confidence=True, samples=1)
    assert nmt.score(iter(SYSTEM), iter(REFERENCE)) == nmt.score(SYSTEM, [REFERENCE])
    for wrong, lines in (([None, *SYSTEM[1:]], REFERENCE), ([3, *SYSTEM[1:]], [REFERENCE, REFERENCE])):
        with pytest.raises(DataError, match=f"translation 1 is {type(wrong[0]).__name__}, not a string"):
            nmt.score(wrong, lines)
    with pytest.raises(UsageError, match="chrf_beta has no effect without chrf, which is not among metrics"):
        nmt.evaluate("nowhere", SYSTEM, REFERENCE, ["bleu"], chrf_beta=3)
    for call in (nmt.score, lambda *words, **named: nmt.evaluate("nowhere", *words, **named)):
        for named in ({"tokenize": "zh"}, {"language": "zh"}):
            with pytest.raises(UsageError, match=f"{next(iter(named))} has no effect without bleu, which is not"):
                call(SYSTEM, REFERENCE, ["chrf"], **named)


def test_tokenized_text_is_noted_without_advice_that_cannot_be_followed(run_nmt, files, capfd):
    lines = [f"Nº {number} ." for number in range(150)]
    (files / "tokenized").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = run_nmt("score", "--reference", "tokenized", "tokenized", "-m", "bleu")
    assert (done.code, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr.startswith("nmt: 150 of 150 lines of tokenized end in a full stop after a blank, as tokenized ")
    assert "force" not in done.stderr
    notes = []

    class Notes(nmt.Progress):
        def note(self, text):
            notes.append(text)

    nmt.score(lines, lines, ["bleu"], progress=Notes())
    assert [note.partition(" end in")[0] for note in notes] == ["150 of 150 lines of the translations"]
    assert capfd.readouterr() == ("", "")


def test_files_that_are_named_twice_are_noted(run_nmt, files):
    words = ("--reference", "reference", "--reference", "reference", "-m", "ter")
    done = run_nmt("score", "system", "system", "other", *words)
    assert (done.code, done.stderr) == (0, "nmt: system is named 2 times\nnmt: reference is named 2 times\n")
    (files / "links").write_text("0-0\n")
    assert run_nmt("score", "--gold", "links", "links", "links").stderr == "nmt: links is named 2 times\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["score", "nosuch.es"],
            "nosuch.es cannot be scored without references\n  Name their file with --reference, or",
        ),
        (["score", "system", "-t", "wmt15"], "--test-set needs --language-pair\n  wmt15 has cs-en, "),
        (["score", "system", "-t", "wmt51", "-l", "fi-en"], 'sacreBLEU has no test set "wmt51"; did you mean "wmt'),
        (["score", "system", "-t", "wmt15", "-l", "fi-en", "--reference", "other"], "--reference and --test-set both"),
        (["score", "system", "-t", "wmt15", "-l", "fi-en", "--gold", "other"], "--reference is for translations and"),
        (["score", "system", "--sentence-level"], "system cannot be scored without references"),
        (
            ["score", "system", "other", "--sentence-level", "--reference", "reference"],
            "--sentence-level prints the scores of one system, and there are 2\n  --format json has those of all",
        ),
        (
            ["score", "system", "--sentence-level", "--confidence", "--reference", "reference"],
            "--sentence-level prints no --confidence\n  Leave out one of them, or choose --format json, which has both",
        ),
        (
            ["score", "system", "other", "--sentence-level", "--significance", "--reference", "reference"],
            "--sentence-level and --significance cannot be combined: leave out one of them",
        ),
        (
            ["score", "system", "other", "--significance", "--paired-ar", "--reference", "reference"],
            "--significance and --paired-ar are two tests: choose one",
        ),
        (
            ["score", "system", "--paired-bs", "-m", "bleu", "--reference", "reference"],
            "--paired-bs compares with the first of several systems, and there is only one\n",
        ),
        (
            ["score", "system", "other", "--paired-bs", "--paired-bs-n=0", "--reference", "reference"],
            "Invalid value for '--paired-bs-n': 0 is not in the range",
        ),
        (
            ["score", "system", "other", "--confidence", "--paired-ar", "--reference", "reference"],
            "--paired-ar computes no confidence intervals\n  Leave out --confidence, or compare by --significance",
        ),
        (
            ["score", "system", "--paired-ar", "--reference", "reference"],
            "--paired-ar compares with the first of several systems, and there is only one\n  --confidence gives",
        ),
        (
            ["score", "system", "--confidence", "--samples", "1", "--reference", "reference"],
            "--confidence needs two samples or more: raise --samples",
        ),
        (
            ["score", "system", "--samples", "20", "--reference", "reference"],
            "--samples has no effect without --confidence, --significance or --paired-ar",
        ),
        (
            ["score", "system", "--samples", "0", "--reference", "reference"],
            "Invalid value for '--samples': 0 is not in the range x>=1.\n  `nmt score --help` lists the options",
        ),
        (
            ["score", "system", "-m", "bleu", "--chrf-word-order", "2", "--reference", "reference"],
            "--chrf-word-order has no effect without chrf, which is not among --metrics",
        ),
        (
            ["score", "system", "--smooth-value", "0.2", "--reference", "reference"],
            '--smooth-value has no effect with the smoothing "exp"\n  Choose --smooth-method floor or --smooth-m',
        ),
        (
            ["score", "system", "--reference"],
            "Option '--reference' requires an argument.\n  `nmt score --help` lists the options",
        ),
        (
            ["evaluate", "--model", "absent"],
            "--source and --reference must be given\n  --source is a file of sentences",
        ),
        (["evaluate", "--model", "absent", "--source", "system"], "--reference must be given\n"),
        (["evaluate", "--source", "system"], "--model must be given: run folder; repeat it to compare runs\n"),
        (
            ["evaluate", "--model", "absent", "-t", "wmt15", "-l", "fi-en", "--source", "system"],
            "--test-set has its own source and references: leave out --source and --reference",
        ),
    ],
)
def test_options_that_do_not_fit_raise_an_error_before_any_work(run_nmt, files, words, message):
    done = run_nmt(*words)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message}")


def test_a_test_set_that_is_not_in_the_cache_is_one_message(run_nmt, files):
    done = run_nmt(
        *["score", "system", "-t", "wmt15", "-l", "fi-en"], process=True, env={"SACREBLEU": str(files / "empty")}
    )
    assert (done.code, done.stdout, (files / "empty").exists()) == (2, "", False)
    assert done.stderr == (
        f"nmt: error: sacreBLEU's cache, {files / 'empty'}, does not have wmt15 for fi-en\n"
        "  sacreBLEU puts it there by itself, where there is a network: sacrebleu -t wmt15 -l fi-en < translations\n"
    )


def test_the_language_of_a_pair_chooses_the_tokenizer_as_in_sacrebleu(run_nmt, files):
    (files / "chinese").write_text("我爱你们大家\n", encoding="utf-8")
    (files / "translation").write_text("我爱你们\n", encoding="utf-8")
    done = run_nmt(*["score", "-l", "en-zh", "--reference", "chinese", "translation", "-m", "bleu"])
    assert (done.code, done.stderr) == (0, "")
    theirs = sacrebleu_prints("chinese", "-i", "translation", "-l", "en-zh", "-f", "text")
    assert done.stdout.splitlines() == theirs
    assert "|tok:zh|" in theirs[0]
    asked = run_nmt(
        *["score", "-l", "en-zh", "--language", "th", "--reference", "chinese", "translation", "-m", "bleu"]
    )
    assert "|tok:char|" in asked.stdout
