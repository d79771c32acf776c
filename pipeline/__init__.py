"""The data half, Arrow in and Arrow out: ingest -> clean -> dedup -> validate -> shard.

Each stage is one folder: `recipe.py` (what can be set), `stage.py` (the only I/O), pure modules and
`kernels.py`. Stages meet at files and never import each other; what several need stands beside them:
`text` (words and scripts), `pii` (personal data). Nothing here knows Prefect or torch.
"""
