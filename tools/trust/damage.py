"""Damage every file of a tiny run and a tiny prepared folder, and count what becomes of it.

    python tools/trust/damage.py [--sample 300] [--seed 1]

Every byte of every file is flipped (one bit), and every file is cut at every byte and lengthened; --sample limits the
places of each kind in a file. After each, the folder is verified as by `nmt inspect --verify`, then loaded, and what
training reads to resume is read. The outcome is one of

    message    verifying names the folder or file
    same       everything that is read is what it was: a blank in JSON was flipped, say
    silent     verifying finds nothing, and something else is read, or reading it fails
    traceback  an error that is not a message for a person

The last line has the counts. The exit status is 1 if anything was silent or ended in a traceback.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tiny import make_tiny, parse_arguments, read_prepared, read_whole_run, verify

from nmt.errors import NmtError

IGNORED = ("events", "curve.png")  # pictures and events decide nothing
OUTCOMES = ("message", "same", "silent", "traceback")


def list_damages(content: bytes, sample: int, random: Random) -> Iterator[tuple[str, bytes]]:
    """(name, damaged content): flips, cuts and lengthened files, at most `sample` of each kind unless it is 0."""
    places = range(len(content))
    chosen = places if not sample or sample >= len(places) else sorted(random.sample(places, sample))
    for place in chosen:
        flipped = content[place] ^ 1 << random.randrange(8)
        yield f"flip at {place}", content[:place] + bytes([flipped]) + content[place + 1 :]
        yield f"cut at {place}", content[:place]
    for length in range(1, 1 + min(sample or 20, 20)):
        yield f"lengthened by {length}", content + random.randbytes(length)


def find_outcome(folder: Path, read: Callable[[Path], dict[str, Any]], facts: dict[str, Any]) -> tuple[str, str]:
    """The outcome of verifying and reading a damaged folder, and its message."""
    is_found, message = False, ""
    for check in (verify, read):
        try:
            found = check(folder)
        except NmtError as error:
            if check is verify:
                is_found, message = True, str(error)
            elif not is_found:
                return "silent", f"verified, and cannot be read: {error}"
        except Exception as error:
            return "traceback", f"{type(error).__name__}: {error}"
        else:
            if check is read and not is_found:
                return ("same", "") if found == facts else ("silent", "verified, and something else is read")
    return "message", message


def damage_folder(
    folder: Path, read: Callable[[Path], dict[str, Any]], sample: int, random: Random
) -> Iterator[tuple[Path, str, str, str]]:
    """Damage each file in each way, and mend it again. Yields (file, damage, outcome, message)."""
    facts = read(folder)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.relative_to(folder).parts[0] in IGNORED:
            continue
        content = path.read_bytes()
        for name, damaged in list_damages(content, sample, random):
            replace_content(path, damaged)
            outcome, message = find_outcome(folder, read, facts)
            yield path.relative_to(folder), name, outcome, message
        replace_content(path, content)


def replace_content(path: Path, content: bytes) -> None:
    """Write a new file: the old one may still be mapped into memory."""
    path.unlink()
    path.write_bytes(content)


def main() -> None:
    """Print a row for each file, and the counts of outcomes."""
    arguments = parse_arguments(__doc__, "places in each file", "each silent damage and each traceback")
    random, total = Random(arguments.seed), Counter[str]()
    print(f"{'file':42}" + "".join(f"{name:>11}" for name in OUTCOMES))
    with tempfile.TemporaryDirectory() as scratch:
        prepared, run = make_tiny(Path(scratch))
        for folder, read in ((prepared, read_prepared), (run, read_whole_run)):
            counts: dict[Path, Counter[str]] = {}
            for path, name, outcome, message in damage_folder(folder, read, arguments.sample, random):
                counts.setdefault(path, Counter())[outcome] += 1
                if arguments.show and outcome in ("silent", "traceback"):
                    print(f"{outcome}: {path}, {name}: {message}")
            for path, found in counts.items():
                print(
                    f"{folder.name}/{path!s:{41 - len(folder.name)}}"
                    + "".join(f"{found[key]:>11,}" for key in OUTCOMES)
                )
                total += found
    print(f"{total.total():,} damages: " + ", ".join(f"{total[name]:,} {name}" for name in OUTCOMES))
    sys.exit(bool(total["silent"] or total["traceback"]))


if __name__ == "__main__":
    main()
