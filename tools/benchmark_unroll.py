"""Target tokens per second of a whole training update: the fused loop and loss against the plain ones, in turn.

    python tools/benchmark_unroll.py [--threads 2] [--attention bahdanau luong-general/no …] [--precision bfloat16]

One model in the sizes that toolkits were compared with (12 M parameters, 8,000 words), batches of random words with
about 1,650 real target tokens. `/no` is without input feeding. With one thread the clock is the thread's own, which
other work on the machine disturbs less. Prints medians with the spread, and the medians by part.
"""

import argparse
import statistics
import time
from collections import defaultdict
from itertools import pairwise

import torch
from torch.nn import functional as F

from nmt.config import ModelSettings
from nmt.ids import BOS, PAD
from nmt.model.cells import DECODERS
from nmt.model.seq2seq import Seq2Seq
from nmt.model.unroll import unroll
from nmt.model.unroll_fused import unroll_fused
from nmt.training.loss import plain_loss
from nmt.training.loss_fused import fused_loss

SENTENCES, WORDS = 110, 8000
LOOPS = {"reference": (unroll, plain_loss), "fused": (unroll_fused, fused_loss)}
PARTS = "encoder", "decoder", "loss", "backward", "clip", "optimizer"


def draw(shortest: int, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sentences of random words and their lengths, padded."""
    lengths_B = torch.randint(shortest, longest + 1, (SENTENCES,)).index_fill_(0, torch.tensor(0), longest)
    words_BT = torch.randint(PAD + 4, WORDS, (SENTENCES, longest))
    return words_BT.masked_fill_(torch.arange(longest) >= lengths_B[:, None], PAD), lengths_B


def update_times(model: Seq2Seq, optimizer, batch, loop: str, precision: torch.dtype, clock) -> list[float]:
    """Seconds that each part of one update took."""
    decode, loss_of = LOOPS[loop]
    source_BS, source_lengths_B, target_BT, tokens = batch
    times = [clock()]
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        memory, carry = model.encode(source_BS, source_lengths_B)
        times.append(clock())
        embedded_BTE = model.dropout(model.target_embedding(F.pad(target_BT[:, :-1], (1, 0), value=BOS)))
        readout_BTR = model.dropout(decode(model.cell, embedded_BTE, carry, memory).readout_BTR)
        times.append(clock())
        real_BT = target_BT != PAD
        vectors_VR, bias_V = model.output_vectors, model.output_bias
        loss, _ = loss_of(readout_BTR[real_BT], vectors_VR, bias_V, target_BT[real_BT], 0.1)
        times.append(clock())
    optimizer.zero_grad()
    (loss / tokens).backward()
    times.append(clock())
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    times.append(clock())
    optimizer.step()
    times.append(clock())
    return [end - start for start, end in pairwise(times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--updates", type=int, default=5)
    parser.add_argument("--attention", nargs="+", default=list(DECODERS))
    parser.add_argument("--precision", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    source_BS, source_lengths_B = draw(12, 16)
    target_BT, target_lengths_B = draw(13, 17)
    tokens = int(target_lengths_B.sum())
    print(f"{'attention':16} {'precision':9} {'loop':9}  tokens/s (slowest-fastest)  ms: " + ", ".join(PARTS))
    for name in arguments.attention:
        attention, _, without = name.partition("/")
        model = Seq2Seq(ModelSettings(attention=attention, input_feeding=not without, tie="none"), WORDS, WORDS)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        for precision in arguments.precision:
            found = defaultdict(list)
            for _ in range(arguments.updates + 1):
                for loop in LOOPS:
                    batch = source_BS, source_lengths_B, target_BT, tokens
                    found[loop].append(update_times(model, optimizer, batch, loop, getattr(torch, precision), clock))
            for loop, (_, *updates) in found.items():  # the first warms up
                rates = sorted(tokens / sum(parts) for parts in updates)
                by_part = [f"{1000 * statistics.median(part):.0f}" for part in zip(*updates, strict=True)]
                spread = f"{rates[0]:,.0f}-{rates[-1]:,.0f}"
                print(
                    f"{name:16} {precision:9} {loop:9} {statistics.median(rates):7,.0f} ({spread})  {' '.join(by_part)}"
                )


if __name__ == "__main__":
    main()
