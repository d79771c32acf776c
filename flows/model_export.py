"""A model as files that other programs read. No Prefect here."""

import shutil
from pathlib import Path
from typing import Literal

from data_contracts.errors import ModelUnfit
from model.export.gguf_file import Precision, write_gguf
from model.export.onnx_file import write_onnx
from model.pretrained import load_pretrained

Format = Literal["huggingface", "gguf", "onnx"]

_CHECKPOINT = (
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "README.md",
)


def export(model: Path, to: Path, form: Format, precision: Precision) -> list[Path]:
    """Write a model in a format.

    Args:
        model: A folder that training left.
        to: A folder; for GGUF a file.
        form: The format.
        precision: How GGUF stores matrices.

    Returns:
        The files written.

    Raises:
        ModelUnfit: The format is not for such a model, or its packages are not installed.
        VersionCorrupt: A file of the model is missing or broken.
    """
    try:
        if form == "gguf":
            to.parent.mkdir(parents=True, exist_ok=True)
            write_gguf(model, to, precision)
            return [to]
        if form == "onnx":
            write_onnx(model, to)
            return sorted(path for path in to.iterdir() if path.is_file())
    except ImportError as error:
        fix = "Install them: pip install 'corpusmill[export]'."
        raise ModelUnfit(model, f"{form} needs packages that are missing ({error})", fix) from error
    return _checkpoint(model, to)


def _checkpoint(model: Path, to: Path) -> list[Path]:
    if load_pretrained(model).shape.kind != "decoder":
        fix = "Classifiers go out as ONNX; read others with this program."
        raise ModelUnfit(model, "Hugging Face has no such encoder", fix)
    to.mkdir(parents=True, exist_ok=True)
    found = [name for name in _CHECKPOINT if (model / name).exists()]
    for name in found:
        shutil.copyfile(model / name, to / name)
    return [to / name for name in found]
