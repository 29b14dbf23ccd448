"""From parallel text to prepared folders, and from these to batches."""
