"""sacreBLEU's test sets, read from a cache that the tests make."""

import io
import tarfile

import pytest
from sacrebleu import DATASETS

from nmt.analysis.test_sets import read_test_sets
from nmt.errors import DataError, FolderError, UsageError

XML = """<dataset id="newstest2021"><doc id="one" origlang="en">
<src lang="en"><p><seg id="1">A dog.</seg><seg id="2">A cat.</seg></p></src>
<ref lang="cs" translator="A"><p><seg id="1">Pes.</seg><seg id="2"> Kocka. </seg></p></ref>
<ref lang="cs" translator="B"><p><seg id="1">Pejsek.</seg></p></ref>
<ref lang="cs" translator="C"><p><seg id="1">Psík.</seg></p></ref>
</doc></dataset>"""
SGM = '<doc docid="one">\n<seg id="1">{}</seg>\n</doc>\n'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache. `cache(name, files)` puts an archive of raw files, or files of text, there."""
    for name in ("wmt18", "wmt19", "wmt21/AB", "wmt14/full"):
        monkeypatch.setattr(DATASETS[name], "_outdir", str(tmp_path / name))
        monkeypatch.setattr(DATASETS[name], "_rawdir", str(tmp_path / name / "raw"))

    def put(name, files, *, in_archive=False):
        folder = tmp_path / name / ("raw" if in_archive else "")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        if in_archive:
            (url,) = DATASETS[name].data
            with tarfile.open(folder / f"{name.replace('/', '_')}.{url.rpartition('/')[2]}", "w:gz") as archive:
                archive.addfile(tarfile.TarInfo("empty"), io.BytesIO())

    return put


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def fail(*arguments, **others):
        raise AssertionError("nothing is downloaded")

    monkeypatch.setattr("urllib.request.urlopen", fail)


def test_text_in_the_cache_is_read(cache):
    cache("wmt18", {"wmt18.fi-en.src": "Koira.\nKissa.\n", "wmt18.fi-en.ref": "Dog.\nCat.\n"})
    cache("wmt19", {"wmt19.fi-en.src": "Talo.\n", "wmt19.fi-en.ref": "House.\n"})
    assert read_test_sets(["wmt18"], "fi-en") == (["Koira.", "Kissa."], [["Dog.", "Cat."]])
    assert read_test_sets(["wmt18", "wmt19"], "fi-en") == (["Koira.", "Kissa.", "Talo."], [["Dog.", "Cat.", "House."]])


def test_archives_in_the_cache_become_text(cache, tmp_path):
    source, reference = DATASETS["wmt18"].langpairs["tr-en"]
    cache("wmt18", {source: SGM.format("Bir  ev."), reference: SGM.format("A house.")}, in_archive=True)
    cache("wmt21/AB", {DATASETS["wmt21/AB"].langpairs["en-cs"][0]: XML}, in_archive=True)
    assert read_test_sets(["wmt18"], "tr-en") == (["Bir ev."], [["A house."]])
    assert read_test_sets(["wmt21/AB"], "en-cs") == (["A dog.", "A cat."], [["Pes.", "Kocka."], ["Pejsek.", ""]])
    assert (tmp_path / "wmt18" / "wmt18.tr-en.ref").read_text() == "A house.\n"


@pytest.mark.parametrize(
    ("names", "pair", "error", "message"),
    [
        (
            ["europarl"],
            "fi-en",
            UsageError,
            'sacreBLEU has no test set "europarl"; did you mean "wmt08/europarl"?\n  It has i',
        ),
        (["wmt18"], "en_fi", UsageError, 'wmt18 has no language pair "en_fi"; did you mean "en-fi"?\n  It has cs-en'),
        (["wmt14/full"], "fr-en", FolderError, "sacreBLEU's cache, "),
        (["wmt19"], "en-de", FolderError, "wmt19 in sacreBLEU's cache cannot be read: "),
        (
            ["wmt18", "wmt21/AB"],
            "en-cs",
            DataError,
            "wmt18 has 1 reference for en-cs, and wmt21/AB has 2\n  Score them one",
        ),
    ],
)
def test_test_sets_that_cannot_be_read_raise_an_error(cache, tmp_path, names, pair, error, message):
    cache("wmt18", {"wmt18.en-cs.src": "A\n", "wmt18.en-cs.ref": "B\n"})
    cache("wmt19", {"damaged": ""}, in_archive=True)
    cache("wmt21/AB", {DATASETS["wmt21/AB"].langpairs["en-cs"][0]: XML}, in_archive=True)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error) as caught:
        read_test_sets(names, pair)
    assert str(caught.value).startswith(message)
    if names == ["wmt14/full"]:
        assert " does not have wmt14/full for fr-en\n" in str(caught.value)
        assert str(caught.value).endswith("sacrebleu -t wmt14/full -l fr-en < translations")
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
