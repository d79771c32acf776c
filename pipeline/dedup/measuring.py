"""One pass over the text of a corpus: every document's figures, computed or found in the cache."""

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.progress import Progress
from pipeline.dedup import kernels
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.held_out.sketches import HeldOutSketches
from pipeline.dedup.known import KnownDocuments, Part
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.signature_files import SignatureFiles
from pipeline.page_cache import fits
from pipeline.partition_pool import map_in_order


class MeasuredCorpus(NamedTuple):
    """What is known of all documents: 22 bytes each in memory, the rest in files.

    30 bytes, where signatures stay in the cache.
    """

    tokens: NDArray[np.int32]
    """int32 (rows,)."""
    contents: NDArray[np.uint64]
    """uint64 (rows, 2)."""
    signatures: SignatureFiles
    """Of all rows."""
    band_files: list[Path]
    """One per band: uint64 (rows,), the band's key of each document."""
    meets_held_out: NDArray[np.bool_]
    """bool (rows,): training documents that may share 13 tokens with a held-out one."""
    rows_reused: int
    """Documents whose figures came from the cache."""


def measure_corpus(
    corpus: Corpus,
    recipe: DedupRecipe,
    held_out: HeldOutSketches | None,
    known: KnownDocuments,
    work: Path,
    progress: Progress,
) -> MeasuredCorpus:
    """Measure every document that the cache does not know, and write signatures and band keys.

    Args:
        corpus: The documents.
        recipe: Gives permutations and bands.
        held_out: What training documents are to be held against; None: nothing.
        known: What is known of some; of others it is computed.
        work: Existing folder for the files.
        progress: Told of documents done.
    """
    bands = recipe.bands
    tokens = np.zeros(corpus.rows, np.int32)
    contents = np.zeros((corpus.rows, 2), np.uint64)
    meets = np.zeros(corpus.rows, np.bool_)
    width, stored = recipe.num_permutations, len(known.records)
    at_hand = known.signatures if stored and fits(4 * width * stored) else None
    signatures = SignatureFiles(work, corpus.ids[:, 0], width, at_hand)
    band_files = [work / f"band-{band:03d}" for band in range(bands.bands)]

    def look(part: Part, row: int) -> tuple[Part, NDArray[np.uint64]]:
        if held_out is not None and part.sketches is not None:
            stop = row + len(part.measured.tokens)
            meets[row:stop] = held_out.met_by(row, part.sketches)
        keys = kernels.band_keys(part.measured.signatures, bands.bands, bands.rows)
        return part._replace(sketches=None), keys

    reused = row = 0
    with ExitStack() as files:
        files.enter_context(signatures)
        key_files = [files.enter_context(path.open("wb")) for path in band_files]
        slices = map_in_order(
            lambda piece: look(known.measure(piece.table), piece.first_row), corpus.slices()
        )
        for part, keys in slices:
            stop = row + len(part.measured.tokens)
            tokens[row:stop], contents[row:stop] = part.measured.tokens, part.measured.contents
            signatures.add(part.measured.signatures, part.found)
            for file, values in zip(key_files, keys, strict=True):
                file.write(values.data)
            reused, row = reused + int(np.count_nonzero(part.found >= 0)), stop
            progress(row, corpus.rows, "documents", "computing signatures")
    return MeasuredCorpus(tokens, contents, signatures, band_files, meets, reused)
