"""Settings files that carry the score they reached."""
