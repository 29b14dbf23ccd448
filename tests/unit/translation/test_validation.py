"""Validation by several processes: every line is translated once, as one process translates it."""

from collections import Counter

import pytest

import nmt.translation.validation
from nmt.data.prepared import SIDES, PreparedCorpus
from nmt.loaded_run import load_run
from nmt.progress import Progress
from nmt.settings import SearchSettings
from nmt.translation.pipeline import translate_lines
from nmt.translation.validation import build_validation_scores


@pytest.mark.parametrize("processes", [1, 2, 3, 40])
def test_processes_score_the_translations_that_one_process_has(monkeypatch, reverser, tiny_prepared, processes):
    monkeypatch.setattr(nmt.translation.validation, "BATCH_SIZE", 4)
    prepared, run, search = PreparedCorpus.open(tiny_prepared), load_run(reverser), SearchSettings(beam=1)
    sources, references = (prepared.read_raw_lines("valid", side) for side in SIDES)
    sources = [*sources[:9], "", *sources[10:]]
    subwords = prepared.source_subword, prepared.target_subword
    scored, translated = [], []
    monkeypatch.setattr(
        nmt.translation.validation, "score_validation", lambda texts, *rest: scored.append(texts) or {"bleu": 1.0}
    )
    for rank in range(processes):  # first every process translates its lines
        compute = build_validation_scores(
            sources,
            references,
            *subwords,
            search,
            "13a",
            Progress(),
            rank=rank,
            processes=processes,
            gather=lambda mine: translated.append(mine) or [mine],
        )
        assert compute(run.model) == {"bleu": 1.0}
    scored.clear()
    compute = build_validation_scores(
        sources,
        references,
        *subwords,
        search,
        "13a",
        Progress(),
        rank=0,
        processes=processes,
        gather=lambda mine: list(translated),
    )
    compute(run.model)
    expected = [one[0].text for one in translate_lines(run.model, *subwords, sources, search)]
    assert scored == [expected]
    assert set(Counter(number for some in translated for number, _ in some).values()) == {1}
    assert sum(not some for some in translated) == max(0, processes - 8)
