"""Alignments, metrics, plots and the page of attention."""
