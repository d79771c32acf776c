"""Smaller and faster models from a trained decoder: int8, pruning, distillation.

`recipe` (imports no torch) -> `stage`: every variant becomes a model folder, goes through the same
evaluation as its original and is timed beside it.
"""
