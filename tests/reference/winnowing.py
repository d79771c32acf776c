"""Sketches of a document, by looking at every run of tokens: the twin of the kernel."""

from collections.abc import Sequence


def sketch(hashes: Sequence[int], window: int) -> set[int]:
    """Take the smallest of every `window` hashes in a row: its low 48 bits."""
    runs = [hashes[i : i + window] for i in range(len(hashes) - window + 1)]
    return {min(run) % 2**48 for run in runs}


def share_a_run(one: Sequence[int], other: Sequence[int], width: int) -> bool:
    """Tell whether two documents share `width` tokens in a row."""
    runs = {tuple(one[i : i + width]) for i in range(len(one) - width + 1)}
    return any(tuple(other[i : i + width]) in runs for i in range(len(other) - width + 1))
