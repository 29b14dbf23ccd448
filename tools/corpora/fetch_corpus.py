"""Download a public corpus and verify its checksums.

    python tools/corpora/fetch_corpus.py multi30k --out data/multi30k [--mirror DIR_OR_URL]

An interrupted download continues where it stopped. A file gets its final name only after its checksum has been
verified.

The checksums are those of the decompressed text. A gzip file also contains a name, a time and a mark of the program
that compressed it, so that the same text, compressed again by a mirror, has other bytes. Results depend on the text
only.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

CHUNK = 1 << 16
TIMEOUT_SECONDS = 30


class Corpus(NamedTuple):
    """Where a corpus is published, on what terms, and the SHA-256 of every file's text."""

    url: str
    terms: str
    sums: dict[str, str]


CORPORA = {
    "multi30k": Corpus(
        url="https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw",
        terms="Multi30k (Elliott, Frank, Sima'an and Specia 2016) is for research and education.",
        sums={
            "train.en.gz": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            "train.de.gz": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            "val.en.gz": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
            "val.de.gz": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
            "test_2016_flickr.en.gz": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            "test_2016_flickr.de.gz": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
        },
    ),
}


class FetchError(Exception):
    """A problem that the user can solve; only its message is shown."""


def text_sum(path: Path) -> str:
    """SHA-256 of the text in a gzip file, or a description of why it cannot be decompressed."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return f"no whole gzip file ({error})"
    return digest.hexdigest()


def mirror_url(mirror: str) -> str:
    """The address of a mirror, which is a folder or a URL."""
    if mirror.startswith(("https://", "http://")):
        return mirror.rstrip("/")
    folder = Path(mirror)
    if not folder.is_dir():
        raise FetchError(f"--mirror {mirror} is neither a folder nor an http(s) address")
    return folder.resolve().as_uri()


def download(url: str, part: Path) -> None:
    """Append the missing bytes to `part`, or write it anew where the server cannot send the rest of a file.

    Raises FetchError; the bytes that arrived before it stay in `part`.
    """
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            resumes = response.status == http.HTTPStatus.PARTIAL_CONTENT
            done = done if resumes else 0
            length = response.headers["Content-Length"]
            total = done + int(length) if length else None
            with (
                part.open("ab" if resumes else "wb") as file,
                tqdm(desc=part.stem, initial=done, total=total, unit="B", unit_scale=True, disable=None) as bar,
            ):
                while chunk := response.read(CHUNK):
                    done += file.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            part.unlink()  # it is longer than the file, so it is not the beginning of it
            download(url, part)
            return
        raise FetchError(f"{url} cannot be downloaded: the server answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise FetchError(f"{url} cannot be downloaded: {getattr(error, 'reason', error)}") from error
    if total is not None and done < total:
        raise FetchError(f"{url} broke off after {done:,} of {total:,} bytes")


def wrong_sum(path: Path, expected: str, found: str, next_move: str) -> FetchError:
    return FetchError(f"{path} has a wrong checksum\n  expected {expected}\n  found    {found}\n  {next_move}")


def fetch(corpus: Corpus, out: Path, url: str) -> None:
    """Download every file of the corpus into the folder `out`, except for correct files that are already there."""
    if out.exists() and not out.is_dir():
        raise FetchError(f"{out} is a file; name a folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    missing = {name: expected for name, expected in corpus.sums.items() if not (out / name).exists()}
    for name in corpus.sums.keys() - missing.keys():
        if (found := text_sum(out / name)) != corpus.sums[name]:
            next_move = "It was there before and stays. Remove it, or name another folder with --out."
            raise wrong_sum(out / name, corpus.sums[name], found, next_move)
        print(f"{out / name}: already here", file=sys.stderr)
    for name, expected in missing.items():
        path, part = out / name, out / f"{name}.part"
        try:
            download(f"{url}/{name}", part)
        except FetchError as error:
            kept = part.stat().st_size if part.exists() else 0
            advice = f"{kept:,} bytes are kept; run the same command again to go on" if kept else "Look at the address"
            advice += ", or name a folder or an address that has the file with --mirror."
            raise FetchError(f"{error}\n  {advice}") from None
        if (found := text_sum(part)) != expected:
            part.unlink()
            next_move = "It was not kept. Run the same command again, or name another source with --mirror."
            raise wrong_sum(path, expected, found, next_move)
        os.replace(part, path)
        print(f"{path}: downloaded, checksum right", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="fetch_corpus.py", description="Download a public corpus and verify its checksums."
    )
    parser.add_argument("corpus", choices=CORPORA, help="which corpus to download")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--mirror", metavar="DIR_OR_URL", help="a folder or an address that has files of the same names"
    )
    options = parser.parse_args(arguments)
    corpus = CORPORA[options.corpus]
    try:
        fetch(corpus, options.out, mirror_url(options.mirror) if options.mirror else corpus.url)
    except (FetchError, OSError) as error:
        print(f"fetch_corpus: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fetch_corpus: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    print(f"{options.out} holds {len(corpus.sums)} files. {corpus.terms}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
