"""What a run made, in one small value: printed, returned, shown in Prefect."""

from pathlib import Path

from pydantic import Field

from data_contracts.frozen import Frozen
from data_contracts.interval import Interval
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.measures import HiddenFigures
from data_contracts.results import EvaluateResult, SplitFigures
from data_contracts.warehouse import Warehouse
from flows.plan import evaluation_key
from flows.publish import REPORT_FILE, Published
from flows.recipe import Recipe


class DatasetSummary(Frozen):
    """The dataset half of a summary."""

    name: str
    """The dataset's name."""
    version: str
    """Its version."""
    path: Path
    """Its folder."""
    report: Path
    """Its report."""
    created: bool
    """Whether this run made it."""
    records_in: int
    """Records read."""
    records_kept: int
    """Records in the dataset."""
    records_dropped: dict[str, int]
    """Records not kept, by first reason."""
    sources: dict[str, tuple[int, int]]
    """Records in and kept, per source."""
    documents: dict[str, int]
    """Documents per split."""
    tokens: dict[str, int]
    """Tokens per split."""
    repeated_tokens: int = 0
    """Tokens of further copies of training documents."""
    warnings: tuple[str, ...]
    """Contract checks that failed without stopping the run."""


class ModelSummary(Frozen):
    """The model half of a summary."""

    name: str
    """The model's name."""
    version: str
    """Its version."""
    path: Path
    """Its folder."""
    report: Path
    """Its report."""
    created: bool
    """Whether this run made it."""
    parameters: int
    """Trainable parameters."""
    figures: tuple[SplitFigures, ...]
    """Bits per byte of the model and the baselines."""
    hidden: tuple[HiddenFigures, ...] = ()
    """What an encoder guesses of hidden tokens."""
    beats_baselines: bool
    """Whether the model's intervals lie wholly under every baseline's."""
    accuracy: dict[str, Interval] = Field(default_factory=dict)
    """Share of right answers on each likelihood task."""


class RunSummary(Frozen):
    """What a run made or found."""

    dataset: DatasetSummary
    """The dataset version."""
    model: ModelSummary | None
    """The model version; None: nothing was trained."""

    @property
    def changed(self) -> bool:
        """Whether the run made anything new."""
        return self.dataset.created or bool(self.model and self.model.created)


def summarise(
    recipe: Recipe, warehouse: Warehouse, dataset: Published, model: Published | None
) -> RunSummary:
    """Read a summary from what is published."""
    manifest = DatasetManifest.load(dataset.path)
    return RunSummary(
        dataset=DatasetSummary(
            name=manifest.name,
            version=manifest.version,
            path=dataset.path,
            report=dataset.path / REPORT_FILE,
            created=dataset.created,
            records_in=manifest.records_in,
            records_kept=manifest.records_kept,
            records_dropped=manifest.records_dropped,
            sources={one.name: (one.records_in, one.records_kept) for one in manifest.sources},
            documents=manifest.documents,
            tokens=manifest.tokens,
            repeated_tokens=manifest.repeated_tokens,
            warnings=manifest.warnings,
        ),
        model=_summarise_model(recipe, warehouse, dataset, model) if model else None,
    )


def _summarise_model(
    recipe: Recipe, warehouse: Warehouse, dataset: Published, model: Published
) -> ModelSummary:
    manifest = ModelManifest.load(model.path)
    key = evaluation_key(recipe, model.fingerprint, dataset.fingerprint)
    evaluated = EvaluateResult.load(warehouse.evaluation_folder(model.label, dataset.label, key))
    return ModelSummary(
        name=manifest.name,
        version=manifest.version,
        path=model.path,
        report=model.path / REPORT_FILE,
        created=model.created,
        parameters=manifest.parameters,
        figures=evaluated.figures if evaluated else (),
        hidden=evaluated.hidden if evaluated else (),
        beats_baselines=bool(evaluated and evaluated.beats_baselines),
        accuracy={task.name: task.accuracy for task in evaluated.tasks} if evaluated else {},
    )
