"""New training pairs from what trained runs translate."""
