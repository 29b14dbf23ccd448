"""What runs a trained network fast."""
