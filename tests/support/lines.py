"""Lines translated by any step model, with search settings as keywords."""

from nmt.settings import SearchSettings
from nmt.translation import pipeline

HOW = ("n_best", "batch_size", "device", "first", "shortlist", "choice", "terms")


def translate_lines(model, source_subword, target_subword, lines, **options):
    """`nmt.translation.pipeline.translate_lines`; what is not one of its own arguments is a search setting."""
    how = {name: options.pop(name) for name in HOW if name in options}
    return pipeline.translate_lines(model, source_subword, target_subword, lines, SearchSettings(**options), **how)
