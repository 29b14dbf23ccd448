"""sacreBLEU's test sets by name, from sacreBLEU's cache. Nothing is downloaded here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sacrebleu import DATASETS
from sacrebleu.utils import SACREBLEU_DIR

from nmt.errors import DataError, FolderError, UsageError, did_you_mean
from nmt.progress import format_count
from nmt.text.corpus import read_parallel


class EvaluationSet(NamedTuple):
    """The lines of a test set, or of several that follow each other."""

    source: list[str]
    references: list[list[str]]


def read_test_sets(names: Sequence[str], pair: str) -> EvaluationSet:
    """The lines of the named test sets for a language pair, such as "en-de", from sacreBLEU's cache.

    The cache is ~/.sacrebleu or the folder of the environment variable SACREBLEU. Archives in it that sacreBLEU has not
    yet turned into text are.

    Raises UsageError for an unknown name or pair, FolderError for a test set that is not in the cache, and DataError
    for test sets with different numbers of references.
    """
    sources: list[str] = []
    references: list[list[str]] = []
    for name in names:
        source, *more = read_parallel(find_files(name, pair))
        references = references or [[] for _ in more]
        if len(more) != len(references):
            raise DataError(
                f"{names[0]} has {format_count(len(references), 'reference')} for {pair}, and {name} has {len(more)}\n"
                "  Score them one by one"
            )
        sources += source
        for lines, own in zip(references, more, strict=True):
            lines += own
    return EvaluationSet(sources, references)


def list_pairs(name: str) -> list[str]:
    """The language pairs of a test set. Raises UsageError for an unknown name."""
    if name not in DATASETS:
        guess = did_you_mean(name, DATASETS)
        raise UsageError(
            f'sacreBLEU has no test set "{name}"{guess}\n'
            f"  It has {', '.join(sorted(one for one in DATASETS if '/' not in one))}, and parts of them"
        )
    return sorted(DATASETS[name].langpairs)


def find_files(name: str, pair: str) -> list[Path]:
    """The file of sources and those of the references."""
    pairs = list_pairs(name)
    if pair not in pairs:
        raise UsageError(
            f'{name} has no language pair "{pair}"{did_you_mean(pair, pairs)}\n  It has {", ".join(pairs)}'
        )
    data_set: Any = DATASETS[name]
    fields, may_lack = list_fields(data_set, pair)
    paths = [Path(data_set._get_txt_file_path(pair, field)) for field in fields]
    if not all(map(has_text, paths)) and has_archives(data_set):
        try:
            data_set.process_to_text(pair)
        except (OSError, ValueError, SyntaxError) as error:
            raise FolderError(
                f"{name} in sacreBLEU's cache cannot be read: {error}\n"
                f"  Remove {data_set._rawdir} and let sacreBLEU download it again"
            ) from error
    found = [path for path in paths if has_text(path)]
    if not found or found[0] != paths[0] or len(found) < (2 if may_lack else len(paths)):
        raise FolderError(
            f"sacreBLEU's cache, {SACREBLEU_DIR}, does not have {name} for {pair}\n"
            "  sacreBLEU puts it there by itself, where there is a network: "
            f"sacrebleu -t {name} -l {pair} < translations"
        )
    return found


def list_fields(data_set: Any, pair: str) -> tuple[list[str], bool]:
    """The fields of the source and of the references that sacreBLEU scores against, and whether one may be missing."""
    if hasattr(data_set, "_get_langpair_allowed_refs"):  # WMT21 and later
        return ["src", *data_set._get_langpair_allowed_refs(pair)], True
    return [field for field in data_set.fieldnames(pair) if field.startswith(("src", "ref"))], False


def has_archives(data_set: Any) -> bool:
    """Whether everything that sacreBLEU would download for this test set is in its cache."""
    folder = Path(data_set._rawdir)
    return all(has_text(folder / data_set._get_tarball_filename(url)) for url in data_set.data)


def has_text(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
