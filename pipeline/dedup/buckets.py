"""Who may be similar: nodes whose signatures share a band."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Buckets(NamedTuple):
    """Groups of at least two nodes: 4 bytes for each time that a node is in one."""

    members: NDArray[np.uint32]
    """uint32 (entries,): nodes, ascending within a bucket, buckets end to end."""
    starts: NDArray[np.int64]
    """int64 (buckets + 1,)."""


def find_buckets(
    band_files: list[Path], node_rows: NDArray[np.int64], has_shingles: NDArray[np.bool_]
) -> Buckets:
    """Group nodes by each band's key, one band at a time.

    Args:
        band_files: uint64 (rows,) each.
        node_rows: int64 (nodes,), the row of each node.
        has_shingles: bool (nodes,). Nodes without shingles are in no bucket.
    """
    nodes = np.flatnonzero(has_shingles).astype(np.uint64)
    rows = node_rows[has_shingles]
    members, sizes = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)]
    for path in band_files if len(nodes) else []:
        keys = np.fromfile(path, np.uint64)[rows]
        found, lengths = _groups(keys, nodes)
        members.append(found)
        sizes.append(lengths)
    starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    return Buckets(np.concatenate(members), starts)


def _groups(
    keys: NDArray[np.uint64], nodes: NDArray[np.uint64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    # Key and node share one number, so that one sort (SIMD in NumPy, ten times a stable argsort)
    # orders by both. The key keeps at least 32 bits: the few that meet by chance are compared, and
    # found to differ.
    bits = np.uint64(int(nodes[-1]).bit_length())
    together = np.sort((keys >> bits << bits) | nodes)
    keys = together >> bits
    edges = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]]))
    lengths = np.diff(edges)
    in_group = np.repeat(lengths > 1, lengths)
    members = (together[in_group] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.uint32)
    return members, lengths[lengths > 1]
