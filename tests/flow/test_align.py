import base64
import json
import re
import shutil
import zlib
from collections import Counter

import pytest
from support.runs import write_facts

from nmt.checkpoint import create_run
from nmt.loaded_run import load_run
from nmt.settings import ModelSettings, RunSettings
from nmt.weights import build_model, save_checkpoint

SOURCE = ["ba de fi", "", "ku la", "me", "ni po ru sa", "te vi wo zu"]
TARGET = [" ".join(reversed(line.split())) for line in SOURCE]
GOLD = ["0-2 1-1 2-0", "", "0-1 1-0", "0-0", "0-3 1-2 2-1 3-0", "0-3 1-2 2-1 3-0"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("source", SOURCE), ("target", TARGET), ("gold", GOLD)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def opposite(reverser, tmp_path_factory):
    """The opposite of the reverser: what it has learnt holds for both directions."""
    run = tmp_path_factory.mktemp("opposite") / "run"
    shutil.copytree(reverser, run)
    facts = json.loads((run / "run.json").read_text())
    for key in ("lang", "fingerprint"):
        facts[f"source_{key}"], facts[f"target_{key}"] = facts[f"target_{key}"], facts[f"source_{key}"]
    write_facts(run / "run.json", facts)
    (run / "source.model").rename(run / "other.model")
    (run / "target.model").rename(run / "source.model")
    (run / "other.model").rename(run / "target.model")
    return run


def untrained(reverser, path, **settings):
    """A run for the reverser's corpus that knows nothing yet."""
    taught = load_run(reverser)
    small = RunSettings(model=ModelSettings(embedding_size=4, encoder_size=4, decoder_size=4, **settings))
    run = create_run(path, small, taught.info, taught.source_subword, taught.target_subword)
    save_checkpoint(path / "best", dict(build_model(run).named_parameters()), {"update": 1})
    return path


@pytest.fixture(scope="module")
def blind(reverser, tmp_path_factory):
    """A run without attention."""
    return untrained(reverser, tmp_path_factory.mktemp("blind") / "run", attention="none")


@pytest.fixture(scope="module")
def manifold(reverser, tmp_path_factory):
    """A run whose attention is a mixture of two kinds with two heads each, and a gate."""
    parts = {"heads": 2, "mix": ("scaled-dot",), "content_gate": "plain"}
    return untrained(reverser, tmp_path_factory.mktemp("manifold") / "run", **parts)


def links_of(text):
    return [[tuple(map(int, link.split("-"))) for link in line.split()] for line in text.splitlines()]


def test_each_target_word_is_linked_to_its_source_word(run_nmt, files, reverser):
    done = run_nmt("align", "--model", reverser, "--source", "source", "--target", "target")
    assert (done.code, done.stderr) == (0, "")
    found = links_of(done.stdout)
    assert len(found) == len(SOURCE)
    assert [Counter(target for _, target in links) for links in found] == [
        Counter(range(len(line.split()))) for line in TARGET
    ]
    right = sum(set(links) == set(gold) for links, gold in zip(found, links_of("\n".join(GOLD)), strict=True))
    assert right >= 4
    assert found[1] == []


def test_links_are_the_same_in_any_batch(run_nmt, files, reverser):
    outputs = {
        run_nmt(
            *("align", "--model", reverser, "--source", "source", "--target", "target", "--batch-size", size)
        ).stdout
        for size in (1, 2, 64)
    }
    assert len(outputs) == 1


def test_gold_links_give_an_error_rate(run_nmt, files, reverser):
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--gold", "gold")
    done = run_nmt(*words)
    heading, forward = done.stderr.splitlines()
    assert heading.split() == ["percent", "AER", "precision", "recall", "F1"]
    document = json.loads(run_nmt(*words, "--format", "json").stdout)
    score = document["scores"]["forward"]
    assert forward.split() == ["forward", *(f"{100 * score[key]:.1f}" for key in ("aer", "precision", "recall", "f1"))]
    assert score["aer"] < 0.2
    assert [[tuple(link) for link in links] for links in document["links"]] == links_of(done.stdout)


def test_a_perfect_alignment_has_no_error(run_nmt, files, reverser):
    words = ("align", "--model", reverser, "--source", "source", "--target", "target")
    (files / "own").write_text(run_nmt(*words).stdout)
    assert run_nmt(*words, "--gold", "own").stderr.splitlines()[1].split() == ["forward", "0.0", *["100.0"] * 3]


def test_gold_links_are_read_in_every_format(run_nmt, files, reverser):
    pairs = [[link.split("-") for link in line.split()] for line in GOLD]
    more = [[(int(i) + 1, int(j) + 1) for i, j in line] for line in pairs]
    (files / "one").write_text("".join(" ".join(f"{i}-{j}" for i, j in line) + "\n" for line in more))
    naacl = [f"{number} {i} {j} S\n" for number, line in enumerate(more, 1) for i, j in line]
    (files / "naacl").write_text("".join(naacl))
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--gold")
    expected = run_nmt(*words, "gold")
    assert expected.code == 0
    for form in (["one", "--gold-base", 1], ["naacl"], ["naacl", "--gold-base", 1]):
        assert run_nmt(*words, *form) == expected


def test_gold_links_in_another_reading_are_noticed(run_nmt, files, reverser):
    (files / "source").write_text("ba de fi\nku\n")
    (files / "target").write_text("fi de ba ku la\nku la\n")
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--gold", "other")
    for text, hint in (
        ("1-3 2-2 3-5\n1-1\n", "all links fit with --gold-base 1\n"),
        ("4-0 1-1\n1-0\n", "all links fit if they are turned: write 2-1 for 1-2\n"),
        ("5-1 2-2\n2-1\n", "all links fit if they are turned, 2-1 for 1-2, with --gold-base 1\n"),
        ("9-9 2-2\n2-1\n", "--gold-base 1 counts from 1\n"),
    ):
        (files / "other").write_text(text)
        done = run_nmt(*words)
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr.endswith(f"  Words are separated by spaces and tabs, and counted from 0; {hint}")
    own = run_nmt(*words[:-2]).stdout
    (files / "other").write_text(" ".join(f"{j}-{i}" for i, j in links_of(own)[0] if j < 3) + "\n\n")
    (files / "source").write_text("ba de fi\n\n")
    (files / "target").write_text("fi de ba\n\n")
    own = links_of(run_nmt(*words[:-2]).stdout)[0]
    (files / "other").write_text(" ".join(f"{j}-{i}" for i, j in own) + "\n\n")
    note = "nmt: other fits far better if its links are turned, 2-1 for 1-2: the error rate is then 0.0 percent\n"
    is_symmetric = {(j, i) for i, j in own} == set(map(tuple, own))
    assert (note in run_nmt(*words).stderr) != is_symmetric


def test_the_table_has_the_worst_pairs_first(run_nmt, files, reverser):
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--table", "table.tsv")
    done = run_nmt(*words, "--gold", "gold")
    heading, *rows = [line.split("\t") for line in (files / "table.tsv").read_text().splitlines()]
    assert heading == [
        *("pair", "aer", "precision", "recall", "f1", "log_prob_per_token", "entropy", "coverage_deviation"),
        *("unattended", "unsupported", "source", "target"),
    ]
    keys = [(-float(row[1]), -float(row[6])) for row in rows]
    assert keys == sorted(keys)
    assert sorted(int(row[0]) for row in rows) == [1, 2, 3, 4, 5, 6]
    found = {int(row[0]): row for row in rows}
    assert [found[number][-2:] for number in range(1, 7)] == [list(pair) for pair in zip(SOURCE, TARGET, strict=True)]
    own = [[tuple(link) for link in line] for line in links_of(done.stdout)]
    for number, (links, gold) in enumerate(zip(own, links_of("\n".join(GOLD)), strict=True), 1):
        error = 1 - 2 * len(set(links) & set(gold)) / (len(links) + len(gold)) if gold else 0
        assert float(found[number][1]) == pytest.approx(error, abs=1e-4)
    for row in rows:
        for column, line in ((8, row[-2]), (9, row[-1])):
            for named in row[column].split():
                index, word = named.split(":")
                assert line.split()[int(index)] == word
    counted = [sum(len(row[column].split()) for row in rows) for column in (8, 10, 9, 11)]
    assert done.stderr.splitlines()[0] == (
        f"{counted[0]} of {counted[1]} source words get almost no attention; "
        f"{counted[2]} of {counted[3]} target words attend to no word in particular"
    )
    run_nmt(*words)
    assert (files / "table.tsv").read_text().startswith("pair\tlog_prob_per_token\tentropy\t")


def test_unattended_and_unsupported_words_are_counted(run_nmt, files, reverser):
    (files / "source").write_text("ba de fi ku la\n")
    (files / "target").write_text("ba\n")
    run_nmt("align", "--model", reverser, "--source", "source", "--target", "target", "--table", "table.tsv")
    heading, row = [line.split("\t") for line in (files / "table.tsv").read_text().splitlines()]
    assert len(row[heading.index("unattended")].split()) >= 3


def test_a_threshold_allows_several_links_which_have_shares(run_nmt, files, reverser):
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--matrix", "matrix.jsonl")
    hard = run_nmt(*words, "--probabilities").stdout
    soft = run_nmt(*words, "--threshold", 0.01, "--probabilities").stdout
    matrices = [json.loads(line)["attention"] for line in (files / "matrix.jsonl").read_text().splitlines()]
    for matrix, some, most in zip(matrices, hard.splitlines(), soft.splitlines(), strict=True):
        wanted = {(i, j): share for j, row in enumerate(matrix) for i, share in enumerate(row) if share >= 0.01}
        found = {tuple(map(int, link.split(":")[0].split("-"))): float(link.split(":")[1]) for link in most.split()}
        assert found == pytest.approx(wanted, abs=6e-4)
        assert set(some.split()) <= set(most.split())
        assert len(some.split()) == len(matrix)


def test_the_offset_selects_the_step_of_attention(run_nmt, files, reverser):
    words = ("align", "--model", reverser, "--source", "source", "--target", "target", "--offset")
    predicted, known = (links_of(run_nmt(*words, offset).stdout) for offset in (0, 1))
    assert predicted == links_of(run_nmt(*words[:-1]).stdout)
    assert [len(links) for links in known] == [len(links) for links in predicted]
    assert known != predicted


def test_two_directions_are_combined(run_nmt, files, reverser, opposite):
    def align(*more):
        done = run_nmt("align", "--source", "source", "--target", "target", "--model", reverser, *more)
        assert done.code == 0, done.stderr
        return done

    forward = links_of(align().stdout)
    turned = run_nmt("align", "--source", "target", "--target", "source", "--model", opposite)
    backward = [{(source, target) for target, source in links} for links in links_of(turned.stdout)]
    intersection, union, grown, default = (
        links_of(align("--reverse", opposite, *more).stdout)
        for more in (["--symmetrise", "intersection"], ["--symmetrise", "union"], ["--symmetrise", "grow-diag"], [])
    )
    assert grown == default
    for one, other, both, either, some in zip(forward, backward, intersection, union, grown, strict=True):
        assert set(both) == set(one) & other
        assert set(either) == set(one) | other
        assert set(both) <= set(some) <= set(either)
    table = align("--reverse", opposite, "--gold", "gold").stderr.splitlines()
    assert [line.split()[0] for line in table] == [
        *("percent", "forward", "reverse", "intersection", "union", "grow-diag", "grow-diag-final-and")
    ]


def test_matrix_objects_have_words_links_and_attention(run_nmt, files, reverser):
    done = run_nmt("align", "--model", reverser, "--source", "source", "--target", "target", "--matrix", "matrix.jsonl")
    rows = [json.loads(line) for line in (files / "matrix.jsonl").read_text().splitlines()]
    assert [" ".join(row["source_words"]) for row in rows] == SOURCE
    assert [" ".join(row["target_words"]) for row in rows] == TARGET
    assert [[tuple(link) for link in row["links"]] for row in rows] == links_of(done.stdout)
    for row in rows:
        assert len(row["attention"]) == len(row["target_words"])
        for weights in row["attention"]:
            assert len(weights) == len(row["source_words"])
            assert sum(weights) == pytest.approx(1, abs=1e-5)


def test_parts_of_attention_are_added_to_pages_and_matrices(run_nmt, files, manifold):
    kinds = [f"{kind} head {head}" for kind in ("luong-concat", "scaled-dot") for head in (1, 2)]
    texts = ["--source", "source", "--target", "target", "--matrix", "matrix.jsonl", "--html", "page.html"]
    texts += ["--precision", "float32"]  # a run that knows nothing has links by a hair
    plain = run_nmt("align", "--model", manifold, *texts)
    assert "parts" not in (files / "matrix.jsonl").read_text()
    done = run_nmt("align", "--model", manifold, *texts, "--parts")
    assert (done.code, done.stdout) == (0, plain.stdout)
    for row in map(json.loads, (files / "matrix.jsonl").read_text().splitlines()):
        parts = row["parts"]
        assert list(parts) == [*kinds, "gate"]
        for part in parts.values():
            assert [len(weights) for weights in part["attention"]] == [len(row["source_words"])] * len(part["weight"])
        for kind in kinds:
            assert all(sum(weights) == pytest.approx(1, abs=1e-5) for weights in parts[kind]["attention"])
        gates = parts["gate"]["attention"]  # a gate belongs to a source word and is the same for every target word
        assert all(0 < gate < 1 for weights in gates for gate in weights)
        assert all(weights == pytest.approx(gates[0], abs=1e-5) for weights in gates)
        for word in range(len(row["target_words"])):
            given = [parts[kind]["weight"][word] for kind in kinds]
            assert given[0] + given[2] == pytest.approx(1, abs=1e-5)  # what the kinds share, in each head
            assert given[1] + given[3] == pytest.approx(1, abs=1e-5)
            assert 0 < parts["gate"]["weight"][word] < 2 + 8 * len(row["source_words"])  # pieces, and EOS
    page = (files / "page.html").read_text()
    packed = re.search(r'id="index">([A-Za-z0-9+/=]*)<', page)
    index = json.loads(zlib.decompress(base64.b64decode(packed[1])))
    assert index["models"] == ["run", *kinds, "gate"]
    gate = index["sentences"][0]["views"][-1]
    assert (gate["links"], gate.keys() & {"entropy", "coverage", "unattended"}) == ([], set())
    assert [[view["model"] for view in sentence["views"]] for sentence in index["sentences"]] == [list(range(6))] * 6


def test_heat_maps_are_drawn_in_the_terminal_and_in_files(run_nmt, files, reverser):
    plain = run_nmt("align", "--model", reverser, "--source", "source", "--target", "target")
    done = run_nmt(
        *("align", "--model", reverser, "--source", "source", "--target", "target"),
        *("--show", 1, "--plot", "pictures/of", "--limit", 3, "--plot-format", "svg"),
    )
    assert (done.code, done.stdout) == (0, plain.stdout)
    assert done.stderr.startswith("\n   ╷ ba\n   │ ╷ de\n   │ │ ╷ fi\nfi ")
    assert done.stderr.endswith("\nattention: ░ from 10%  ▒ from 25%  ▓ from 50%  █ from 75%\n\n")
    assert done.stderr.count("╷") == 3
    folder = files / "pictures" / "of"
    assert sorted(path.name for path in folder.iterdir()) == ["pair-1.svg", "pair-2.svg", "pair-3.svg"]
    assert ">de</text>" in (folder / "pair-1.svg").read_text()


def test_a_page_names_both_runs_of_symmetrised_links(run_nmt, files, reverser, opposite):
    words = ["align", "--model", reverser, "--model", reverser, "--source", "source", "--target", "target"]
    assert run_nmt(*words, "--reverse", opposite, "--symmetrise", "union", "--html", "page.html").code == 0
    packed = re.search(r'id="index">([A-Za-z0-9+/=]*)<', (files / "page.html").read_text())
    first, second = json.loads(zlib.decompress(base64.b64decode(packed[1])))["models"]
    assert first == f"{second} and run, union"


@pytest.mark.parametrize("columns", [1, 6, 12])
def test_a_narrow_terminal_has_a_narrow_heat_map(run_nmt, files, reverser, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    done = run_nmt("align", "--model", reverser, "--source", "source", "--target", "target", "--show", 2)
    assert (done.code, "█" in done.stderr) == (0, True)
    assert max(map(len, done.stderr.splitlines()[:7])) <= 12
    assert done.stderr.endswith("\npair 2 is not drawn: a side has no words\n")


def test_the_framed_links_are_the_written_ones(run_nmt, files, reverser, opposite):
    words = ["align", "--model", reverser, "--source", "source", "--target", "target", "--plot", "pictures"]
    counts = []
    for options in (["--threshold", 0.001], ["--threshold", 0.999], ["--reverse", opposite, "--symmetrise", "union"]):
        links = run_nmt(*words, *options, "--plot-format", "svg").stdout.splitlines()[0].split()
        picture = (files / "pictures" / "pair-01.svg").read_text()
        assert picture.count("#d9722e") == len(links)
        counts.append(len(links))
    assert counts[0] > counts[1]


def test_gold_links_with_little_meaning_give_a_warning(run_nmt, files, reverser):
    (files / "part").write_text("1 1 3\n1 3 1\n")
    (files / "unsure").write_text("0p2\n\n0p1\n0p0\n0p3\n0p3\n")
    words = ["align", "--model", reverser, "--source", "source", "--target", "target", "--gold"]
    told = "part has no links for 4 of 6 pairs, first for pair 3: every link of these pairs counts as wrong"
    assert run_nmt(*words, "part").stderr.startswith(f"nmt: {told}\npercent ")
    assert run_nmt(*words, "unsure").stderr.startswith("nmt: unsure has no sure links: recall has no meaning\npercent ")


def test_characters_that_no_font_has_are_named_once(run_nmt, files, reverser):
    (files / "source").write_text("ba\nde \U0010fffd\nba \U0010fffd\n", encoding="utf-8")
    (files / "target").write_text("ba\nde\nba\n")
    words = ["align", "--model", reverser, "--source", "source", "--target", "target", "--plot", "pictures"]
    assert run_nmt(*words).stderr == (
        "no installed font has \U0010fffd: the pictures show boxes\n"
        "  Install a font with these characters, for example from Noto, or use --plot-format svg\n"
    )
    assert run_nmt(*words, "--plot-format", "svg").stderr == ""


def test_a_blank_inside_a_word_is_a_part_of_it(run_nmt, files, reverser):
    (files / "source").write_text("ba de\nba\u202fde fi\u3000go\tku\n", encoding="utf-8")
    (files / "target").write_text("de ba\nku go\u00a0fi de ba\n", encoding="utf-8")
    words = ["align", "--model", reverser, "--source", "source", "--target", "target", "--matrix", "matrix.jsonl"]
    done = run_nmt(*words, "--table", "table.tsv", "--html", "page.html")
    assert done.code == 0
    assert [max(target for _, target in links) for links in links_of(done.stdout)] == [1, 3]
    assert done.stderr.startswith(
        "nmt: pair 2 is the first with a blank inside a word, U+202F (NARROW NO-BREAK SPACE)\n"
        "  Only spaces and tabs separate the words of links. For links of a tool that splits at every blank, write "
        "spaces in the text\n"
    )
    assert (" of 5 source words get" in done.stderr, " of 6 target words attend" in done.stderr) == (True, True)
    row = json.loads((files / "matrix.jsonl").read_text().splitlines()[1])
    assert row["source_words"] == ["ba\u202fde", "fi\u3000go", "ku"]
    assert row["target_words"] == ["ku", "go\u00a0fi", "de", "ba"]
    packed = re.search(r'id="index">([A-Za-z0-9+/=]*)<', (files / "page.html").read_text())
    assert (
        json.loads(zlib.decompress(base64.b64decode(packed[1])))["sentences"][1]["source"] == "ba\u202fde fi\u3000go ku"
    )
    (files / "gold").write_text("0-1 1-0\n0-2 0-3 1-1 2-0\n")
    assert "\npercent " in run_nmt(*words, "--gold", "gold").stderr
    (files / "gold").write_text("0-1 1-0\n0-2 0-3 1-1 3-0\n")
    assert (
        "gold, line 2: link 3-0 is out of range: the pair has 3 and 4 words\n"
        in run_nmt(*words, "--gold", "gold").stderr
    )


def test_a_pair_of_too_many_words_is_not_drawn(run_nmt, files, reverser):
    (files / "source").write_text("ba\n" + "ba " * 101 + "\n")
    (files / "target").write_text("ba\nba\n")
    words = ["align", "--model", reverser, "--source", "source", "--target", "target"]
    done = run_nmt(*words, "--plot", "pictures", "--show", 2)
    assert done.code == 0
    assert "pair 2 is not drawn: it has more than 100 words on a side" in done.stderr
    assert [path.name for path in (files / "pictures").iterdir()] == ["pair-01.png"]


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_side_that_is_too_long_is_named(run_nmt, files, reverser, side):
    (files / "source").write_text("ba\nba\n")
    (files / "target").write_text("ba\nba\n")
    (files / side).write_text("ba\n" + "ba " * 1100 + "\n")
    done = run_nmt("align", "--model", reverser, "--source", "source", "--target", "target")
    assert done.code == 0
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == f"nmt: pair 2: only the first 1,000 pieces of its {side} are read\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"--source": "short"},
            "short has 2 lines and target has 6\n  Line n of one must belong to line n of the other.",
        ),
        ({"--source": "empty", "--target": "empty"}, "empty is empty: it has no lines"),
        ({"--target": "absent"}, "absent does not exist"),
        ({"--target": "latin"}, "latin is not UTF-8: line 1, byte 1 of the "),
        ({"--gold": "short"}, "short has 2 lines for 6 pairs\n  Line n must have the links of pair n"),
        ({"--gold": "target"}, 'target, line 1: "fi" is not a link\n  Write 1-2 for a sure link'),
        ({"--gold": "far"}, "far, line 3: link 2-1 is out of range: the pair has 2 and 2 words\n  Words are separated"),
        (
            {"--symmetrise": "union"},
            "--symmetrise combines two directions: name a run of the opposite direction with --reverse",
        ),
        (
            {"--gold": "naacl"},
            "naacl, sentence 3: link 3-1 is out of range: the pair has 2 and 2 words\n  Words are separated by spaces "
            "and tabs, and counted from 1; --gold-base 0 counts from 0",
        ),
        (
            {"--gold": "gold", "--gold-base": "1"},
            "gold, line 1: link 0-2 is out of range: the pair has 3 and 3 words\n",
        ),
        ({"--gold": "naacl", "--gold-base": "2"}, "Invalid value for '--gold-base': 2 is not in the range 0<=x<=1."),
        (
            {"--gold": "zero"},
            "zero, line 1: word 0 is the empty word if words are counted from 1, and cannot be linked to itself",
        ),
        ({"--gold-base": "0"}, "--gold-base has no effect without --gold: name its file"),
        ({"--limit": "3"}, "--limit has no effect without --plot: name its folder"),
        ({"--plot-format": "svg"}, "--plot-format has no effect without --plot: name its folder"),
        ({"--table": "x", "--matrix": "./x"}, "--table and --matrix cannot both be x\n"),
        ({"--table": "source"}, "the input and --table cannot both be source\n"),
        ({"--gold": "gold", "--html": "gold"}, "the input and --html cannot both be gold\n"),
        ({"--table": "-"}, '"-" cannot be written to: name a file, or use /dev/stdout if standard output is a pipe\n'),
        ({"--offset": "2"}, "Invalid value for '--offset': 2 is not in the range 0<=x<=1."),
        ({"--threshold": "0"}, "Invalid value for '--threshold': 0.0 is not in the range 0<x<=1."),
        (
            {"--reverse": "{run}", "--probabilities": ""},
            "--probabilities are those of one direction: leave them out, or",
        ),
        (
            {"--probabilities": "", "--format": "json"},
            "--probabilities are written in lines of text: leave out --format",
        ),
        ({"--table": "no/where.tsv"}, "no/where.tsv cannot be written: there is no folder no\n"),
        ({"--symmetrise": "unoin"}, "Invalid value for '--symmetrise': 'unoin' is not one of 'intersection', 'union'"),
        (
            {"--reverse": "{run}", "--n-best": "2", "--html": "page.html"},
            "--n-best shows translations, for which --reverse has no links: leave one of them out",
        ),
        ({"--parts": ""}, "--parts needs --html or --matrix, and only one --model: name a file, and one run"),
        (
            {"--parts": "", "--html": "page.html"},
            "the attention of {run} has no parts, such as heads or a gate\n  Leave out --parts",
        ),
        ({"--matrix": "no/where.jsonl"}, "no/where.jsonl cannot be written: there is no folder no\n"),
        ({"--model": "short"}, "short is not a run folder\n"),
        (
            {"--model": "{run}/best"},
            "{run}/best is not a run folder\n  It is a checkpoint of a run: use {run} with --checkpoint best",
        ),
        ({"--checkpoint": "bset"}, '{run} has no checkpoint "bset"; did you mean "best"?'),
        ({"--reverse": "{run}"}, "{run} is not the opposite of {run}: they translate a to b and a to b\n"),
        ({"--plot": "short"}, "Invalid value for '--plot': Directory 'short' is a file."),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(run_nmt, files, reverser, changes, message):
    (files / "short").write_text("0-0\n0-0\n")
    (files / "empty").touch()
    (files / "latin").write_bytes(b"f\xfcr\n" * 6)
    (files / "far").write_text("0-0\n\n0p1 2p1\n\n\n\n")
    (files / "naacl").write_text("1 1 1\n3 3 1 P\n")
    (files / "zero").write_text("1 0 0\n")
    before = {path: path.read_bytes() for path in files.iterdir()}
    options = {"--model": "{run}", "--source": "source", "--target": "target"} | changes
    done = run_nmt("align", *(word.format(run=reverser) for option in options.items() for word in option if word))
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message.format(run=reverser)}")
    assert {path: path.read_bytes() for path in files.iterdir()} == before


@pytest.mark.parametrize("role", ["--model", "--reverse"])
def test_a_run_without_attention_raises_an_error(run_nmt, files, reverser, blind, role):
    options = {"--model": reverser} | {role: blind}
    words = (word for option in options.items() for word in option)
    done = run_nmt("align", *words, "--source", "source", "--target", "target")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        f"nmt: error: {blind} has no attention, from which word links could be derived\n"
        '  Use a run whose model.attention is not "none"\n'
    )
