"""Translation: pairs of texts in, an encoder-decoder out that is measured on held-out pairs."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.progress import Progress, silent
from data_contracts.results import start_folder
from model.machine import computing, mixed_precision, pick_device
from model.objective import NO_TARGET, target_loss
from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer, save_pretrained
from model.supervised.beam import beam_search
from model.supervised.fit import fit
from model.supervised.grouping import padded
from model.supervised.recipe import TranslateRecipe
from model.supervised.texts import read_pairs
from model.supervised.translation_scores import TranslationScores, score
from model.supervised.vocabulary import Ids, decode, encode, learn_vocabulary
from model.transformer import Transformer

RESULTS_FILE: Final = "results.json"
TRANSLATIONS_FILE: Final = "translations.txt"
_ROWS: Final = 64
"""Texts translated at a time."""


class TranslateResult(Frozen):
    """results.json: how good the translations of the test texts are."""

    scores: TranslationScores
    """Figures with intervals, by length, and samples."""
    parameters: int
    """Trainable parameters."""
    seconds: float
    """Wall time of training."""
    processor_seconds: float
    """Processor time of training."""
    translation_processor_seconds: float
    """Processor time of translating the test texts."""


class Translator:
    """A model that translates, with its vocabulary."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, end: int) -> None:
        """Use a model as it is; `load` reads one."""
        self.model, self.tokenizer, self.end = model, tokenizer, end

    @classmethod
    def load(cls, folder: Path) -> "Translator":
        """Read a folder that `translate` wrote.

        Raises:
            VersionCorrupt: A file is missing or broken.
        """
        path = folder / TOKENIZER_FILE
        tokenizer = load_tokenizer(path)
        model = load_pretrained(folder).to(pick_device())
        return cls(model, tokenizer, end_of_text_id(tokenizer, path))

    def translations(
        self, texts: Sequence[str], beams: int, length_penalty: float, progress: Progress = silent
    ) -> list[str]:
        """Translate texts, those of like length together."""
        context = self.model.shape.context_tokens
        sources = encode(self.tokenizer, texts, context - 1)
        order = np.argsort([len(ids) for ids in sources], kind="stable")
        found = [""] * len(texts)
        for first in range(0, len(order), _ROWS):
            rows = order[first : first + _ROWS]
            source_BS, allowed_BS = self.sources([sources[row] for row in rows])
            # A translation of twice the length is none; the context is the model's own bound.
            most = min(context - 1, 2 * source_BS.shape[1] + 10)
            written = beam_search(
                self.model,
                source_BS,
                allowed_BS,
                beams=beams,
                max_tokens=most,
                length_penalty=length_penalty,
                end=self.end,
            )
            for row, ids in zip(rows, written, strict=True):
                found[row] = decode(self.tokenizer, ids)
            progress(min(first + _ROWS, len(texts)), len(texts), "texts", "translating")
        return found

    def sources(self, rows: list[Ids]) -> tuple[Tensor, Tensor]:
        """Put source texts into a rectangle, each with its end mark: int64 BS and what is text."""
        device = self.model.head_weight.device
        marked = [np.append(ids, self.end) for ids in rows]
        lengths_B1 = torch.tensor([len(ids) for ids in marked])[:, None]
        source_BS = torch.from_numpy(padded(marked, self.end))
        allowed_BS = torch.arange(source_BS.shape[1])[None] < lengths_B1
        return source_BS.to(device), allowed_BS.to(device)


def translate(
    recipe: TranslateRecipe, output_dir: Path, *, progress: Progress = silent
) -> TranslateResult:
    """Train an encoder-decoder on pairs, translate the test texts and score them.

    Args:
        recipe: Files, model, training.
        output_dir: Receives the model, metrics.jsonl, translations.txt and results.json. Cleared.
        progress: Told of steps done.

    Raises:
        TaskDataInvalid: A file is not what was named.
        TrainingDiverged: A loss is NaN or infinite.
    """
    pairs = {name: read_pairs(getattr(recipe, name)) for name in ("train", "validation", "test")}
    start_folder(output_dir)
    started, processor = time.perf_counter(), time.process_time()
    with computing(recipe.fit.threads):
        tokenizer = learn_vocabulary((*pairs["train"][0], *pairs["train"][1]), recipe.vocabulary)
        tokenizer.save(str(output_dir / TOKENIZER_FILE))
        learner = _Learner(recipe, tokenizer, pairs)
        learner.fit(output_dir, progress)
        seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor
        save_pretrained(learner.model, output_dir / TOKENIZER_FILE, output_dir)
        texts, references = pairs["test"]
        translator = learner.translator
        before = time.process_time()
        found = translator.translations(texts, recipe.beams, recipe.length_penalty, progress)
        translating = time.process_time() - before
    (output_dir / TRANSLATIONS_FILE).write_text("\n".join(found) + "\n", encoding="utf-8")
    result = TranslateResult(
        scores=score(texts, references, found, recipe.fit.seed),
        parameters=learner.model.parameter_count,
        seconds=seconds,
        processor_seconds=processor_seconds,
        translation_processor_seconds=translating,
    )
    (output_dir / RESULTS_FILE).write_text(result.model_dump_json(indent=1), encoding="utf-8")
    return result


class _Learner:
    """The pairs as ids, and the model that learns them."""

    def __init__(
        self,
        recipe: TranslateRecipe,
        tokenizer: Tokenizer,
        pairs: dict[str, tuple[list[str], list[str]]],
    ) -> None:
        self.recipe = recipe.fit
        shape = recipe.fit.shape
        self.end = end = end_of_text_id(tokenizer, TOKENIZER_FILE)
        self.ids = {
            name: tuple(encode(tokenizer, side, shape.context_tokens - 1) for side in sides)
            for name, sides in pairs.items()
        }
        size = tokenizer.get_vocab_size()
        self.model = Transformer(shape, size, dropout=recipe.fit.dropout)
        self.model.initialise(recipe.fit.seed)
        self.model.to(pick_device())
        self.translator = Translator(self.model, tokenizer, end)

    def fit(self, folder: Path, progress: Progress) -> None:
        sources, targets = self.ids["train"]
        lengths = np.array([len(a) + len(b) + 2 for a, b in zip(sources, targets, strict=True)])
        fit(
            self.model,
            self.recipe,
            lengths,
            lambda rows: self._loss("train", rows, learns=True),
            folder,
            measure=self._validation_loss,
            progress=progress,
        )

    def _validation_loss(self) -> float:
        summed, targets = 0.0, 0
        for rows in self._in_order("validation"):
            loss, count = self._loss("validation", rows, learns=False)
            summed, targets = summed + float(loss), targets + count
        return summed / max(targets, 1)

    def _in_order(self, name: str) -> Iterator[Ids]:
        texts = len(self.ids[name][0])
        yield from np.array_split(np.arange(texts), math.ceil(texts / _ROWS))

    def _loss(self, name: str, rows: Ids, *, learns: bool) -> tuple[Tensor, int]:
        """Sum what the targets of some pairs cost, nats."""
        sources, targets = self.ids[name]
        source_BS, allowed_BS = self.translator.sources([sources[row] for row in rows])
        read_BT = padded([np.insert(targets[row], 0, self.end) for row in rows], self.end)
        target_BT = padded([np.append(targets[row], self.end) for row in rows], NO_TARGET)
        device, recipe = source_BS.device, self.recipe
        targets_BT = torch.from_numpy(target_BT).to(device)
        places_BT = targets_BT != NO_TARGET
        targets_N = targets_BT[places_BT]
        with mixed_precision(device, recipe.precision):
            memory = self.model.encode(source_BS, allowed_BS)
            read = torch.from_numpy(read_BT).to(device)
            logits_NV = self.model(read, memory=memory, places_BT=places_BT)
        more = (recipe.label_smoothing, recipe.z_loss_weight) if learns else ()
        return target_loss(logits_NV, targets_N, *more), len(targets_N)
