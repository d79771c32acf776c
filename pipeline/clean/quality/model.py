"""The quality model as a file: safetensors, no code in it, refused when it does not fit this program."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from data_contracts.errors import QualityModelInvalid

FORMAT: Final = "corpusmill quality model 1"
"""Goes up when the same file would score otherwise."""
_ENTRY: Final = "quality_model"
_PROBE: Final = "The Quick naïve brown fox, 3.14 times — 狐狸跳过。"
"""A text whose word hashes tell whether words are still what they were when the model learned."""


class QualityModel(NamedTuple):
    """A linear model of hashed words and pairs of words."""

    weights: NDArray[np.float32]
    """float32 (2^n,), read-only."""
    bias: float
    """Score of a text without a word, before the logistic function."""
    about: dict[str, Any]
    """How it was trained and what it reached on texts kept out of training."""


NO_MODEL: Final = QualityModel(np.zeros(0, np.float32), 0.0, {})
"""Stands for none: kernels score nothing with it."""
NO_MODEL.weights.flags.writeable = False


def save_model(model: QualityModel, path: Path) -> None:
    """Write a model; the same model gives the same bytes."""
    tensors: dict[str, NDArray[Any]] = {
        "weights": model.weights,
        "bias": np.array([model.bias], np.float64),
    }
    about = {"format": FORMAT, "words": _words(), "about": model.about}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    # One entry: the library writes several in no fixed order.
    temporary.write_bytes(save(tensors, metadata={_ENTRY: json.dumps(about, sort_keys=True)}))
    temporary.replace(path)


def load_model(path: Path | str) -> QualityModel:
    """Read a model.

    Raises:
        QualityModelInvalid: It is not there, is none, or was made with other words or another format.
    """
    try:
        known = Path(path).stat()
    except OSError as error:
        raise QualityModelInvalid(path, f"it cannot be read ({error.strerror})") from error
    return _load(str(path), known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: str, _size: int, _changed: int) -> QualityModel:
    """Read a model, again only when the file changed."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get(_ENTRY, "{}"))
            if not isinstance(about, dict) or about.get("format") != FORMAT:
                raise QualityModelInvalid(path, "it is no quality model of this program's format")
            weights, bias = file.get_tensor("weights"), file.get_tensor("bias")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise QualityModelInvalid(
            path, f"it is no safetensors file of a model ({error})"
        ) from error
    slots = len(weights) if weights.ndim == 1 else 0
    fits = weights.dtype == np.float32 and bias.dtype == np.float64 and bias.shape == (1,)
    if not fits or slots < 2 or slots & (slots - 1) or slots > 1 << 32:
        raise QualityModelInvalid(path, "its weights are not a table of 2^n numbers")
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise QualityModelInvalid(path, "some of its weights are no numbers")
    if about.get("words") != _words():
        raise QualityModelInvalid(path, "it learned from words as another version finds them")
    weights.flags.writeable = False
    return QualityModel(weights, float(bias[0]), about.get("about", {}))


def _words() -> str:
    """Identify how words are found and hashed."""
    from pipeline.text.tokens import token_hashes  # noqa: PLC0415 - plans are made without kernels

    hashes = token_hashes(pa.array([_PROBE], pa.large_string())).hashes
    return hashlib.sha256(hashes.astype("<u8").tobytes()).hexdigest()[:16]
