"""Sentences per second of CTranslate2 with a Transformer-Tiny, for benchmark_translate.py.

    PYTHON ctranslate2_tiny.py '{"beam": 5, "batch_size": 64, "lines": 1000, "threads": 2, "seconds": 5}'

The Transformer has the sizes of Wu et al. 2021 (arXiv:2105.14462): four layers on each side, 128 wide, four heads,
feed-forward layers of 256. Its weights are random, because speed does not depend on them, and every sentence has 13
source pieces and 15 target pieces, about the means of test_2016_flickr. It is run in float32 and int8, with all threads
on one batch and with one thread for each batch; the fastest of these counts. Runs in any environment that has
ctranslate2 and numpy, such as that of OpenNMT-py, and prints {"rates": [...], "peak_mib": ...}.
"""

import json
import resource
import sys
import tempfile
import time

import ctranslate2
import numpy as np

LAYERS, HEADS, SIZE, INNER, VOCABULARY = 4, 4, 128, 256, 8000
SOURCE_PIECES, TARGET_PIECES = 13, 15
POSITIONS = 256


def build_model(folder: str) -> list[str]:
    """Save a Transformer with random weights. -> its vocabulary"""
    random = np.random.default_rng(0)

    def fill(layer, *shape):
        layer.weight = (0.05 * random.standard_normal(shape)).astype(np.float32)
        if hasattr(layer, "bias"):
            layer.bias = np.zeros(shape[0], np.float32)

    def fill_norm(layer):
        layer.gamma, layer.beta = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)

    spec = ctranslate2.specs.TransformerSpec.from_config(num_layers=LAYERS, num_heads=HEADS)
    fill(spec.encoder.embeddings[0], VOCABULARY, SIZE)
    fill(spec.decoder.embeddings, VOCABULARY, SIZE)
    fill(spec.decoder.projection, VOCABULARY, SIZE)
    for side in (spec.encoder, spec.decoder):
        side.position_encodings.encodings = random.standard_normal((POSITIONS, SIZE)).astype(np.float32)
        fill_norm(side.layer_norm)
        for layer in side.layer:
            blocks = [(layer.self_attention, (3 * SIZE, SIZE))]
            blocks += [(layer.attention, (SIZE, 2 * SIZE, SIZE))] if side is spec.decoder else []
            for attention, sizes in blocks:
                fill_norm(attention.layer_norm)
                for product, size in zip(attention.linear, sizes, strict=True):
                    fill(product, size, SIZE)
            fill(layer.ffn.linear_0, INNER, SIZE)
            fill(layer.ffn.linear_1, SIZE, INNER)
            fill_norm(layer.ffn.layer_norm)
    words = ["<unk>", "<s>", "</s>", *(f"piece{number}" for number in range(VOCABULARY - 3))]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.validate()
    spec.save(folder)
    return words


def measure(beam: int, batch_size: int, lines: int, threads: int, seconds: float) -> dict[str, object]:
    """Rates of passes over the sentences, those of the fastest way to run the model, and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        words = build_model(folder)
        random = np.random.default_rng(1)
        sources = [random.choice(words[3:], SOURCE_PIECES).tolist() for _ in range(lines)]
        length = {"min_decoding_length": TARGET_PIECES, "max_decoding_length": TARGET_PIECES}
        found = []
        ways = {(1, threads), (threads, 1)} if batch_size > 1 else {(1, threads), (1, 1)}
        for precision in ("float32", "int8"):
            for batches, of_batch in sorted(ways):
                translator = ctranslate2.Translator(
                    folder, compute_type=precision, inter_threads=batches, intra_threads=of_batch
                )
                groups = [sources] if batch_size > 1 else [[source] for source in sources]
                options = {"beam_size": beam, "max_batch_size": batch_size, **length}
                translator.translate_batch(sources[:64], **options)
                rates = []
                began = since = time.perf_counter()
                while not rates or since - began < seconds:
                    for group in groups:
                        translator.translate_batch(group, **options)
                    now = time.perf_counter()
                    rates.append(lines / (now - since))
                    since = now
                found.append(rates)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rates": max(found, key=np.median), "peak_mib": peak_mib}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
