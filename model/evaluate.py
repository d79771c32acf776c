"""The stage: a model and a dataset version in, figures with intervals out."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from data_contracts.arrow_files import write_parquet
from data_contracts.frozen import Frozen
from data_contracts.gate import require_passed
from data_contracts.measures import (
    Calibration,
    Memorisation,
    PositionFigures,
    TaskFigures,
    TrainGap,
)
from data_contracts.progress import Progress, silent
from data_contracts.results import (
    EvaluateResult,
    Interval,
    Sample,
    SplitFigures,
    start_folder,
)
from data_contracts.split import Split
from model.bootstrap import difference_interval
from model.documents import document_batches, held_out_documents, text_bytes
from model.hidden import FREQUENCY, hidden_figures
from model.machine import computing, peak_memory_bytes
from model.measured import MODEL, Measured, by_position, calibration, joined, measure
from model.memorisation import memorisation
from model.ngram import ByteTrigram, ByteUnigram, count_trigrams
from model.recipe import EvaluateRecipe
from model.scorer import Scorer

RESULTS_FILE: Final = "results.json"
DOCUMENT_BITS_FILE: Final = "documents.parquet"

MIN_DOCUMENTS: Final = 10
"""Documents of a split under which no verdict is given: a bootstrap of fewer is too narrow."""

_HELD_OUT: Final = (Split.VALIDATION, Split.TEST)
_MAX_PROMPTS: Final = 8
_PROMPT_CHARS: Final = 32


class EvaluateInputs(Frozen):
    """What evaluate reads."""

    model: Path
    """A folder that train wrote."""
    dataset: Path
    """A dataset version's folder; it must have passed its gate."""


class DetailedResults(Frozen):
    """results.json: every figure, with what was counted how."""

    accounting: str = Field(
        default="bits of all tokens of a document, its end mark included, per UTF-8 byte of its "
        "text; a document is read after an end mark, alone, in overlapping windows when it is "
        "longer than the context; baselines pay for the end mark too"
    )
    """What bits per byte means here."""
    figures: tuple[SplitFigures, ...]
    """Every predictor on every split."""
    sources: dict[str, dict[str, Interval]]
    """Bits per byte by source and predictor, validation and test together."""
    positions: tuple[PositionFigures, ...]
    """The model's bits per byte by how much of the document it had read, both splits together."""
    calibration: Calibration
    """Whether the model is as often right as it is sure, both splits together."""
    gap: TrainGap
    """How much better the model does on its training text."""
    memorisation: Memorisation
    """What the model repeats of it."""
    samples: tuple[Sample, ...]
    """What the model writes."""
    tasks: tuple[TaskFigures, ...]
    """Accuracy on likelihood tasks."""
    beats_baselines: bool
    """See `EvaluateResult`."""
    parameters: int
    """Trainable parameters."""
    model_bytes: int
    """Size of the weights' file."""
    tokens_per_second: float
    """Tokens scored per second, context read again not counted."""
    peak_memory_bytes: int
    """Peak resident memory of the process."""


def evaluate(
    inputs: EvaluateInputs,
    recipe: EvaluateRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,  # noqa: ARG001 (all stages are called alike)
    progress: Progress = silent,
) -> EvaluateResult:
    """Measure a model, and byte baselines that learned from the same training split.

    An encoder is measured by the tokens it guesses, as it does not write: see `model.hidden`.

    Intervals are drawn level by level: documents within their source, chunks within documents.

    Args:
        inputs: The model and the dataset version whose held-out documents are read. Text is encoded
            with the model's own tokenizer, so the version may be another than it was trained on.
        recipe: How much is read, and the bootstrap.
        output_dir: Receives results.json and, of a decoder, documents.parquet (bits per document).
            Cleared.
        cache: Not used.
        progress: Told of steps done.

    Returns:
        Figures with 95% intervals.

    Raises:
        GateRefused: The version did not pass its contract, or is not what passed.
        TooLittleText: A split has no documents.
        TaskInvalid: A likelihood task is not what it must be.
        VersionCorrupt: A file of the model or of the version is missing or broken.
    """
    started = time.perf_counter()
    require_passed(inputs.dataset)
    start_folder(output_dir)
    folder = inputs.dataset / "documents"
    tables = {split: held_out_documents(folder / split, recipe.max_split_bytes) for split in Split}
    with computing(recipe.threads):
        scorer = Scorer(inputs.model, recipe)
        if scorer.model.shape.kind == "encoder":
            return _evaluate_encoder(scorer, tables, output_dir, started)
        total = len(tables) + 3
        progress(0, total, "parts", "baselines")
        baselines = _baselines(folder / Split.TRAIN, recipe)
        measured: dict[Split, Measured] = {}
        for number, (split, table) in enumerate(tables.items(), 1):
            progress(number, total, "parts", f"model on {split}")
            others = baselines if split in _HELD_OUT else {}
            measured[split] = measure(table, scorer, recipe, others)
        held_out = joined([measured[split] for split in _HELD_OUT])
        progress(total - 2, total, "parts", "samples")
        prompts = recipe.prompts
        samples = scorer.samples(_openings(tables[Split.TEST]) if prompts is None else prompts)
        repeated = memorisation(
            scorer.model,
            [one.text for one in samples],
            _by_people(tables[Split.TEST], samples),
            (batch["text"] for batch in document_batches(folder / Split.TRAIN)),
            measured[Split.TRAIN].tokens,
            held_out.tokens,
            recipe.memorisation_passages,
            recipe.seed,
        )
        progress(total - 1, total, "parts", "tasks")
        tasks = tuple(scorer.task(path) for path in recipe.tasks)
    _write_document_bits(output_dir / DOCUMENT_BITS_FILE, {s: measured[s] for s in _HELD_OUT})
    figures = _figures({split: measured[split] for split in _HELD_OUT}, recipe)
    details = DetailedResults(
        figures=figures,
        sources=_sources(held_out, recipe),
        positions=by_position(held_out, recipe),
        calibration=calibration(held_out, recipe),
        gap=_gap(measured[Split.TRAIN], measured[Split.VALIDATION], recipe),
        memorisation=repeated,
        samples=samples,
        tasks=tasks,
        beats_baselines=_beats_baselines(figures),
        parameters=scorer.model.parameter_count,
        model_bytes=(inputs.model / "model.safetensors").stat().st_size,
        tokens_per_second=scorer.tokens / scorer.seconds,
        peak_memory_bytes=peak_memory_bytes(),
    )
    (output_dir / RESULTS_FILE).write_text(details.model_dump_json(indent=1), encoding="utf-8")
    progress(total, total, "parts")
    return EvaluateResult(
        folder=output_dir,
        elapsed_seconds=time.perf_counter() - started,
        figures=figures,
        sources={source: by_name[MODEL] for source, by_name in details.sources.items()},
        positions=details.positions,
        calibration=details.calibration,
        gap=details.gap,
        memorisation=details.memorisation,
        samples=samples,
        tasks=tasks,
        parameters=details.parameters,
        tokens_per_second=details.tokens_per_second,
        peak_memory_bytes=details.peak_memory_bytes,
        beats_baselines=details.beats_baselines,
    ).save()


def _evaluate_encoder(
    scorer: Scorer, tables: dict[Split, pa.Table], output_dir: Path, started: float
) -> EvaluateResult:
    """Measure what an encoder guesses; it has neither bits per byte nor samples nor tasks."""
    tokens = {split: scorer.encode(table) for split, table in tables.items()}
    held_out = {split: tokens[split] for split in _HELD_OUT}
    measuring = time.perf_counter()
    hidden = hidden_figures(scorer.model, held_out, tokens[Split.TRAIN], scorer.recipe)
    seconds = time.perf_counter() - measuring
    ours, theirs = ([one for one in hidden if one.predictor == name] for name in (MODEL, FREQUENCY))
    result = EvaluateResult(
        folder=output_dir,
        elapsed_seconds=time.perf_counter() - started,
        figures=(),
        hidden=hidden,
        sources={},
        samples=(),
        parameters=scorer.model.parameter_count,
        tokens_per_second=sum(len(ids) for some in held_out.values() for ids in some) / seconds,
        peak_memory_bytes=peak_memory_bytes(),
        beats_baselines=all(
            one.documents >= MIN_DOCUMENTS and one.bits_per_token.high < other.bits_per_token.low
            for one, other in zip(ours, theirs, strict=True)
        ),
    )
    (output_dir / RESULTS_FILE).write_text(result.model_dump_json(indent=1), encoding="utf-8")
    return result.save()


def _openings(table: pa.Table) -> tuple[str, ...]:
    """Take the opening of the first document of each source, sources by name.

    Without white space at its end: words carry the space before them, so a model that is given a
    lone space is led away from words.
    """
    first: dict[str, str] = {}
    for source, text in zip(table["source"].to_pylist(), table["text"].to_pylist(), strict=True):
        first.setdefault(source, text[:_PROMPT_CHARS].rstrip())
    return tuple(first[source] for source in sorted(first)[:_MAX_PROMPTS])


def _by_people(table: pa.Table, samples: Iterable[Sample]) -> list[str]:
    """Take from held-out documents, behind their openings, as much text as was written."""
    lengths = [len(one.text) for one in samples]
    texts = table["text"].to_pylist()
    return [
        texts[number % len(texts)][_PROMPT_CHARS:][:length] for number, length in enumerate(lengths)
    ]


def _baselines(training: Path, recipe: EvaluateRecipe) -> dict[str, ByteUnigram | ByteTrigram]:
    if not recipe.baselines:
        return {}
    counts = count_trigrams(batch["text"] for batch in document_batches(training))
    return {
        name: ByteUnigram(counts) if name == "unigram" else ByteTrigram(counts)
        for name in recipe.baselines
    }


def _figures(measured: dict[Split, Measured], recipe: EvaluateRecipe) -> tuple[SplitFigures, ...]:
    return tuple(
        SplitFigures(
            predictor=name,
            split=split,
            bits_per_byte=one.interval(name, recipe),
            documents=one.table.num_rows,
            text_bytes=int(one.chunks.text_bytes.sum()),
        )
        for split, one in measured.items()
        for name in one.bits
    )


def _sources(held_out: Measured, recipe: EvaluateRecipe) -> dict[str, dict[str, Interval]]:
    """Figures by source and predictor, on all held-out documents together."""
    sources = held_out.sources
    return {
        source: {name: held_out.interval(name, recipe, sources == source) for name in held_out.bits}
        for source in np.unique(sources).tolist()
    }


def _gap(train: Measured, validation: Measured, recipe: EvaluateRecipe) -> TrainGap:
    drawn = [
        (one.value(MODEL), one.ratios(MODEL, recipe, recipe.seed + number))
        for number, one in enumerate((train, validation))
    ]
    return TrainGap(
        train=train.interval(MODEL, recipe),
        validation=validation.interval(MODEL, recipe),
        gap=difference_interval(*drawn),
    )


def _beats_baselines(figures: Iterable[SplitFigures]) -> bool:
    """Tell whether on every split the model's interval lies under each baseline's."""
    figures = list(figures)
    ours = {one.split: one for one in figures if one.predictor == MODEL}
    theirs = [one for one in figures if one.predictor != MODEL]
    return bool(theirs) and all(
        one.documents >= MIN_DOCUMENTS
        and ours[one.split].bits_per_byte.high < one.bits_per_byte.low
        for one in theirs
    )


def _write_document_bits(path: Path, measured: dict[Split, Measured]) -> None:
    """Keep what each document cost, so that two models can be compared pair by pair."""
    tables = []
    for split, one in measured.items():
        columns = {
            "split": pa.array([str(split)] * one.table.num_rows),
            "record_id": one.table["record_id"],
            "source": one.table["source"],
            "text_bytes": text_bytes(one.table["text"]),
        }
        columns |= {f"{name}_bits": one.document_bits(name) for name in one.bits}
        tables.append(pa.table(columns))
    write_parquet(path, pa.concat_tables(tables))
