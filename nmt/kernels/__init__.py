"""Fast forms of the training loops and of the loss. Each computes what a readable twin computes."""
