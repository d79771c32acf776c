"""What the stage leaves: kept records, decisions, and the index of signatures and clusters."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.arrow_files import partition_name, write_ipc, write_parquet
from data_contracts.reasons import Reason
from data_contracts.schemas import DECISIONS, KEPT, RULE_EVIDENCE
from data_contracts.split import SPLITS
from pipeline.dedup.corpus import Corpus, ids_of
from pipeline.dedup.fates import EVALUATION, REASONS, Fates
from pipeline.dedup.fates import KEPT as IS_KEPT
from pipeline.dedup.ranking import Ranking
from pipeline.dedup.recipe import SHINGLE_TOKENS, DedupRecipe
from pipeline.dedup.signature_files import SignatureFiles
from pipeline.dedup.signatures import SCHEME, SEED, packed
from pipeline.text.tokens import HASH_VERSION

ROWS_PER_FILE = 1_000_000
"""Rows of kept/ and decisions/ per partition (about 80 MB)."""
ROWS_PER_GROUP = 65_536
"""Signatures per Parquet row group (33 MB with 128 values)."""

CLUSTERS = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("cluster_id", pa.string(), nullable=False),  # the survivor's record_id
        pa.field("similarity", pa.float64(), nullable=False),  # to the survivor; its own is 1
    ]
)
"""index/clusters.parquet: one row per member of every cluster of two or more, by record_id."""


def write_kept(folder: Path, corpus: Corpus, ranking: Ranking, fates: Fates) -> None:
    """Write KEPT, sorted by record_id."""
    sizes = np.bincount(fates.survivors[fates.survivors >= 0], minlength=corpus.rows)
    names = pa.array([str(split) for split in SPLITS])
    for number, rows in enumerate(_files(corpus.by_id(fates.reasons == IS_KEPT))):
        ids = ids_of(corpus.ids[rows])
        splits = names.take(pa.array(ranking.splits[rows]))
        columns = [ids, splits, ids, pa.array(sizes[rows].astype(np.int32))]
        table = pa.Table.from_arrays(columns, schema=KEPT)
        write_ipc(folder / partition_name(number), table)


def write_decisions(
    folder: Path, corpus: Corpus, fates: Fates, recipe: DedupRecipe, evaluation_sets: Sequence[str]
) -> None:
    """Write DECISIONS, sorted by record_id; `evaluation_sets` names the columns of the counts."""
    names = pa.array([str(reason) for reason in REASONS])
    thresholds = np.array([_threshold(reason, recipe) for reason in REASONS])
    for number, rows in enumerate(_files(corpus.by_id(fates.reasons != IS_KEPT))):
        which = fates.reasons[rows] - 1
        reasons, values = names.take(pa.array(which)), fates.values[rows]
        no_survivor = fates.survivors[rows] < 0
        columns = [
            ids_of(corpus.ids[rows]),
            reasons,
            _evidence(reasons, values, thresholds[which], _origins(rows, fates, evaluation_sets)),
            _nulled(ids_of(corpus.ids[fates.survivors[rows]]), no_survivor),
            pa.array(values, mask=no_survivor),
        ]
        table = pa.Table.from_arrays(columns, schema=DECISIONS)
        write_ipc(folder / partition_name(number), table)


def write_index(
    folder: Path,
    corpus: Corpus,
    signatures: SignatureFiles,
    fates: Fates,
    recipe: DedupRecipe,
) -> None:
    """Write signatures.parquet (kept records) and clusters.parquet, both sorted by record_id.

    A signature is its uint32 values, little-endian; the schema's metadata says how it was made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_signatures(folder / "signatures.parquet", corpus, signatures, fates, recipe)
    sizes = np.bincount(fates.survivors[fates.survivors >= 0], minlength=corpus.rows)
    in_cluster = (fates.survivors >= 0) & (sizes[fates.survivors] > 1)
    rows = corpus.by_id(in_cluster)
    columns = [
        ids_of(corpus.ids[rows]),
        ids_of(corpus.ids[fates.survivors[rows]]),
        pa.array(fates.values[rows]),
    ]
    write_parquet(folder / "clusters.parquet", pa.Table.from_arrays(columns, schema=CLUSTERS))


def _write_signatures(
    path: Path, corpus: Corpus, signatures: SignatureFiles, fates: Fates, recipe: DedupRecipe
) -> None:
    metadata = {
        "scheme": SCHEME,
        "seed": SEED,
        "permutations": recipe.num_permutations,
        "shingle_tokens": SHINGLE_TOKENS,
        "token_hash": HASH_VERSION,
        "bands": recipe.bands.bands,
        "rows_per_band": recipe.bands.rows,
    }
    schema = pa.schema(
        [
            pa.field("record_id", pa.string(), nullable=False),
            pa.field("signature", pa.binary(4 * recipe.num_permutations), nullable=False),
        ],
        metadata={name: str(value) for name, value in metadata.items()},
    )
    partial = path.with_name(path.name + ".partial")
    # Hashes do not compress, and neither is repeated.
    with pq.ParquetWriter(
        partial, schema, compression="none", use_dictionary=False, write_statistics=["record_id"]
    ) as writer:
        rows = corpus.by_id(fates.reasons == IS_KEPT)
        for start in range(0, len(rows), ROWS_PER_GROUP):
            some = rows[start : start + ROWS_PER_GROUP]
            columns = [ids_of(corpus.ids[some]), packed(signatures.take(some))]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    os.replace(partial, path)


def _threshold(reason: Reason, recipe: DedupRecipe) -> float:
    match reason:
        case Reason.EXACT_DUPLICATE:
            return 1.0
        case Reason.NEAR_DUPLICATE:
            return recipe.jaccard_threshold
        case _:
            return 1.0  # one shared n-gram


def _origins(
    rows: NDArray[np.int64], fates: Fates, evaluation_sets: Sequence[str]
) -> dict[int, list[tuple[str, int]]]:
    """Say which evaluation sets a row overlaps, and in how many n-grams, by its place in `rows`."""
    overlapping = np.flatnonzero(fates.reasons == EVALUATION)
    wanted = np.flatnonzero(fates.reasons[rows] == EVALUATION)
    counts = fates.evaluation[np.searchsorted(overlapping, rows[wanted])]
    return {
        place: [(name, n) for name, n in zip(evaluation_sets, shared, strict=True) if n]
        for place, shared in zip(wanted.tolist(), counts.tolist(), strict=True)
    }


def _evidence(
    reasons: pa.Array,
    values: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    origins: dict[int, list[tuple[str, int]]],
) -> pa.Array:
    """List each row's failing rule, and after it the part of each origin."""
    parts = [
        (f"{Reason.EVALUATION_OVERLAP}:{name}", float(n))
        for place in sorted(origins)
        for name, n in origins[place]
    ]
    lengths = np.ones(len(values), np.int64)
    for place, some in origins.items():
        lengths[place] += len(some)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    # Rules first, parts after them, in one column; then every list picks its own.
    order = np.empty(starts[-1], np.int64)
    is_rule = np.zeros(starts[-1], np.bool_)
    is_rule[starts[:-1]] = True
    order[is_rule], order[~is_rule] = np.arange(len(values)), len(values) + np.arange(len(parts))
    rules = pa.concat_arrays([reasons, pa.array([rule for rule, _ in parts], pa.string())])
    numbers = pa.array(np.concatenate([values, np.array([n for _, n in parts], np.float64)]))
    limits = pa.array(np.concatenate([thresholds, np.ones(len(parts))]))
    evidence = pa.StructArray.from_arrays([rules, numbers, limits], fields=list(RULE_EVIDENCE))
    lists = pa.ListArray.from_arrays(
        pa.array(starts.astype(np.int32)), evidence.take(pa.array(order))
    )
    return lists.cast(DECISIONS.field("reasons").type)


def _files(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut rows into files; at least one, so that the columns of an empty table are seen."""
    return [rows[i : i + ROWS_PER_FILE] for i in range(0, max(len(rows), 1), ROWS_PER_FILE)]


def _nulled(values: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    return pa.compute.if_else(pa.array(where), pa.scalar(None, pa.string()), values)
