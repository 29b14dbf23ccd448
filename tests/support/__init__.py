"""What tests share: a way to run commands, scripted models, tiny corpora."""
