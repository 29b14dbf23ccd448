"""What people read: translations, metrics, alignments, pictures."""
