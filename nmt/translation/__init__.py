"""From lines of text to translations, alignments and evaluations."""
