"""The shard stage: kept documents become shuffled Arrow shards, tokens and a placed ledger."""

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import partitions, read_ipc
from data_contracts.contract_stamp import ContractStamp, labels
from data_contracts.errors import GateRefused, NothingLeft
from data_contracts.fingerprint import sha256_of_files
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.lock import Lock
from data_contracts.progress import Progress, silent
from data_contracts.results import (
    CleanResult,
    DedupResult,
    ShardResult,
    SourceCounts,
    ValidateResult,
    start_folder,
)
from data_contracts.schemas import DOCUMENTS, PUBLISHED_DOCUMENTS, PUBLISHED_METADATA
from data_contracts.split import SPLITS
from data_contracts.token_shards import REPEATS, TokenShardWriter
from data_contracts.warehouse import link_tree
from pipeline.id_halves import id_halves
from pipeline.page_cache import fits
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.shard import card, ledger, tokenizer
from pipeline.shard.documents import (
    RECORD_COLUMN,
    DocumentsWriter,
    Written,
    check_lengths,
    read_documents,
    write_dataset_dict,
)
from pipeline.shard.mapped_sort import MappedSort
from pipeline.shard.metadata import RecordMetadata
from pipeline.shard.order import shuffle_keys
from pipeline.shard.placements import Placed, Placements
from pipeline.shard.recipe import ShardRecipe
from pipeline.shard.repeats import repeated_documents, times_by_cluster_size
from pipeline.shard.scatter import Scatter
from pipeline.shard.settled_tokenizer import learn, take_known
from pipeline.shard.tokens import CACHED, Tokenised, tokenise
from pipeline.shard.tokens_writing import TokensWriting


class ShardInputs(Frozen):
    """What the stages before left, and what they could not know."""

    dataset: str
    """The dataset's name, for its card."""
    cleaned: CleanResult
    """Texts and signals."""
    deduped: DedupResult
    """Which records are kept, in which split; signatures and clusters."""
    validated: ValidateResult
    """The gate's verdict, and the ledger."""
    licenses: dict[str, str | None]
    """Licence per source, for the card; None: unknown."""
    metadata: Path | None = None
    """What sources say of their records beside the text (METADATA); None: documents have no such
    column."""
    lock: Path | None = None
    """A folder with the tokenizer learned before (`data_contracts.lock`); None: learn one. It is
    also learned when the settings that decide it have changed."""


@dataclass
class _Run:
    """One call of `shard`: its arguments and what it has found so far."""

    inputs: ShardInputs
    recipe: ShardRecipe
    output_dir: Path
    progress: Progress
    placements: Placements
    shard_names: dict[str, list[str]] = field(default_factory=dict)
    sizes: dict[card.Group, card.Size] = field(default_factory=lambda: defaultdict(card.Size))
    text_bytes: int = 0
    rows_reused: int = 0
    repeated_documents: int = 0
    repeated_tokens: int = 0
    tokenised_bytes: int = 0

    def count(self, batch: Tokenised) -> None:
        """Count documents whose tokens are written."""
        split = SPLITS[batch.split]
        self.placements.tokens[batch.records] = batch.spans["tokens"].to_numpy()
        self.rows_reused += batch.reused
        table = batch.spans.append_column("language", batch.languages)
        figures = [("record_id", "count"), ("text_bytes", "sum"), ("tokens", "sum")]
        for row in table.group_by(["source", "language"]).aggregate(figures).to_pylist():
            size = card.Size(row["record_id_count"], row["text_bytes_sum"], row["tokens_sum"])
            group = card.Group(str(split), row["source"], row["language"])
            self.sizes[group] = self.sizes[group].plus(size)
            self.tokenised_bytes += row["text_bytes_sum"]
        self.progress(self.tokenised_bytes, self.text_bytes, "bytes", f"tokenising {split}")

    @property
    def contracts(self) -> tuple[ContractStamp, ...]:
        return self.inputs.validated.contracts

    @property
    def temporary(self) -> Path:
        return self.output_dir / ".sorting"


def shard(
    inputs: ShardInputs,
    recipe: ShardRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> ShardResult:
    """Write a dataset version's documents, tokens, ledger, signals, index and card.

    Every file is a function of the set of records, the recipe and the lock: input order,
    partitioning, threads and cache leave no trace. Memory: 92 bytes per kept record, a bucket
    (64 MB) or a batch (16 MB of text) per worker, and 128 MB of tokens per split; pages of mapped files, where a
    quarter of the machine's memory holds all text (`mapped_sort`).

    Args:
        inputs: Results of the stages before; the contract must have passed.
        recipe: Settings.
        output_dir: Cleared, then filled.
        cache: Folder of tokens by content_id. It must stand for everything that decides a document's
            text (the clean stage and what it edits), and for this stage's version. None reuses
            nothing.
        progress: Told the megabytes done.

    Returns:
        Counts per source and split; `lock.json` and `tokenizer.json` beside them are the lock.

    Raises:
        GateRefused: The contract did not pass: nothing is written.
        NothingLeft: No record is kept.
        RecipeInvalid: `tokenizer` cannot be used, or a document is over 2 GiB.
        SchemaMismatch: The inputs do not belong together.
        VersionCorrupt: The lock is broken.
    """
    started = time.perf_counter()
    _refuse_unpassed(inputs.validated)
    placements = Placements(inputs.deduped.kept)
    if not len(placements):
        raise NothingLeft("shard", 0, {})
    start_folder(output_dir)
    run = _Run(inputs, recipe, output_dir, progress, placements)
    beside = ThreadPoolExecutor(1)
    try:
        signals = beside.submit(
            ledger.sort_signals,
            inputs.cleaned.signals,
            output_dir / "signals",
            run.temporary / "signals",
            run.contracts,
        )
        link_tree(inputs.deduped.index, output_dir / "index")
        lock, tokens, finished = _write_texts(
            run, cache, lambda writers: beside.submit(_finish, output_dir, writers, signals)
        )
        records = ledger.place_in_ledger(
            inputs.validated.ledger,
            placements,
            run.shard_names,
            output_dir / "ledger",
            run.contracts,
        )
        sha256 = finished.result()
    finally:
        beside.shutdown(cancel_futures=True)
    shutil.rmtree(run.temporary, ignore_errors=True)  # what fits is sorted where it lies
    _write_card(run, lock, records)
    return ShardResult(
        folder=output_dir,
        elapsed_seconds=time.perf_counter() - started,
        sources=_counts(run),
        bytes_in=run.text_bytes,
        bytes_out=run.text_bytes,
        rows_reused=run.rows_reused,
        tokenizer_sha256=lock.tokenizer_sha256,
        vocabulary_size=lock.vocabulary_size,
        documents={
            str(split): int((placements.split == number).sum())
            for number, split in enumerate(SPLITS)
        },
        tokens=tokens,
        repeated_documents=run.repeated_documents,
        repeated_tokens=run.repeated_tokens,
        sha256=sha256,
    ).save()


def _refuse_unpassed(validated: ValidateResult) -> None:
    if validated.passed:
        return
    failed = ", ".join(f"`{check.rule}`" for check in validated.critical_failures)
    problem = f"failed critical checks: {failed}" if failed else "no check was evaluated"
    raise GateRefused(validated.folder, f"{labels(validated.contracts)} did not pass ({problem})")


def _write_texts(
    run: _Run,
    cache: Path | None,
    finish: Callable[[list[DocumentsWriter]], Future[dict[str, str]]],
) -> tuple[Lock, dict[str, int], Future[dict[str, str]]]:
    """Write documents and tokens: side by side, unless the tokenizer is learned from the documents.

    Args:
        run: The run.
        cache: Of tokens.
        finish: Called with the writers when all documents are written.

    Returns:
        The lock; tokens per split; what `finish` gave.
    """
    lock = take_known(run.recipe, run.inputs.lock, run.output_dir)
    if lock is not None:
        with _tokens(run, lock, cache) as writing:
            finished = finish(_write_documents(run, writing.add))
        return lock, writing.tokens, finished
    finished = finish(_write_documents(run, lambda _: None))
    run.progress(0, 0, "bytes", "learning the tokenizer")
    lock = learn(run.recipe, run.output_dir)
    with _tokens(run, lock, cache) as writing:
        for number, split in enumerate(SPLITS):
            documents = read_documents(run.output_dir / "documents" / split)
            for batch in run.placements.placed(documents, number):
                writing.add(batch)
    return lock, writing.tokens, finished


def _write_documents(run: _Run, hand_on: Callable[[Placed], None]) -> list[DocumentsWriter]:
    paths = partitions(run.inputs.cleaned.documents)
    total = sum(path.stat().st_size for path in paths)
    metadata = RecordMetadata(run.inputs.metadata) if run.inputs.metadata is not None else None
    # A column of metadata is in no file, so that memory would hold all of it.
    in_place = metadata is None and fits(total)
    shuffle = MappedSort(total) if in_place else Scatter(run.temporary / "documents", total)

    def add_kept(path: Path) -> tuple[int, int]:
        table = read_ipc(path, DOCUMENTS)
        ids = id_halves(table["record_id"])
        records = run.placements.find(ids)
        kept = records >= 0
        high, low = id_halves(table["content_id"])
        run.placements.contents[:, records[kept]] = high[kept], low[kept]
        rows = table.select(PUBLISHED_DOCUMENTS.names)
        check_lengths(rows, kept)
        rows = rows.append_column(RECORD_COLUMN, pa.array(records))
        if metadata is not None:
            rows = rows.append_column(PUBLISHED_METADATA, metadata.of(ids))
        # (What is not kept has no split; any will do.)
        splits = run.placements.split[records]
        shuffle.add(rows, shuffle_keys(ids, run.recipe.shuffle_seed), splits, kept)
        lengths = pc.binary_length(table["text"]).to_numpy()
        return path.stat().st_size, int(lengths[kept].sum())

    def note(split: int, written: Written) -> None:
        run.placements.place(written.records, written.shard, written.first_row)
        hand_on(Placed(written.documents, written.records, split))

    done = 0
    for size, text_bytes in map_in_order(add_kept, paths):
        done += size
        run.text_bytes += text_bytes
        run.progress(done, total, "bytes", "shuffling documents")
    folder = run.output_dir / "documents"
    writers = [
        DocumentsWriter(
            folder / split,
            split,
            run.recipe.documents_shard_bytes,
            run.contracts,
            has_metadata=metadata is not None,
        )
        for split in SPLITS
    ]

    for tables in shuffle.grouped(len(SPLITS)):
        for split, (table, writer) in enumerate(zip(tables, writers, strict=True)):
            for written in writer.add(table):
                note(split, written)
    for split, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
        for written in writer.finish():
            note(split, written)
        run.shard_names[name] = writer.names()
    run.placements.check_complete()
    write_dataset_dict(folder, [str(split) for split in SPLITS])
    return writers


@contextmanager
def _tokens(run: _Run, lock: Lock, cache: Path | None) -> Iterator[TokensWriting]:
    """Take documents and write their tokens; at the end, further copies that the recipe asks for."""
    encoder = tokenizer.Encoder((run.output_dir / TOKENIZER_FILE).read_text(encoding="utf-8"))
    folder = cache and cache / f"tokens-{lock.tokenizer_sha256[:32]}"
    with RecordCache(folder, CACHED) as store:
        contents = run.placements.contents
        with TokensWriting(
            run.output_dir / "tokens", encoder, store, contents, run.count
        ) as writing:
            yield writing
        _write_repeats(run, encoder, store)


def _write_repeats(run: _Run, encoder: tokenizer.Encoder, store: RecordCache) -> None:
    """Write the further copies that the recipe asks for; no folder where there are none."""
    times = times_by_cluster_size(run.placements, run.recipe.repeat_by_cluster_size)
    run.repeated_documents = int(times.sum(dtype=np.int64)) - len(times)
    if not run.repeated_documents:
        return
    documents = repeated_documents(run.output_dir / "documents", run.placements, times)
    done = 0
    with TokenShardWriter(run.output_dir / "tokens" / REPEATS, encoder.vocabulary_size) as writer:
        for batch in tokenise(documents, run.placements.contents, encoder, store):
            writer.add(batch.tokens, batch.spans)
            done += batch.spans.num_rows
            run.progress(done, run.repeated_documents, "documents", "repeating documents")
    run.repeated_tokens = writer.tokens


def _finish(
    output_dir: Path, writers: list[DocumentsWriter], signals: Future[None]
) -> dict[str, str]:
    """Describe the documents, and hash all that is written by now, for the manifest."""
    signals.result()
    for writer in writers:
        writer.describe()
    folders = ("documents", "index", "signals")
    found = (path for name in folders for path in sorted((output_dir / name).rglob("*")))
    paths = [path for path in found if path.is_file()]
    names = (path.relative_to(output_dir).as_posix() for path in paths)
    return dict(zip(names, sha256_of_files(paths), strict=True))


def _write_card(run: _Run, lock: Lock, records: int) -> None:
    text = card.render(
        card.Card(
            dataset=run.inputs.dataset,
            sizes=run.sizes,
            licenses=run.inputs.licenses,
            vocabulary_size=lock.vocabulary_size,
            records=records,
            checks=len(run.inputs.validated.checks),
            warnings=len(run.inputs.validated.warnings),
            repeated_documents=run.repeated_documents,
            repeated_tokens=run.repeated_tokens,
        )
    )
    (run.output_dir / "README.md").write_text(text, encoding="utf-8")


def _counts(run: _Run) -> dict[str, SourceCounts]:
    documents: dict[str, int] = defaultdict(int)
    for group, size in run.sizes.items():
        documents[group.source] += size.documents
    return {
        name: SourceCounts(rows_in=count, rows_kept=count)
        for name, count in sorted(documents.items())
    }
