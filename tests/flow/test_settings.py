"""`nmt settings`: every setting with its meaning, limits and default, as a file that `nmt train` reads."""

import tomllib

import pytest

from nmt.settings import RunSettings, resolve_settings


def test_every_setting_is_printed_with_its_meaning_and_read_again(run_nmt, tmp_path):
    done = run_nmt("settings", "--recipe", "multi30k", "--set", "search.beam=7")
    assert (done.code, done.stderr) == (0, "")
    settings = resolve_settings("multi30k", overrides=["search.beam=7"])
    assert RunSettings.model_validate(tomllib.loads(done.stdout)) == settings
    text = " ".join(done.stdout.replace("\n# ", " ").split())
    for _, entries in settings:
        for key, field in type(entries).model_fields.items():
            assert " ".join(str(field.description).split()) in text, key
    assert max(map(len, done.stdout.splitlines())) <= 102
    (tmp_path / "mine.toml").write_text(done.stdout, "utf-8")
    assert run_nmt("settings", "--config", tmp_path / "mine.toml").stdout == done.stdout


def test_named_sections_and_settings_alone_are_printed(run_nmt):
    done = run_nmt("settings", "model.window", "train.patience", "train.compile", "--set", "train.patience=4")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == (
        "[model]\n"
        "# attend only near the target position, or near a predicted one\n"
        '# default: "none"; one of none, monotonic, predictive\n'
        'window = "none"\n'
        "\n"
        "[train]\n"
        "# validations without improvement before training stops; 0 for no limit\n"
        "# default: 0; at least 0\n"
        "patience = 4\n"
        "\n"
        "# compile element-wise operations, which needs a C++ compiler; auto: in long trainings\n"
        '# default: "auto"; one of auto, true, false\n'
        'compile = "auto"\n'
        "\n"
    )
    whole = run_nmt("settings", "search")
    assert list(tomllib.loads(whole.stdout)) == ["search"]
    assert "# default: 1; at least 0; below 9223372036854775808\nseed = 1\n" in whole.stdout


def test_a_kind_of_attention_of_ones_own_is_among_the_choices(plugins, run_nmt):
    done = run_nmt("settings", "model.attention", "model.mix")
    one, other = (line for line in done.stdout.replace("\n# ", " ").splitlines() if "one of" in line)
    assert "scaled-dot, none, distance, bilinear" in one
    assert "scaled-dot, distance, bilinear" in other


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train.warm_up"], 'there is no setting "train.warm_up"; did you mean "train.warmup"?\n'),
        (["modle"], 'there is no setting "modle"; did you mean "model"?\n'),
        (["--set", "train.clip=-1"], "1 setting in --set cannot be used\n  train.clip = -1   must be at least 0\n"),
        (
            ["--set", "search.seed=9223372036854775808"],
            "1 setting in --set cannot be used\n"
            "  search.seed = 9223372036854775808   must be below 9223372036854775808\n",
        ),
    ],
)
def test_wrong_names_and_values_are_refused(run_nmt, words, message):
    done = run_nmt("settings", *words)
    assert (done.code, done.stdout, done.stderr) == (2, "", f"nmt: error: {message}")
