"""Recipes: which one is suggested for a corpus, what it needs, and how all are listed."""

import pytest
from support.corpora import SIZES

import nmt.recipes
from nmt.errors import SettingsError
from nmt.recipes import find_recipes, list_recipes, read_recipe
from nmt.settings import resolve_settings

RECIPES = {
    "quick": """[recipe]
description = "A thousand pairs of Malay and Tagalog, in the time of a coffee."
pairs = [900, 2_000]
joint = true
vocab_size = 290
score = "12.3 chrF"
minutes = 4.5
measured_pairs = 950

[model]
tie = "all"
""",
    "slow": "[recipe]\ndescription = 'Some'\npairs = [1000, 90_000]\nvocab_size = 296\n[train]\nmax_epochs = 90\n",
    "alone": "[recipe]\ndescription = 'For one corpus.'\nminutes = 1\n[train]\nclip = 2.0\n",
}


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """The program with RECIPES in place of its own."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name, text in RECIPES.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    monkeypatch.setattr(nmt.recipes, "FOLDER", folder)
    return folder


@pytest.fixture
def train(run_nmt, tiny_prepared, tmp_path, monkeypatch):
    """`train(words…)`: the command on the toy corpus, which trains nothing. -> its settings and standard error"""
    found = []
    monkeypatch.setattr("nmt.training_api.train", lambda data, out, settings, **options: found.append(settings))
    monkeypatch.setattr("nmt.training_api.resume", lambda *words, **options: found.append(None))

    def run(*words):
        done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", *words)
        assert done.code == 0, done.stderr
        return found.pop(), done.stderr

    return run


SUGGESTION = (
    "nmt: nmt train --recipe quick suits 1,000 pairs (4.5 minutes for 950 pairs on one core with AMX, up to "
    "four times as long on others); other recipes: slow\n"
    "  Its corpus is prepared with nmt prepare --joint --vocab-size 290\n"
)


def test_a_recipe_is_suggested_to_those_who_choose_nothing(recipes, train, run_nmt, tiny_corpus, tmp_path, monkeypatch):
    assert train()[1] == train("--max-epochs", "3", "--seed", "2")[1] == SUGGESTION
    (tmp_path / "my.toml").write_text("[train]\nclip = 1.0\n")
    for words in (["--set", "train.clip=1"], ["--config", tmp_path / "my.toml"], ["--from", "run"], ["--resume"]):
        assert train(*words)[1] == ""
    monkeypatch.setenv("RANK", "1")  # another process of torchrun
    assert train()[1] == ""


def test_prepare_suggests_it_while_the_vocabulary_can_be_chosen(recipes, run_nmt, tiny_corpus, tmp_path):
    words = ["prepare", "--source-lang", "a", "--target-lang", "b", "--valid", tiny_corpus / "valid"]
    done = run_nmt(*words, "--train", tiny_corpus / "train", "--vocab-size", "296", "--out", tmp_path / "two")
    assert (done.code, done.stderr.endswith(f" s\n{SUGGESTION}")) == (0, True)
    joint = ["--joint", "--vocab-size", "290"]
    done = run_nmt(*words, "--train", tiny_corpus / "train", *joint, "--out", tmp_path / "one")
    assert done.stderr.endswith(f" s\n{SUGGESTION.splitlines()[0]}\n")
    done = run_nmt(*words, "--train", tiny_corpus / "test", *joint, "--out", tmp_path / "few")
    assert done.code == 0
    assert "recipe" not in done.stderr  # none suits so few


@pytest.mark.parametrize(
    ("wanted", "options", "advice"),
    [  # the text supports 281 to 296 pieces on either side, and for both sides together
        (1000, [], "nmt prepare --joint"),  # there the size adapts to the text
        (1000, ["--joint"], ""),
        (1000, ["--joint", "--vocab-size", "296"], ""),
        (1000, ["--joint", "--vocab-size", "290"], "nmt prepare --joint"),
        (1000, ["--source-vocab-size", "285"], "nmt prepare --joint"),
        (290, [], "nmt prepare --joint --vocab-size 290"),
        (290, ["--joint"], "nmt prepare --joint --vocab-size 290"),
        (290, ["--joint", "--vocab-size", "290"], ""),
        (290, ["--vocab-size", "285"], "nmt prepare --joint --vocab-size 290"),
        (270, ["--vocab-size", "285"], "nmt prepare --joint"),  # there are too many characters
        (270, ["--joint"], ""),
    ],
)
def test_the_size_that_is_suggested_is_one_that_the_text_supports(
    recipes, run_nmt, tiny_corpus, tmp_path, wanted, options, advice
):
    (recipes / "quick.toml").write_text(RECIPES["quick"].replace("290", str(wanted)), "utf-8")
    words = ["prepare", "--source-lang", "a", "--target-lang", "b", "--valid", tiny_corpus / "valid"]
    done = run_nmt(*words, "--train", tiny_corpus / "train", "--out", tmp_path / "out", *options)
    expected = f"  Its corpus is prepared with {advice}\n" if advice else ""
    assert done.stderr.endswith(f" s\n{SUGGESTION.splitlines()[0]}\n{expected}")


def test_where_subwords_are_those_of_another_corpus_no_size_is_suggested(
    recipes, run_nmt, tiny_corpus, tiny_prepared, tmp_path
):
    words = ["prepare", "--source-lang", "a", "--target-lang", "b", "--valid", tiny_corpus / "valid"]
    words += ["--train", tiny_corpus / "train", "--subwords-from", tiny_prepared, "--out", tmp_path / "out"]
    assert run_nmt(*words).stderr.endswith(f" s\n{SUGGESTION.splitlines()[0]}\n")
    done = run_nmt("train", "--data", tmp_path / "out", "--out", "no", "--recipe", "quick")
    assert "\n  Prepare the corpus with nmt prepare --joint --vocab-size 290, or add" in done.stderr


def test_a_corpus_that_does_not_fit_is_refused_with_the_command_that_makes_it_fit(
    recipes, train, run_nmt, tiny_prepared
):
    done = run_nmt("train", "--data", tiny_prepared, "--out", "no", "--recipe", "quick")
    assert (done.code, done.stderr) == (
        2,
        f"nmt: error: the recipe quick needs one vocabulary for both languages, and {tiny_prepared} has two\n"
        "  Prepare the corpus with nmt prepare --joint --vocab-size 290, or add --set model.tie=target\n",
    )
    done = run_nmt("train", "--data", tiny_prepared, "--out", "no", "--recipe", "quick", "--set", "train.both_epochs=2")
    assert done.stderr.endswith(", or add --set model.tie=target --set train.both_epochs=0\n")
    words = ["--recipe", "quick", "--set", "train.both_epochs=2", "--set", "model.tie=none"]
    done = run_nmt("train", "--data", tiny_prepared, "--out", "no", *words)
    assert done.stderr.endswith(", or add --set train.both_epochs=0\n")
    settings, note = train("--recipe", "quick", "--set", "model.tie=target")
    assert settings.model.tie == "target"
    assert note == "nmt: the recipe quick was measured on a corpus of nmt prepare --joint --vocab-size 290\n"
    settings, note = train("--recipe", "slow")
    assert (settings.train.max_epochs, note) == (90, "")


def test_a_recipe_for_more_or_fewer_pairs_is_noted(recipes, train, tiny_prepared):
    (recipes / "large.toml").write_text("[recipe]\ndescription = 'Some'\npairs = [20_000, 100_000]\nvocab_size = 296\n")
    note = f"nmt: {tiny_prepared} has 1,000 pairs, and the recipe large is for 20,000 to 100,000; for that many: "
    for words in ([], ["--from", "run"]):
        assert train("--recipe", "large", *words)[1] == f"{note}quick, slow\n"
    for name in ("quick", "slow"):
        (recipes / f"{name}.toml").unlink()
    assert train("--recipe", "large")[1] == f"{note.partition('; for')[0]}\n"
    (recipes / "alone.toml").write_text("[recipe]\ndescription = 'Some'\nvocab_size = 290\n")
    measured = "nmt: the recipe alone was measured on a corpus of nmt prepare --vocab-size 290\n"
    assert train("--recipe", "alone", "--set", "model.tie=none")[1] == measured


def test_settings_of_a_recipe_that_a_run_cannot_take_are_named(recipes, run_nmt, tiny_prepared, reverser, tmp_path):
    (recipes / "wide.toml").write_text("[recipe]\ndescription = 'Some'\n[model]\ndecoder_size = 48\ndropout = 0.3\n")
    words = ["train", "--data", tiny_prepared, "--recipe", "wide"]
    done = run_nmt(*words, "--out", tmp_path / "run", "--from", reverser, "--set", "model.encoder_size=40")
    assert done.code == 2
    heading, *named, advice, origin = done.stderr.partition("nmt: error: ")[2].splitlines()
    assert heading == f"2 settings cannot change, because the weights of {reverser} would not fit"
    assert [line.split()[0] for line in named] == ["model.encoder_size", "model.decoder_size"]
    assert (advice, origin) == (
        "  Leave them out, or train without --from",
        "  The recipe wide sets model.decoder_size",
    )


def test_what_is_no_prepared_folder_is_reported_as_ever(recipes, run_nmt, tmp_path):
    for words in ([], ["--recipe", "slow"]):
        done = run_nmt("train", "--data", tmp_path / "nothing", "--out", tmp_path / "run", *words)
        assert done.code == 2
        assert done.stderr.startswith(f"nmt: error: {tmp_path / 'nothing'} does not exist\n")


def test_all_recipes_are_described(recipes, run_nmt):
    done = run_nmt("settings", "--recipes")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == (
        "alone (1 minute on one core with AMX, up to four times as long on others)\n"
        "  For one corpus.\n"
        "  its corpus: nmt prepare --vocab-size 8000\n"
        "\n"
        "quick (4.5 minutes for 950 pairs on one core with AMX, up to four times as long on others)\n"
        "  A thousand pairs of Malay and Tagalog, in the time of a coffee.\n"
        "  suits 900 to 2,000 training pairs\n"
        "  its corpus: nmt prepare --joint --vocab-size 290\n"
        "  reached: 12.3 chrF\n"
        "\n"
        "slow\n"
        "  Some\n"
        "  suits 1,000 to 90,000 training pairs\n"
        "  its corpus: nmt prepare --vocab-size 296\n"
    )


def test_a_copy_of_a_recipe_is_a_settings_file(recipes, tmp_path):
    copy = tmp_path / "mine.toml"
    copy.write_text(RECIPES["quick"].replace('"all"', '"none"'), "utf-8")
    assert resolve_settings(config=copy).model.tie == "none"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("pairs = [5, 9]", "description   is missing"),
        ("description = 'x'\npairs = [9, 5]", "pairs   the second number must not be below the first"),
        ("description = 'x'\nscroe = '1'", 'scroe   no such setting; did you mean "score"?'),
    ],
)
def test_a_recipe_that_lacks_something_is_found_out(recipes, table, message):
    (recipes / "bad.toml").write_text(f"[recipe]\n{table}\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        find_recipes(1)
    assert str(caught.value) == f"1 setting in [recipe] of the recipe bad cannot be used\n  {message}"


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_tells_what_it_reached(name):
    recipe, settings = read_recipe(name)
    assert recipe.score
    assert recipe.minutes
    assert recipe.joint or settings["model"].get("tie") != "all"


def test_the_corpus_of_multi30k_gets_its_recipe():
    assert next(iter(find_recipes(29_000))) == "multi30k"
    assert find_recipes(SIZES["test"]) == {}
