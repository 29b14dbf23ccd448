"""Prepared folders and batches."""
