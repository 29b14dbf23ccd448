"""Settings from every place they may come from, and what is said of those that cannot be used."""

import os
import tomllib

import numpy as np
import pytest

from nmt.errors import SettingsError, did_you_mean
from nmt.settings import (
    PrepareSettings,
    RunSettings,
    SearchSettings,
    TrainSettings,
    check,
    list_recipes,
    parse_override,
    resolve_settings,
    to_toml,
)


def test_later_settings_override_earlier_ones(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[train]\nwarmup = 5\nclip = 2.0\n")
    settings = resolve_settings("sample", file, ["train.clip=3", "model.attention=luong-dot"])
    assert (settings.train.warmup, settings.train.clip, settings.model.attention) == (5, 3.0, "luong-dot")
    assert settings.model.embedding_size == 128  # of the recipe
    assert settings.search.beam == 5  # the default


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_can_be_used(name):
    assert resolve_settings(name, None, []) != RunSettings()


def test_written_settings_are_read_back_and_have_descriptions():
    settings = resolve_settings(None, None, ["train.learning_rate=1e-5", "model.dropout=0.25"])
    text = to_toml(settings)
    assert check(RunSettings, tomllib.loads(text), "text") == settings
    assert "beam = 5  # hypotheses kept for each sentence; 1 is greedy search" in text


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("train.clip=0.5", {"train": {"clip": 0.5}}),
        ("train.metric = bleu", {"train": {"metric": "bleu"}}),
        ('train.metric="bleu"', {"train": {"metric": "bleu"}}),
        ("model.layer_norm=true", {"model": {"layer_norm": True}}),
    ],
)
def test_overrides_are_read_as_toml_or_as_strings(word, meaning):
    assert parse_override(word) == meaning


@pytest.mark.parametrize("word", ["clip=3", "train.clip", "train.=3", "="])
def test_overrides_of_another_form_raise_an_error(word):
    with pytest.raises(SettingsError, match=r"is not section\.key=value"):
        parse_override(word)


@pytest.mark.parametrize(
    ("name", "value"),
    [("beam", np.int64(3)), ("beam", np.uint8(3)), ("alpha", np.float32(0.5)), ("alpha", np.int64(1))],
)
def test_numbers_may_be_those_of_numpy(name, value):
    [found] = check(SearchSettings, {name: value}, "the search options").model_dump(include={name}).values()
    assert (found, type(found)) == (value, int if name == "beam" else float)
    assert check(RunSettings, {"search": {name: value}}, "settings").search == SearchSettings(**{name: found})


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("beam", "3", '"3"   must be a valid integer'),
        ("beam", np.str_("3"), '"3"   must be a valid integer'),
        ("beam", True, "true   must be a valid integer"),
        ("beam", np.True_, "np.True_   must be a valid integer"),
        ("beam", np.float64(3), "3.0   must be a valid integer"),
        ("beam", np.array(3), "array(3)   must be a valid integer"),
        ("beam", np.int64(0), "0   must be at least 1"),
        ("beam", b"3", "b'3'   must be a valid integer"),
        ("alpha", "0.5", '"0.5"   must be a valid number'),
        ("sample", np.int64(1), "1   must be true or false"),
    ],
)
def test_values_of_other_types_are_shown_as_they_are(name, value, shown):
    with pytest.raises(SettingsError) as caught:
        check(SearchSettings, {name: value}, "the search options")
    assert str(caught.value) == f"1 setting in the search options cannot be used\n  {name} = {shown}"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("train.compile=True", 'train.compile = "True"   not one of auto, true, false; did you mean "true"?'),
        ("train.compile=2", "train.compile = 2   not one of auto, true, false"),
        ("train.sample_source=1e308", "train.sample_source = 1e+308   must be at most 1000"),
        ("train.sample_target=1001", "train.sample_target = 1001   must be at most 1000"),
        ("search.min_length=10001", "search.min_length = 10001   must be at most 10000"),
        ("search.no_repeat=10001", "search.no_repeat = 10001   must be at most 10000"),
    ],
)
def test_a_setting_is_one_problem_and_absurd_numbers_are_refused(override, problem):
    with pytest.raises(SettingsError) as caught:
        resolve_settings(overrides=[override])
    assert str(caught.value) == f"1 setting in overrides cannot be used\n  {problem}"


def test_one_string_in_place_of_several_is_refused():
    with pytest.raises(SettingsError, match="overrides is one string, and must be several\n  For a single one write: "):
        resolve_settings(overrides="search.beam=3")


def test_a_message_lists_all_problems():
    words = ["model.attention=loung-general", "train.label_smoothing=1.2", "train.max_toknes=3", "train.warmup=1.5"]
    with pytest.raises(SettingsError) as caught:
        resolve_settings(None, None, words)
    head, *lines = str(caught.value).splitlines()
    assert head == "4 settings in overrides cannot be used"
    told = {" ".join(line.split()) for line in lines}
    assert told == {
        'model.attention = "loung-general" not one of bahdanau, luong-dot, luong-general, luong-concat, '
        'luong-location, scaled-dot, none; did you mean "luong-general"? If not, register it first: import the module '
        "that calls register_attention",
        "train.label_smoothing = 1.2 must be below 1",
        'train.max_toknes no such setting; did you mean "max_tokens"?',
        "train.warmup = 1.5 must be a valid integer",
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["attention=luong-dot", "decoder_size=8"],
            "luong-dot needs decoder_size to be twice encoder_size, not 8 and 256",
        ),
        (['mix=["luong-dot"]', "decoder_size=8"], "luong-dot needs decoder_size to be twice encoder_size"),
        (["attention=none", "heads=2"], 'attention = "none" has no weights: leave out heads, window, normalizer,'),
        (["attention=none", "coverage=neural"], 'attention = "none" has no weights'),
        (['mix=["luong-concat"]'], "mix names an attention twice"),
        (['mix=["luong-dot", "luong-dot"]', "mix_window=monotonic"], "mix names an attention twice"),
        (["mix_window=monotonic"], "mix_window applies to the attentions in mix, and mix is empty"),
        (
            ["heads=3"],
            "3 heads cannot share twice encoder_size, which is 512, evenly; 3 heads cannot share attention_size",
        ),
        (["attention=luong-general", "heads=3", "encoder_size=3"], "3 heads cannot share decoder_size, which is 512"),
        (["encoder_heads=3"], "3 encoder_heads cannot share twice encoder_size, 512, evenly"),
        (
            ["encoder_layers=0"],
            "without encoder_layers, embedding_size needs to be twice encoder_size, not 256 and 256",
        ),
        (
            ["encoder_layers=0", "embedding_size=512", "encoder_cell=mingru"],
            "without encoder_layers there is no mingru: leave encoder_cell out",
        ),
        (
            ["encoder_layers=0", "embedding_size=512", "encoder_transitions=1"],
            "without encoder_layers there are no encoder_transitions: leave encoder_transitions out",
        ),
        (
            ["attention=none", "bridge=zeros"],
            'attention = "none" with bridge = "zeros" hides the source from the decoder: change one',
        ),
        (["attention=none", "lexical=true"], 'attention = "none" attends to no words: leave lexical out'),
        (["encoder_transitions=1", "encoder_cell=lrn"], "encoder_transitions need encoder_cell to be gru, not lrn"),
        (["decoder_transitions=-1"], "model.decoder_transitions = -1 must be at least 0"),
        (["encoder_transitions=-1"], "model.encoder_transitions = -1 must be at least 0"),
        (["encoder_cell=sru"], 'model.encoder_cell = "sru" not one of gru, mingru, lrn'),
        (["decoder_layers=0"], "model.decoder_layers = 0 must be at least 1"),
        (["residual=true"], "residual connects stacked layers, and neither side has two: raise encoder_layers or "),
        (['mix=["luong-dott"]'], 'did you mean "luong-dot"?'),
        (
            ['mix=["none"]'],
            'mix = "none" not one of bahdanau, luong-dot, luong-general, luong-concat, luong-location, scaled-dot; '
            "register it first: import the module that calls register_attention",
        ),
        (["attention=cosine"], "scaled-dot, none; register it first: import the module that calls register_attention"),
        (["window_width=0"], "model.window_width = 0 must be at least 1"),
    ],
)
def test_parts_of_attention_that_do_not_fit_raise_an_error(words, problem):
    with pytest.raises(SettingsError) as caught:
        resolve_settings(None, None, [f"model.{word}" for word in words])
    assert problem in " ".join(str(caught.value).split())


@pytest.mark.parametrize("words", [['mix=["luong-dot"]', "attention=luong-dot", "mix_window=predictive"], ["heads=4"]])
def test_parts_of_attention_that_fit_are_accepted_and_written(words):
    settings = resolve_settings(None, None, [f"model.{word}" for word in words])
    assert settings.model.is_composite
    assert check(RunSettings, tomllib.loads(to_toml(settings)), "text") == settings


def test_a_section_that_does_not_exist_raises_an_error():
    with pytest.raises(SettingsError, match=r'modle   no such setting; did you mean "model"\?'):
        resolve_settings(None, None, ["modle.dropout=0.1"])
    with pytest.raises(SettingsError, match="1 setting in"):
        check(RunSettings, {"model": 3}, "a test")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("train.decoder_layers=2", 'train.decoder_layers   no such setting; did you mean "model.decoder_layers"?'),
        ("search.clip=2", 'search.clip   no such setting; did you mean "train.clip"?'),
        ("model.seed=2", 'model.seed   no such setting; did you mean "train.seed" or "search.seed"?'),
        ("model.encoder_cel=gru", 'model.encoder_cel   no such setting; did you mean "encoder_cell"?'),
        ("model.encoder_cell=GRU", 'model.encoder_cell = "GRU"   not one of gru, mingru, lrn; did you mean "gru"?'),
        ("beam = 3", '^"beam = 3" is not section.key=value; did you mean "search.beam"?\n  For example: overrides=['),
        ("beem=3", '^"beem=3" is not section.key=value\n  For example: '),
        ("beam", '^"beam" is not section.key=value\n  For example: '),
    ],
)
def test_the_nearest_right_name_is_in_the_message(word, message):
    with pytest.raises(SettingsError) as caught:
        resolve_settings(overrides=[word])
    is_whole = message.startswith("^")
    assert (str(caught.value).startswith if is_whole else str(caught.value).__contains__)(message.removeprefix("^"))


def test_a_file_that_is_not_toml_raises_an_error(tmp_path):
    (tmp_path / "bad.toml").write_text("warmup 5")
    with pytest.raises(SettingsError, match="is not TOML"):
        resolve_settings(None, tmp_path / "bad.toml", [])
    (tmp_path / "latin.toml").write_bytes(b"# f\xfcr\n")
    with pytest.raises(
        SettingsError, match=r"latin\.toml is not TOML: 'utf-8' codec can't decode byte 0xfc in position 3"
    ):
        resolve_settings(None, tmp_path / "latin.toml", [])
    with pytest.raises(SettingsError, match=r'lating\.toml does not exist; did you mean "latin\.toml"\?$'):
        resolve_settings(None, tmp_path / "lating.toml", [])


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        TrainSettings().warmup = 3


@pytest.mark.parametrize(
    ("word", "tail"),
    [
        ("beem", '; did you mean "beam"?'),
        ("CLIP", '; did you mean "clip"?'),
        ("LR", '; did you mean "learning_rate"?'),
        ("xyz", ""),
    ],
)
def test_the_most_similar_name_is_suggested(word, tail):
    assert did_you_mean(word, ["beam", "clip", "learning_rate"]) == tail


@pytest.mark.parametrize("value", ["inf", "nan", "1e999"])
@pytest.mark.parametrize("name", ["train.learning_rate", "search.alpha", "search.max_length_ratio"])
def test_settings_are_finite(name, value):
    with pytest.raises(SettingsError, match=name):
        resolve_settings(None, None, [f"{name}={value}"])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"character_coverage": 0.9}, "character_coverage = 0.9 must be at least 0.98"),  # SentencePiece's own bound
        ({"symbols": ["<a>", ""]}, 'symbols = "" must have at least 1 character'),
    ],
)
def test_values_that_sentencepiece_does_not_accept_raise_an_error(settings, problem):
    with pytest.raises(SettingsError) as caught:
        check(PrepareSettings, settings, "prepare")
    assert problem in " ".join(str(caught.value).split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nwarmup = " + "3" * 8000, "is not TOML: Exceeds the limit"),
        ("[train]\nwarmup = " + "[" * 200_000, "its brackets are nested too deep"),
        ("[model]\nheads = {a=" * 30_000, "is not TOML"),
        ("\0", "is not TOML"),
        (b"[train]\nclip = \xff", "is not TOML: 'utf-8' codec can't decode byte 0xff in position 15"),
        (b"#" * 2**25, "it has more than 16,777,216 bytes"),
    ],
)
def test_a_file_that_is_no_settings_file_is_named(tmp_path, text, message):
    path = tmp_path / "my.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=message) as caught:
        resolve_settings(None, path, [])
    assert str(caught.value).startswith(f"{path} ")
    assert len(str(caught.value)) < len(str(path)) + 200


def test_a_pipe_is_not_read_as_settings(tmp_path):
    os.mkfifo(tmp_path / "my.toml")
    with pytest.raises(SettingsError, match="it is not a regular file"):
        resolve_settings(None, tmp_path / "my.toml", [])


def test_many_wrong_settings_are_counted(tmp_path):
    (tmp_path / "my.toml").write_text("[train]\n" + "".join(f"x{number} = 1\n" for number in range(3000)))
    with pytest.raises(SettingsError, match=r"^3,000 settings in ") as caught:
        resolve_settings(None, tmp_path / "my.toml", [])
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (1 + 50 + 1, "  and 2,950 more")


def test_a_long_value_is_cut_in_a_message():
    for value, shown in [(10**5000, "int that is too large to show"), ("x" * 900, '"' + "x" * 58 + "…")]:
        with pytest.raises(SettingsError) as caught:
            check(TrainSettings, {"warmup": value}, "a test")
        assert f"warmup = {shown}   must be" in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("name", "most"), [("alpha", 100), ("beta", 1000), ("diversity", 1000)])
def test_weights_of_search_are_limited_so_that_scores_are_finite(name, most):
    assert getattr(resolve_settings(None, None, [f"search.{name}={most}"]).search, name) == most
    with pytest.raises(SettingsError, match=f"must be at most {most}"):
        resolve_settings(None, None, [f"search.{name}=1e4"])
