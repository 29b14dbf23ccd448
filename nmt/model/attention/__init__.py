"""Kinds of attention: scores, and what combines around them."""
