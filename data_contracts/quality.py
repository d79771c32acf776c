"""What validate found in a dataset: every figure that a report shows, and every check.

`quality.json` holds exactly one `Quality`. It is a function of the set of records and of the
contract: no time of day, no elapsed time, no path of the machine. A report renders it and computes
nothing. Excerpts of corpus text are untrusted: escape them.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import SchemaMismatch
from data_contracts.frozen import Frozen
from data_contracts.reasons import UNREADABLE_REASONS, Fate, Reason, Stage
from data_contracts.results import CheckOutcome
from data_contracts.split import Split
from data_contracts.whole_text import replace_text

QUANTILES: tuple[float, ...] = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Which quantiles a `Distribution` holds: the least value, the percentiles, the greatest value."""

_BY_THEMSELVES = frozenset(
    {
        *UNREADABLE_REASONS,
        Reason.EXACT_DUPLICATE,
        Reason.NEAR_DUPLICATE,
        Reason.HELD_OUT_OVERLAP,
        Reason.EVALUATION_OVERLAP,
    }
)


class EditQuality(Frozen):
    """What cleaning took out of texts or found in them, for one signal."""

    records: int = Field(ge=0)
    """Records that had it."""
    occurrences: int = Field(ge=0)
    """How often, over all of them."""


class SourceQuality(Frozen):
    """One source's funnel, from records in to records kept."""

    license: str | None
    """SPDX expression; None: the recipe names no licence."""
    records_in: int = Field(ge=0)
    """Records that the source delivered, unreadable ones included."""
    dropped: dict[Reason, int]
    """Records that are not in the dataset, by first reason, in the documented order of reasons."""
    kept: int = Field(ge=0)
    """Records in the dataset."""
    kept_characters: int = Field(ge=0)
    """Unicode code points of the kept documents."""
    kept_bytes: int = Field(ge=0)
    """UTF-8 bytes of the kept documents."""
    kept_by_split: dict[Split, int]
    """Kept records per split; every split is there. Their sum is `kept`, or the contract is broken."""
    kept_by_language: dict[str, int]
    """Kept records per language, most first."""
    edits: dict[str, EditQuality] = Field(default_factory=dict)
    """Lines taken out, repairs and personal data, by signal, of all measured records."""

    @model_validator(mode="after")
    def _every_record_is_accounted_for(self) -> Self:
        lost = self.records_in - self.kept - sum(self.dropped.values())
        if lost:
            msg = f"{lost} of {self.records_in} records are neither kept nor dropped"
            raise ValueError(msg)
        return self

    @property
    def unreadable(self) -> int:
        """Records that could not be read."""
        return sum(count for reason, count in self.dropped.items() if reason in UNREADABLE_REASONS)

    @property
    def exact_duplicates(self) -> int:
        """Records whose normalised text a kept record has."""
        return self.dropped.get(Reason.EXACT_DUPLICATE, 0)

    @property
    def near_duplicates(self) -> int:
        """Records that are at least as similar to a kept record as the threshold says."""
        return self.dropped.get(Reason.NEAR_DUPLICATE, 0)

    @property
    def overlaps(self) -> int:
        """Records that overlap held-out text, or an evaluation set."""
        overlaps = (Reason.HELD_OUT_OVERLAP, Reason.EVALUATION_OVERLAP)
        return sum(self.dropped.get(reason, 0) for reason in overlaps)

    @property
    def dropped_by_rules(self) -> dict[Reason, int]:
        """Records dropped for what they are: all reasons but the four groups above."""
        return {
            reason: count for reason, count in self.dropped.items() if reason not in _BY_THEMSELVES
        }

    @property
    def kept_ratio(self) -> float:
        """Share of the records that is in the dataset (0 for a source without records)."""
        return self.kept / self.records_in if self.records_in else 0.0


class LanguageQuality(Frozen):
    """One language's part. Records that clean never measured have no language and are not here."""

    records: int = Field(ge=0)
    """Records of this language."""
    kept: int = Field(ge=0)
    """Of these, records in the dataset."""
    kept_characters: int = Field(ge=0)
    """Unicode code points of the kept documents."""


class SplitQuality(Frozen):
    """One split's size."""

    documents: int = Field(ge=0)
    """Documents in the split."""
    characters: int = Field(ge=0)
    """Unicode code points."""
    text_bytes: int = Field(ge=0)
    """UTF-8 bytes."""


class Example(Frozen):
    """A record that a reason dropped."""

    record_id: str
    """Which record."""
    source: str
    """Its source."""
    key: str
    """Its key within the source."""
    path: str
    """File it was read from."""
    position: int
    """1-based line, row or record number in that file."""
    value: float | None
    """The measured value that broke the rule; None: not a number."""
    threshold: float | None
    """The threshold that it was compared with; None: there is none."""
    excerpt: str | None
    """How its text begins, at most `EXCERPT_CHARACTERS` long; None: it could not be read."""


EXCERPT_CHARACTERS = 300
"""Longest `Example.excerpt`."""
EXAMPLES_PER_REASON = 3
"""Most examples of a reason."""


class ReasonQuality(Frozen):
    """One reason's effect over all sources."""

    reason: Reason
    """The reason."""
    stage: Stage
    """The stage that gives it."""
    fate: Fate
    """The fate that it means."""
    records: int = Field(ge=0)
    """Records whose first reason it is."""
    broken: int = Field(ge=0)
    """Records that break the rule, whatever else they break: what this rule alone would drop."""
    examples: tuple[Example, ...]
    """A few records whose first reason it is, those of the smallest record_id."""


class ClusterMember(Frozen):
    """One member of a duplicate cluster."""

    record_id: str
    """Which record."""
    source: str
    """Its source."""
    key: str
    """Its key within the source."""
    path: str
    """File it was read from."""
    position: int
    """1-based line, row or record number in that file."""
    similarity: float | None
    """Exact Jaccard similarity with the survivor; None: it is the survivor."""
    excerpt: str
    """How its document begins, at most `MEMBER_CHARACTERS` long: enough to show a difference."""


MEMBER_CHARACTERS = 2000
"""Longest `ClusterMember.excerpt`."""
CLUSTERS_SHOWN = 10
"""Most clusters in `Quality.clusters`."""


class ClusterQuality(Frozen):
    """A record that others repeat."""

    cluster_id: str
    """The cluster."""
    records: int = Field(ge=2)
    """Records in it, the survivor included."""
    survivor: ClusterMember
    """The member that is in the dataset."""
    furthest: ClusterMember
    """The dropped member least similar to the survivor."""


class Distribution(Frozen):
    """How one number is spread over some records."""

    values: int = Field(ge=0)
    """Records with a number."""
    missing: int = Field(ge=0)
    """Records with null, NaN or infinity."""
    mean: float | None
    """Mean of the numbers; None: there is none."""
    quantiles: tuple[float, ...]
    """The numbers at `QUANTILES` (each one that occurs); empty when there is none."""
    counts: tuple[int, ...]
    """Numbers per bin: bin i is [edges[i], edges[i + 1]), the last one includes its right edge."""
    below: int = Field(ge=0)
    """Numbers under the first edge."""
    above: int = Field(ge=0)
    """Numbers over the last edge."""

    @model_validator(mode="after")
    def _every_number_is_somewhere(self) -> Self:
        if self.below + sum(self.counts) + self.above != self.values:
            msg = f"the histogram does not hold {self.values} numbers"
            raise ValueError(msg)
        return self


class Spread(Frozen):
    """A number over the records measured, and over those of them that were kept."""

    measured: Distribution
    """All records that were measured."""
    kept: Distribution
    """Those in the dataset."""


class SignalQuality(Frozen):
    """One number in total and per source, over bins that never change between versions."""

    scale: Literal["linear", "log"]
    """How to draw the axis. On a log scale the first bin is [0, 1)."""
    edges: tuple[float, ...]
    """Edges of the histogram's bins, ascending; `len(edges) - 1` bins."""
    total: Spread
    """Over all sources."""
    sources: dict[str, Spread]
    """Per source."""


class Quality(Frozen):
    """A dataset's figures and checks: the content of `quality.json`."""

    dataset: str
    """The dataset's name."""
    contracts: tuple[ContractStamp, ...]
    """Which contracts judged it."""
    checks: tuple[CheckOutcome, ...]
    """Every rule of the contract with its outcome, the gate's own checks first."""
    sources: dict[str, SourceQuality]
    """Funnel per source, in the recipe's order of sources."""
    reasons: tuple[ReasonQuality, ...]
    """Reasons that dropped a record or were broken by one, in documented order."""
    languages: dict[str, LanguageQuality]
    """Languages, most kept records first."""
    splits: dict[Split, SplitQuality]
    """Every split."""
    lengths: SignalQuality
    """Characters per document: measured are those that passed clean, kept those in the dataset."""
    signals: dict[str, SignalQuality]
    """Every numeric signal by name: measured are all records that clean was given."""
    clusters: tuple[ClusterQuality, ...]
    """The biggest duplicate clusters, biggest first."""

    @property
    def records_in(self) -> int:
        """Records that all sources delivered."""
        return sum(source.records_in for source in self.sources.values())

    @property
    def kept(self) -> int:
        """Records in the dataset."""
        return sum(source.kept for source in self.sources.values())

    @property
    def dropped(self) -> dict[Reason, int]:
        """Records not in the dataset, by first reason, in documented order."""
        return {one.reason: one.records for one in self.reasons if one.records}

    @property
    def passed(self) -> bool:
        """Whether the data may reach training: there are checks, and no critical one failed."""
        return bool(self.checks) and all(
            check.passed for check in self.checks if check.severity == "critical"
        )

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        replace_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            SchemaMismatch: It is missing, or is not a `Quality`.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise SchemaMismatch(str(path), f"not a quality report: {error}") from error
