"""The fast path of training; the readable twin of each kernel stands in nmt.model or nmt.training."""
