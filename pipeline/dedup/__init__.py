"""Dedup: exact, then near duplicates that MinHash proposes and the exact similarity decides.

`corpus` opens what clean handed on, `measuring` measures it (`signatures`, kept in `signature_files`;
kernels in `kernels`), `ranking` says who is better, `buckets` groups likely duplicates, `verify`
computes exact similarities, `election` decides who survives, `held_out` finds text that repeats
evaluation sets and training text that repeats held-out text, `fates` and `outputs` write it down,
`planted` measures the run's own recall, `near` looks a text up in what was written. Why it is built
this way: DECISIONS.md.
"""

from typing import Final

STAGE_VERSION: Final = 2
"""Raised whenever output bytes change for the same input and recipe."""

LIBRARIES: Final = ("datasketch", "numpy")
"""Distributions whose version decides output bytes: the permutations are drawn by them.

Tokens also depend on `pipeline.text.unicode_tables.UNICODE_VERSION`.
"""
