"""What Python callers pass: iterators are read once, and a wrong value gets a message before any work is done."""

import math
import re

import numpy as np
import pytest

import nmt
from nmt.errors import DataError, NmtError, RegistrationError, SettingsError, UsageError


@pytest.fixture(scope="module")
def translator(reverser):
    return nmt.load(reverser)


def check_messages(cases):
    """Each case is a call, its error and the beginning of the message."""
    for number, (call, error, message) in enumerate(cases):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value).startswith(message), number


@pytest.mark.parametrize("make", [list, tuple, iter, lambda texts: map(str, texts), lambda texts: filter(None, texts)])
def test_a_request_keeps_what_any_iterable_gives(make):
    request = nmt.Request("ba", constraints=make(["de", "fi"]), banned=make(["ku"]))
    assert (request.constraints, request.banned) == (("de", "fi"), ("ku",))
    assert request == nmt.Request("ba", constraints=("de", "fi"), banned=("ku",))
    assert len({request, nmt.Request("ba")}) == 2


def test_constraints_of_an_iterator_are_met(translator):
    request = nmt.Request("ba de", constraints=(word for word in ["ku"]), banned=iter(["ba"]))
    [found] = translator.translate([request])
    assert "ku" in found.text.split()
    assert "ba" not in found.text


@pytest.mark.parametrize("value", [10**9, 10_001, 0, -1, True, "3", 2.0])
def test_a_max_length_has_the_bounds_of_a_line_of_json(value):
    message = rf"^max_length={re.escape(repr(value))} must be a whole number from 1 to 10,000$"
    with pytest.raises(UsageError, match=message):
        nmt.Request("ba", max_length=value)
    assert nmt.Request("ba", max_length=10_000).max_length == 10_000


def test_constraints_are_several_strings():
    for name in ("constraints", "banned"):
        for value in (None, 3):
            with pytest.raises(DataError, match=rf"^{name} is \w+, and must be several, such as a list$"):
                nmt.Request("ba", **{name: value})


def test_iterators_are_scored_and_evaluated(reverser):
    [score] = nmt.score(iter(["ba de fi ku"]), [iter(["x"]), iter(["ba de fi ku"])], (one for one in ["bleu"]))
    assert score.score == pytest.approx(100)
    found = nmt.evaluate(reverser, iter(["ba de fi go"]), iter(["go fi de ba"]), (one for one in ["bleu", "ter"]))
    assert [one.name for one in found.scores] == ["BLEU", "TER"]


def test_scores_have_messages_for_wrong_values():
    one = ["a"]
    check_messages(
        [
            (lambda: nmt.score(["\ud800"], one), DataError, "translation 1 has half a character (a lone surrogate)"),
            (lambda: nmt.score(one, ["\ud800"]), DataError, "reference 1 has half a character (a lone surrogate)"),
            (lambda: nmt.score(None, one), DataError, "hypotheses is NoneType, and must be several"),
            (lambda: nmt.score(one, [one, 5]), DataError, "references[1] is int, and must be several"),
            (lambda: nmt.score(one, one, [None]), UsageError, "one of metrics is NoneType, not a string"),
            (lambda: nmt.score(one, one, lowercase="yes"), UsageError, "lowercase='yes' must be True or False"),
            (lambda: nmt.score(one, one, samples=2.5), UsageError, "samples=2.5 must be a whole number of at least 1"),
            (lambda: nmt.score(one, one, samples=500), UsageError, "samples=500 has no effect without confidence=True"),
            (lambda: nmt.score(one, one, language=5), UsageError, "language is int, not a string: '5'"),
            (lambda: nmt.score(one, one, tokenize=None), UsageError, "tokenize is NoneType, not a string"),
            (
                lambda: nmt.score(one, one, progress=print),
                UsageError,
                "progress is builtin_function_or_method, and must",
            ),
        ]
    )


def test_evaluate_refuses_before_it_translates(reverser, monkeypatch):
    monkeypatch.setattr("nmt.scoring.evaluate_runs", None)

    def evaluate(*arguments, **options):
        return lambda: nmt.evaluate(reverser, *arguments, **options)

    one = ["ba"]
    check_messages(
        [
            (evaluate(one, ["a", "b"]), DataError, "1 translation cannot be scored against 2 lines"),
            (evaluate([], []), DataError, "there are no lines to score"),
            (evaluate([None], one), DataError, "source 1 is NoneType, not a string: 'None'"),
            (evaluate(["\ud800"], one), DataError, "source 1 has half a character (a lone surrogate) at position 1"),
            (evaluate(one, ["\ud800"]), DataError, "reference 1 has half a character (a lone surrogate) at position 1"),
            (evaluate(one, [None]), DataError, "line 1 has no reference"),
            (evaluate(one, one, ["blue"]), UsageError, 'there is no metric "blue"; did you mean "bleu"?'),
            (evaluate(one, one, tokenize="x"), UsageError, 'there is no tokenizer "x"'),
            (evaluate(one, [one, one], ["f1"]), UsageError, "accuracy and f1 need one reference, and there are 2"),
            (evaluate(one, one, batch_size=0), UsageError, "batch_size=0 must be a whole number of at least 1"),
            (evaluate(one, one, confidence=True, samples=1), UsageError, "samples=1 is too small"),
            (evaluate(one, one, samples=500), UsageError, "samples=500 has no effect without confidence=True"),
            (lambda: nmt.evaluate(None, one, one), UsageError, "model is NoneType, and must be the path of a run"),
        ]
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("\ud800", " has half a character (a lone surrogate) at position 1"),
        (None, " is NoneType, not a string: 'None'"),
        (3.5, " is float, not a string: '3.5'"),
        (nmt.Request("ba"), " is Request, not a string: \"Request(source='ba'"),
    ],
)
def test_lines_to_align_are_texts(reverser, line, message):
    good = ["ba", "de"]
    check_messages(
        [
            (lambda: nmt.align(reverser, ["ba", line], good), DataError, f"source 2{message}"),
            (lambda: nmt.align(reverser, good, ["ba", line]), DataError, f"target 2{message}"),
            (lambda: nmt.align_texts(["ba", line], good), DataError, f"source 2{message}"),
            (lambda: nmt.align_texts(good, ["ba", line]), DataError, f"target 2{message}"),
        ]
    )


def test_options_of_links_are_checked(reverser, translator):
    [found] = translator.translate(["ba de"])
    for value in (0, -1, 1.5):
        with pytest.raises(UsageError, match=rf"^batch_size={value} must be a whole number of at least 1$"):
            nmt.align(reverser, ["ba"], ["ba"], batch_size=value)
    for value in (-100, 2, "a"):
        for call in (found.links, lambda offset: nmt.align(reverser, ["ba"], ["ba"], offset=offset)):
            with pytest.raises(UsageError, match=rf"^offset={value!r} must be a whole number from 0 to 1$"):
                call(offset=value)
    for call in (found.links, lambda threshold: nmt.align(reverser, ["ba"], ["ba"], threshold=threshold)):
        for value in (-1, 0, 0.0, 2, math.nan, np.float32(0)):
            message = rf"^a threshold of {value} is impossible\n  It is above 0, and at most 1$"
            with pytest.raises(UsageError, match=message):
                call(threshold=value)
        for value in ("0.5", True, [0.5]):
            message = f"threshold is {type(value).__name__}, not a number: {str(value)!r}"
            with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
                call(threshold=value)
    assert found.links(threshold=1.0, offset=1).keys() <= found.links(threshold=0.01, offset=1).keys()
    assert found.links(threshold=np.float32(0.5)) == found.links(threshold=0.5)


def test_both_directions_are_symmetrised_and_no_single_one(reverser):
    """As on the command line."""
    message = r"^symmetrise='union' combines two directions: name a run of the opposite direction with reverse$"
    with pytest.raises(UsageError, match=message):
        nmt.align(reverser, ["ba"], ["ba"], symmetrise="union")


def test_one_path_may_stand_for_several(tmp_path, reverser, tiny_prepared, tiny_corpus):
    """What is no path is refused."""
    out, langs = tmp_path / "out", {"source_lang": "a", "target_lang": "b"}
    texts = (tiny_corpus / "train", tiny_corpus / "valid", out)
    (tmp_path / "a.txt").write_text("ba\n")
    missing = str(tmp_path / "missing")
    check_messages(
        [
            (lambda: nmt.prepare(*texts, **langs, train_alignments=missing), DataError, f"{missing} does not exist"),
            (lambda: nmt.prepare(*texts, **langs, synthetic=missing), DataError, f"{missing}.a does not exist"),
            (lambda: nmt.distill(tiny_prepared, out, source_text=[3]), UsageError, "one of source_text is int, not a"),
            (lambda: nmt.distill(tiny_prepared, out, target_text=3), DataError, "target_text is int, and must be"),
            (lambda: nmt.distill(tiny_prepared, out, None), DataError, "model is NoneType, and must be several"),
            (
                lambda: nmt.prepare(*texts, **langs, train_alignments=[None]),
                UsageError,
                "one of train_alignments is NoneType, not a path: 'None'",
            ),
            (
                lambda: nmt.translate_documents(reverser, 3, out),
                DataError,
                "files is int, and must be several, such as a list",
            ),
            (
                lambda: nmt.translate_documents(reverser, tmp_path / "a.txt", out, memory=[3]),
                UsageError,
                "one of memory is int, not a path: '3'",
            ),
        ]
    )
    assert not out.exists()


@pytest.mark.parametrize("processes", [0, -1, 1.0, True, "2"])
def test_processes_are_counted(tiny_prepared, reverser, tmp_path, processes):
    message = rf"^processes={processes!r} must be a whole number of at least 1$"
    for call in (
        lambda: nmt.train(tiny_prepared, tmp_path / "run", processes=processes),
        lambda: nmt.resume(tiny_prepared, reverser, processes=processes),
        lambda: nmt.tune(reverser, processes=processes),
        lambda: nmt.distill(tiny_prepared, tmp_path / "more", reverser, processes=processes),
    ):
        with pytest.raises(UsageError, match=message):
            call()
    assert not (tmp_path / "run").exists()


def test_other_counts_and_names_are_checked(tiny_prepared, reverser, tmp_path):
    pairs, out = [("a", "b")], tmp_path / "out"
    check_messages(
        [
            *(
                (
                    lambda n=n: nmt.prepare(pairs, pairs, out, source_lang="a", target_lang="b", workers=n),
                    UsageError,
                    start,
                )
                for n, start in ((0, "workers=0 must be a whole number"), (-3, "workers=-3 must be a whole number"))
            ),
            *(
                (
                    lambda name=name: nmt.prepare(pairs, pairs, out, source_lang=name, target_lang="b"),
                    UsageError,
                    f"source_lang={name!r} is no name of a language\n  It ends names of files, such as en",
                )
                for name in ("../x", "", "a\\b", "a\n")
            ),
            (
                lambda: nmt.prepare(pairs, pairs, out, source_lang="a", target_lang=None),
                UsageError,
                "target_lang is NoneType, not a string",
            ),
            (lambda: nmt.tune(reverser, threads=0), UsageError, "threads=0 must be a whole number of at least 1"),
            (lambda: nmt.tune(reverser, beams=()), UsageError, "beams has none, and one must be tried at least"),
            (lambda: nmt.tune(reverser, beams=5), DataError, "beams is int, and must be several, such as a list"),
            (lambda: nmt.tune(reverser, write="yes"), UsageError, "write='yes' must be True or False"),
            (lambda: nmt.distill(tiny_prepared, out, reverser, threads=-1), UsageError, "threads=-1 must be"),
            (lambda: nmt.distill(tiny_prepared, out, reverser, original=0.5), UsageError, "original=0.5 must be"),
            (lambda: nmt.distill(tiny_prepared, out, reverser, n_best=True), UsageError, "n_best=True must be"),
            (
                lambda: nmt.train(tiny_prepared, out, "small"),
                UsageError,
                "settings are str, and must be values by section",
            ),
            (
                lambda: nmt.resume(tiny_prepared, reverser, changes="x"),
                UsageError,
                "changes are str, and must be values",
            ),
            (
                lambda: nmt.train(tiny_prepared, out, {"train": 3}),
                SettingsError,
                "1 setting in settings cannot be used\n  train = 3   must be",
            ),
            (
                lambda: nmt.train(tiny_prepared, out, {"train.max_updates": 1}),
                SettingsError,
                '1 setting in settings cannot be used\n  train.max_updates   no such setting; write {"train": '
                '{"max_updates": …}}',
            ),
            (
                lambda: nmt.train(tiny_prepared, out, {"train": {"deterministic": "yes"}}),
                SettingsError,
                '1 setting in settings cannot be used\n  train.deterministic = "yes"   must be true or false',
            ),
            (
                lambda: nmt.settings.resolve_settings(overrides=[3]),
                SettingsError,
                "3 is int, not a string section.key=value",
            ),
            *(
                (
                    lambda name=name: nmt.register_attention(name, nmt.Attention, wiring="after"),
                    RegistrationError,
                    f"an attention cannot be registered as {name!r}: its name must be a word",
                )
                for name in ("", " ", 3, "two words", "nan", "true", "1", "-inf", "'quoted'")
            ),
        ]
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (None, {}, "model is NoneType, and must be the path of a run, or a list of such paths"),
        (b"run", {}, "model is bytes, and must be the path of a run, or a list of such paths"),
        (["run", 3], {}, "model is int, and must be the path of a run, or a list of such paths"),
        ("{run}", {"checkpoint": None}, "checkpoint is NoneType, not a string"),
        ("{run}", {"checkpoint": 3}, "checkpoint is int, not a string"),
        ("{run}", {"precision": None}, "precision is NoneType, not a string"),
        ("{run}", {"device": None}, "device is NoneType, not a string"),
    ],
)
def test_what_cannot_be_loaded_has_a_message(reverser, model, options, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        nmt.load(str(reverser) if model == "{run}" else model, **options)


def test_options_of_lines_have_messages(translator):
    def translate(lines=("ba",), **options):
        return lambda: translator.translate(lines, **options)

    check_messages(
        [
            (lambda: translator.n_best(["ba"], True), UsageError, "n_best=True must be a whole number of at least 1"),
            (translate(first="a"), UsageError, "first='a' must be a whole number of at least 0"),
            (translate(units=None), UsageError, "units are null, and must be a name or a pair of names"),
            (translate(units=("words",)), UsageError, 'units are ["words"], and must be a name or a pair of names'),
            (translate(units=("words", "odd")), UsageError, 'there are no units "odd"'),
            (translate(terms="g.tsv"), UsageError, "terms are str, not nmt.Terms: 'g.tsv'\n  Read a glossary by "),
            (translate(["ba", "\ud800"]), NmtError, "line 2 has half a character (a lone surrogate) at position 1"),
        ]
    )


def test_each_side_has_its_units(translator):
    [found] = translator.translate(["ba de"], units=("words", "characters"))
    assert (found.source_words, found.units) == (["ba", "de"], ("words", "characters"))
    assert all(len(unit) == 1 for unit in found.target_words)


def test_documents_refuse_options_without_effect(translator, reverser, tmp_path):
    (tmp_path / "a.txt").write_text("ba de\n", "utf-8")

    def translate(**options):
        return lambda: nmt.translate_documents(translator, tmp_path / "a.txt", tmp_path / "b.txt", **options)

    def translate_texts(texts=("ba",), **options):
        return lambda: nmt.translate_texts(translator, texts, "text", **options)

    common = [
        ({"units": "words"}, "units is an option of lines, and not of documents\n  Leave it out"),
        ({"n_best": 2}, "n_best is an option of lines, and not of documents\n  Leave it out"),
        ({"first": 2}, "first is an option of lines, and not of documents\n  Leave it out"),
        ({"terms": "g.tsv"}, "terms are str, not nmt.Terms: 'g.tsv'"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
        ({"progress": print}, "progress is builtin_function_or_method, and must be True, False or an nmt.Progress"),
    ]
    own = [
        ({"checkpoint": "last"}, "checkpoint='last' has no effect on a Translator, which is loaded already"),
        ({"device": "cpu"}, "device='cpu' has no effect on a Translator, which is loaded already"),
        ({"precision": "int8"}, "precision='int8' has no effect on a Translator, which is loaded already"),
        ({"memory_threshold": 500}, "memory_threshold=500 has no effect without memory"),
        ({"memory_threshold": 500, "memory": "a.tmx"}, "memory_threshold=500 must be a whole number from 1 to 100"),
    ]
    check_messages(
        [
            *((translate(**options), UsageError, message) for options, message in [*common, *own]),
            *(
                (lambda lines=lines: translator.translate(lines), TypeError, "lines must be an iterable of strings")
                for lines in (None, 5, "ba", b"ba", {"ba": 1}, nmt.Request("ba"))
            ),
            *((translate_texts(**options), UsageError, message) for options, message in common),
            (translate_texts(at_once=-1), UsageError, "at_once=-1 must be a whole number of at least 1"),
            (translate_texts([b"ba"]), DataError, "text 1 is bytes, not a string"),
            (translate_texts(["ba", None]), DataError, "text 2 is NoneType, not a string"),
            (translate_texts(None), TypeError, "texts must be an iterable of strings"),
        ]
    )
    assert not (tmp_path / "b.txt").exists()
    nmt.translate_documents(reverser, tmp_path / "a.txt", tmp_path / "b.txt", checkpoint="last", device="cpu")
    assert (tmp_path / "b.txt").read_text("utf-8").split()
