"""The network: encoder, attention and decoder."""
