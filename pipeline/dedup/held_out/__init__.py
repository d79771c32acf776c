"""Training text that repeats held-out text of the same version."""
