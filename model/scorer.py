"""A decoder with its tokenizer, for evaluation: scores documents and tasks, writes samples."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from data_contracts.gate import TOKENIZER_FILE
from data_contracts.measures import TaskFigures
from data_contracts.results import Sample
from model.machine import pick_device
from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer
from model.recipe import EvaluateRecipe
from model.sample import write
from model.scoring import TokenIds, TokenScores, token_scores
from model.tasks.definition import Example
from model.tasks.figures import task_figures
from model.tasks.likelihood import continuation_nats, continuations
from model.transformer import Decoder


class Scorer:
    """The model with its tokenizer; keeps count of what scoring took."""

    def __init__(self, folder: Path, recipe: EvaluateRecipe, model: Decoder | None = None) -> None:
        """Read a model's folder.

        Args:
            folder: What train wrote: weights (unless given) and tokenizer.
            recipe: How documents are read.
            model: Another decoder of this tokenizer, used as it is.

        Raises:
            VersionCorrupt: A file is missing or broken.
        """
        self.recipe = recipe
        self.model: Decoder = model or load_pretrained(folder).to(pick_device())
        self.tokenizer: Tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
        self.end = end_of_text_id(self.tokenizer, folder / TOKENIZER_FILE)
        self.tokens = 0
        self.seconds = 0.0

    def encode(self, table: pa.Table) -> list[TokenIds]:
        """Encode documents, each with its end mark."""
        return [self._encoded(text) for text in table["text"].to_pylist()]

    def scores(self, documents: list[TokenIds]) -> TokenScores:
        """Measure what every token of encoded documents costs the model."""
        started = time.perf_counter()
        scores = token_scores(
            self.model,
            documents,
            self.end,
            self.recipe.context_overlap_ratio,
            self.recipe.batch_tokens,
        )
        self.seconds += time.perf_counter() - started
        self.tokens += sum(map(len, documents))
        return scores

    def bits(self, table: pa.Table) -> NDArray[np.float64]:
        """Measure what each document costs the model, float64 (documents,)."""
        return self.scores(self.encode(table)).document_bits()

    def samples(self, prompts: Sequence[str]) -> tuple[Sample, ...]:
        """Let the model continue prompts."""
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

    def _encoded(self, text: str) -> TokenIds:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return np.array([*ids, self.end], np.int64)

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
