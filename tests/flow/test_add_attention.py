"""The example of nmt/README.md as it is printed: it trains, translates, aligns, and combines with other settings."""

import colorsys  # a module of Python that is loaded, as `--import colorsys.py` needs it
import importlib
import json
import re
import sys
from pathlib import Path

import pytest
from support.runs import REVERSER

import nmt
from nmt.attention_names import KNOWN_ATTENTIONS
from nmt.errors import SettingsError
from nmt.model.attention.registry import REGISTERED_ATTENTIONS
from nmt.settings import RunSettings

README = Path(nmt.__file__).with_name("README.md").read_text("utf-8")
SOURCE = "ba de fi\n\nku la\n"


@pytest.fixture
def cosine(register, tmp_path, monkeypatch):
    """The example as a module `cosine`, imported for one test."""
    section = README.split("## Add a kind of attention")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (tmp_path / "cosine.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("cosine")
    del sys.modules["cosine"]


def train(prepared, out, **changes):
    """A run of a few epochs, with other settings of attention than the reverser's."""
    settings = REVERSER.model_copy(
        update={
            "model": REVERSER.model.model_copy(update=changes),
            "train": REVERSER.train.model_copy(update={"max_epochs": 2}),
        }
    )
    return nmt.train(prepared, out, RunSettings.model_validate(settings.model_dump()), device="cpu")


def test_the_example_trains_and_its_run_is_used_as_any_other(cosine, tiny_prepared, tmp_path, run_nmt, reverser):
    run = tmp_path / "run"
    train(tiny_prepared, run, attention="cosine")
    assert 'attention = "cosine"' in (run / "settings.toml").read_text("utf-8")
    assert type(nmt.load(run).runs[0].model.cell.attention) is cosine.CosineAttention

    alone = run_nmt("translate", "--model", run, stdin=SOURCE)
    assert (alone.code, alone.stdout.count("\n")) == (0, 3)
    assert alone.stdout.splitlines()[1] == ""
    ensemble = run_nmt("translate", "--model", run, "--model", reverser, stdin=SOURCE)
    assert ensemble.code == 0
    listed = tmp_path / "list"
    assert run_nmt("shortlist", "--data", tiny_prepared, "--out", listed).code == 0
    assert run_nmt("translate", "--model", run, "--shortlist", listed, stdin=SOURCE).code == 0
    assert run_nmt("translate", "--model", run, "--alignments", tmp_path / "links", stdin=SOURCE).code == 0
    links = (tmp_path / "links").read_text().splitlines()
    assert len(links[0].split()) == len(alone.stdout.splitlines()[0].split())


def test_the_example_combines_with_parts_and_shows_them(cosine, tiny_prepared, tmp_path, run_nmt):
    run = tmp_path / "run"
    train(tiny_prepared, run, attention="bahdanau", mix=("cosine",), heads=2, coverage="linguistic")
    (tmp_path / "source").write_text(SOURCE)
    (tmp_path / "target").write_text("fi de ba\n\nla ku\n")
    pair = "--source", tmp_path / "source", "--target", tmp_path / "target"
    done = run_nmt("align", "--model", run, *pair, "--parts", "--matrix", tmp_path / "matrix.jsonl")
    assert done.code == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "matrix.jsonl").read_text("utf-8").splitlines()]
    names = ["bahdanau head 1", "bahdanau head 2", "cosine head 1", "cosine head 2"]
    assert [list(row["parts"]) for row in rows] == [names] * 3


def test_a_run_of_a_kind_that_is_not_registered_names_the_remedy(cosine, tiny_prepared, tmp_path):
    train(tiny_prepared, tmp_path / "run", attention="cosine")
    del KNOWN_ATTENTIONS["cosine"], REGISTERED_ATTENTIONS["cosine"]
    with pytest.raises(SettingsError) as caught:
        nmt.load(tmp_path / "run")
    assert str(caught.value) == (
        f"1 setting in {tmp_path}/run/settings.toml cannot be used\n"
        '  model.attention = "cosine"   not one of bahdanau, luong-dot, luong-general, luong-concat, luong-location, '
        "scaled-dot, none; register it first: import the module that calls register_attention"
    )


def test_the_readme_names_files_that_exist():
    package = Path(nmt.__file__).parent
    names = re.findall(r"`((?:\w+/)*\w+\.py)`", README)
    assert len(names) > 15
    missing = {name for name in names if not any((root / name).is_file() for root in (package, package.parent))}
    assert missing == {"cosine.py"}


@pytest.fixture
def forgotten(register, monkeypatch):
    """Ends every registration of the test, and forgets the modules that `--import` has loaded and their folders.

    Processes that later tests start have the folders of this one, and would import a file that hides Python's own.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in {"cosine", "broken", "needy"} - before:
        sys.modules.pop(name, None)


@pytest.fixture
def cosine_file(tmp_path):
    section = README.split("## Add a kind of attention")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    path = tmp_path / "plugin" / "cosine.py"
    path.parent.mkdir()
    path.write_text(code, encoding="utf-8")
    return path


def test_every_command_imports_the_example_where_asked(
    forgotten, cosine_file, tiny_corpus, tiny_prepared, tmp_path, run_nmt
):
    run, plugin = tmp_path / "run", ("--import", cosine_file)
    settings = ["model.attention=cosine", "model.encoder_size=16", "model.decoder_size=32", "train.max_updates=30"]
    words = [word for setting in settings for word in ("--set", setting)]

    def run_anew(*words, **options):
        """Run a command as a process that has not seen the module yet."""
        sys.modules.pop("cosine", None)
        for registered in KNOWN_ATTENTIONS, REGISTERED_ATTENTIONS:
            registered.pop("cosine", None)
        return run_nmt(*words, **options)

    done = run_anew("train", "--data", tiny_prepared, "--out", run, *words, *plugin)
    assert done.code == 0, done.stderr
    lacking = run_anew("translate", "--model", run, stdin=SOURCE)
    assert (lacking.code, lacking.stdout) == (2, "")
    assert "register it first: import the module that calls register_attention\n" in lacking.stderr
    assert lacking.stderr.endswith("  --import MODULE imports the module that registers it\n")
    alone = run_anew("translate", "--model", run, *plugin, "--precision", "float32", stdin=SOURCE)
    several = ("--processes", 2, "--precision", "float32")
    in_workers = run_nmt("translate", "--model", run, *plugin, *several, stdin=SOURCE, process=True)
    assert (alone.code, alone.stdout.count("\n")) == (0, 3), alone.stderr
    assert in_workers.stdout == alone.stdout, in_workers.stderr
    texts = [word for name in ("train", "valid") for word in (f"--{name}", tiny_corpus / name)]
    more = run_anew(
        *("prepare", "--source-lang", "a", "--target-lang", "b", *texts, "--subwords-from", run, *plugin),
        *("--out", tmp_path / "more"),
    )
    assert more.code == 0, more.stderr
    (tmp_path / "source").write_text("ba de\n")
    pair = "--source", tmp_path / "source", "--target", tmp_path / "source"
    assert run_anew("align", "--model", run, *pair, *plugin).code == 0
    for command in ("inspect", "average --last 1 --out", "shortlist --best 5 --data"):
        name, *options = command.split()
        places = {"inspect": [run], "average": [tmp_path / "mean", run]}
        places["shortlist"] = [tiny_prepared, "--out", tmp_path / "list", "--model", run]
        done = run_anew(name, *options, *places[name], *plugin)
        assert done.code == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("nowhere.py", "--import nowhere.py: there is no such file\n"),
        ("nowhere", '--import nowhere: no module "nowhere" is installed or in the current folder\n'),
        ("broken.py", "ZeroDivisionError: division by zero\n"),
        ("needy.py", "ModuleNotFoundError: No module named 'absent_package'\n"),
        (
            "wrong.py",
            "--import wrong.py: \"wrong\" cannot be registered: <class 'int'> is not a subclass of Attention\n",
        ),
        (
            "colorsys.py",
            f'--import colorsys.py: the name "colorsys" belongs to another module, {colorsys.__file__}\n'
            "  Rename colorsys.py\n",
        ),
        ("colorsys", '--import colorsys: the name "colorsys" belongs to another module, '),
        ("sys.py", '--import sys.py: the name "sys" belongs to another module, a part of Python\n  Rename sys.py\n'),
        (
            "dot.v1.2.py",
            '--import dot.v1.2.py: "dot.v1.2" cannot be the name of a module, because of its dot\n'
            "  Rename the file, for example to dot_v1_2.py\n",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(forgotten, run_nmt, tmp_path, monkeypatch, module, message):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "needy.py").write_text("import absent_package\n")
    (tmp_path / "wrong.py").write_text('import nmt\nnmt.register_attention("wrong", int, wiring="after")\n')
    for name in ("colorsys.py", "sys.py", "dot.v1.2.py"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    done = run_nmt("inspect", "--import", module, tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "error in nmt" not in done.stderr


def test_a_class_that_breaks_its_promise_is_named_before_a_run_is_made(
    forgotten, cosine_file, tiny_prepared, tmp_path, run_nmt
):
    out = tmp_path / "run"
    words = ("train", "--data", tiny_prepared, "--out", out, "--import", cosine_file, "--set", "model.attention=cosine")
    code = cosine_file.read_text("utf-8")
    cosine_file.write_text(code.replace("def __init__", 'fused_form = "dot"\n\n    def __init__'), "utf-8")
    done = run_nmt(*words, process=True)
    assert (done.code, done.stdout, out.exists()) == (2, "", False)
    message = 'nmt: error: cosine.CosineAttention has the fused_form "dot", and the fused loop computes another score'
    assert done.stderr.startswith(message)
    assert done.stderr.endswith("Define them so that they give the same score, or leave out fused_form\n")
    cosine_file.write_text(code.replace("nn.Linear(memory_size", "nn.Linear(decoder_size"), "utf-8")
    done = run_nmt(*words, "--set", "model.decoder_size=64", process=True)
    assert (done.code, done.stdout, out.exists()) == (2, "", False)
    assert done.stderr.startswith(
        "nmt: error: cosine.CosineAttention.project_keys fails on tensors of shape (2, 5, 512)\n  RuntimeError: mat1"
    )


def test_a_class_that_is_defined_again_takes_the_place_of_the_first(cosine):
    again = type("CosineAttention", (cosine.CosineAttention,), {"__module__": "cosine"})
    again.__qualname__ = "CosineAttention"
    nmt.register_attention("cosine", again, wiring="before")
    assert REGISTERED_ATTENTIONS["cosine"] == (again, "before")
