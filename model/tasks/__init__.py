"""Likelihood tasks from local files: which of several texts does the model find likelier?

`definition` (a task's YAML and its examples; no torch) -> `likelihood` (what texts cost) ->
`figures` (accuracy with intervals).
"""
