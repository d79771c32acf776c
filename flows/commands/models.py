"""Commands about one model: smaller ones, files for other programs, how it reads a text."""

import json as json_text
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.modelling import tell
from flows.commands.options import DEFAULT_WAREHOUSE, Json, Model, ModelOption, Most, WarehousePath


class ModelFormat(StrEnum):
    """What `mill export-model` writes."""

    HUGGING_FACE = "huggingface"
    GGUF = "gguf"
    ONNX = "onnx"


class Precision(StrEnum):
    """How GGUF stores matrices."""

    F32 = "f32"
    F16 = "f16"
    Q8_0 = "q8_0"


def compress(
    model: Model,
    to: Annotated[Path, typer.Option(help="Folder for the models and the report; it is cleared.")],
    recipe: Annotated[
        Path | None,
        typer.Option(help="A YAML file that says which models; `mill explain compress`."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="The dataset to train and measure on; default: the model's own."),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Make smaller and faster models of a decoder, and measure them all: int8, pruned, distilled."""
    from data_contracts.whole_text import replace_text
    from flows.model_folders import dataset_folder, model_folder
    from flows.reports.compress_page import render_compressed
    from flows.task_files import load_compress
    from flows.terminal import leave_output_to_json
    from flows.terminal_models import print_compressed
    from model.compress.recipe import CompressRecipe
    from model.compress.stage import CompressInputs
    from model.compress.stage import compress as make

    leave_output_to_json(json)
    settings = load_compress(recipe) if recipe else CompressRecipe()
    folder = model_folder(model, warehouse)
    inputs = CompressInputs(model=folder, dataset=dataset_folder(dataset, folder, warehouse))
    result = make(inputs, settings, to, progress=tell(json=json))
    replace_text(to / "report.html", render_compressed(result))
    print_compressed(result, to)
    if json:
        print(result.model_dump_json())


def export_model(
    model: Model,
    to: Annotated[Path, typer.Option(help="A folder; for GGUF a file.")],
    form: Annotated[
        ModelFormat,
        typer.Option(
            "--format",
            help="huggingface: a decoder for Transformers and vLLM; gguf: a decoder for llama.cpp; "
            "onnx: a classifier for onnxruntime.",
        ),
    ] = ModelFormat.HUGGING_FACE,
    precision: Annotated[
        Precision, typer.Option(help="How GGUF stores matrices: 32, 16 or 8 bits.")
    ] = Precision.F16,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Write a model for other programs: Hugging Face, GGUF, ONNX."""
    from flows.model_export import export
    from flows.model_folders import model_folder
    from flows.terminal import leave_output_to_json

    leave_output_to_json(json)
    written = export(model_folder(model, warehouse), to, form.value, precision.value)
    if json:
        print(json_text.dumps({"format": form.value, "files": [str(path) for path in written]}))
        return
    for path in written:
        print(f"{path}  {path.stat().st_size / 1e6:,.1f} MB")


def read(
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE", help="Words, or a text file.")],
    model: ModelOption,
    page: Annotated[Path, typer.Option(help="The page to write, one HTML file.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="Where to look for near documents; default: the model's own dataset."),
    ] = None,
    most: Most = 5,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Show how a model reads a text: cost per token, reasons, attention, nearest training text."""
    from data_contracts.whole_text import replace_text
    from flows.model_folders import model_folder
    from flows.near import text_or_file
    from flows.reading import as_json, near_training_text
    from flows.reports.reading_page import render_reading
    from flows.terminal import leave_output_to_json
    from model.reading import read as look

    leave_output_to_json(json)
    folder, words = model_folder(model, warehouse), text_or_file(text)
    reading = look(folder, words)
    near = near_training_text(warehouse, folder, dataset, reading.text, most)
    label = None if near is None else near.dataset
    documents = None if near is None else near.documents
    replace_text(page, render_reading(reading, model, documents, label))
    if json:
        print(json_text.dumps(as_json(reading, near), ensure_ascii=False))
        return
    print(page)
