"""The stage: a trained decoder in, smaller ones out, each measured like the original."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import torch
from pyarrow.parquet import read_table

from data_contracts.errors import ModelUnfit
from data_contracts.fingerprint import sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE, require_passed
from data_contracts.progress import Progress, silent
from data_contracts.results import EvaluateResult, Interval, start_folder
from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.batches import Batches
from model.bootstrap import ratio_interval
from model.compress.importance import Importance, measure_importance
from model.compress.prune import pruned, shape_of_size, thinned_shape
from model.compress.recipe import CompressRecipe, Distil, Int8, Prune, variant_name
from model.compress.recovery import recover
from model.evaluate import DOCUMENT_BITS_FILE, EvaluateInputs, evaluate
from model.int8 import is_quantised, quantised
from model.machine import computing
from model.pretrained import WEIGHTS_FILE, load_pretrained, save_pretrained
from model.recipe import ShapeRecipe
from model.transformer import Decoder

RESULTS_FILE: Final = "results.json"
ORIGINAL: Final = "original"
EVALUATION_FOLDER: Final = "evaluation"
_TURNS: Final = 3


class CompressInputs(Frozen):
    """What compress reads."""

    model: Path
    """A folder that train wrote: a decoder."""
    dataset: Path
    """A dataset version of the model's tokenizer; it must have passed its gate."""


class Compressed(Frozen):
    """One model on the way from bits per byte to megabytes and speed."""

    name: str
    """`original`, or the variant's name."""
    method: str
    """`int8`, `prune`, `distil`; of the original: `none`."""
    parameters: int
    """Its numbers."""
    model_bytes: int
    """Size of its weights' file."""
    tokens_per_second: float
    """Tokens it reads per second of processor time on one thread, logits included."""
    bits_per_byte: Interval
    """On the test split."""
    difference: Interval
    """To the original, on validation and test together, paired document by document."""
    accuracy: dict[str, float]
    """On the recipe's likelihood tasks."""
    training_seconds: float
    """Processor time of making it."""
    on_front: bool
    """Whether no other one here is at least as good, as small and as fast, and better in one."""


class CompressResult(Frozen):
    """results.json."""

    model: str
    """The original's folder."""
    dataset: str
    """The dataset's folder."""
    speed_rows: int
    """Texts of a batch when speed was measured."""
    speed_tokens: int
    """Tokens of each."""
    models: tuple[Compressed, ...]
    """The original first."""


def compress(
    inputs: CompressInputs, recipe: CompressRecipe, output_dir: Path, *, progress: Progress = silent
) -> CompressResult:
    """Make smaller models of a decoder, and measure all of them alike.

    Args:
        inputs: The model, and the dataset version that it was trained on (another one of the same
            tokenizer will do).
        recipe: Which smaller models.
        output_dir: Receives a model folder per variant, with its evaluation inside, and
            results.json. Cleared.
        progress: Told of variants done.

    Raises:
        GateRefused: The version did not pass its contract, or is not what passed.
        ModelUnfit: It is no decoder in full precision, the dataset's tokens are not its own, or none
            is as small as wanted.
        TrainingDiverged: A loss is NaN or infinite.
        VersionCorrupt: A file is missing or broken.
    """
    require_passed(inputs.dataset)
    ours, theirs = (folder / TOKENIZER_FILE for folder in (inputs.model, inputs.dataset))
    if sha256_of_file(ours) != sha256_of_file(theirs):
        problem = f"its tokens are not those of {inputs.dataset}"
        raise ModelUnfit(inputs.model, problem, "Name the dataset that it was trained on.")
    start_folder(output_dir)
    maker = _Maker(inputs, recipe)
    folders, costs = {ORIGINAL: inputs.model}, {ORIGINAL: 0.0}
    total = 2 * len(recipe.variants) + 2
    for number, variant in enumerate(recipe.variants):
        name = variant_name(variant)
        folder = folders[name] = output_dir / name
        folder.mkdir()
        started = time.process_time()

        tell = _told_within(progress, number, total, name)
        save_pretrained(maker.make(variant, folder, tell), ours, folder)
        costs[name] = time.process_time() - started
    evaluations = {}
    for number, (name, folder) in enumerate(folders.items(), len(recipe.variants)):
        progress(number, total, "parts", f"measuring {name}")
        place = output_dir / name / EVALUATION_FOLDER
        one = EvaluateInputs(model=folder, dataset=inputs.dataset)
        evaluations[name] = evaluate(one, recipe.evaluate, place)
    progress(total - 1, total, "parts", "timing")
    result = CompressResult(
        model=str(inputs.model),
        dataset=str(inputs.dataset),
        speed_rows=recipe.speed_rows,
        speed_tokens=maker.speed_tokens,
        models=_summaries(recipe, folders, evaluations, costs, maker.speeds(folders)),
    )
    (output_dir / RESULTS_FILE).write_text(result.model_dump_json(indent=1), encoding="utf-8")
    progress(total, total, "parts")
    return result


def _told_within(progress: Progress, part: int, parts: int, name: str) -> Progress:
    def tell(done: int, total: int, unit: str, note: str = "") -> None:
        progress(part, parts, "parts", f"{name}: {done:,} of {total:,} {unit} {note}")

    return tell


class _Maker:
    """Makes variants; the original's importance is measured once."""

    def __init__(self, inputs: CompressInputs, recipe: CompressRecipe) -> None:
        self.recipe, self.folder, self.dataset = recipe, inputs.model, inputs.dataset
        self.original = load_pretrained(inputs.model)
        if self.original.shape.kind != "decoder" or is_quantised(self.original):
            problem = "it is no decoder in full precision"
            raise ModelUnfit(inputs.model, problem, "Name one that `mill run` trained.")
        self.context = self.original.shape.context_tokens
        self.speed_tokens = min(recipe.speed_tokens, self.context)
        self._importance: Importance | None = None

    def make(self, variant: Int8 | Prune | Distil, folder: Path, progress: Progress) -> Decoder:
        if isinstance(variant, Int8):
            return quantised(self.original)
        shape, recovery = self.original.shape, variant.recovery
        if isinstance(variant, Prune):
            ratios = variant.heads_ratio, variant.mlp_ratio, variant.layers_ratio
            small = thinned_shape(shape, *ratios)
        else:
            small = self._smaller(variant.size_ratio)
        if isinstance(variant, Distil) and variant.start == "random":
            student = Decoder(small, self.original.vocabulary_size)
            student.initialise(variant.recovery.seed)
        else:
            student = pruned(self.original, small, self.importance())
        if recovery is None:
            return student
        with computing(recovery.threads):
            return recover(student, self.original, self.dataset, recovery, folder, progress)

    def _smaller(self, size_ratio: float) -> ShapeRecipe:
        most = int(self.original.parameter_count * size_ratio)
        try:
            return shape_of_size(self.original.shape, self.original.vocabulary_size, most)
        except ValueError as error:
            fix = f"Take a greater `size_ratio` than {size_ratio}."
            raise ModelUnfit(self.folder, str(error), fix) from error

    def importance(self) -> Importance:
        if self._importance is None:
            shards = TokenShards.open(self.dataset / "tokens" / Split.TRAIN)
            windows = max(1, self.recipe.calibration_tokens // self.context)
            batches = Batches(shards, self.context, min(windows, 8), seed=0)
            read = (batches.read(step)[0] for step in range(-(-windows // 8)))
            self._importance = measure_importance(self.original, read)
        return self._importance

    def speeds(self, folders: dict[str, Path]) -> dict[str, float]:
        """Time all models by turns, the best turn of each: tokens per processor second."""
        rows, tokens = self.recipe.speed_rows, self.speed_tokens
        generator = torch.Generator().manual_seed(0)
        size = self.original.vocabulary_size
        tokens_BT = torch.randint(size, (rows, tokens), generator=generator)
        models = {name: load_pretrained(folder) for name, folder in folders.items()}
        best = dict.fromkeys(models, 0.0)
        with computing(1), torch.inference_mode():
            for _ in range(_TURNS):
                for name, model in models.items():
                    seconds = self.recipe.speed_seconds / _TURNS
                    speed = _calls_per_second(partial(model, tokens_BT), seconds)
                    best[name] = max(best[name], speed * rows * tokens)
        return best


def _calls_per_second(call: Callable[[], object], seconds: float) -> float:
    call()
    calls, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds or not calls:
        call()
        calls += 1
    return calls / spent


def _summaries(
    recipe: CompressRecipe,
    folders: dict[str, Path],
    evaluations: dict[str, EvaluateResult],
    costs: dict[str, float],
    speeds: dict[str, float],
) -> tuple[Compressed, ...]:
    methods = {variant_name(one): one.method for one in recipe.variants}
    tables = {name: read_table(e.folder / DOCUMENT_BITS_FILE) for name, e in evaluations.items()}
    lengths = tables[ORIGINAL]["text_bytes"].to_numpy().astype(float)
    before = tables[ORIGINAL]["model_bits"].to_numpy()
    found = []
    for name, evaluated in evaluations.items():
        difference = tables[name]["model_bits"].to_numpy() - before
        draws = recipe.evaluate.bootstrap_resamples, recipe.evaluate.seed
        (on_test,) = [
            one.bits_per_byte
            for one in evaluated.figures
            if (one.predictor, one.split) == ("model", Split.TEST)
        ]
        found.append(
            Compressed(
                name=name,
                method=methods.get(name, "none"),
                parameters=evaluated.parameters,
                model_bytes=(folders[name] / WEIGHTS_FILE).stat().st_size,
                tokens_per_second=speeds[name],
                bits_per_byte=on_test,
                difference=ratio_interval(difference, lengths, *draws),
                accuracy={task.name: task.accuracy.value for task in evaluated.tasks},
                training_seconds=costs[name],
                on_front=True,
            )
        )
    return tuple(one.model_copy(update={"on_front": _on_front(one, found)}) for one in found)


def _on_front(one: Compressed, models: list[Compressed]) -> bool:
    def figures(model: Compressed) -> tuple[float, float, float]:
        return model.bits_per_byte.value, model.model_bytes, -model.tokens_per_second

    own = figures(one)
    return not any(
        all(a <= b for a, b in zip(figures(other), own, strict=True)) and figures(other) != own
        for other in models
    )
