"""What both halves of the mill promise each other: the bottom layer.

Contracts, schemas, results, manifests, the warehouse's layout and the errors users can meet.
Nothing here imports `pipeline`, `model` or `flows`.
"""
