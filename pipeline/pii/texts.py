"""Personal data in a text column: counted for every record, taken out where the recipe says so."""

from bisect import bisect
from collections.abc import Collection
from functools import cache
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.buffers import TextBuffers, text_buffers
from pipeline.pii import kernels
from pipeline.pii.columns import KINDS
from pipeline.pii.kinds import ARMOUR, KEY_PREFIXES, find

MARKS: Final = {kind: f"[{kind.replace('_', ' ').upper()}]" for kind in KINDS}
"""What stands where personal data stood."""


class Redacted(NamedTuple):
    """Texts without what was to be redacted, and what was found."""

    texts: pa.Array
    """large_string, or the column given when nothing is redacted."""
    counts: NDArray[np.int64]
    """int64 (texts, len(KINDS)): found, redacted or not."""


class _Found(NamedTuple):
    start: int
    stop: int
    kind: int


def redact(texts: pa.Array | pa.ChunkedArray, kinds: Collection[str]) -> Redacted:
    """Count personal data, and put a mark where that of some kinds stands.

    Args:
        texts: Texts without nulls.
        kinds: The KINDS to take out.

    Returns:
        As many texts. Redacting twice equals redacting once.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    buffers = text_buffers(texts)
    counts = np.zeros((len(buffers.starts) - 1, len(KINDS)), np.int64)
    candidates = kernels.find_candidates(*buffers, _flags(), *_prefixes())
    renewed: dict[int, bytes] = {}
    for document, group in groupby(candidates.tolist(), key=lambda one: one[0]):
        data, found = _found_in(buffers, document, [(place, kind) for _, place, kind in group])
        for one in found:
            counts[document, one.kind] += 1
        marked = [one for one in found if KINDS[one.kind] in kinds]
        if marked:
            renewed[document] = _with_marks(data, marked)
    if not renewed:
        return Redacted(texts, counts)
    mask = np.zeros(len(counts), bool)
    mask[list(renewed)] = True
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    news = pa.array(renewed.values(), pa.large_binary()).view(pa.large_string())
    return Redacted(
        pc.replace_with_mask(column.cast(pa.large_string()), pa.array(mask), news), counts
    )


def _found_in(
    buffers: TextBuffers, document: int, candidates: list[tuple[int, int]]
) -> tuple[bytes, list[_Found]]:
    """Decide a document's candidates; of those that overlap, the kind that comes first stays."""
    start, stop = buffers.starts[document], buffers.starts[document + 1]
    data = buffers.text_bytes[start:stop].tobytes()
    found: list[_Found] = []  # in the order of the text, none over another
    for kind, place in sorted((kind, int(place - start)) for place, kind in candidates):
        # What lies in something found is not asked about: a text of 16 MB may be one long key.
        at = bisect(found, (place, len(data) + 1, 0))
        if at and place < found[at - 1].stop:
            continue
        span = find(kind, data, place)
        if span is None:
            continue
        one = _Found(*span, kind)
        at = bisect(found, one)
        if (not at or found[at - 1].stop <= one.start) and (
            at == len(found) or one.stop <= found[at].start
        ):
            found.insert(at, one)
    return data, found


def _with_marks(data: bytes, found: list[_Found]) -> bytes:
    parts, done = [], 0
    for one in found:
        parts += [data[done : one.start], MARKS[KINDS[one.kind]].encode()]
        done = one.stop
    return b"".join([*parts, data[done:]])


@cache
def _flags() -> NDArray[np.uint8]:
    """Tell for each byte what it can be part of."""
    flags = np.zeros(256, np.uint8)
    for byte in range(128):
        one = chr(byte)
        flags[byte] = (
            kernels.WORD * (one.isalnum() or one == "_")
            | kernels.DIGIT * one.isdigit()
            | kernels.HEX * (one in "0123456789abcdefABCDEF")
            | kernels.UPPER * one.isupper()
            | kernels.LOCAL * (one.isalnum() or one in "._%+-")
        )
    signs = {*b"@:-", *range(ord("A"), ord("Z") + 1), *(one[-1] for one in KEY_PREFIXES)}
    flags[list(signs)] |= kernels.SIGN
    flags.flags.writeable = False
    return flags


@cache
def _prefixes() -> tuple[
    NDArray[np.bool_], NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]
]:
    """Give what keys begin with, as the kernel takes it."""
    pairs = np.zeros((256, 256), bool)
    for one in KEY_PREFIXES:
        pairs[one[-2], one[-1]] = True
    starts = np.cumsum([0, *map(len, KEY_PREFIXES)], dtype=np.int64)
    joined = np.frombuffer(b"".join(KEY_PREFIXES), np.uint8)
    return pairs, joined, starts, np.frombuffer(ARMOUR, np.uint8)
