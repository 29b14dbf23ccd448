"""The kinds of attention that the experiments compare: names, and their settings as `nmt train --set` takes them."""

KINDS: dict[str, list[str]] = {
    "bahdanau": ["model.attention=bahdanau"],
    "luong-dot": ["model.attention=luong-dot"],
    "luong-general": ["model.attention=luong-general"],
    "luong-concat": ["model.attention=luong-concat"],
    "luong-location": ["model.attention=luong-location"],
    "scaled-dot": ["model.attention=scaled-dot"],
    "none": ["model.attention=none"],
    "local-m": ["model.attention=luong-general", "model.window=monotonic"],
    "local-p": ["model.attention=luong-general", "model.window=predictive"],
    "4 additive heads": ["model.attention=bahdanau", "model.heads=4"],
    "4 scaled heads": ["model.attention=scaled-dot", "model.heads=4"],
    "self-attention": ["model.attention=bahdanau", "model.encoder_heads=4"],
    "content gate": ["model.attention=bahdanau", "model.content_gate=plain"],
    "renormalised gate": ["model.attention=bahdanau", "model.content_gate=renormalised"],
    "hybrid": ["model.attention=bahdanau", 'model.mix=["luong-dot"]', "model.mix_window=predictive"],
    "linguistic coverage": ["model.attention=bahdanau", "model.coverage=linguistic"],
    "neural coverage": ["model.attention=bahdanau", "model.coverage=neural"],
    "sparsemax": ["model.attention=bahdanau", "model.normalizer=sparsemax"],
    "entmax": ["model.attention=bahdanau", "model.normalizer=entmax"],
}
