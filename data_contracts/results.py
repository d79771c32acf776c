"""What each stage returns: small, JSON-able, and it adds up or it cannot be built.

A result lies beside the stage's files as `result.json`, written last: its existence means that the
stage's output is whole. Paths are never stored, only `folder` is known, from where it was read.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, ValidationError, model_validator

from data_contracts.checks import Checked
from data_contracts.checks import CheckOutcome as CheckOutcome  # noqa: PLC0414 - results hold them
from data_contracts.errors import SchemaMismatch
from data_contracts.frozen import Frozen
from data_contracts.interval import Interval as Interval  # noqa: PLC0414 - results are made of it
from data_contracts.measures import (
    Calibration,
    HiddenFigures,
    Memorisation,
    PositionFigures,
    TaskFigures,
    TrainGap,
)
from data_contracts.planted_recall import PlantedRecall
from data_contracts.reasons import Reason, Stage
from data_contracts.whole_text import replace_text

RESULT_FILE = "result.json"


class SourceCounts(Frozen):
    """One source's part of a stage's figures."""

    rows_in: int = Field(ge=0)
    """Records of this source that the stage was given."""
    rows_kept: int = Field(ge=0)
    """Records that it handed on."""
    rows_dropped: dict[Reason, int] = Field(default_factory=dict)
    """Records that it dropped, by their first reason."""

    @model_validator(mode="after")
    def _every_row_is_accounted_for(self) -> Self:
        lost = self.rows_in - self.rows_kept - sum(self.rows_dropped.values())
        if lost:
            msg = f"{lost} of {self.rows_in} rows are neither kept nor dropped"
            raise ValueError(msg)
        return self


class Result(Frozen):
    """Base of all stage results: where the files are and what the stage cost."""

    stage: ClassVar[Stage]

    folder: Path = Field(exclude=True)
    """Where the stage's files are."""
    elapsed_seconds: float = Field(ge=0)
    """Wall time of the stage."""

    def save(self) -> Self:
        """Write `result.json`, atomically and last: from now on the stage counts as done."""
        replace_text(self.folder / RESULT_FILE, self.model_dump_json(indent=1))
        return self

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read a stage's result back; None when the stage is not done.

        Raises:
            SchemaMismatch: The file is there but is not a result of this stage.
        """
        path = folder / RESULT_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            stored = cls._stored(text)
            return cls(folder=folder, **stored)
        except (ValidationError, ValueError, TypeError) as error:
            raise SchemaMismatch(str(path), f"not a result of `{cls.stage}`: {error}") from error

    @staticmethod
    def _stored(text: str) -> dict[str, object]:
        loaded = json.loads(text)
        if not isinstance(loaded, dict):
            msg = "not a JSON object"
            raise TypeError(msg)
        return loaded


class StageResult(Result):
    """A stage of the data half: records in = kept + dropped, in total and for each source."""

    sources: dict[str, SourceCounts]
    """Counts per source."""
    bytes_in: int = Field(ge=0)
    """Bytes of text (for ingest: of files) that went in."""
    bytes_out: int = Field(default=0, ge=0)
    """Bytes of text that came out."""
    rows_reused: int = Field(default=0, ge=0)
    """Records whose result was taken from the cache."""

    @property
    def rows_in(self) -> int:
        """Records given to the stage."""
        return sum(counts.rows_in for counts in self.sources.values())

    @property
    def rows_kept(self) -> int:
        """Records handed on."""
        return sum(counts.rows_kept for counts in self.sources.values())

    @property
    def rows_dropped(self) -> dict[Reason, int]:
        """Records dropped, by first reason, in documented order."""
        totals: dict[Reason, int] = {}
        for reason in Reason:
            count = sum(c.rows_dropped.get(reason, 0) for c in self.sources.values())
            if count:
                totals[reason] = count
        return totals

    @property
    def megabytes_per_second(self) -> float:
        """Input megabytes (10^6 bytes) per second of wall time."""
        return self.bytes_in / 1e6 / max(self.elapsed_seconds, 1e-9)


def check_chain(before: StageResult, after: StageResult) -> None:
    """Check that a stage was given exactly what the one before handed on.

    Raises:
        ValueError: For some source the two counts differ: records were lost between stages.
    """
    names: Mapping[str, object] = {**before.sources, **after.sources}
    for name in names:
        handed = before.sources[name].rows_kept if name in before.sources else 0
        given = after.sources[name].rows_in if name in after.sources else 0
        if handed != given:
            msg = (
                f"source `{name}`: {before.stage} handed on {handed:,} records, "
                f"{after.stage} was given {given:,}"
            )
            raise ValueError(msg)


class IngestResult(StageResult):
    """Folders of partitions: `records/` (RECORDS), `origins/`, `decisions/`, `metadata/`, likewise."""

    stage: ClassVar[Stage] = Stage.INGEST
    files: int = Field(ge=0)
    """Files read."""

    @property
    def records(self) -> Path:
        """Readable records (RECORDS)."""
        return self.folder / "records"

    @property
    def origins(self) -> Path:
        """Every input record (ORIGINS)."""
        return self.folder / "origins"

    @property
    def metadata(self) -> Path:
        """What is kept of readable records beside their text (METADATA)."""
        return self.folder / "metadata"

    @property
    def decisions(self) -> Path:
        """Records dropped here (DECISIONS)."""
        return self.folder / "decisions"


class CleanResult(StageResult):
    """`documents/` (DOCUMENTS), `signals/` (every record given), `decisions/` (DECISIONS)."""

    stage: ClassVar[Stage] = Stage.CLEAN

    @property
    def documents(self) -> Path:
        """Documents that passed (DOCUMENTS)."""
        return self.folder / "documents"

    @property
    def signals(self) -> Path:
        """record_id, source, language, language_score and every signal, of every record given."""
        return self.folder / "signals"

    @property
    def decisions(self) -> Path:
        """Records dropped here (DECISIONS)."""
        return self.folder / "decisions"


class DedupResult(StageResult):
    """`kept/` (KEPT), `decisions/` (DECISIONS), `index/` (signatures and clusters, Parquet)."""

    stage: ClassVar[Stage] = Stage.DEDUP
    pairs_compared: int = Field(ge=0)
    """Candidate pairs whose exact similarity was computed."""
    pairs_over_threshold: int = Field(ge=0)
    """Of these, pairs at or over the threshold."""
    comparisons_capped: int = Field(default=0, ge=0)
    """Records for which the bound on comparisons bit."""
    bands: int = Field(ge=1)
    """Bands of the signature."""
    rows_per_band: int = Field(ge=1)
    """Values per band."""
    planted: PlantedRecall | None = None
    """The run's own recall; None: no kept document was long enough to plant near-duplicates of."""

    @property
    def kept(self) -> Path:
        """Records that are in the dataset (KEPT)."""
        return self.folder / "kept"

    @property
    def decisions(self) -> Path:
        """Records dropped here (DECISIONS)."""
        return self.folder / "decisions"

    @property
    def index(self) -> Path:
        """Signatures and clusters."""
        return self.folder / "index"


class ValidateResult(StageResult, Checked):
    """`ledger/` (LEDGER, placement still null) and `quality.json`.

    The stage judges the whole: it hands on all records or, when a critical check failed, is not
    followed by another stage. `passed` is the gate.
    """

    stage: ClassVar[Stage] = Stage.VALIDATE

    @property
    def ledger(self) -> Path:
        """The ledger, one Parquet folder sorted by record_id."""
        return self.folder / "ledger"

    @property
    def quality(self) -> Path:
        """Figures and check outcomes (JSON)."""
        return self.folder / "quality.json"

    @property
    def suites(self) -> Path:
        """What Great Expectations said, for its Data Docs (JSON)."""
        return self.folder / "suites.json"


class ShardResult(StageResult):
    """The dataset version's files: documents/, tokens/, ledger/, signals/, index/, tokenizer."""

    stage: ClassVar[Stage] = Stage.SHARD
    tokenizer_sha256: str
    """SHA-256 of tokenizer.json."""
    vocabulary_size: int = Field(ge=1)
    """Tokens in the vocabulary."""
    documents: dict[str, int]
    """Documents per split."""
    tokens: dict[str, int]
    """Tokens per split."""
    repeated_documents: int = Field(default=0, ge=0)
    """Further copies of training documents, beside the splits."""
    repeated_tokens: int = Field(default=0, ge=0)
    """Their tokens."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the files of documents/, index/ and signals/ by path, taken while others were written."""


class TrainResult(Result):
    """model.safetensors, config.json, tokenizer.json, metrics.jsonl."""

    stage: ClassVar[Stage] = Stage.TRAIN
    parameters: int = Field(ge=1)
    """Trainable parameters."""
    steps: int = Field(ge=1)
    """Optimiser steps taken."""
    tokens_seen: int = Field(ge=1)
    """Training tokens that went through the model."""
    source_tokens: dict[str, int] = Field(default_factory=dict)
    """The same by source."""
    tokens_per_second: float = Field(ge=0)
    """Training throughput, evaluation excluded."""
    final_train_loss: float
    """Mean loss of the last steps, nats per token."""
    best_validation_loss: float
    """Lowest validation loss, nats per token."""
    peak_memory_bytes: int = Field(ge=0)
    """Peak resident memory of the process."""
    resumed_from_step: int = Field(default=0, ge=0)
    """The step that training was taken up at; 0: from the start."""
    flops_per_token: int | None = None
    """Floating-point operations of a training step per token: 6 x matrix weights (head included,
    embedding lookup not) + 12 x layers x width x context, attention counted as not causal."""
    peak_flops_per_second: float | None = None
    """What `utilisation_ratio` counts from: on a CPU a square matrix product measured just after
    training, on a GPU its data sheet. None: not known."""
    utilisation_ratio: float | None = None
    """`flops_per_token` x `tokens_per_second` / `peak_flops_per_second`; on a GPU this is MFU."""


class SplitFigures(Frozen):
    """How well one predictor does on one split."""

    predictor: str
    """`model`, or a baseline's name."""
    split: str
    """Which split."""
    bits_per_byte: Interval
    """Mean over the split's bytes; the bootstrap draws documents within sources, and chunks of about
    a kilobyte within documents."""
    documents: int = Field(ge=1)
    """Documents measured."""
    text_bytes: int = Field(ge=1)
    """UTF-8 bytes measured."""


class Sample(Frozen):
    """Text that the model wrote."""

    prompt: str
    """What it was given."""
    text: str
    """What it wrote."""


class EvaluateResult(Result):
    """results.json beside this result; figures for model and baselines."""

    stage: ClassVar[Stage] = Stage.EVALUATE
    figures: tuple[SplitFigures, ...]
    """Bits per byte of every predictor on every split; an encoder has none."""
    hidden: tuple[HiddenFigures, ...] = ()
    """What an encoder guesses of hidden tokens, on every split."""
    sources: dict[str, Interval]
    """The model's bits per byte per source, on validation and test together."""
    positions: tuple[PositionFigures, ...] = ()
    """The model's bits per byte by how much of the document it had read."""
    calibration: Calibration | None = None
    """Whether the model is as often right as it is sure."""
    gap: TrainGap | None = None
    """How much better the model does on its training text."""
    memorisation: Memorisation | None = None
    """What the model repeats of its training text."""
    samples: tuple[Sample, ...]
    """What the model writes."""
    tasks: tuple[TaskFigures, ...] = ()
    """Accuracy on the recipe's likelihood tasks, in its order."""
    parameters: int = Field(ge=1)
    """Trainable parameters."""
    tokens_per_second: float = Field(ge=0)
    """Evaluation throughput."""
    peak_memory_bytes: int = Field(ge=0)
    """Peak resident memory of the process."""
    beats_baselines: bool
    """On both splits, the model's interval lies wholly under every baseline's."""


def start_folder(folder: Path) -> None:
    """Make an empty folder for a stage, clearing what a killed run left in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
