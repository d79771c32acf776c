"""What can be set about a task. No torch here."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from data_contracts.frozen import Frozen
from model.optimizer_recipe import OptimizerRecipe
from model.recipe import ShapeRecipe, TrainRecipe


class FitRecipe(OptimizerRecipe):
    """How a task's model is trained."""

    shape: ShapeRecipe
    """The size of the model."""
    epochs: int = Field(default=10, ge=1)
    """Passes over the training texts."""
    batch_tokens: int = Field(default=4096, ge=8)
    """Tokens of a step, padding included; texts of like length share one."""


class VocabularyRecipe(Frozen):
    """The vocabulary: byte-level pieces, learned from the task's training texts alone."""

    size: int = Field(default=8000, ge=257, le=1 << 20)
    """Entries at most."""
    lowercase: bool = False
    """Whether texts are read in lower case."""


class PairFiles(Frozen):
    """Texts and their translations, line by line, plain or gzip."""

    source: Path
    """The texts, one a line."""
    target: Path
    """Their translations, one a line."""


class TranslateRecipe(Frozen):
    """A translation task: an encoder-decoder learns from pairs of lines."""

    task: Literal["translate"]
    """Which kind of task this is."""
    train: PairFiles
    """Pairs to learn from; the vocabulary is learned from them too, both sides together."""
    validation: PairFiles
    """Pairs whose loss is measured after each epoch."""
    test: PairFiles
    """Pairs that are translated and scored."""
    vocabulary: VocabularyRecipe = VocabularyRecipe()
    """The shared vocabulary of both languages."""
    fit: FitRecipe = FitRecipe(
        shape=ShapeRecipe(kind="encoder-decoder", layers=3, width=256, heads=4)
    )
    """Model and training."""
    beams: int = Field(default=5, ge=1)
    """Translations followed side by side; 1 takes the likeliest token each time."""
    length_penalty: float = Field(default=1.0, ge=0)
    """Power of the length by which a translation's log-probability is divided (Wu et al. 2016, arXiv
    1609.08144); more makes translations longer."""

    @model_validator(mode="after")
    def _is_an_encoder_decoder(self) -> Self:
        if self.fit.shape.kind != "encoder-decoder":
            msg = "fit.shape.kind must be `encoder-decoder`: it reads one text and writes another"
            raise ValueError(msg)
        return self

    def at(self, base: Path) -> "TranslateRecipe":
        """Resolve relative paths against a folder."""
        changes = {
            name: PairFiles(source=base / pairs.source, target=base / pairs.target)
            for name in ("train", "validation", "test")
            for pairs in (getattr(self, name),)
        }
        return self.model_copy(update=changes)


class PretrainedEncoder(Frozen):
    """An encoder that has learned a language before it learns the task, by guessing hidden tokens.

    Its vocabulary and shape are taken over: `vocabulary` does not count, and of `fit.shape` only
    `pooling`, `evidence_rows` and `evidence_share`.
    """

    model: Path | None = None
    """A folder with such an encoder, or several, as `pretrained` in what a classification left."""
    dataset: Path | None = None
    """The folder of a dataset version to train one on first, once for all folds and members."""
    train: TrainRecipe = TrainRecipe(shape=ShapeRecipe(kind="encoder"))
    """How it is trained on `dataset`."""
    encoders: int = Field(default=1, ge=1, le=100)
    """Encoders to train on `dataset`, from other seeds: the task's members start from them by turns, and
    err on more different texts than those that start from one. Time grows with them."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.model is None) == (self.dataset is None):
            msg = "either `model` or `dataset` says where the encoder comes from"
            raise ValueError(msg)
        if self.train.shape.kind != "encoder":
            msg = "pretrained.train.shape.kind must be `encoder`"
            raise ValueError(msg)
        return self

    def at(self, base: Path) -> "PretrainedEncoder":
        """Resolve relative paths against a folder."""
        changes = {
            name: base / getattr(self, name)
            for name in ("model", "dataset")
            if getattr(self, name) is not None
        }
        return self.model_copy(update=changes)


class ClassifyRecipe(Frozen):
    """A classification task: an encoder learns the class of each text."""

    task: Literal["classify"]
    """Which kind of task this is."""
    train: Path
    """Labelled texts to learn from: .tsv or .csv with a header line, or .jsonl; plain or gzip."""
    validation: Path | None = None
    """Labelled texts measured after each epoch; None: none."""
    test: Path | None = None
    """Labelled texts to be measured on; None needs `folds`."""
    folds: int | None = Field(default=None, ge=2)
    """Cross-validation instead of `test`: each part of the training texts is measured by a model
    trained on the others. Texts go to folds by turns after a shuffle by `fit.seed`."""
    text_field: str = "text"
    """Column of the text."""
    label_field: str = "label"
    """Column of the class."""
    vocabulary: VocabularyRecipe = VocabularyRecipe(lowercase=True)
    """The vocabulary."""
    fit: FitRecipe = FitRecipe(
        shape=ShapeRecipe(kind="encoder", width=128, heads=4, context_tokens=128)
    )
    """Model and training."""
    pretrained: PretrainedEncoder | None = None
    """Start from an encoder trained on a dataset version; None: from random weights."""
    evidence_counts: bool = True
    """Whether half of the evidence (`fit.shape.evidence_rows`) is naive Bayes' counts, beside logistic
    regression: they help to tell two classes apart, not many of unlike size."""
    token_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the tokens that each training step leaves out of its texts, against overfitting."""
    members: int = Field(default=1, ge=1, le=100)
    """Encoders trained from other first weights and orders, whose probabilities are averaged: on few
    texts each errs on other ones. Time and size grow with them."""
    bootstrap_resamples: int = Field(default=1000, ge=100)
    """Resamples of the test texts behind each interval."""
    linear_baseline: bool = True
    """Whether a linear model on words and pairs of words is trained on the same texts and measured
    on the same test texts."""

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if (self.test is None) == (self.folds is None):
            msg = "either `test` or `folds` says what is measured"
            raise ValueError(msg)
        if self.fit.shape.kind != "encoder":
            msg = "fit.shape.kind must be `encoder`"
            raise ValueError(msg)
        return self

    def at(self, base: Path) -> "ClassifyRecipe":
        """Resolve relative paths against a folder."""
        changes: dict[str, object] = {
            name: base / getattr(self, name)
            for name in ("train", "validation", "test")
            if getattr(self, name) is not None
        }
        if self.pretrained is not None:
            changes["pretrained"] = self.pretrained.at(base)
        return self.model_copy(update=changes)
