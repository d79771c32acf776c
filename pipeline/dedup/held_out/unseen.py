"""Which held-out documents training text repeats: the same 13-grams, seen from the other side.

Within one dataset version dedup drops the training text. Between versions the training text is what
it is, a model has seen it, and the held-out document must go. Memory holds the n-grams of the
held-out documents only; training text is mapped and read once.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dedup.distinct import distinct
from pipeline.dedup.held_out import kernels
from pipeline.dedup.held_out.evaluation import texts_in
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import token_hashes


def seen_in_training(
    held_out: pa.Array, training: Iterable[Path], common_documents: int | None = None
) -> NDArray[np.bool_]:
    """Tell which held-out documents share 13 consecutive tokens with training text.

    Args:
        held_out: Texts, without nulls. One with fewer than 13 tokens has no 13-gram.
        training: Arrow files with a column `text`: all the text that a model learned from.
        common_documents: A 13-gram in more than this many training documents is boilerplate and
            no sign (as `dedup.common_ngram_documents`); None: every one counts.

    Returns:
        bool (held_out,).

    Raises:
        SchemaMismatch: A file has no column `text` of strings.
    """
    tokens = token_hashes(held_out)
    ngrams = distinct(kernels.all_ngrams(*tokens, HELD_OUT_TOKENS))
    table = np.zeros(1 << (2 * max(len(ngrams), 1)).bit_length(), np.uint64)
    kernels.fill(table, ngrams)

    def work(texts: pa.Array) -> NDArray[np.int64]:
        slots: NDArray[np.int64]
        slots, _ = kernels.shared_slots(*token_hashes(texts), HELD_OUT_TOKENS, table)
        return slots

    holders = np.zeros(len(table), np.int64)
    for path in training:
        for slots in map_in_order(work, texts_in(path)):
            holders += np.bincount(slots, minlength=len(table))
    is_sign = holders > 0
    if common_documents is not None:
        is_sign &= holders <= common_documents
    slots, starts = kernels.shared_slots(*tokens, HELD_OUT_TOKENS, table)
    counted = np.concatenate([[0], np.cumsum(is_sign[slots])])
    return np.asarray(np.diff(counted[starts]) > 0)
