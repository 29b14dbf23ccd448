"""The assembly layer: one file a command, and the only place where rooms meet."""
