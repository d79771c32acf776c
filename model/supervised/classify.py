"""Classification: labelled texts in, an encoder out that is measured on held-out texts."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from data_contracts.errors import TaskDataInvalid, VersionCorrupt
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.progress import Progress, silent
from data_contracts.results import start_folder
from model.machine import computing, mixed_precision, pick_device
from model.objective import target_loss
from model.pretrained import (
    CONFIG_FILE,
    end_of_text_id,
    load_labels,
    load_members,
    load_pretrained,
    load_tokenizer,
    save_members,
)
from model.supervised.fit import fit
from model.supervised.grouping import padded
from model.supervised.linear import fit_evidence, linear_chances
from model.supervised.pretraining import encoder_of, with_encoder
from model.supervised.recipe import ClassifyRecipe, PretrainedEncoder
from model.supervised.scores import Scores, score
from model.supervised.texts import read_labelled
from model.supervised.vocabulary import Ids, encode, learn_vocabulary
from model.transformer import Transformer

RESULTS_FILE: Final = "results.json"
_ROWS: Final = 128
"""Texts classified at a time."""


class ClassifyResult(Frozen):
    """results.json: how good the classifier is, beside the baseline."""

    labels: tuple[str, ...]
    """The classes, in order."""
    model: Scores
    """The encoder's figures."""
    baseline: Scores | None
    """Those of a linear model on words and bigrams, trained and measured on the same texts."""
    better_than_baseline: bool | None
    """Whether the encoder's accuracy is higher."""
    parameters: int
    """Parameters trained step by step; what evidence was fitted is not among them."""
    seconds: float
    """Wall time of training and measuring the encoder, all folds together."""
    processor_seconds: float
    """Processor time of the same."""
    pretraining_processor_seconds: float = 0.0
    """Processor time of training an encoder on a dataset version first."""


class Classifier:
    """A model that tells classes apart, with its vocabulary; or several, whose chances are averaged."""

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        end: int,
        others: Sequence[Transformer] = (),
    ) -> None:
        """Use models as they are; `load` reads them."""
        self.model, self.tokenizer, self.end, self.others = model, tokenizer, end, tuple(others)

    @classmethod
    def load(cls, folder: Path) -> tuple[Self, list[str]]:
        """Read a folder that `classify` wrote; gives the names of the classes too.

        Raises:
            VersionCorrupt: A file is missing or broken, or the model does not classify.
        """
        path = folder / TOKENIZER_FILE
        tokenizer = load_tokenizer(path)
        members, labels = load_members(folder), load_labels(folder)
        if labels is None:
            raise VersionCorrupt(folder / CONFIG_FILE, "names no classes: not a classifier")
        model, *others = (member.to(pick_device()) for member in members)
        return cls(model, tokenizer, end_of_text_id(tokenizer, path), others), labels

    def chances(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give each text's probability of each class, float64 (texts, classes)."""
        ids = self.encoded(texts)
        order = np.argsort([len(one) for one in ids], kind="stable")
        found: list[NDArray[np.float64]] = []
        models = [model.eval() for model in (self.model, *self.others)]
        with torch.no_grad():
            for first in range(0, len(order), _ROWS):
                read = self.rectangle([ids[row] for row in order[first : first + _ROWS]])
                chances_MBK = [model.classify(*read).double().softmax(-1) for model in models]
                found.append(torch.stack(chances_MBK).mean(0).cpu().numpy())
        chances = np.concatenate(found)
        return chances[np.argsort(order, kind="stable")]

    def encoded(self, texts: Sequence[str]) -> list[Ids]:
        """Encode texts between two end marks, cut to the model's context."""
        inner = encode(self.tokenizer, texts, self.model.shape.context_tokens - 2)
        return [np.concatenate([[self.end], ids, [self.end]]) for ids in inner]

    def rectangle(self, rows: list[Ids]) -> tuple[Tensor, Tensor]:
        """Put texts into a rectangle: int64 BT and which of it is text."""
        device = self.model.head_weight.device
        lengths_B1 = torch.tensor([len(ids) for ids in rows])[:, None]
        tokens_BT = torch.from_numpy(padded(rows, self.end))
        allowed_BT = torch.arange(tokens_BT.shape[1])[None] < lengths_B1
        return tokens_BT.to(device), allowed_BT.to(device)


class _Texts(Frozen):
    """Labelled texts, classes as numbers."""

    texts: tuple[str, ...]
    truth: tuple[int, ...]

    def taken(self, rows: NDArray[np.int64]) -> "_Texts":
        """Take some of them."""
        return _Texts(
            texts=tuple(self.texts[row] for row in rows),
            truth=tuple(self.truth[row] for row in rows),
        )


def classify(
    recipe: ClassifyRecipe, output_dir: Path, *, progress: Progress = silent
) -> ClassifyResult:
    """Train an encoder to tell classes apart, and measure it on held-out texts.

    With folds each text is measured once, by the model that did not learn from it; the model saved
    is that of the last fold.

    Args:
        recipe: Files, model, training.
        output_dir: Receives the model, metrics.jsonl and results.json; in `pretrained/` the encoder
            that was trained on a dataset version first. Cleared.
        progress: Told of steps done.

    Raises:
        TaskDataInvalid: A file is not what was named, or has a class that the training texts lack.
        TrainingDiverged: A loss is NaN or infinite.
        GateRefused: The dataset version to learn from first did not pass its contract.
        TooLittleText: That version holds too few tokens.
        VersionCorrupt: That version, or the pretrained encoder, cannot be read.
    """
    start_folder(output_dir)
    labels, train = _training_texts(recipe)
    validation = _labelled(recipe.validation, recipe, labels) if recipe.validation else None
    splits = _splits(recipe, labels, train)
    processor = time.process_time()
    ready = with_encoder(recipe, output_dir, progress)
    spent = time.process_time() - processor
    pretraining_processor_seconds = 0.0 if ready is recipe else spent
    recipe = ready
    truth, chances, linear = [], [], []
    seconds = processor_seconds = 0.0
    with computing(recipe.fit.threads):
        for learnt, held_out in splits:
            started, processor = time.perf_counter(), time.process_time()
            classifier = _learned(recipe, learnt, validation, labels, output_dir, progress)
            chances.append(classifier.chances(held_out.texts))
            seconds += time.perf_counter() - started
            processor_seconds += time.process_time() - processor
            truth.append(np.array(held_out.truth))
            if recipe.linear_baseline:
                classes = np.array(learnt.truth)
                linear.append(linear_chances(learnt.texts, classes, held_out.texts, len(labels)))
        models = (classifier.model, *classifier.others)
        save_members(models, output_dir / TOKENIZER_FILE, output_dir, labels)
    measured = (np.concatenate(truth), recipe.bootstrap_resamples, recipe.fit.seed)
    figures = _scored(chances, labels, *measured)
    baseline = _scored(linear, labels, *measured) if linear else None
    result = ClassifyResult(
        labels=tuple(labels),
        model=figures,
        baseline=baseline,
        better_than_baseline=baseline and figures.accuracy.value > baseline.accuracy.value,
        parameters=recipe.members * classifier.model.parameter_count,
        seconds=seconds,
        processor_seconds=processor_seconds,
        pretraining_processor_seconds=pretraining_processor_seconds,
    )
    (output_dir / RESULTS_FILE).write_text(result.model_dump_json(indent=1), encoding="utf-8")
    return result


def _learned(
    recipe: ClassifyRecipe,
    train: _Texts,
    validation: _Texts | None,
    labels: Sequence[str],
    folder: Path,
    progress: Progress,
) -> Classifier:
    """Train the members, each from a seed of its own; metrics.jsonl is the first one's."""
    models: list[Transformer] = []
    for number in reversed(range(recipe.members)):
        seeded = recipe.fit.model_copy(update={"seed": recipe.fit.seed + number})
        changes: dict[str, object] = {"fit": seeded}
        if recipe.pretrained and recipe.pretrained.model:
            encoder = encoder_of(recipe.pretrained.model, number)
            changes["pretrained"] = PretrainedEncoder(model=encoder)
        member = recipe.model_copy(update=changes)
        learner = _Learner(member, train, validation, labels, folder, next(iter(models), None))
        learner.fit(folder, progress)
        models.append(learner.model)
    first = learner.classifier
    return Classifier(first.model, first.tokenizer, first.end, models[-2::-1])


class _Learner:
    """The training texts as ids, and the model that learns them."""

    def __init__(
        self,
        recipe: ClassifyRecipe,
        train: _Texts,
        validation: _Texts | None,
        labels: Sequence[str],
        folder: Path,
        earlier: Transformer | None,
    ) -> None:
        self.recipe, self.train, self.validation = recipe, train, validation
        path = folder / TOKENIZER_FILE
        encoder = recipe.pretrained.model if recipe.pretrained else None
        if encoder is None:
            learn_vocabulary(train.texts, recipe.vocabulary).save(str(path))
            tokenizer = load_tokenizer(path)
            shape, size = recipe.fit.shape, tokenizer.get_vocab_size()
        else:
            path.write_bytes((encoder / TOKENIZER_FILE).read_bytes())
            tokenizer = load_tokenizer(path)
            start = load_pretrained(encoder)
            head = recipe.fit.shape.model_dump(
                include={"pooling", "evidence_rows", "evidence_share"}
            )
            shape, size = start.shape.model_copy(update=head), start.vocabulary_size
        self.model = Transformer(shape, size, dropout=recipe.fit.dropout, classes=len(labels))
        self.model.initialise(recipe.fit.seed)
        if encoder is not None:
            self.model.load_state_dict(start.state_dict(), strict=False)  # all but the head
        self.classifier = Classifier(self.model, tokenizer, end_of_text_id(tokenizer, path))
        self.ids = self.classifier.encoded(train.texts)
        self.truth = torch.tensor(train.truth)
        if shape.evidence_rows and earlier:  # fitted to the same texts it would be the same
            self.model.evidence = earlier.evidence
        elif shape.evidence_rows:
            classes = self.truth.numpy()
            fit_evidence(self.model.evidence, self.ids, classes, counts=recipe.evidence_counts)
        self.model.to(pick_device())
        self.generator = np.random.default_rng(recipe.fit.seed)

    def fit(self, folder: Path, progress: Progress) -> None:
        lengths = np.array([len(ids) for ids in self.ids])
        measure = self._validation_loss if self.validation else None
        fit(
            self.model,
            self.recipe.fit,
            lengths,
            self._loss,
            folder,
            measure=measure,
            progress=progress,
        )

    def _loss(self, rows: Ids) -> tuple[Tensor, int]:
        recipe, device = self.recipe.fit, self.model.head_weight.device
        ids = [self._thinned(self.ids[row]) for row in rows]
        with mixed_precision(device, recipe.precision):
            logits_BK = self.model.classify(*self.classifier.rectangle(ids))
        truth_B = self.truth[torch.from_numpy(rows)].to(device)
        loss = target_loss(logits_BK, truth_B, recipe.label_smoothing, recipe.z_loss_weight)
        return loss, len(rows)

    def _thinned(self, ids: Ids) -> Ids:
        """Leave out some tokens, never the end marks."""
        if not self.recipe.token_dropout:
            return ids
        kept = self.generator.random(len(ids)) >= self.recipe.token_dropout
        kept[0] = kept[-1] = True
        return ids[kept]

    def _validation_loss(self) -> float:
        assert self.validation is not None, "the caller looked"  # noqa: S101
        chances = self.classifier.chances(self.validation.texts)
        given = chances[np.arange(len(chances)), list(self.validation.truth)]
        return float(-np.log(np.maximum(given, 1e-12)).mean())


def _training_texts(recipe: ClassifyRecipe) -> tuple[list[str], _Texts]:
    texts, names = read_labelled(recipe.train, recipe.text_field, recipe.label_field)
    labels = sorted(set(names))
    if len(labels) < 2:
        raise TaskDataInvalid(recipe.train, 0, "holds one class only", "Give it at least two.")
    numbers = {label: number for number, label in enumerate(labels)}
    return labels, _Texts(texts=tuple(texts), truth=tuple(numbers[name] for name in names))


def _labelled(path: Path, recipe: ClassifyRecipe, labels: list[str]) -> _Texts:
    texts, names = read_labelled(path, recipe.text_field, recipe.label_field)
    numbers = {label: number for number, label in enumerate(labels)}
    unknown = sorted(set(names) - set(labels))
    if unknown:
        problem = f"has the class `{unknown[0]}`, which {recipe.train} lacks"
        raise TaskDataInvalid(path, 0, problem, f"Known: {', '.join(labels)}.")
    return _Texts(texts=tuple(texts), truth=tuple(numbers[name] for name in names))


def _splits(
    recipe: ClassifyRecipe, labels: list[str], train: _Texts
) -> list[tuple[_Texts, _Texts]]:
    """Pair what is learned from with what is measured on."""
    if recipe.test is not None:
        return [(train, _labelled(recipe.test, recipe, labels))]
    assert recipe.folds is not None, "the recipe was checked"  # noqa: S101
    order = np.random.default_rng(recipe.fit.seed).permutation(len(train.texts))
    folds = [order[number :: recipe.folds] for number in range(recipe.folds)]
    return [
        (train.taken(np.setdiff1d(order, fold, assume_unique=True)), train.taken(fold))
        for fold in folds
    ]


def _scored(
    chances: list[NDArray[np.float64]],
    labels: Sequence[str],
    truth: NDArray[np.int64],
    resamples: int,
    seed: int,
) -> Scores:
    return score(truth, np.concatenate(chances), labels, resamples, seed)
