"""llama.cpp itself, as the package xllamacpp brings it: what it makes of our GGUF files."""

import json
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np


class LlamaCpp:
    """A model file that llama.cpp serves on a port of the loopback interface; use as a context."""

    def __init__(self, path: Path, context_tokens: int) -> None:
        """Read a GGUF file; all stays in float32, one thread computes.

        Raises:
            ImportError: xllamacpp is not installed.
        """
        import xllamacpp

        asked = xllamacpp.CommonParams()
        asked.model.path = str(path)
        asked.n_ctx, asked.n_parallel, asked.warmup, asked.verbosity = context_tokens, 1, False, 0
        asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = 1
        asked.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        wide = xllamacpp.ggml_type.GGML_TYPE_F32
        asked.cache_type_k = asked.cache_type_v = wide
        self._server = xllamacpp.Server(asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server = None  # which stops it

    def tokens(self, text: str) -> list[int]:
        """Encode a text, without the mark before it."""
        found: list[int] = self._asked("tokenize", content=text, add_special=False)["tokens"]
        return found

    def log_probabilities(self, tokens: list[int], vocabulary_size: int) -> np.ndarray:
        """Give the natural logarithm of every entry's probability after some tokens, float64 (V,)."""
        asked = {"prompt": tokens, "n_predict": 1, "temperature": 0, "cache_prompt": False}
        found = self._asked("completion", **asked, n_probs=vocabulary_size)
        rows = found["completion_probabilities"][0]["top_logprobs"]
        values = np.full(vocabulary_size, -np.inf)
        values[[row["id"] for row in rows]] = [row["logprob"] for row in rows]
        return values

    def continued(self, tokens: list[int], more: int) -> list[int]:
        """Take the likeliest token so many times."""
        asked = {"prompt": tokens, "n_predict": more, "temperature": 0, "cache_prompt": False}
        found: list[int] = self._asked("completion", **asked, return_tokens=True)["tokens"]
        return found

    def _asked(self, path: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._server.listening_address}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
