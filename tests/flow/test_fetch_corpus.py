"""fetch_corpus.py as a user meets it: against folders, and servers that resume, restart, break off or lie."""

import gzip
import hashlib
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.tools import TOOLS, load_tool

SCRIPT = TOOLS / "corpora" / "fetch_corpus.py"
MULTI30K = TOOLS.parents[1] / "shared" / "data" / "multi30k"

fetch_corpus = load_tool("corpora/fetch_corpus")

TEXTS = {"train.en.gz": b"a dog\n" * 999, "train.de.gz": "ein schöner Hund\n".encode() * 999}


class Handler(BaseHTTPRequestHandler):
    """Serves a folder; with ranges, or as a server that always sends whole files, or one that breaks off."""

    def __init__(self, *arguments, folder: Path, ranges: bool, break_after: int | None, log: list, **keywords):
        self.folder, self.ranges, self.break_after, self.log = folder, ranges, break_after, log
        super().__init__(*arguments, **keywords)

    def do_GET(self):
        path = self.folder / Path(self.path).name
        asked = self.headers.get("Range")
        self.log.append((path.name, asked))
        if not path.is_file():
            self.send_error(404)
            return
        content, start = path.read_bytes(), 0
        if asked and self.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.break_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """serve(folder) -> (address, list of requests), on loopback until the test ends."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(folder, ranges=True, break_after=None):
        log = []
        handler = partial(Handler, folder=folder, ranges=ranges, break_after=break_after, log=log)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/raw", log

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder that publishes a tiny corpus, which the tool knows under the name tiny."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_bytes(gzip.compress(text))
    sums = {name: hashlib.sha256(text).hexdigest() for name, text in TEXTS.items()}
    corpus = fetch_corpus.Corpus("http://127.0.0.1:9/closed", "Terms of tiny.", sums)
    monkeypatch.setitem(fetch_corpus.CORPORA, "tiny", corpus)
    return folder


@pytest.fixture
def fetch(tmp_path, capsys):
    """fetch(mirror) -> (exit code, stdout, stderr); files land in fetch.out."""

    def run(mirror=None, corpus="tiny"):
        arguments = [corpus, "--out", str(run.out), *(["--mirror", str(mirror)] if mirror else [])]
        code = fetch_corpus.main(arguments)
        return code, *capsys.readouterr()

    run.out = tmp_path / "out"
    return run


def assert_complete(out: Path):
    assert {path.name: gzip.decompress(path.read_bytes()) for path in out.iterdir()} == TEXTS


@pytest.mark.parametrize("source", ["folder", "server", "server without ranges"])
def test_every_file_arrives_whole(fetch, serve, published, source):
    mirror = published if source == "folder" else serve(published, ranges=source == "server")[0]
    code, out, err = fetch(mirror)
    assert (code, out) == (0, f"{fetch.out} holds 2 files. Terms of tiny.\n")
    assert err == "".join(f"{fetch.out / name}: downloaded, checksum right\n" for name in TEXTS)
    assert_complete(fetch.out)


def test_files_that_are_there_and_right_are_not_asked_for_again(fetch, serve, published):
    fetch(published)
    address, log = serve(published)
    code, _, err = fetch(address)
    assert (code, log) == (0, [])
    assert sorted(err.splitlines()) == sorted(f"{fetch.out / name}: already here" for name in TEXTS)


def test_a_file_packed_again_by_a_mirror_is_the_same_file(fetch, published):
    (published / "train.en.gz").write_bytes(gzip.compress(TEXTS["train.en.gz"], compresslevel=1, mtime=7))
    assert fetch(published)[0] == 0


def test_a_download_that_breaks_off_goes_on_where_it_stopped(fetch, serve, published):
    address, _ = serve(published, break_after=30)
    code, out, err = fetch(address)
    size = (published / "train.en.gz").stat().st_size
    assert (code, out) == (2, "")
    assert f"fetch_corpus: error: {address}/train.en.gz broke off after 30 of {size:,} bytes\n" in err
    assert "  30 bytes are kept; run the same command again to go on, or name" in err
    assert [path.name for path in fetch.out.iterdir()] == ["train.en.gz.part"]

    address, log = serve(published)
    assert fetch(address)[0] == 0
    assert log == [("train.en.gz", "bytes=30-"), ("train.de.gz", None)]
    assert_complete(fetch.out)


@pytest.mark.parametrize(("ranges", "too_long"), [(False, False), (False, True), (True, True)])
def test_a_part_that_cannot_be_continued_is_begun_again(fetch, serve, published, ranges, too_long):
    """A server without ranges sends the whole file; one with ranges refuses to go on behind its end."""
    fetch.out.mkdir()
    (fetch.out / "train.en.gz.part").write_bytes(b"?" * (9999 if too_long else 30))
    address, _ = serve(published, ranges=ranges)
    assert fetch(address)[0] == 0
    assert_complete(fetch.out)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"another text\n", mtime=0), gzip.compress(b"a dog\n" * 999, mtime=0)[:-9], b"<html>"],
    ids=["other", "cut short", "not packed"],  # bytes would name the test, and those of gzip hold the time
)
def test_a_wrong_file_is_refused_and_nothing_of_it_is_kept(fetch, serve, published, content):
    (published / "train.de.gz").write_bytes(content)
    code, out, err = fetch(serve(published)[0])
    path = fetch.out / "train.de.gz"
    assert (code, out) == (2, "")
    assert f"fetch_corpus: error: {path} has a wrong checksum\n" in err
    assert f"\n  expected {hashlib.sha256(TEXTS[path.name]).hexdigest()}\n  found    " in err
    assert err.endswith("\n  It was not kept. Run the same command again, or name another source with --mirror.\n")
    assert [path.name for path in fetch.out.iterdir()] == ["train.en.gz"]


def test_a_wrong_part_is_refused_too_and_the_next_run_gets_it_right(fetch, serve, published):
    fetch.out.mkdir()
    (fetch.out / "train.en.gz.part").write_bytes(b"?" * 30)
    address, _ = serve(published)
    code, _, err = fetch(address)
    assert code == 2
    assert f"{fetch.out / 'train.en.gz'} has a wrong checksum\n" in err
    assert "  found    no whole gzip file" in err
    assert fetch(address)[0] == 0
    assert_complete(fetch.out)


def test_a_file_that_was_there_before_is_never_overwritten(fetch, published):
    fetch.out.mkdir()
    mine = fetch.out / "train.de.gz"
    mine.write_bytes(gzip.compress(b"mine\n"))
    code, _, err = fetch(published)
    assert code == 2
    assert f"fetch_corpus: error: {mine} has a wrong checksum\n" in err
    assert f"  found    {hashlib.sha256(b'mine' + bytes([10])).hexdigest()}\n" in err
    assert err.endswith("  It was there before and stays. Remove it, or name another folder with --out.\n")
    assert gzip.decompress(mine.read_bytes()) == b"mine\n"
    assert [path.name for path in fetch.out.iterdir()] == [mine.name]


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        (
            "server",
            "/train.de.gz cannot be downloaded: the server answers 404 Not Found\n  Look at the address",
        ),
        ("folder", "/train.de.gz cannot be downloaded: [Errno 2] No such file or directory"),
    ],
)
def test_a_file_that_the_mirror_lacks_is_named(fetch, serve, published, mirror, message):
    (published / "train.de.gz").unlink()
    code, out, err = fetch(published if mirror == "folder" else serve(published)[0])
    assert (code, out) == (2, "")
    assert message in err


def test_a_server_that_does_not_answer_is_named(fetch, published):
    code, _, err = fetch()
    assert code == 2
    assert "fetch_corpus: error: http://127.0.0.1:9/closed/train.en.gz cannot be downloaded: " in err


def test_a_mirror_that_is_neither_is_named(fetch, published):
    assert fetch("no/such/folder") == (
        2,
        "",
        "fetch_corpus: error: --mirror no/such/folder is neither a folder nor an http(s) address\n",
    )


def test_a_file_in_the_place_of_the_folder_is_named(fetch, published):
    fetch.out.write_text("mine")
    assert fetch(published) == (2, "", f"fetch_corpus: error: {fetch.out} is a file; name a folder with --out\n")
    assert fetch.out.read_text() == "mine"


def test_an_interrupt_says_how_to_go_on(fetch, published, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch_corpus, "download", interrupt)
    assert fetch(published) == (130, "", "fetch_corpus: stopped; run the same command again to go on\n")


@pytest.mark.skipif(not MULTI30K.is_dir(), reason="no Multi30k in ../shared/data/multi30k")
def test_multi30k_itself(serve, tmp_path):
    """The checked-in checksums are those of the real files; run as a process, off a terminal, it draws no bar."""
    address, log = serve(MULTI30K)
    command = [sys.executable, SCRIPT, "multi30k", "--out", tmp_path, "--mirror", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (len(log), len(done.stderr.splitlines())) == (6, 6)
    with gzip.open(tmp_path / "train.en.gz", "rt", encoding="utf-8") as file:
        assert file.readline() == "Two young, White males are outside near many bushes.\n"
