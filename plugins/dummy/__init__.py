"""dummy."""
