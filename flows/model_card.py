"""The card of a model version: what it is, how good, what it repeats of its text. No Prefect here."""

from typing import Final

from data_contracts.interval import Interval
from data_contracts.manifest import ModelManifest
from data_contracts.results import EvaluateResult, TrainResult

_DECODER: Final = "library_name: transformers\npipeline_tag: text-generation\n"
_ENCODER: Final = "pipeline_tag: fill-mask\n"
_WRITE: Final = (
    "```python\n"
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
    'tokenizer = AutoTokenizer.from_pretrained(".")\n'
    'model = AutoModelForCausalLM.from_pretrained(".")\n'
    "```\n"
)
_CLASSIFY: Final = (
    "Name its folder as `pretrained: {model: FOLDER}` in a task for `mill classify`. Hugging Face has "
    "no such encoder; the tokenizer opens there.\n"
)


def model_card(manifest: ModelManifest, trained: TrainResult, evaluated: EvaluateResult) -> str:
    """Write README.md of a model version, with Hugging Face's front matter.

    Args:
        manifest: What the version says of itself.
        trained: What training cost and reached.
        evaluated: Figures on its own dataset.
    """
    return (
        f"---\n{_ENCODER if evaluated.hidden else _DECODER}---\n\n"
        f"# {manifest.name} {manifest.version}\n\n"
        f"A Transformer of {manifest.parameters:,} parameters, trained by Corpusmill on "
        f"`{manifest.dataset}`: {trained.tokens_seen:,} tokens in {trained.steps:,} steps.\n\n"
        "It is as good and as bad as its small corpus: a measure of data, not a product.\n\n"
        "## Figures\n\n"
        "With 95% intervals, drawn over documents within sources and chunks within documents.\n\n"
        f"| figure | value | interval |\n|---|---|---|\n{_figures(manifest, evaluated)}\n"
        f"{_repeated(evaluated)}"
        f"## Use\n\n{_CLASSIFY if evaluated.hidden else _WRITE}"
    )


def _figures(manifest: ModelManifest, evaluated: EvaluateResult) -> str:
    rows = [
        (f"bits per byte, {one.split} split, {one.predictor}", one.bits_per_byte)
        for one in evaluated.figures
    ]
    for one in evaluated.hidden:
        rows.append((f"hidden tokens guessed, {one.split} split, {one.predictor}", one.accuracy))
        rows.append(
            (f"bits per hidden token, {one.split} split, {one.predictor}", one.bits_per_token)
        )
    rows += [(f"bits per byte, source {name}", one) for name, one in evaluated.sources.items()]
    if evaluated.gap:
        rows.append(("bits per byte more than on training text", evaluated.gap.gap))
    rows += [(f"accuracy, {task.name}", task.accuracy) for task in evaluated.tasks]
    if evaluated.calibration:
        rows.append(("next tokens guessed right", evaluated.calibration.accuracy))
    lines = [_row(name, one) for name, one in rows]
    if evaluated.calibration:
        error = evaluated.calibration.expected_error
        lines.append(f"| expected calibration error | {error:.4f} | |\n")
    known = {"best_validation_loss"}
    lines += [f"| {n} | {v:.4f} | |\n" for n, v in manifest.figures.items() if n in known]
    return "".join(lines)


def _row(name: str, one: Interval) -> str:
    return f"| {name} | {one.value:.4f} | {one.low:.4f} to {one.high:.4f} |\n"


def _repeated(evaluated: EvaluateResult) -> str:
    found = evaluated.memorisation
    if found is None:
        return ""
    text = (
        "## What it repeats of its training text\n\n"
        f"The longest stretch of its samples that stands in the training text has "
        f"{found.longest_copy_bytes:,} bytes; of as much held-out text, "
        f"{found.longest_copy_by_people_bytes:,}."
    )
    if found.verbatim and found.held_out_verbatim:
        text += (
            f" Of {found.passages:,} training passages of {found.passage_tokens} tokens it continued "
            f"{found.verbatim.value:.1%} word for word over as many tokens (held-out passages: "
            f"{found.held_out_verbatim.value:.1%})."
        )
    return text + "\n\n"
