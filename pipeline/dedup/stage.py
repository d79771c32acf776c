"""The stage: documents in, kept records and decisions out."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import Field

from data_contracts.frozen import Frozen
from data_contracts.progress import Progress, silent
from data_contracts.results import CleanResult, DedupResult, SourceCounts, start_folder
from data_contracts.split import SplitRecipe, splits_of_heads
from pipeline.dedup.corpus import Corpus
from pipeline.dedup.fates import KEPT, REASONS, Fates, decide
from pipeline.dedup.held_out.evaluation import MOST_SETS, EvaluationNgrams
from pipeline.dedup.held_out.sketches import HeldOutSketches
from pipeline.dedup.known import KnownDocuments
from pipeline.dedup.measuring import measure_corpus
from pipeline.dedup.outputs import write_decisions, write_index, write_kept
from pipeline.dedup.planted import measure_recall
from pipeline.dedup.ranking import rank
from pipeline.dedup.recipe import DedupRecipe


class DedupInputs(Frozen):
    """What dedup looks at."""

    cleaned: CleanResult
    """Its documents are deduplicated."""
    split: SplitRecipe = Field(default_factory=SplitRecipe)
    """Which records are held out: they survive against all others."""
    source_priority: dict[str, int] = Field(default_factory=dict)
    """By source name; records of a source of higher priority survive. 0 where none is given."""
    evaluation_sets: dict[str, tuple[Path, ...]] = Field(default_factory=dict, max_length=MOST_SETS)
    """By name; Arrow files with a column `text` that no document may share n-grams with."""


def dedup(
    inputs: DedupInputs,
    recipe: DedupRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> DedupResult:
    """Drop records that repeat a better one, evaluation sets, or (training text) held-out text.

    Who survives depends on the set of documents alone, not on their order, partitions or threads
    (DECISIONS.md has the algorithm and its cost).

    Args:
        inputs: The documents and what ranks them.
        recipe: Thresholds and bounds.
        output_dir: Receives kept/, decisions/ and index/.
        cache: Folder for signatures and sketches by content_id. It must stand for everything that decides a
            document's text and tokens: ingest, clean, their recipes and the Unicode version.
        progress: Told of documents and pairs done.

    Returns:
        Counts that add up, per source, and the run's own recall.

    Raises:
        SchemaMismatch: A partition of documents is not of the promised columns, or an evaluation
            set has no texts.
    """
    started = time.perf_counter()
    start_folder(output_dir)
    work = output_dir / "work"
    work.mkdir()
    corpus = Corpus.open(inputs.cleaned.documents)
    heads = (corpus.ids[:, 0] >> np.uint64(32)).astype(np.uint32)
    splits = splits_of_heads(heads, inputs.split)
    holds_out = bool(recipe.held_out_overlap and splits.any())
    known = KnownDocuments(cache, recipe.num_permutations, sketches=holds_out)
    with known.records:
        sketches = (
            HeldOutSketches(corpus.text_bytes, splits, partial(known.sketch, corpus), work)
            if holds_out
            else None
        )
        measured = measure_corpus(corpus, recipe, sketches, known, work, progress)
    ranking = rank(corpus, measured, splits, inputs.source_priority)
    evaluation = None
    if inputs.evaluation_sets:
        files = list(inputs.evaluation_sets.values())
        evaluation = EvaluationNgrams.of(files, recipe.evaluation_tokens)
    fates = decide(corpus, measured, ranking, recipe, evaluation, sketches, progress)
    with ThreadPoolExecutor(1) as beside:  # the index is most of what is written
        index = beside.submit(
            write_index, output_dir / "index", corpus, measured.signatures, fates, recipe
        )
        write_kept(output_dir / "kept", corpus, ranking, fates)
        sets = list(inputs.evaluation_sets)
        write_decisions(output_dir / "decisions", corpus, fates, recipe, sets)
        planted = measure_recall(corpus, measured, fates, recipe)
        index.result()
    shutil.rmtree(work)
    return DedupResult(
        folder=output_dir,
        elapsed_seconds=time.perf_counter() - started,
        sources=_count(corpus, fates),
        bytes_in=int(corpus.text_bytes.sum()),
        bytes_out=int(corpus.text_bytes[fates.reasons == KEPT].sum()),
        rows_reused=measured.rows_reused,
        pairs_compared=fates.pairs_compared,
        pairs_over_threshold=fates.pairs_over_threshold,
        comparisons_capped=fates.comparisons_capped,
        bands=recipe.bands.bands,
        rows_per_band=recipe.bands.rows,
        planted=planted,
    ).save()


def _count(corpus: Corpus, fates: Fates) -> dict[str, SourceCounts]:
    fates_per_source = len(REASONS) + 1
    cells = np.bincount(
        corpus.sources * fates_per_source + fates.reasons,
        minlength=len(corpus.source_names) * fates_per_source,
    ).reshape(-1, fates_per_source)
    return {
        name: SourceCounts(
            rows_in=sum(counts),
            rows_kept=counts[KEPT],
            rows_dropped={
                reason: count for reason, count in zip(REASONS, counts[1:], strict=True) if count
            },
        )
        for name, counts in zip(corpus.source_names, cells.tolist(), strict=True)
    }
