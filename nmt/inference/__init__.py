"""Fast translation with a trained network, and shortlists of target words."""
