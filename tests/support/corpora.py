"""A toy language pair that a small model can learn: the target has the words of the source in reverse order."""

import shutil
from pathlib import Path
from random import Random

import pytest

WORDS = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu")
SIZES = {"train": 1000, "valid": 30, "test": 30}


def write_corpus(folder: Path) -> None:
    """train, valid and test in the languages a and b; lines of one to six words, and the same ones whenever called."""
    random = Random(1)
    for split, size in SIZES.items():
        lines = [random.choices(WORDS, k=random.randint(1, 6)) for _ in range(size)]
        (folder / f"{split}.a").write_text("".join(" ".join(line) + "\n" for line in lines))
        (folder / f"{split}.b").write_text("".join(" ".join(reversed(line)) + "\n" for line in lines))


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """A folder with train.a, train.b, valid.a and so on."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_prepared(tiny_corpus) -> Path:
    """That corpus, prepared: a folder."""
    from nmt import prepare

    out = tiny_corpus.with_name("prepared")
    splits = {split: tiny_corpus / split for split in SIZES}
    prepare(**splits, out=out, source_lang="a", target_lang="b", vocab_size=296)
    return out


def prepare_again(prepared: Path, out: Path, texts: dict[str, list[tuple[str, str]]], **changes) -> Path:
    """Prepare other pairs, for train and valid, with the subword models of a prepared folder: a new folder.

    `changes` are entries of its manifest, such as source_lang.
    """
    from nmt.data.encode import Cleaner, write_split
    from nmt.data.prepared import PreparedCorpus, write_manifest
    from nmt.text.corpus import Pair

    old = PreparedCorpus.open(prepared)
    out.mkdir()
    for model in prepared.glob("*.model"):
        shutil.copy(model, out)
    cleaners = {"train": Cleaner(150, 100.0, keep_duplicates=True)}
    splits = {
        name: write_split(
            out, name, [Pair(*pair) for pair in pairs], [old.source_subword, old.target_subword], cleaners.get(name)
        )
        for name, pairs in texts.items()
    }
    facts = {name: getattr(old.manifest, name) for name in ("source_lang", "target_lang", "joint", "settings")}
    write_manifest(out, splits=splits, dropped={}, **facts | changes)
    return out
