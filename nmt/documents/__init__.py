"""Documents: segments of text out of them, translations into them, and inline tags carried over by alignment."""
