"""A trained decoder in llama.cpp: are texts encoded, predicted and continued as by ours?

`python -m tests.bench.check_llama_cpp MODEL DATASET_VERSION` (pip install xllamacpp, and the extra
`export`). Texts are the held-out documents: all are encoded; of the first of them so many places are
predicted, each after half a context, and continued greedily.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from data_contracts.gate import TOKENIZER_FILE
from model.documents import held_out_documents
from model.export.gguf_file import write_gguf
from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer
from model.sample import write
from tests.model.export.llama_cpp import LlamaCpp

PRECISIONS: Final = ("f32", "f16", "q8_0")
PLACES: Final = 20
WRITTEN: Final = 32


def check(folder: Path, texts: list[str]) -> list[dict[str, Any]]:
    """Compare a model in each precision with itself in PyTorch, float32."""
    model, tokenizer = load_pretrained(folder), load_tokenizer(folder / TOKENIZER_FILE)
    end = end_of_text_id(tokenizer, folder / TOKENIZER_FILE)
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    half = model.shape.context_tokens // 2
    prompts = [[end, *ids[:half]] for ids in encoded if len(ids) > half][:PLACES]
    with torch.no_grad():
        ours = [
            model(torch.tensor([ids]))[0, -1].double().log_softmax(-1).numpy() for ids in prompts
        ]
    written = [write(model, ids, WRITTEN, 0.0, 1, stop=end) for ids in prompts]
    return [
        _compared(folder, precision, texts, encoded, prompts, ours, written)
        for precision in PRECISIONS
    ]


def _compared(
    folder: Path,
    precision: Any,
    texts: list[str],
    encoded: list[list[int]],
    prompts: list[list[int]],
    ours: list[np.ndarray],
    written: list[list[int]],
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "model.gguf"
        write_gguf(folder, path, precision)
        context = load_pretrained(folder).shape.context_tokens
        with LlamaCpp(path, context) as llama:
            same = [llama.tokens(text) == ids for text, ids in zip(texts, encoded, strict=True)]
            theirs = [llama.log_probabilities(ids, len(ours[0])) for ids in prompts]
            found = [llama.continued(ids, WRITTEN) for ids in prompts]
        megabytes = path.stat().st_size / 1e6
    kl = [float(np.exp(a) @ (a - b)) for a, b in zip(ours, theirs, strict=True)]
    agreed = [_agreed(a, b) for a, b in zip(written, found, strict=True)]
    return {
        "precision": precision,
        "megabytes": megabytes,
        "texts encoded alike": f"{sum(same)} of {len(same)}",
        "furthest log-probability": max(
            float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)
        ),
        "mean KL, nats": float(np.mean(kl)),
        "same likeliest token": f"{sum(a.argmax() == b.argmax() for a, b in zip(ours, theirs, strict=True))} of {len(ours)}",
        "greedy tokens alike from the start": f"{sum(agreed)} of {sum(map(len, written))}",
    }


def _agreed(one: list[int], other: list[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


if __name__ == "__main__":
    model, dataset = (Path(argument) for argument in sys.argv[1:])
    held_out = [
        text
        for split in ("validation", "test")
        for text in held_out_documents(dataset / "documents" / split, None)["text"].to_pylist()
    ]
    for row in check(model, held_out):
        print(row, flush=True)
