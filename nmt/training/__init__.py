"""Losses, optimisation and the training loop."""
