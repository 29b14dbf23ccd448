"""Loss, optimisation and the training loop."""
