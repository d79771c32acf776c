"""In how many documents of its source is each line? Counted on disk, so that memory is bounded.

Sixteen bytes a line are written, sorted within a partition, and read once: a range of keys at a time.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE: Final = 1 << 23
"""Lines counted at a time: 128 MB, and as much again for sorting them."""


class LineCounts:
    """Lines of partitions, and the documents that they are in. Safe to add to from several threads."""

    def __init__(self, folder: Path) -> None:
        """Begin to count.

        Args:
            folder: An empty folder for files.
        """
        self._folder = folder

    def add(self, name: str, keys: NDArray[np.uint64], texts: NDArray[np.uint64]) -> None:
        """Add the lines of a partition.

        Args:
            name: The partition's, as a part of a file's name; each is added once.
            keys: uint64 (lines,): what stands for a line of a source.
            texts: uint64 (lines,): what stands for the document that it is in.
        """
        order = np.argsort(keys)
        np.save(self._folder / f"{name}.keys.npy", keys[order])
        np.save(self._folder / f"{name}.texts.npy", texts[order])

    def common(self, max_documents: int, rows_at_once: int = ROWS_AT_ONCE) -> NDArray[np.uint64]:
        """List the lines that are in more than `max_documents` different documents.

        Returns:
            uint64: their keys, ascending; the same whatever the partitions are.
        """
        files = [
            (np.load(path, mmap_mode="r"), np.load(_texts_of(path), mmap_mode="r"))
            for path in sorted(self._folder.glob("*.keys.npy"))
        ]
        rows = sum(len(keys) for keys, _ in files)
        ranges = -(-rows // rows_at_once)
        bounds = [np.uint64((1 << 64) * n // ranges) for n in range(1, ranges)]
        places = [[0, *np.searchsorted(keys, bounds).tolist(), len(keys)] for keys, _ in files]
        found = [np.empty(0, np.uint64)]
        for n in range(ranges):
            parts = [
                (keys[one[n] : one[n + 1]], texts[one[n] : one[n + 1]])
                for (keys, texts), one in zip(files, places, strict=True)
            ]
            keys = np.concatenate([keys for keys, _ in parts])
            texts = np.concatenate([texts for _, texts in parts])
            found.append(_in_more_than(max_documents, keys, texts))
        return np.concatenate(found)


def _texts_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".keys.", ".texts."))


def _in_more_than(
    most: int, keys: NDArray[np.uint64], texts: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """List the keys that stand beside more than `most` different numbers."""
    order = np.argsort(keys)
    keys = keys[order]
    times = np.diff(np.append(np.flatnonzero(_changes(keys)), len(keys)))
    often = np.repeat(times > most, times)  # hardly any: only these are looked at closely
    keys, texts = keys[often], texts[order[often]]
    order = np.lexsort((texts, keys))
    keys, texts = keys[order], texts[order]
    first = _changes(keys) | _changes(texts)
    different, counts = np.unique(keys[first], return_counts=True)
    return different[counts > most]


def _changes(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell where another value than the one before stands, the first included."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes
