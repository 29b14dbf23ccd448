"""Raw text, word links and subwords."""
