"""`nmt translate` with constraints, sampling, diverse groups, MBR and long lines."""

import json
import math
import re
from random import Random

import pytest
from support.corpora import WORDS
from support.runs import REVERSER

import nmt
from nmt.translation.request import Request

LINES = ["ba de fi", "", "ku la", "me", "ni po ru sa", "te vi wo zu"]
TEXT = "".join(f"{line}\n" for line in LINES)


def objects(*lines):
    return "".join(json.dumps(line) + "\n" if line else "\n" for line in lines)


def out_of(done):
    assert (done.code, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n").split("\n")


def test_constraints_of_the_command_line_and_of_a_line_are_all_met(run_nmt, reverser):
    lines = [{"source": "ba de fi", "constraints": ["zu", "po ru"]}, None, {"source": "ku la"}, {"source": "me"}]
    words = ["--model", reverser, "--input-format", "jsonl", "--constraint", "te"]
    first, empty, second, third = out_of(run_nmt("translate", *words, stdin=objects(*lines)))
    assert empty == ""
    assert re.search(r"\bzu\b", first)
    assert re.search(r"\bpo ru\b", first)
    for text in (first, second, third):
        assert re.search(r"\bte\b", text)


def test_bans_apply_to_every_segmentation(run_nmt, reverser):
    lines = [{"source": "ba de fi", "banned": ["d", "i"]}, {"source": "ku la", "banned": [" k"]}, {"source": "ku la"}]
    words = ["--model", reverser, "--input-format", "jsonl", "--ban", "la"]
    first, second, third = out_of(run_nmt("translate", *words, stdin=objects(*lines)))
    assert not {"d", "i"} & set(first)
    assert " k" not in f" {second}"
    assert "ku" in third
    assert "la" not in first + second + third


def test_prefixes_begin_translations(run_nmt, reverser):
    lines = [{"source": "ba de fi"}, {"source": "ku la", "prefix": "z"}, None]
    words = ["--model", reverser, "--input-format", "jsonl", "--prefix", "wo vi "]
    first, second, empty = out_of(run_nmt("translate", *words, stdin=objects(*lines)))
    assert first.startswith("wo vi ")
    assert second.startswith("z")
    assert empty == ""


def test_lengths_and_repeats(run_nmt, reverser):
    def tokens(*words, stdin):
        done = run_nmt("translate", "--model", reverser, "--format", "jsonl", *words, stdin=stdin)
        return [json.loads(line)["tokens"] for line in out_of(done)]

    assert len(tokens("--min-length", 7, stdin="ba de\n")[0]) >= 8
    for words in (["--min-length", 45], ["--min-length", 45, "--beam", 1, "--max-length-extra", 0]):
        assert all(len(found) >= 46 for found in tokens(*words, stdin="ba de\nfi\n"))  # above the length limit
    (cut,) = tokens("--input-format", "jsonl", stdin=objects({"source": "ba de fi ku la me", "max_length": 2}))
    assert len(cut) <= 2
    assert tokens(stdin="ba ba ba\n")[0] == ["▁ba", "▁ba", "▁ba", "</s>"]
    (once,) = tokens("--no-repeat", 1, stdin="ba ba ba\n")
    assert len(set(once)) == len(once)


@pytest.mark.parametrize(
    "words",
    [
        ["--sample", "--temperature", "2"],
        ["--sample", "--top-k", "5", "--top-p", "0.9", "--mbr", "chrf", "--candidates", "6"],
        ["--beam", "4", "--groups", "2", "--diversity", "1"],
        ["--constraint", "zu", "--ban", "k", "--no-repeat", "2", "--min-length", "2"],
        ["--mbr", "bleu", "--n-best", "2"],
        ["--beta", "0.4", "--n-best", "3"],
    ],
)
def test_neither_batch_size_nor_order_changes_a_line(run_nmt, reverser, tiny_corpus, words):
    words = [*words, "--precision", "float32"]
    lines = (tiny_corpus / "test.a").read_text().splitlines()
    found = []
    for size in (1, 7, 64):
        done = run_nmt("translate", "--model", reverser, "--batch-size", size, *words, stdin="\n".join(lines))
        found.append([re.sub(r"-?\d+\.\d+$", "", line) for line in out_of(done)])  # scores vary in their last digits
    assert found[0] == found[1] == found[2]
    if "--temperature" in words:
        return  # draws belong to the number of a line
    done = run_nmt("translate", "--model", reverser, *words, stdin="\n".join(lines[::-1]))
    texts = [re.sub(r"^\d+ \|\|\| ", "", line) for line in found[0]]
    turned = [re.sub(r"^\d+ \|\|\| |-?\d+\.\d+$", "", line) for line in out_of(done)]
    assert sorted(turned) == sorted(texts)
    if "--n-best" not in words:
        assert turned == texts[::-1]


def test_the_seed_determines_the_samples(run_nmt, reverser):
    words = ["--model", reverser, "--sample", "--temperature", "5", "--n-best", "3"]
    one, again, other = (out_of(run_nmt("translate", *words, "--seed", seed, stdin=TEXT)) for seed in ("1", "1", "2"))
    assert one == again != other
    assert len(one) == 1 + 3 * (len(LINES) - 1)
    drawn = out_of(run_nmt("translate", *words[:-2], stdin="ku la\n" * 5))
    assert len(set(drawn)) == 5


def test_the_coverage_penalty_lowers_incomplete_translations(run_nmt, reverser):
    words = ["--model", reverser, "--n-best", 4, "--format", "jsonl", "--with-attention", "--input-format", "jsonl"]
    stdin = objects({"source": "ba de fi ku", "max_length": 3})
    found = [json.loads(line) for line in out_of(run_nmt("translate", *words, "--alpha", 0, "--beta", 2, stdin=stdin))]
    scores = []
    for one in found:
        covered = [sum(column) for column in zip(*one["attention"], strict=True)][:-1]
        scores.append(one["log_prob"] + 2 * sum(math.log(min(max(weight, 1e-6), 1)) for weight in covered))
    assert [one["score"] for one in found] == pytest.approx(scores, rel=0.01, abs=0.01)  # attention has four digits
    assert all(score < one["log_prob"] - 1 for score, one in zip(scores, found, strict=True))


def test_groups_find_different_translations(run_nmt, reverser):
    words = ["--model", reverser, "--groups", 5, "--diversity", 50, "--n-best", 5]
    texts = [line.split(" ||| ")[1] for line in out_of(run_nmt("translate", *words, stdin="ba de fi\n"))]
    assert texts[0] == "fi de ba"
    assert len({text.split()[0] if text else "" for text in texts}) == 5


def test_samples_contain_required_words(run_nmt, reverser):
    words = ["--model", reverser, "--sample", "--n-best", 20, "--format", "jsonl", "--constraint", "zu po"]
    found = [json.loads(line) for line in out_of(run_nmt("translate", *words, stdin="ba de fi\n"))]
    assert all(f" {one['text']} ".count(" zu po ") == 1 for one in found)
    assert sum(one["is_finished"] and len(one["target_words"]) <= 6 for one in found) >= 18  # and they end after it


def test_mbr_chooses_the_candidate_most_similar_to_the_others(run_nmt, reverser):
    words = ["--model", reverser, "--sample", "--mbr", "chrf", "--candidates", 30, "--temperature", "1.5"]
    assert out_of(run_nmt("translate", *words, stdin="ba de fi\nku la\n")) == ["fi de ba", "la ku"]


def test_with_attention_adds_attention(run_nmt, reverser):
    words = ["--model", reverser, "--format", "jsonl"]
    (plain,) = out_of(run_nmt("translate", *words, stdin="ba de\n"))
    (more,) = out_of(run_nmt("translate", *words, "--with-attention", "--constraint", "zu", stdin="ba de\n"))
    assert "attention" not in json.loads(plain)
    facts = json.loads(more)
    assert [len(row) for row in facts["attention"]] == [len(facts["source_pieces"])] * len(facts["tokens"])
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in facts["attention"])


def test_a_long_line_is_translated_in_parts(run_nmt, reverser, tmp_path):
    line = "ba de fi go ku la me ni po ru sa te vi"
    words = ["--model", reverser, "--split-long", "--longest", 6, "--format", "jsonl", "--with-attention"]
    stdin = f"{line}\nba de\n"
    long, short = map(json.loads, out_of(run_nmt("translate", *words, stdin=stdin)))
    assert short["text"] == "de ba"
    assert long["source"] == line
    assert long["text"] == "la ku go fi de ba te sa ru po ni me vi"
    assert long["source_words"], long["target_words"] == (line.split(), long["text"].split())
    links = [(line.split().index(word), column) for column, word in enumerate(long["text"].split())]
    assert sorted(map(tuple, long["alignment"])) == sorted(links)
    assert (len(long["attention"]), len(long["attention"][0])) == (len(long["tokens"]), len(long["source_pieces"]))
    assert long["log_prob"] == pytest.approx(sum(long["token_log_probs"]), abs=1e-4)
    lists = out_of(run_nmt("translate", *words[:5], "--n-best", 3, stdin=stdin))
    assert [line.split(" ||| ")[0] for line in lists] == ["0", "0", "0", "1", "1", "1"]


def test_a_very_long_line_is_translated(run_nmt, reverser, tmp_path):
    line = " ".join(WORDS * 400)
    words = ["--model", reverser, "--split-long", "--longest", 6, "--alignments", tmp_path / "links"]
    (text,) = out_of(run_nmt("translate", *words, stdin=line))
    assert len(text.split()) == 6000
    assert len((tmp_path / "links").read_text().split()) == 6000


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        ([], '{"source": 3}\n', "1 setting in standard input, line 1 cannot be used\n  source = 3   must be a valid"),
        ([], '\n{"source": "a", "constrants": []}\n', "line 2 cannot be used\n  constrants   no such setting; did you"),
        ([], '{"source": "a", "max_length": 0}\n', "  max_length = 0   must be at least 1\n"),
        ([], "ba de\n", "standard input, line 1 is not JSON: Expecting value at character 1\n  A line looks like {"),
        (
            [],
            "[" * 100_000 + "\n",
            "standard input, line 1 is JSON that cannot be read: maximum recursion depth exceeded",
        ),
        (
            [],
            '{"source": "a", "max_length": ' + "9" * 5000 + "}\n",
            "line 1 is JSON that cannot be read: Exceeds the lim",
        ),
        ([], '{"source": "a", "max_length": 999999999}\n', "max_length = 999999999   must be at most 10000\n"),
        (
            ["--split-long", "--longest", "3"],
            '{"source": "ba de", "max_length": 3}\n{"source": "ba de fi go", "constraints": ["ba"]}\n',
            "line 2 has more than 3 pieces, so it is split, and a line that is split cannot have constraints or",
        ),
        ([], "[1]\n", "standard input, line 1 is JSON, but not an object: [1]\n  A line looks like {"),
        (
            [],
            '{"source": "\\ud800 a"}\n',
            "standard input, line 1: '\\ud800 a' has half a character (a lone surrogate) at position 1\n",
        ),
        (
            [],
            '\n{"source": "a", "constraints": ["ﬁ"]}\n',
            "line 2: the constraint 'ﬁ' cannot be generated by this model; the nearest text is 'fi'\n",
        ),
        ([], '{"source": "a", "constraints": [" "]}\n', "line 1: the constraint ' ' is empty: it needs at least one"),
        ([], '{"source": "a", "banned": [" "]}\n', "line 1: the banned string ' ' is empty: it needs at least one"),
        (
            ["--ban", "at"],
            '{"source": "a", "prefix": "a cat"}\n',
            "line 1: the prefix 'a cat' contains 'at', which is banned\n  Leave out one of the two\n",
        ),
        (
            [],
            '{"source": "a", "max_length": 2, "constraints": ["ba", "de"]}\n',
            "line 1: a max_length of 2 is too small: prefix and constraints have 2 pieces, and the end counts as one\n",
        ),
        (
            ["--min-length", "9"],
            '{"source": "a", "max_length": 10}\n{"source": "a", "max_length": 9}\n',
            "line 2: a max_length of 9 is too small for a min_length of 9, because the end counts as one\n",
        ),
        (
            [],
            '{"source": "a"}\n{"source": " ", "prefix": "ba"}\n',
            "line 2: prefix and constraints cannot be met, because the source is empty, and its translation is, too\n",
        ),
        ([], '{"source": "", "constraints": ["ba"], "banned": ["de"]}\n', "line 1: prefix and constraints cannot be"),
        (["--with-attention"], "", "--with-attention has no effect without --format jsonl\n"),
        (
            ["--beam", "5", "--groups", "2"],
            "",
            "options cannot be used\n  2 groups cannot share a beam of 5 evenly: change --groups or --beam\n",
        ),
        (
            ["--sample", "--groups", "5"],
            "",
            "--groups applies to beam search: leave it out, or leave out --sample\n",
        ),
        (["--candidates", "6"], "", "a beam of 5 cannot find 6 candidates: raise --beam, or use --sample\n"),
        (["--top-p", "0"], "", "top_p = 0.0   must be above 0\n"),
    ],
)
def test_requests_that_cannot_be_met_raise_an_error(run_nmt, reverser, words, stdin, message):
    done = run_nmt("translate", "--model", reverser, "--input-format", "jsonl", *words, stdin=stdin)
    assert (done.code, done.stdout.count("\n")) == (2, max(0, stdin.count("\n") - 1))  # the lines before
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_what_every_translation_contains_is_not_asked_of_empty_lines(run_nmt, reverser, form):
    words = ["translate", "--model", reverser, "--prefix", "ku", "--constraint", "zu", "--ban", "de"]
    lines = ["", "\u200b"] if form == "text" else ["", '{"source": " ", "banned": ["ba"], "max_length": 3}']
    done = run_nmt(*words, "--input-format", form, stdin="\n".join([*lines, ""]))
    assert (done.code, done.stdout.split(), done.stdout.count("\n")) == (0, [], 2), done.stderr


def test_a_translator_accepts_requests(reverser):
    translator = nmt.Translator.load(reverser)
    first, second = translator.translate([Request("ba de", constraints=("zu",)), "ku la"], no_repeat=2)
    assert "zu" in first.text.split()
    assert second.text == "la ku"


def test_keep_symbols_requires_placeholders(run_nmt, tmp_path):
    """A symbol stays one piece through preparing, training and translating, and can be required or banned as a word."""
    random = Random(1)
    pairs = [(line, line) for line in (" ".join(random.choices(["ba", "de", "<x1>"], k=3)) for _ in range(400))]
    data = {"source_lang": "a", "target_lang": "b", "vocab_size": 268, "symbols": ("<x1>",)}
    nmt.prepare(train=pairs, valid=pairs[:5], out=tmp_path / "data", **data)
    fit = REVERSER.train.model_copy(update={"max_epochs": 12})
    nmt.train(tmp_path / "data", tmp_path / "run", REVERSER.model_copy(update={"train": fit}), device="cpu")
    words = ["translate", "--model", tmp_path / "run"]
    (found,) = out_of(run_nmt(*words, "--format", "jsonl", stdin="ba <x1> de\n"))
    facts = json.loads(found)
    assert facts["source_pieces"].count("<x1>") == facts["tokens"].count("<x1>") == 1
    assert facts["text"] == "ba <x1> de"
    assert "<x1>" in out_of(run_nmt(*words, "--constraint", "<x1>", stdin="ba de\n"))[0]
    four = "<x1> ba <x1> <x1> de de ba <x1>\n"  # longer than what it was trained on
    (kept,) = out_of(run_nmt(*words, "--keep-symbols", "--max-length-ratio", "1", stdin=four))
    assert kept.count("<x1>") == 4
    (once,) = out_of(run_nmt(*words, "--keep-symbols", "--constraint", "<x1>", stdin="<x1> ba\n"))
    assert once.count("<x1>") == 1
    assert "<x1>" not in out_of(run_nmt(*words, "--ban", "<x1>", stdin="ba <x1> de\n"))[0]
