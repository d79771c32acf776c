"""The nearest documents of a text, from the index of a dataset version.

Signatures propose, exact similarity decides, as in the stage: the documents whose signatures agree
with the text's in most values are compared exactly. The whole index is read (10^6 signatures: 0.5
GB), not its bands, so that documents far under the threshold are found too.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.errors import SchemaMismatch
from pipeline.dedup import kernels
from pipeline.dedup.recipe import SHINGLE_TOKENS
from pipeline.dedup.signatures import SCHEME, SEED, measure_texts, unpacked
from pipeline.text.tokens import HASH_VERSION, token_hashes

COMPARED: Final = 256
"""Documents whose exact similarity is computed at least: a document as similar as J agrees in
about J of the values (with 128, within .09 in 95 of 100 cases), so nearer ones are among them."""


class Neighbour(NamedTuple):
    """A document near a text."""

    record_id: str
    """Which document."""
    similarity: float
    """Exact Jaccard similarity of their sets of shingles."""
    estimate: float
    """Share of signature values that agree."""


def nearest(
    text: str,
    signatures: Path,
    fetch: Callable[[Sequence[str]], Mapping[str, str]],
    most: int,
) -> list[Neighbour]:
    """Find the documents most similar to a text.

    Args:
        text: What to look for; a text without a word is near nothing.
        signatures: `index/signatures.parquet` of a dataset version.
        fetch: Gives documents by record_id.
        most: How many to give.

    Returns:
        The nearest first, of equally similar ones the smallest record_id first; none that shares
        no shingle.

    Raises:
        SchemaMismatch: The index was made by other rules than this program knows.
    """
    agreement = _best_agreements(text, signatures, max(most, COMPARED))
    documents = fetch(list(agreement))
    exact = exact_similarities_to(text, [documents[one] for one in agreement])
    found = [
        Neighbour(one, similarity, agreement[one])
        for one, similarity in zip(agreement, exact.tolist(), strict=True)
        if similarity > 0
    ]
    return sorted(found, key=lambda near: (-near.similarity, near.record_id))[:most]


def exact_similarities_to(text: str, others: Sequence[str]) -> NDArray[np.float64]:
    """Compute the exact similarity of one text to each of several: float64 (others,)."""
    texts = pa.array([text, *others], pa.large_string())
    values, starts = kernels.shingle_sets(*token_hashes(texts))
    places = np.arange(1, len(others) + 1)
    found: NDArray[np.float64] = kernels.similarities(values, starts, places * 0, places)
    return found


def _best_agreements(text: str, signatures: Path, most: int) -> dict[str, float]:
    """Read the whole index and give the records that agree most, by share of values."""
    with pq.ParquetFile(signatures) as index:
        width = _check_index(signatures, index.schema_arrow.metadata or {})
        measured = measure_texts(pa.array([text], pa.large_string()), width)
        best: list[tuple[int, str]] = []
        if not measured.tokens[0]:
            return {}
        for number in range(index.num_row_groups):
            group = index.read_row_group(number)
            stored = unpacked(group["signature"], np.dtype("<u4"), width)
            agreeing = np.count_nonzero(stored == measured.signatures[0], axis=1)
            # The sort is stable and rows are sorted by record_id: ties go to the smallest.
            rows = np.argsort(-agreeing, kind="stable")[:most]
            rows = rows[agreeing[rows] > 0]
            ids = group["record_id"].take(pa.array(rows)).to_pylist()
            best += zip((-agreeing[rows]).tolist(), ids, strict=True)
            best = sorted(best)[:most]
    return {record_id: -agreeing / width for agreeing, record_id in best}


def _check_index(path: Path, metadata: Mapping[bytes, bytes]) -> int:
    """Refuse signatures made by other rules; give how many values one has."""
    promised = {
        "scheme": SCHEME,
        "seed": SEED,
        "shingle_tokens": SHINGLE_TOKENS,
        "token_hash": HASH_VERSION,
    }
    for name, value in promised.items():
        found = metadata.get(name.encode(), b"nothing").decode()
        if found != str(value):
            raise SchemaMismatch(str(path), f"`{name}` is {found}, this program knows {value}")
    return int(metadata[b"permutations"])
