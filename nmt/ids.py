"""The four token ids that every vocabulary shares. Imports nothing."""

PAD, UNK, BOS, EOS = 0, 1, 2, 3
