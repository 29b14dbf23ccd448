"""Raw text and subwords."""
