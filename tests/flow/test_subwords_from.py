"""`nmt prepare --subwords-from`: another corpus with the subword models of a run or of a prepared folder."""

import json

import pytest

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.errors import UsageError
from nmt.text.subword import Subword

LINES = {"da": "en hund ser en kat og en ko", "fo": "ein hundur sær eina kettu og eina kúgv"}


def write_pairs(folder, name, lines):
    for language, line in lines.items():
        (folder / f"{name}.{language}").write_text("".join(f"{line} {word}\n" for word in line.split() * 3))
    return folder / name


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Pairs, and pairs of another domain with the letters x and ð, which the first have not."""
    folder = tmp_path_factory.mktemp("danish")
    write_pairs(folder, "general", LINES)
    write_pairs(folder, "valid", LINES)
    write_pairs(folder, "other", {"da": "en axe ser en hund", "fo": "ein ðað sær xein hund"})
    return folder


@pytest.fixture(scope="module")
def make_general(corpus, tmp_path_factory):
    """`make_general(normalize="nfkc")`: the folder of the general corpus, prepared with these settings."""

    def make(**settings):
        out = tmp_path_factory.mktemp("general") / "prepared"
        texts = corpus / "general", corpus / "valid"
        return nmt.prepare(*texts, out, source_lang="da", target_lang="fo", **{"vocab_size": 280} | settings)

    return make


@pytest.fixture(scope="module")
def general(make_general):
    return make_general(source_vocab_size=275)


@pytest.fixture
def prepare(run_nmt, corpus, tmp_path):
    """`prepare(models, words…)`: prepare the other corpus with the subword models of a folder."""

    def run(models, *words, source="da", target="fo"):
        languages = ("--source-lang", source, "--target-lang", target)
        texts = ("--train", corpus / "other", "--valid", corpus / "valid")
        out = ("--out", tmp_path / "out")
        return run_nmt("prepare", *languages, *texts, *out, "--subwords-from", models, *words)

    return run


def read_fingerprints(prepared):
    return prepared.source_subword.fingerprint, prepared.target_subword.fingerprint


def test_the_models_are_those_of_the_folder_and_unknown_characters_are_counted(prepare, general, tmp_path):
    done = prepare(general.path)
    assert (done.code, done.stdout) == (0, "")
    *lines, _ = done.stderr.splitlines()
    pairs = 3 * 5
    assert lines == [
        f"subword models of {general.path}: 275 pieces for da, 280 for fo",
        f"train: {pairs} pairs, {pairs} kept; dropped: none",
        "valid: 24 pairs",
        f"train: characters without a piece in these models: {pairs + 3} of da, {3 * pairs + 3 * 3} of fo",
    ]
    made = PreparedCorpus.open(tmp_path / "out")
    assert read_fingerprints(made) == read_fingerprints(general)
    assert made.read_raw_lines("valid", "target") == general.read_raw_lines("valid", "target")
    settings = made.manifest.settings
    assert settings["subwords_from"] == str(general.path)
    assert (settings["source_vocab_size"], settings["target_vocab_size"]) == (275, 280)
    assert not {"character_coverage", "sample_lines", "seed"} & settings.keys()  # which trained no model here


def test_known_text_has_no_unknown_characters(run_nmt, corpus, general, tmp_path):
    languages = ("--source-lang", "da", "--target-lang", "fo", "--subwords-from", general.path)
    texts = ("--train", corpus / "general", "--valid", corpus / "valid")
    done = run_nmt("prepare", *languages, "--tsv", write_table(tmp_path), *texts[2:], "--out", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert "\nevery character has a piece in these models\n" in done.stderr


def write_table(folder):
    (folder / "pairs.tsv").write_text("en ko\tein kúgv\n" * 5)
    return folder / "pairs.tsv"


@pytest.mark.parametrize("direction", [("da", "fo"), ("fo", "da")])
def test_a_run_has_models_for_both_directions(prepare, general, tmp_path, direction):
    small = {"embedding_size": 4, "encoder_size": 4, "decoder_size": 4, "attention_size": 4, "readout_size": 4}
    train = {"max_updates": 1, "compile": False, "threads": 1}
    settings = nmt.settings.RunSettings.model_validate({"model": small, "train": train})
    nmt.train(general.path, tmp_path / "run", settings, device="cpu")
    done = prepare(tmp_path / "run", source=direction[0], target=direction[1])
    assert done.code == 0, done.stderr
    made = PreparedCorpus.open(tmp_path / "out")
    step = 1 if direction == ("da", "fo") else -1
    assert read_fingerprints(made) == read_fingerprints(general)[::step]
    sizes = dict(zip(direction, (275, 280)[::step], strict=True))
    told = ", ".join([f"{sizes[direction[0]]} pieces for {direction[0]}", f"{sizes[direction[1]]} for {direction[1]}"])
    assert done.stderr.startswith(f"subword models of {tmp_path / 'run'}: {told}\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"subword": "bpe", "joint": True, "normalize": "nfkc", "symbols": ("<x>", "en ko")},
        {"normalize": "identity", "byte_fallback": False, "vocab_size": 22},
        {"normalize": "nmt_nfkc", "subword": "bpe", "symbols": ("ø",)},
    ],
)
def test_settings_of_the_models_are_found_stored_and_may_be_given(prepare, make_general, tmp_path, settings):
    models = make_general(**settings)
    words = []
    for name, value in settings.items():
        if name == "symbols":
            words += [word for symbol in value for word in ("--symbol", symbol)]
        elif isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{name.replace('_', '-')}")
        else:
            words += [f"--{name.replace('_', '-')}", value]
    done = prepare(models.path, *words)
    assert done.code == 0, done.stderr
    made = PreparedCorpus.open(tmp_path / "out")
    assert read_fingerprints(made) == read_fingerprints(models)
    assert made.manifest.joint == settings.get("joint", False)
    stored = {name: made.manifest.settings[name] for name in settings}
    assert stored == {name: list(value) if name == "symbols" else value for name, value in settings.items()}
    if settings.get("joint"):
        assert done.stderr.startswith(f"subword model of {models.path}: 280 pieces for da and fo\n")


def test_options_that_contradict_the_models_are_all_named(prepare, general, tmp_path):
    words = (
        "--vocab-size",
        280,
        "--joint",
        "--subword",
        "bpe",
        "--symbol",
        "<x>",
        "--seed",
        2,
    )
    done = prepare(general.path, *words, "--max-length", 90)
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: these options do not fit the subword models of {general.path}\n"
        "  --vocab-size 280   the models have 275 and 280 pieces\n"
        "  --joint   the models have --no-joint\n"
        "  --subword bpe   the models have --subword unigram\n"
        "  --symbol <x>   the models have none\n"
        "  --seed 2   has no effect: no models are trained\n"
        "  Leave them out. Or leave out --subwords-from, to train other models\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_python_caller_reads_arguments(corpus, general, tmp_path):
    words = {"source_lang": "da", "target_lang": "fo", "subwords_from": general.path}
    with pytest.raises(
        UsageError, match=r"\n  byte_fallback=False   the models have byte_fallback=True\n.*leave out subwords_from"
    ):
        nmt.prepare(corpus / "other", corpus / "valid", tmp_path / "out", byte_fallback=False, **words)


def test_other_languages_and_other_folders_are_refused(prepare, corpus, general, tmp_path):
    done = prepare(general.path, source="da", target="nn")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {general.path} has subword models for da and fo, and this corpus is in da and nn\n"
        "  --subwords-from names a run or a prepared folder of the same languages\n"
    )
    done = prepare(corpus)
    message = "is neither a run nor a prepared folder\n  Name a folder that `nmt train` or `nmt prepare` has written\n"
    assert (done.code, done.stderr) == (2, f"nmt: error: {corpus} {message}")
    assert prepare(tmp_path / "none").stderr.startswith(f"nmt: error: {tmp_path / 'none'} does not exist\n")


def test_a_damaged_model_is_refused(prepare, make_general, tmp_path):
    models = make_general(source_vocab_size=275)
    other = Subword.read(models.path / "target.model").model_bytes
    (models.path / "source.model").write_bytes(other)
    done = prepare(models.path)
    assert done.code == 2
    assert "source.model" in done.stderr
    assert not (tmp_path / "out").exists()


def test_inspect_names_the_folder(run_nmt, prepare, general, tmp_path):
    prepare(general.path)
    facts = run_nmt("inspect", tmp_path / "out").stdout
    assert f"    subwords_from = {general.path}\n" in facts
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]["subword"] == "unigram"
