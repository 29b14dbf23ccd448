import gzip
import json

import pytest

REFERENCE = "A dog runs.\nTwo men sit on a bench.\n\nIt is 5,000 km far!\n"
WORSE = "A dog ran.\nTwo men sat at a bench.\n\nIt is 5.000 km!\n"
BETTER = "A dog runs.\nTwo men sit on a bank.\n\nIt is 5,000 km far!\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("reference", REFERENCE), ("worse", WORSE), ("better", BETTER)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "reference.gz").write_bytes(gzip.compress(REFERENCE.encode()))
    return tmp_path


def test_a_translation_on_stdin_is_scored_with_every_metric(run_nmt, files):
    done = run_nmt("score", "--reference", "reference", stdin=REFERENCE)
    assert (done.code, done.stderr) == (0, "")
    bleu, chrf, ter = done.stdout.splitlines()
    assert bleu.startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.")
    assert " = 100.0 100.0/100.0/100.0/100.0 (BP = 1.000 ratio = 1.000 hyp_len = 17 ref_len = 17)" in bleu
    assert chrf.startswith("chrF2|nrefs:1|")
    assert chrf.endswith(" = 100.0")
    assert ter.startswith("TER|nrefs:1|")
    assert ter.endswith(" = 0.0")


@pytest.mark.parametrize(
    "chosen",
    [
        ["--metrics", "ter", "bleu", "worse"],
        ["--metrics", "ter,bleu", "worse"],
        ["--metrics", "ter", "--metrics", "bleu", "worse"],
        ["worse", "--metrics", "ter", "bleu"],
    ],
)
def test_metrics_are_chosen_in_every_usual_way(run_nmt, files, chosen):
    done = run_nmt("score", "--reference", "reference.gz", *chosen)
    assert done.code == 0, done.stderr
    assert [line.split("|")[0] for line in done.stdout.splitlines()] == ["TER", "BLEU"]


def test_several_references_and_tokenisation_are_in_the_signature(run_nmt, files):
    done = run_nmt(
        *("score", "--reference", "reference", "--reference", "better", "--metrics", "bleu"),
        *("--tokenize", "intl", "--lowercase", "worse"),
    )
    assert done.stdout.startswith("BLEU|nrefs:2|case:lc|eff:no|tok:intl|")


def test_several_files_make_a_table(run_nmt, files):
    done = run_nmt("score", "--reference", "reference", "worse", "better", "reference", "--metrics", "bleu,ter")
    assert done.code == 0
    heading, worse, better, same, empty, *signatures = done.stdout.splitlines()
    assert heading.split() == ["BLEU", "TER"]
    assert [line.split()[0] for line in (worse, better, same)] == ["worse", "better", "reference"]
    assert same.split()[1:] == ["100.0", "0.0"]
    assert float(worse.split()[1]) < float(better.split()[1]) < 100
    assert empty == ""
    assert [line.split("|")[0] for line in signatures] == ["BLEU", "TER"]


def test_significance_compares_with_the_first(run_nmt, files):
    words = ("score", "--reference", "reference", "worse", "worse", "better", "--metrics", "bleu", "--significance")
    done = run_nmt(*words, "--samples", 40)
    assert done.code == 0
    heading, first, same, better, _, signature, legend = done.stdout.splitlines()
    assert heading.split() == ["BLEU", "p"]
    assert len(first.split()) == 4  # name, score, ±, half interval: a baseline has no p
    assert same.split()[4] == "1.0000"
    assert float(better.split()[4]) < 1
    assert "|bs:40|seed:12345|" in signature
    assert legend.endswith("p: p-value against worse")
    assert run_nmt(*words, "--samples", 40).stdout == done.stdout


def test_json_has_the_same_numbers(run_nmt, files):
    done = run_nmt("score", "--reference", "reference", "better", "--metrics", "bleu", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["references"], document["lines"]) == (["reference"], 4)
    [system] = document["systems"]
    [score] = system["scores"]
    line = run_nmt("score", "--reference", "reference", "better", "--metrics", "bleu").stdout.strip()
    assert system["name"] == "better"
    assert f"BLEU|{score['signature']} = {score['score']:.1f} {score['details']}" == line
    compared = run_nmt(
        *("score", "--reference", "reference", "worse", "better", "--metrics", "bleu"),
        *("--format", "json", "--significance", "--samples", 40),
    )
    worse, better = (system["scores"][0] for system in json.loads(compared.stdout)["systems"])
    assert "p_value" not in worse
    assert 0 < better["p_value"] <= 1


LABELS = "good\nbad\ngood\nbad\n"


def test_labels_have_a_table(run_nmt, files):
    (files / "labels").write_text(LABELS)
    done = run_nmt("score", "--reference", "labels", "--metrics", "accuracy", "f1", stdin="good\nbad\nbad\nodd\n")
    assert (done.code, done.stderr) == (0, "")
    accuracy, f1, *table = done.stdout.splitlines()
    assert accuracy.startswith("Accuracy|nrefs:1|case:mixed|version:")
    assert accuracy.endswith(" = 50.0")
    assert f1.startswith("MacroF1|nrefs:1|case:mixed|version:")
    assert f1.endswith(" = 38.9")  # of 1/2, 2/3 and 0
    assert [row.split() for row in table] == [
        ["precision", "recall", "F1", "lines"],
        ["bad", "50.0", "50.0", "50.0", "2"],
        ["good", "100.0", "50.0", "66.7", "2"],
        ["odd", "0.0", "0.0", "0.0", "0"],
    ]
    words = ("score", "--reference", "labels", "--metrics", "f1", "--format", "json")
    [system] = json.loads(run_nmt(*words, stdin=LABELS).stdout)["systems"]
    assert system["scores"][0]["labels"][0] == {"label": "bad", "precision": 100, "recall": 100, "f1": 100, "lines": 2}
    several = run_nmt(
        "score", "--reference", "labels", "--metrics", "accuracy,f1", "labels", "labels", "--significance"
    )
    assert [line.split()[0] for line in several.stdout.splitlines()[:3]] == ["Accuracy", "labels", "labels"]


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (
            ["reference"],
            "a\nb\n",
            "reference has 4 lines and standard input has 2\n  Line n of one must belong to line n",
        ),
        (["reference", "absent"], "", "absent does not exist"),
        (["absent", "worse"], "", "absent does not exist"),
        (["empty", "empty"], "", "empty is empty: it has no lines"),
        (["reference", "latin"], "", "latin is not UTF-8: line 2, byte 4 of the "),
        (
            ["reference", "worse", "--metrics", "blue"],
            "",
            'there is no metric "blue"; did you mean "bleu"?\n  The metrics are bleu, chrf',
        ),
        (
            ["reference", "worse", "--tokenize", "int"],
            "",
            'there is no tokenizer "int"; did you mean "intl"?\n  The tokenizers are none, zh',
        ),
        *(
            (
                ["reference", "worse", *words],
                "",
                f"{words[0]} has no effect without bleu, which is not among --metrics",
            )
            for words in (
                ["--tokenize", "zh", "--metrics", "chrf", "ter"],
                ["--tokenize", "intl", "-m", "accuracy"],
                ["--language", "zh", "-m", "chrf++"],
            )
        ),
        (
            ["reference", "--reference", "reference", "worse", "--metrics", "accuracy"],
            "",
            "accuracy and f1 need one reference, and there are 2\n  Name one with --ref",
        ),
        (["reference", "worse", "--significance"], "", "--significance compares with the first of several systems"),
        (["-", "-"], "a\n", 'standard input, "-", is named more than once, but can be read only once'),
        (["reference", "worse", "--samples", "0"], "", "Invalid value for '--samples': 0 is not in the range x>=1"),
    ],
)
def test_options_and_files_that_cannot_be_scored_raise_an_error(run_nmt, files, words, stdin, message):
    (files / "empty").touch()
    (files / "latin").write_bytes(b"ab\nf\xfcr\nc\nd\n")
    before = {path: path.read_bytes() for path in files.iterdir()}
    done = run_nmt("score", "--reference", *words, stdin=stdin)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message}")
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_links_of_any_aligner_are_scored_against_gold(run_nmt, files):
    (files / "gold").write_text("0-0 1p1 2-1\n\n0-0\n")
    (files / "naacl").write_text("1 1 1 S\n1 2 2 p\n1 3 2 s\n3 1 1\n")
    (files / "one").write_text("0-0 1-1\n\n\n")
    (files / "two").write_text("0-0:0.9 2-1:0.8\n\n0-0 0-1\n")
    for gold in ("gold", "naacl"):
        done = run_nmt("score", "--gold", gold, "one", "two")
        assert (done.code, done.stderr) == (0, "")
        assert [line.split() for line in done.stdout.splitlines()] == [
            ["percent", "AER", "precision", "recall", "F1"],
            ["one", "40.0", "100.0", "33.3", "50.0"],
            ["two", "14.3", "75.0", "100.0", "85.7"],
        ]
    document = json.loads(run_nmt("score", "--gold", "gold", "--format", "json", stdin="0-0\n\n0-0\n").stdout)
    assert (document["lines"], document["systems"][0]["name"]) == (3, "-")
    assert document["systems"][0]["recall"] == pytest.approx(2 / 3)
    done = run_nmt("score", "--gold", "gold", stdin="0-0\n0-1\n0-0\n")
    assert done.stderr.startswith("nmt: gold has no links for 1 of 3 pairs, first for pair 2: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gold", "worse", "better"], 'worse, line 1: "A" is not a link\n  Write 1-2 for a sure link'),
        (["--gold", "gold", "better"], 'better, line 1: "A" is not a link\n  Write 1-2 for a sure link'),
        (["--gold", "short", "gold"], "short has 1 line for 4 pairs\n  Line n must have the links of pair n"),
        (
            ["--gold", "gold", "--gold-base", "1", "gold"],
            "gold, line 1: link 0-0 is out of range: the first word is 1\n",
        ),
        (["--gold", "gold", "gold", "short"], "short has 1 line for 4 pairs\n  Line n must have the links of pair n"),
        (
            ["--gold", "gold", "--links-base", "1", "gold"],
            "gold, line 1: link 0-0 is out of range: the first word is 1\n",
        ),
        (["--gold", "gold", "empty"], "empty is empty: it has no lines\n"),
        (["--gold", "-", "-"], 'standard input, "-", is named more than once, but can be read only once\n'),
        (["--gold", "gold", "beyond"], "beyond, line 2: sentence 5 does not exist: the source has 4 lines\n"),
        (
            ["--gold", "gold", "null"],
            "null, line 1: word 0 is the empty word if words are counted from 1, and cannot be "
            "linked to itself\n  --links-base 0 counts from 0\n",
        ),
        (
            ["--gold", "gold", "--links-base", "2", "gold"],
            "Invalid value for '--links-base': 2 is not in the range 0<=x<=1.",
        ),
        (
            ["--reference", "worse", "--links-turned", "worse"],
            "--links-base and --links-turned have no effect without --gold: name its file",
        ),
        (["--gold", "gold", "--confidence", "gold"], "--confidence has no effect with --gold: leave it out\n"),
        (["--gold", "gold", "-w", "1", "gold"], "--width has no effect with --gold: leave it out\n"),
        (["--gold", "gold", "-m", "bleu", "gold"], "--metrics has no effect with --gold: leave it out\n"),
        (["--gold", "gold", "--reference", "worse", "gold"], "--reference is for translations and --gold is for word"),
        (
            ["--reference", "worse", "--gold-base", "1", "worse"],
            "--gold-base has no effect without --gold: name its file",
        ),
    ],
)
def test_files_that_are_not_links_raise_an_error(run_nmt, files, words, message):
    (files / "gold").write_text("0-0\n" * 4)
    (files / "short").write_text("0-0\n")
    (files / "empty").touch()
    (files / "beyond").write_text("1 1 1\n5 1 1\n")
    (files / "null").write_text("1 0 0\n")
    done = run_nmt("score", *words)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message}")


LINKS = ["0-2 1-0 2-1 3-3", "0-1 1-2 2-0", "", "0-3 1-1 2-2 2-0", "0-3 1-4 2-2 3-1"]


def rewrite(lines, write):
    """Each link (i, j) of lines written in another form."""
    pairs = [[tuple(map(int, link.split("-"))) for link in line.split()] for line in lines]
    return "".join(" ".join(write(i, j) for i, j in line) + "\n" for line in pairs)


def write_naacl(lines, base):
    """Links in the format of NAACL 2003, with confidences."""
    pairs = [[tuple(map(int, link.split("-"))) for link in line.split()] for line in lines]
    numbered = ((number, i + base, j + base) for number, line in enumerate(pairs, 1) for i, j in line)
    return "".join(f"{number} {i} {j} S 9.5e-01\n" for number, i, j in numbered)


FORMS = {
    "right": lambda i, j: f"{i}-{j}",
    "weighted": lambda i, j: f"{i}-{j}:9.1e-05",
    "more": lambda i, j: f"{i + 1}-{j + 1}",
    "turned": lambda i, j: f"{j}-{i}",
    "both": lambda i, j: f"{j + 1}-{i + 1}:1.0E+00",
    "possible": lambda i, j: f"{i}?{j}",
}


@pytest.mark.parametrize(
    ("gold", "name", "options"),
    [
        ("right", "right", ""),
        ("right", "weighted", ""),
        ("right", "possible", ""),
        ("right", "more", "--links-base 1"),
        ("right", "turned", "--links-turned"),
        ("right", "both", "--links-base 1 --links-turned"),
        ("more", "right", "--gold-base 1"),
        ("turned", "right", "--links-turned"),
        ("both", "right", "--gold-base 1 --links-turned"),
        ("right", "naacl", ""),
        ("naacl", "right", ""),
        ("naacl", "naacl", ""),
        ("naacl", "more", "--links-base 1"),
    ],
)
def test_another_reading_of_links_is_noticed_and_chosen(run_nmt, files, gold, name, options):
    for form, write in FORMS.items():
        (files / form).write_text(rewrite(LINKS, write))
    (files / "naacl").write_text(write_naacl(LINKS, 1))
    plain = run_nmt("score", "--gold", gold, name)
    aer = plain.stdout.splitlines()[1].split()[1]
    if not options:
        assert (plain.code, plain.stderr, aer) == (0, "", "0.0")
        return
    assert float(aer) > 30
    assert plain.stderr == (
        f"nmt: {name} fits far better with {options}: its error rate is then 0.0 percent, not {aer}\n"
    )
    again = run_nmt("score", "--gold", gold, name, *options.split())
    assert (again.code, again.stderr, again.stdout.splitlines()[1].split()[1]) == (0, "", "0.0")


def test_naacl_links_that_count_from_0_are_noticed(run_nmt, files):
    (files / "right").write_text(rewrite(LINKS, FORMS["right"]))
    (files / "naacl").write_text(write_naacl(LINKS, 0))
    for gold, name, option in (("right", "naacl", "--links-base"), ("naacl", "right", "--gold-base")):
        done = run_nmt("score", "--gold", gold, name)  # links of word 0, the empty word, are missing
        assert done.stderr.startswith(f"nmt: {name} fits far better with {option} 0: its error rate is then ")
        done = run_nmt("score", "--gold", gold, name, option, 0)
        assert (done.stderr, done.stdout.splitlines()[1].split()[1]) == ("", "0.0")


def test_links_that_should_not_be_turned_are_noticed(run_nmt, files):
    (files / "right").write_text(rewrite(LINKS, FORMS["right"]))
    done = run_nmt("score", "--gold", "right", "right", "--links-turned", "--format", "json")
    assert "nmt: right fits far better without --links-turned: its error rate is then 0.0 percent, not " in done.stderr
    assert json.loads(done.stdout)["systems"][0]["aer"] > 0.3


def test_bad_links_have_no_better_reading(run_nmt, files):
    (files / "right").write_text(rewrite(LINKS, FORMS["right"]))
    (files / "bad").write_text("0-0 1-1 2-2 3-3\n0-0 1-1 2-2\n\n0-0 1-1 2-2\n0-0 1-1 2-2 3-3\n")
    assert run_nmt("score", "--gold", "right", "bad").stderr == ""


def test_a_reference_must_be_named(run_nmt):
    done = run_nmt("score", stdin="a\n")
    assert done.code == 2
    assert done.stderr == (
        "nmt: error: standard input cannot be scored without references\n"
        "  Name their file with --reference, or with --gold for word links\n"
    )
