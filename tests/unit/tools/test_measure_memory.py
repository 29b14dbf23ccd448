"""measure_memory.py: the corpora that it generates. The measurements are by hand."""

import numpy as np
from support.tools import load_tool

from nmt.data.prepared import PreparedCorpus, verify_prepared
from nmt.text.corpus import read_pairs

measure_memory = load_tool("benchmarks/measure_memory")


def test_a_generated_corpus_is_a_prepared_one(tiny_prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(measure_memory, "CHUNK", 700)
    monkeypatch.setattr(measure_memory, "FIRST_ID", 200)  # the toy language has few pieces
    measure_memory.enlarge(tiny_prepared, tmp_path / "large", 3000)
    large, small = PreparedCorpus.open(tmp_path / "large"), PreparedCorpus.open(tiny_prepared)
    verify_prepared(large.path, large.manifest)
    split = large.open_split("train")
    assert len(split) == 3000
    assert len(large.open_split("valid")) == len(small.open_split("valid"))
    lengths = split.source_lengths
    assert np.array_equal(lengths, split.target_lengths)
    assert abs(lengths.mean() - measure_memory.MEAN_LENGTH) < 0.5


def test_generated_text_has_frequent_and_rare_words(tmp_path):
    measure_memory.write_text(tmp_path / "train", 300, seed=1)
    pairs = list(read_pairs(tmp_path / "train.x", tmp_path / "train.y"))
    assert len(pairs) == 300
    assert all(pair.source.split() == pair.target.split()[::-1] for pair in pairs)
    words, counts = np.unique([word for pair in pairs for word in pair.source.split()], return_counts=True)
    assert len(words) > 1000
    assert counts.max() > 50
