"""Encoder, attention, decoder."""
