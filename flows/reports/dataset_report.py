"""What a dataset's page shows, gathered into one value: pages are rendered from it and nothing else.

Figures come from `quality.json` (a function of the data) and from the stage results (costs and
counts of the run). The two must agree, or no report is made.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, Field, model_validator

from data_contracts.arrow_files import read_partitions
from data_contracts.checks import ContractResult
from data_contracts.contract_diff import RuleChange
from data_contracts.contract_stamp import ContractStamp
from data_contracts.frozen import Frozen
from data_contracts.gate import QUALITY_FILE
from data_contracts.manifest import DatasetManifest
from data_contracts.planted_recall import PlantedRecall
from data_contracts.quality import ClusterQuality, Quality, SignalQuality
from data_contracts.reasons import Stage
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    DedupResult,
    ShardResult,
    StageResult,
    check_chain,
)
from data_contracts.schemas import DOCUMENTS
from flows.reports.findings import (
    Comparison,
    PersonalData,
    TakenOut,
    compared,
    personal_data,
    taken_out,
)
from flows.reports.funnel import Funnel, funnel_of
from flows.reports.ledger_sample import LedgerSample, sample_ledger
from flows.reports.word_diff import DiffPart, word_diff

LEDGER_FOLDER = "ledger"
"""Where a version's ledger lies in its folder."""


class Origin(Frozen):
    """Where a version comes from."""

    name: str
    """The dataset's name."""
    version: str | None
    """Its version; None: its contract rejected it, nothing was published."""
    fingerprint: str
    """Everything that decides the content, hashed."""
    created: AwareDatetime
    """When it was made."""
    corpusmill: str
    """Version of the program."""
    parent: str | None = None
    """The version before it."""
    libraries: dict[str, str] = Field(default_factory=dict)
    """Versions of the libraries that decide output bytes."""
    stage_keys: dict[str, str] = Field(default_factory=dict)
    """Fingerprint of each stage's output."""
    recipe: dict[str, Any]
    """The recipe, complete with its defaults."""
    reused: frozenset[Stage] = frozenset()
    """Stages whose output was there already."""
    files: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Files and their bytes, per source."""

    @classmethod
    def of(cls, manifest: DatasetManifest) -> Self:
        """Read it from a version's manifest."""
        return cls(
            name=manifest.name,
            version=manifest.version,
            fingerprint=manifest.fingerprint,
            created=manifest.created,
            corpusmill=manifest.corpusmill,
            parent=manifest.parent,
            libraries=manifest.libraries,
            stage_keys=manifest.stage_keys,
            recipe=manifest.recipe,
            reused=frozenset(
                Stage(stage) for stage, seconds in manifest.timings_seconds.items() if not seconds
            ),
            files={source.name: (source.files, source.bytes) for source in manifest.sources},
        )


class StageCost(Frozen):
    """What a stage did and what that cost."""

    stage: Stage
    """Which stage."""
    seconds: float
    """Wall time, of the run that did it."""
    bytes_in: int
    """Bytes that went in."""
    megabytes_per_second: float
    """Input over wall time."""
    rows_in: int
    """Records given to it."""
    rows_kept: int
    """Records it handed on."""
    rows_cached: int
    """Records whose result it took from the cache."""
    reused: bool
    """Whether its whole output was there already, so that it did not run."""


class Limit(Frozen):
    """A threshold that a rule compares a signal with."""

    rules: str
    """The recipe's section that sets it."""
    value: float
    """The threshold."""
    least: bool
    """Whether it is the least value that passes (else the greatest)."""
    bites: bool
    """Whether a measured record lies beyond it (as far as the histogram's bins tell)."""


class ClusterStory(Frozen):
    """A big cluster, and how the furthest member differs from the survivor."""

    cluster: ClusterQuality
    """The cluster."""
    difference: tuple[DiffPart, ...]
    """Survivor against furthest member, word by word."""

    @property
    def differs(self) -> bool:
        """Whether a difference is among what is shown."""
        return any(part.kind in {"survivor", "member"} for part in self.difference)


class DedupFigures(Frozen):
    """How duplicates were looked for."""

    pairs_compared: int
    """Candidate pairs whose exact similarity was computed."""
    pairs_over_threshold: int
    """Pairs of them at or over the threshold."""
    comparisons_capped: int
    """Records for which the bound on comparisons bit."""
    bands: int
    """Bands of the signature."""
    rows_per_band: int
    """Values per band."""
    planted: PlantedRecall | None = None
    """The run's own recall; None: nothing was planted."""


class ShardFigures(Frozen):
    """The published tokens."""

    vocabulary_size: int
    """Entries of the tokenizer."""
    tokenizer_sha256: str
    """Which tokenizer."""
    documents: dict[str, int]
    """Documents per split."""
    tokens: dict[str, int]
    """Tokens per split."""


class DatasetReport(Frozen):
    """Everything on a dataset's page."""

    origin: Origin
    """Where the version comes from."""
    quality: Quality
    """Figures of the data, and every check of the contract."""
    funnel: Funnel
    """Records in to records kept."""
    limits: dict[str, tuple[Limit, ...]]
    """Thresholds by signal."""
    clusters: tuple[ClusterStory, ...]
    """The biggest duplicate clusters."""
    dedup: DedupFigures | None
    """How duplicates were found; None: that stage did not run."""
    shard: ShardFigures | None
    """The tokens; None: nothing was published."""
    costs: tuple[StageCost, ...]
    """What each stage cost."""
    personal: tuple[PersonalData, ...] = ()
    """Records with personal data, by kind."""
    taken_out: tuple[TakenOut, ...] = ()
    """What cleaning took out of texts, by signal."""
    comparisons: tuple[Comparison, ...] = ()
    """The same figures of other versions."""
    sample: LedgerSample = LedgerSample()
    """Some rows of the ledger."""
    released: ContractResult | None = None
    """What was judged of the tokens, drift and ages; None: it did not come to that."""

    contract_changes: tuple[RuleChange, ...] = ()
    """Rules that are not what they were for the version before."""

    @property
    def checks(self) -> tuple[CheckOutcome, ...]:
        """Every check of the contracts, of both judgements."""
        return (*self.quality.checks, *(self.released.checks if self.released else ()))

    @property
    def contracts(self) -> tuple[ContractStamp, ...]:
        """The contracts of both judgements, each once."""
        released = self.released.contracts if self.released else ()
        return tuple(dict.fromkeys((*self.quality.contracts, *released)))

    @property
    def passed(self) -> bool:
        """Whether the data may reach training, as far as it was judged."""
        return self.quality.passed and (self.released is None or self.released.passed)

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        quality = {name: (one.records_in, one.kept) for name, one in self.quality.sources.items()}
        results = {name: (way[0], way[-1]) for name, way in self.funnel.sources.items()}
        if quality != results:
            msg = f"quality.json counts (in, kept) {quality}, the stage results {results}"
            raise ValueError(msg)
        return self


def gather_dataset(
    version: Path,
    origin: Origin,
    results: Sequence[StageResult],
    others: Sequence[tuple[str, str, Quality]] = (),
    released: ContractResult | None = None,
    contract_changes: Sequence[RuleChange] = (),
) -> DatasetReport:
    """Gather what a dataset's page shows.

    Args:
        version: Folder of the version, or of what the gate rejected: it holds quality.json.
        origin: Where the version comes from.
        results: What the stages returned, in order.
        others: Versions to compare it with: NAME@VERSION, what it is, its figures.
        released: What was judged of its tokens.
        contract_changes: What sets its contracts apart from those of the version before.

    Raises:
        SchemaMismatch: quality.json is missing or is something else.
        ValueError: Figures do not add up, or the results are not of this data.
    """
    quality = Quality.load(version / QUALITY_FILE)
    for before, after in itertools.pairwise(results):
        check_chain(before, after)
    return DatasetReport(
        origin=origin,
        quality=quality,
        funnel=funnel_of(list(quality.sources), results),
        limits=_limits(origin.recipe.get("clean"), "clean", quality.signals),
        clusters=_stories(quality.clusters, results),
        dedup=_dedup_figures(results),
        shard=_shard_figures(results),
        costs=tuple(_cost(result, origin) for result in results),
        personal=personal_data(quality, origin.recipe),
        taken_out=taken_out(quality),
        comparisons=compared(quality, others),
        sample=sample_ledger(version / LEDGER_FOLDER),
        released=released,
        contract_changes=tuple(contract_changes),
    )


def _limits(
    recipe: Any, section: str, signals: Mapping[str, SignalQuality]
) -> dict[str, tuple[Limit, ...]]:
    """Find thresholds by their names: `min_words` and `max_words` are limits of `words`."""
    found: dict[str, tuple[Limit, ...]] = {}
    if not isinstance(recipe, Mapping):
        return found
    for field, value in recipe.items():
        side, _, signal = field.partition("_")
        if isinstance(value, Mapping):
            for name, limits in _limits(value, field, signals).items():
                found[name] = found.get(name, ()) + limits
        elif side in {"min", "max"} and signal in signals and isinstance(value, int | float):
            least = side == "min"
            limit = Limit(
                rules=section, value=value, least=least, bites=_bites(signals[signal], value, least)
            )
            found[signal] = (*found.get(signal, ()), limit)
    return found


def _bites(signal: SignalQuality, threshold: float, least: bool) -> bool:  # noqa: FBT001
    bins = zip(signal.edges, signal.edges[1:], signal.total.measured.counts, strict=False)
    if least:
        return bool(signal.total.measured.below) or any(
            count and high <= threshold for _, high, count in bins
        )
    return bool(signal.total.measured.above) or any(
        count and low >= threshold for low, _, count in bins
    )


def _stories(
    clusters: Sequence[ClusterQuality], results: Sequence[StageResult]
) -> tuple[ClusterStory, ...]:
    """Compare survivor and furthest member: whole documents while they are there, else excerpts."""
    members = [member for one in clusters for member in (one.survivor, one.furthest)]
    texts = {member.record_id: member.excerpt for member in members}
    for result in results:
        if isinstance(result, CleanResult):
            texts |= _documents(result.documents, pa.array(texts, pa.string()))
    return tuple(
        ClusterStory(
            cluster=one,
            difference=word_diff(texts[one.survivor.record_id], texts[one.furthest.record_id]),
        )
        for one in clusters
    )


def _documents(folder: Path, wanted: pa.Array) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in read_partitions(folder, DOCUMENTS):
        rows = table.filter(pc.is_in(table["record_id"], wanted))
        found |= zip(rows["record_id"].to_pylist(), rows["text"].to_pylist(), strict=True)
    return found


def _dedup_figures(results: Sequence[StageResult]) -> DedupFigures | None:
    for result in results:
        if isinstance(result, DedupResult):
            return DedupFigures(
                pairs_compared=result.pairs_compared,
                pairs_over_threshold=result.pairs_over_threshold,
                comparisons_capped=result.comparisons_capped,
                bands=result.bands,
                rows_per_band=result.rows_per_band,
                planted=result.planted,
            )
    return None


def _shard_figures(results: Sequence[StageResult]) -> ShardFigures | None:
    for result in results:
        if isinstance(result, ShardResult):
            return ShardFigures(
                vocabulary_size=result.vocabulary_size,
                tokenizer_sha256=result.tokenizer_sha256,
                documents=result.documents,
                tokens=result.tokens,
            )
    return None


def _cost(result: StageResult, origin: Origin) -> StageCost:
    return StageCost(
        stage=result.stage,
        seconds=result.elapsed_seconds,
        bytes_in=result.bytes_in,
        megabytes_per_second=result.megabytes_per_second,
        rows_in=result.rows_in,
        rows_kept=result.rows_kept,
        rows_cached=result.rows_reused,
        reused=result.stage in origin.reused,
    )
