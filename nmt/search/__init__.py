"""Hypotheses from a step model, whatever model that is."""
