"""The READMEs: their examples run, what they name exists, and they are short enough to be read."""

import importlib
import re
import shutil
from itertools import islice
from pathlib import Path

import click
import pytest
from support.examples import Block, Shell, check_console, check_python, read_blocks, read_code
from support.fixtures import ROOT

import nmt
from nmt.cli.main import COMMANDS
from nmt.settings import ModelSettings, RunSettings, TrainSettings

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("[!.]*/README.md")])
READMES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # which may name what is gone
# documents whose examples another test runs or reads
ELSEWHERE = {
    "tools/README.md": "its benchmarks take hours; tests/unit/tools/test_readme.py reads their options",
}
# documents that show a module: python blocks that are no session, which another test imports
MODULES = {"nmt/README.md": "tests/flow/test_add_attention.py trains the attention that it shows"}
FILE_ENDINGS = {"en", "de", "align", "links", "tsv"}  # of train.en and so on, which are no settings
# console blocks that are not run, by their first command
NOT_RUN = {
    "make demo": "installs PyTorch; tests/flow/test_demo.py runs `nmt demo`",
    "make check": "runs all tests",
    "make test": "runs all tests",
    "pytest": "runs tests",
    "python tools/corpora/fetch_corpus.py": "downloads; tests/flow/test_fetch_corpus.py has a server of its own",
    "nmt serve": "runs until it is interrupted; tests/flow/test_serve.py asks it",
}
# what examples find in their folder: a corpus, prepared, and a run; a document that shows how to make one has none
MADE_BY = {"README.md": ["data/mine", "checkpoints/mine"]}
SENTENCES = ("She calls us at the station.", "Sie ruft uns am Bahnhof an.", "0-0 1-1 1-5 2-2 3-3 5-4")
SUFFIXES = ("en", "de", "align")
PAIRS = {"train": 6, "valid": 0, "test": 3}  # of the sample corpus, beside SENTENCES
# what makes an example fit so small a corpus, and take a second
VOCABULARY = {"vocab_size": 380, "subword": "bpe"}
SIZES = {"embedding_size": 32, "encoder_size": 32, "decoder_size": 64, "attention_size": 32, "dropout": 0.0}
BY_HEART = TrainSettings(
    max_tokens=150,
    learning_rate=0.01,
    warmup=10,
    schedule="cosine",
    max_updates=240,
    max_epochs=0,
    validate_every=60,
    label_smoothing=0.0,
    guided_weight=0.2,
    precision="float32",
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A folder as a user has it after `make demo` and the first steps, with a run that has learnt SENTENCES."""
    home = tmp_path_factory.mktemp("home")
    (home / "corpus").mkdir()

    def write_split(split: str, short: int, learnt: int) -> None:
        files = [ROOT / f"data/sample/{split}.{suffix}" for suffix in SUFFIXES]
        rows = zip(*(file.read_text("utf-8").splitlines() for file in files), strict=True)
        chosen = list(islice((row for row in rows if len(row[0].split()) <= 6), short))
        for suffix, column in zip(SUFFIXES, zip(*chosen, *[SENTENCES] * learnt, strict=True), strict=True):
            (home / f"corpus/{split}.{suffix}").write_text("".join(f"{line}\n" for line in column), "utf-8")

    for split, short in PAIRS.items():
        write_split(split, short, learnt=6)
    texts = {split: home / "corpus" / split for split in PAIRS}
    links = {"train_alignments": [home / "corpus/train.align"]}
    languages = {"source_lang": "en", "target_lang": "de"}
    nmt.prepare(**texts, out=home / "data/mine", **languages, **links, **VOCABULARY)
    settings = RunSettings(model=ModelSettings(**SIZES), train=BY_HEART)
    nmt.train(home / "data/mine", home / "checkpoints/mine", settings, device="cpu")
    shutil.copytree(home / "checkpoints/mine", home / "demo/run")
    write_split("valid", 6, learnt=0)  # pairs that training has not, as validation should be
    return home


@pytest.fixture
def at_home(home, monkeypatch, tmp_path) -> Path:
    """A copy of that folder, in which the examples of a document run.

    Preparing and training, by commands or from Python, are those of a small corpus: pieces and updates are few.
    """
    folder = tmp_path / "home"
    shutil.copytree(home, folder)
    monkeypatch.chdir(folder)

    def prepare_few(*texts, **options):
        return prepare(*texts, **VOCABULARY | options)

    def train_briefly(data, out, settings=RunSettings(), **options):  # noqa: B008
        if not isinstance(settings, RunSettings):  # what the run to start from completes
            settings = RunSettings.model_validate(settings)
        model = settings.model.model_copy(update=SIZES)
        brief = settings.train.model_copy(update={"max_updates": 4})
        return train(data, out, settings.model_copy(update={"model": model, "train": brief}), **options)

    prepare, train = nmt.prepare, nmt.train
    monkeypatch.setattr("nmt.data.prepare.prepare", prepare_few)
    monkeypatch.setattr("nmt.training_api.train", train_briefly)
    return folder


def reason_not_to_run(block: Block) -> str | None:
    """Why a console block is not run, by NOT_RUN."""
    first = block.text.removeprefix("$ ")
    return next((reason for command, reason in NOT_RUN.items() if first.startswith(command)), None)


@pytest.mark.parametrize("path", [path for path in READMES if name_of(path) not in ELSEWHERE], ids=name_of)
def test_examples_run_and_print_what_is_shown(path, at_home, run_nmt):
    for folder in MADE_BY.get(name_of(path), ()):
        shutil.rmtree(at_home / folder)
    shell, names = Shell(run_nmt), {}
    for number, block in enumerate(read_blocks(path), 1):
        if block.language == "console" and not reason_not_to_run(block):
            check_console(block.text, shell)
        elif block.language == "python" and (block.text.startswith(">>>") or name_of(path) not in MODULES):
            check_python(block.text, names, f"{name_of(path)}, block {number}")


def test_every_reason_not_to_run_an_example_is_needed():
    blocks = [block for path in READMES if name_of(path) not in ELSEWHERE for block in read_blocks(path)]
    reasons = {reason_not_to_run(block) for block in blocks if block.language == "console"}
    assert reasons - {None} == set(NOT_RUN.values())


@pytest.mark.parametrize(
    ("check", "text", "shown"),
    [
        (
            check_console,
            "$ nmt translate --model checkpoints/mine corpus/test.en | head -n 1\nguten Tag\n",
            "$ nmt translate",
        ),
        (check_console, "$ nmt translate --modle checkpoints/mine corpus/test.en\n", "--modle"),
        (check_python, ">>> 1 + 1\n3\n", "Got:\n    2"),
        (check_python, "1 + 1\n", "a python block is a session with >>>"),
    ],
)
def test_an_example_that_does_something_else_fails(check, text, shown, at_home, run_nmt):
    with pytest.raises(AssertionError, match=re.escape(shown)):
        check(text, *([Shell(run_nmt)] if check is check_console else [{}, "an example"]))


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_code_is_fenced_in_a_language_that_is_run_or_data(path):
    languages = {"console", "python", "text", "json", "toml"} | ({""} if name_of(path) in ELSEWHERE else set())
    assert {block.language for block in read_blocks(path)} <= languages
    for block in read_blocks(path):
        assert block.language != "console" or block.text.startswith("$ ")


def test_the_readme_is_read_in_one_go():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_line_is_too_long(path):
    lines = path.read_text("utf-8").splitlines()
    has_wide_tables = name_of(path) == "tools/README.md"  # of results
    assert [line for line in lines if len(line) > 120 and not (has_wide_tables and line.startswith("|"))] == []


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", path.read_text("utf-8"))
    for target, anchor in links:
        there = path.parent / target if target else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


def options_of(command: str) -> set[str]:
    """The flags of `nmt COMMAND`."""
    parameters = importlib.import_module(f"nmt.cli.{command}").command.params
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    return {"--help"}.union(*(option.opts + option.secondary_opts for option in options))


NO_COMMANDS = {"COMMAND", "reference"}  # any of them, and a system in the tables of benchmarks
FLAGS = {command: options_of(command) for command in COMMANDS}
ALL_FLAGS = {"--version"}.union(*FLAGS.values())


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_commands_and_options_exist(path):
    for code in read_code(path):
        for line in re.split(r"\n(?!\s)|\s\|\s|&&", code.replace("\\\n", " ")):
            found = re.match(r"(?:\$ )?nmt (\w+)", line)
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", line))
            if found:
                assert found[1] in COMMANDS or found[1] in NO_COMMANDS, line
                assert named <= FLAGS.get(found[1], ALL_FLAGS), line
            elif line.startswith("--") and name_of(path) not in ELSEWHERE:  # where options may be those of a tool
                assert named <= ALL_FLAGS, line


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_settings_exist(path):
    for code in read_code(path):
        for section, key in re.findall(r"(?<![\w/.])(model|train|search)\.([a-z_0-9]+)(?==|$)", code):
            kind = RunSettings.model_fields[section].annotation
            assert key in kind.model_fields or key in FILE_ENDINGS, f"{section}.{key}"


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_files_of_the_repository_exist(path):
    for code in read_code(path):
        for file in re.findall(r"(?<![\w/.])(?:nmt|tests|tools|data/sample)/[\w./-]*\w", code):
            places = [root / file for root in (ROOT, path.parent)]  # a name without its ending is a corpus
            assert any(place.exists() or any(place.parent.glob(f"{place.name}.*")) for place in places), file
