"""Kinds of attention: scores, the parts that combine with a score, and the registry of kinds."""
