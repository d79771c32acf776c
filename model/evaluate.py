"""The stage: a model and a dataset version in, figures with intervals out."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer

from data_contracts.arrow_files import write_parquet
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE, require_passed
from data_contracts.measures import TaskFigures
from data_contracts.progress import Progress, silent
from data_contracts.results import (
    EvaluateResult,
    Interval,
    Sample,
    SplitFigures,
    start_folder,
)
from data_contracts.split import Split
from model.bootstrap import ratio_interval
from model.documents import document_batches, held_out_documents, text_bytes
from model.machine import cpu_threads, peak_memory_bytes, pick_device
from model.ngram import ByteTrigram, ByteUnigram, count_trigrams
from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer
from model.recipe import EvaluateRecipe
from model.sample import write
from model.scoring import TokenIds, document_bits
from model.tasks.definition import Example
from model.tasks.figures import task_figures
from model.tasks.likelihood import continuation_nats, continuations
from model.transformer import Decoder

MODEL: Final = "model"
"""The model's name among the predictors."""
RESULTS_FILE: Final = "results.json"
DOCUMENT_BITS_FILE: Final = "documents.parquet"

MIN_DOCUMENTS: Final = 10
"""Documents of a split under which no verdict is given: a bootstrap of fewer is too narrow."""

_HELD_OUT: Final = (Split.VALIDATION, Split.TEST)
_MAX_PROMPTS: Final = 8
_PROMPT_CHARS: Final = 32

Bits = dict[str, NDArray[np.float64]]
"""By predictor: float64 (documents,), what each document costs."""


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

    Args:
        inputs: The model and the dataset version whose held-out documents are read. Text is encoded
            with the model's own tokenizer, so the version may be another than it was trained on.
        recipe: How much is read, and the bootstrap.
        output_dir: Receives results.json and documents.parquet (bits per document). Cleared.
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
    documents = {
        split: held_out_documents(folder / split, recipe.max_split_bytes) for split in _HELD_OUT
    }
    with cpu_threads(recipe.threads):
        scorer = Scorer(inputs.model, recipe)
        total = len(_HELD_OUT) + 3
        bits: dict[Split, Bits] = {}
        for number, (split, table) in enumerate(documents.items()):
            progress(number, total, "parts", f"model on {split}")
            bits[split] = {MODEL: scorer.bits(table)}
        progress(len(_HELD_OUT), total, "parts", "baselines")
        _add_baselines(folder / Split.TRAIN, recipe, documents, bits)
        progress(len(_HELD_OUT) + 1, total, "parts", "samples")
        samples = scorer.samples(documents[Split.TEST])
        progress(len(_HELD_OUT) + 2, total, "parts", "tasks")
        tasks = tuple(scorer.task(path) for path in recipe.tasks)
    _write_document_bits(output_dir / DOCUMENT_BITS_FILE, documents, bits)
    figures = _figures(documents, bits, recipe)
    details = DetailedResults(
        figures=figures,
        sources=_sources(documents, bits, recipe),
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
        samples=samples,
        tasks=tasks,
        parameters=details.parameters,
        tokens_per_second=details.tokens_per_second,
        peak_memory_bytes=details.peak_memory_bytes,
        beats_baselines=details.beats_baselines,
    ).save()


class Scorer:
    """The model with its tokenizer; keeps count of what scoring took."""

    def __init__(self, folder: Path, recipe: EvaluateRecipe) -> None:
        self.recipe = recipe
        self.model: Decoder = load_pretrained(folder).to(pick_device())
        self.tokenizer: Tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
        self.end = end_of_text_id(self.tokenizer, folder / TOKENIZER_FILE)
        self.tokens = 0
        self.seconds = 0.0

    def bits(self, table: pa.Table) -> NDArray[np.float64]:
        """Measure what each document costs the model, float64 (documents,)."""
        documents = [self._encode(text) for text in table["text"].to_pylist()]
        started = time.perf_counter()
        bits = document_bits(
            self.model,
            documents,
            self.end,
            self.recipe.context_overlap_ratio,
            self.recipe.batch_tokens,
        )
        self.seconds += time.perf_counter() - started
        self.tokens += sum(map(len, documents))
        return bits

    def samples(self, table: pa.Table) -> tuple[Sample, ...]:
        """Let the model continue the recipe's prompts, or the openings of held-out documents."""
        prompts = self.recipe.prompts
        if prompts is None:
            prompts = _openings(table)
        return tuple(
            Sample(prompt=prompt, text=self._continue(prompt, self.recipe.seed + number))
            for number, prompt in enumerate(prompts)
        )

    def task(self, path: Path) -> TaskFigures:
        """Measure accuracy on a likelihood task."""
        recipe = self.recipe
        return task_figures(
            path, self._nats, recipe.task_examples, recipe.bootstrap_resamples, recipe.seed
        )

    def _nats(self, examples: Sequence[Example]) -> list[NDArray[np.float64]]:
        texts = [one for example in examples for one in continuations(example, self.tokenizer)]
        nats = continuation_nats(self.model, texts, self.end, self.recipe.batch_tokens)
        ends = np.cumsum([len(example.choices) for example in examples])
        return np.split(nats, ends[:-1])

    def _continue(self, prompt: str, seed: int) -> str:
        recipe = self.recipe
        read = [self.end, *self.tokenizer.encode(prompt, add_special_tokens=False).ids]
        written = write(self.model, read, recipe.sample_tokens, recipe.temperature, seed, self.end)
        return str(self.tokenizer.decode(written))

    def _encode(self, text: str) -> TokenIds:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return np.array([*ids, self.end], np.int64)


def _openings(table: pa.Table) -> tuple[str, ...]:
    """Take the opening of the first document of each source, sources by name.

    Without white space at its end: words carry the space before them, so a model that is given a
    lone space is led away from words.
    """
    first: dict[str, str] = {}
    for source, text in zip(table["source"].to_pylist(), table["text"].to_pylist(), strict=True):
        first.setdefault(source, text[:_PROMPT_CHARS].rstrip())
    return tuple(first[source] for source in sorted(first)[:_MAX_PROMPTS])


def _add_baselines(
    training: Path,
    recipe: EvaluateRecipe,
    documents: dict[Split, pa.Table],
    bits: dict[Split, Bits],
) -> None:
    if not recipe.baselines:
        return
    counts = count_trigrams(batch["text"] for batch in document_batches(training))
    for name in recipe.baselines:
        baseline = ByteUnigram(counts) if name == "unigram" else ByteTrigram(counts)
        for split, table in documents.items():
            bits[split][name] = baseline.bits(table["text"])


def _figures(
    documents: dict[Split, pa.Table], bits: dict[Split, Bits], recipe: EvaluateRecipe
) -> tuple[SplitFigures, ...]:
    return tuple(
        SplitFigures(
            predictor=name,
            split=split,
            bits_per_byte=_interval(spent, text_bytes(table["text"]), recipe),
            documents=table.num_rows,
            text_bytes=int(text_bytes(table["text"]).sum()),
        )
        for split, table in documents.items()
        for name, spent in bits[split].items()
    )


def _sources(
    documents: dict[Split, pa.Table], bits: dict[Split, Bits], recipe: EvaluateRecipe
) -> dict[str, dict[str, Interval]]:
    """Figures by source and predictor, on all held-out documents together."""
    together = pa.concat_tables(documents.values())
    lengths = text_bytes(together["text"])
    sources = np.array(together["source"].to_pylist())
    figures: dict[str, dict[str, Interval]] = {}
    for source in np.unique(sources).tolist():
        chosen = sources == source
        figures[source] = {
            name: _interval(_joined(bits, name)[chosen], lengths[chosen], recipe)
            for name in bits[Split.TEST]
        }
    return figures


def _joined(bits: dict[Split, Bits], name: str) -> NDArray[np.float64]:
    return np.concatenate([by_name[name] for by_name in bits.values()])


def _interval(
    spent: NDArray[np.float64], lengths: NDArray[np.int64], recipe: EvaluateRecipe
) -> Interval:
    return ratio_interval(
        spent, lengths.astype(np.float64), recipe.bootstrap_resamples, recipe.seed
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


def _write_document_bits(
    path: Path, documents: dict[Split, pa.Table], bits: dict[Split, Bits]
) -> None:
    """Keep what each document cost, so that two models can be compared pair by pair."""
    tables = []
    for split, table in documents.items():
        columns = {
            "split": pa.array([str(split)] * table.num_rows),
            "record_id": table["record_id"],
            "source": table["source"],
            "text_bytes": text_bytes(table["text"]),
        }
        columns |= {f"{name}_bits": spent for name, spent in bits[split].items()}
        tables.append(pa.table(columns))
    write_parquet(path, pa.concat_tables(tables))
