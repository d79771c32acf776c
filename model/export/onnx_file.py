"""A classifier as an ONNX file: token ids in, the probability of each class out."""

import contextlib
import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor, nn

from data_contracts.errors import ModelUnfit
from data_contracts.gate import TOKENIZER_FILE
from model.pretrained import CONFIG_FILE, load_labels, load_members
from model.transformer import Transformer

MODEL_FILE: Final = "model.onnx"


class _Classifier(nn.Module):
    def __init__(self, members: Sequence[Transformer]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, tokens: Tensor, allowed: Tensor) -> Tensor:
        members = [cast(Transformer, member) for member in self.members]
        chances = [member.classify(tokens, allowed).softmax(-1) for member in members]
        return torch.stack(chances).mean(0)


def write_onnx(folder: Path, output: Path) -> None:
    """Write a classifier as model.onnx, with its tokenizer and the names of its classes.

    The graph takes `tokens`, int64 (texts, tokens), each text between two end marks, and `allowed`,
    bool of the same shape, true where there is text; it gives `chances`, float32 (texts, classes).
    Any number of texts and tokens up to the context will do.

    Args:
        folder: A folder that `classify` wrote.
        output: A folder; receives model.onnx, tokenizer.json and config.json.

    Raises:
        ImportError: The packages `onnx` and `onnxscript` are not installed.
        ModelUnfit: The model does not classify.
        VersionCorrupt: A file is missing or broken.
    """
    members = load_members(folder)
    if load_labels(folder) is None:
        raise ModelUnfit(folder, "it does not classify", "Name what `mill classify` left.")
    output.mkdir(parents=True, exist_ok=True)
    context = members[0].shape.context_tokens
    texts, tokens = torch.export.Dim("texts", min=1), torch.export.Dim("tokens", min=2, max=context)
    example = torch.ones(2, min(9, context), dtype=torch.int64)
    with _quiet():
        program = torch.onnx.export(
            _Classifier(members).eval(),
            (example, example > 0),
            input_names=["tokens", "allowed"],
            output_names=["chances"],
            dynamic_shapes=({0: texts, 1: tokens}, {0: texts, 1: tokens}),
            dynamo=True,
            verbose=False,
        )
    assert program is not None, "dynamo gives one"  # noqa: S101
    program.save(output / MODEL_FILE)
    for name in (TOKENIZER_FILE, CONFIG_FILE):
        shutil.copyfile(folder / name, output / name)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the exporter says of packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
