"""What can be set for training and evaluation. Loads in milliseconds: no torch here."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from data_contracts.frozen import Frozen
from model.optimizer_recipe import OptimizerRecipe
from model.size import turn_dial


class ShapeRecipe(Frozen):
    """The kind and the size of the Transformer.

    The defaults are what two minutes of processor time are best spent on: with a vocabulary of
    4,096, two layers on 540,000 tokens reach 2.42 bits per byte where four on 400,000 reach 2.50.
    """

    kind: Literal["decoder", "encoder", "encoder-decoder"] = "decoder"
    """`decoder` (GPT, in the Qwen3 shape) predicts the next token, `encoder` (BERT) hidden tokens
    and classes, `encoder-decoder` (the original Transformer) writes one text from another."""
    layers: int = Field(default=2, ge=1, le=256)
    """Blocks, each attention and MLP (an encoder-decoder has so many on each side)."""
    width: int = Field(default=128, ge=8)
    """Width of the residual stream. Must be a multiple of `heads`, unless `head_width` is said."""
    heads: int = Field(default=2, ge=1)
    """Attention heads."""
    head_width: int | None = Field(default=None, ge=2, multiple_of=2)
    """Columns of a head. None: `width / heads`, which must be even; a model that lost heads by
    pruning says it."""
    kv_heads: int | None = Field(default=None, ge=1)
    """Heads of keys and values, a divisor of `heads` (grouped-query attention). None: `heads`."""
    mlp_width: int | None = Field(default=None, ge=8)
    """Hidden width of the SwiGLU MLP. None: 8/3 of `width`, rounded up to a multiple of 32."""
    context_tokens: int = Field(default=128, ge=8)
    """Tokens that the model sees at once."""
    tied_embeddings: bool = True
    """Whether the output head shares the weights of the token embedding."""
    rope_theta: float = Field(default=10_000.0, gt=1)
    """Base of the rotary position angles; raise it for long contexts."""
    convolution_tokens: int = Field(default=0, ge=0, le=15)
    """Neighbouring tokens (an odd number) whose vectors an encoder's first layer mixes into each
    token's, before the blocks: phrases that tell classes apart are found from fewer texts than
    attention needs (Kim 2014, arXiv 1408.5882). 0: none."""
    pooling: Literal["mean", "max"] = "mean"
    """What of a text's vectors is scored for its class: their mean, or the largest of each column."""
    evidence_rows: int = Field(default=0, ge=0)
    """Rows of a table of what tokens and pairs of tokens say for each class by themselves: logistic
    regression and naive Bayes, fitted to the training texts, averaged with the encoder (wide and
    deep: Cheng et al. 2016, arXiv 1606.07792); see `model.evidence`. Take many more rows than the
    texts have different pairs (2,097,152 for ten thousand sentences): pairs that no training text has
    must seldom meet a row in use. 0: none."""
    evidence_share: float = Field(default=0.5, ge=0, le=1)
    """How much evidence weighs beside the encoder in each class's score; more, the fewer the texts."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        divides = self.width % self.heads == 0 and (self.width // self.heads) % 2 == 0
        if self.head_width is None and not divides:
            msg = f"width {self.width} over {self.heads} heads is no even number of columns"
            raise ValueError(msg)
        if self.heads % self.kv_heads_or_default:
            msg = f"{self.heads} heads cannot share {self.kv_heads} kv_heads evenly"
            raise ValueError(msg)
        for name in ("convolution_tokens", "evidence_rows"):
            if getattr(self, name) and self.kind != "encoder":
                msg = (
                    f"{name} is for encoders: no other program could read the decoder's checkpoint"
                )
                raise ValueError(msg)
        if self.convolution_tokens and self.convolution_tokens % 2 == 0:
            msg = f"convolution_tokens {self.convolution_tokens} is no odd number"
            raise ValueError(msg)
        return self

    @property
    def kv_heads_or_default(self) -> int:
        """Heads of keys and values."""
        return self.heads if self.kv_heads is None else self.kv_heads

    @property
    def head_width_or_default(self) -> int:
        """Columns of a head."""
        return self.width // self.heads if self.head_width is None else self.head_width

    @property
    def mlp_width_or_default(self) -> int:
        """Hidden width of the MLP."""
        return math.ceil(self.width * 8 / 3 / 32) * 32 if self.mlp_width is None else self.mlp_width


class MixtureRecipe(Frozen):
    """How much training reads of each source."""

    weights: dict[str, float] | None = None
    """Share of the training tokens by source, scaled to a sum of one; sources not named give none."""
    epochs: dict[str, float] | None = None
    """Passes over each source; one over those not named. They also bound the budget: nothing is read
    more often, and 0 leaves a source out."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.weights is None) == (self.epochs is None):
            msg = "either `weights` or `epochs` says how sources are mixed"
            raise ValueError(msg)
        given = list((self.weights or self.epochs or {}).values())
        if not all(math.isfinite(part) and part >= 0 for part in given):
            msg = "weights and epochs are numbers from 0"
            raise ValueError(msg)
        if self.weights is not None and not sum(given):
            msg = "no weight is over 0"
            raise ValueError(msg)
        return self

    def passes(self, source: str) -> float:
        """Passes over a source, for a recipe that says epochs."""
        return (self.epochs or {}).get(source, 1.0)


class TrainRecipe(OptimizerRecipe):
    """How a model is trained. The defaults suit a small corpus and a minute or two of two cores.

    So short a training needs many small steps more than exact gradients: batches of 1,024 tokens
    reach lower losses than the same tokens in batches of 2,048 or 4,096.
    """

    size: int | None = Field(default=None, ge=1000)
    """Parameters wanted, embeddings not counted (10000000, for instance): gives by published
    scaling rules whatever is not said of layers, width, heads, batch_tokens, learning_rate and
    budget_tokens. None: their own defaults."""
    shape: ShapeRecipe = ShapeRecipe()
    """The size of the model."""
    budget_tokens: int = Field(default=1_000_000, ge=1)
    """Training tokens to go through the model, repeated ones counted. Never a time: the same recipe
    must give the same model on a fast and on a slow machine."""
    max_epochs: float | None = Field(default=8, gt=0)
    """Cuts the budget to this many passes over the training split. None: no cut."""
    mixture: MixtureRecipe | None = None
    """How much of each source is read. None: every document as often as any other (and as often as
    `shard.repeat_by_cluster_size` says)."""
    batch_tokens: int = Field(default=1024, ge=8)
    """Tokens per optimiser step, rounded down to whole windows of `context_tokens`."""
    micro_batch_tokens: int | None = Field(default=None, ge=8)
    """Tokens per forward pass; their gradients are summed up to a step. None: 1,024 on a CPU, the
    whole batch on a GPU."""
    recompute_activations: bool = False
    """Whether the backward pass computes each block again instead of keeping what it computed: less
    memory, a third more time."""
    shard_weights: bool = False
    """Whether each of several processes (torchrun) keeps only its part of the weights and of the
    optimiser's state (FSDP2), for models that one GPU cannot hold. Not with `muon`, which needs whole
    matrices."""
    compile: bool | None = None
    """Whether torch.compile translates the model first (minutes, once). None: on CUDA only."""
    masked_ratio: float = Field(default=0.3, gt=0, lt=1)
    """Share of the tokens that an encoder must guess. 0.3 beats BERT's 0.15 for small models and
    short runs (Wettig et al. 2023, arXiv 2202.08005)."""
    candidate_tokens: int = Field(default=0, ge=0)
    """Wrong answers drawn for each step when an encoder guesses hidden tokens, in the place of the whole
    vocabulary (sampled softmax; see `model.candidates`): with 4096 a vocabulary of 40,000 takes
    under half the time. 0: the whole vocabulary. Losses on the validation split are always of all of it."""
    cooccurrence_reach: int = Field(default=0, ge=0, le=100)
    """Tokens to either side that count as near when the first embeddings come from which tokens of the
    training split stand near which (Levy et al. 2015; see `model.cooccurrence`): 5 is a good start. It
    costs seconds, and in short runs rare words gain most. 0: they are drawn at random."""
    evaluate_every_steps: int = Field(default=100, ge=1)
    """Steps between two measurements of the validation loss; the last step is always measured."""
    validation_tokens: int = Field(default=8192, ge=8)
    """Tokens of the validation split, from its start, that those measurements read."""
    checkpoint_every_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints; a killed run continues from the last one."""
    keep_checkpoints: int = Field(default=1, ge=1)
    """How many checkpoints stay while a run goes on: where the last one is damaged, the one before
    is taken up."""
    tensorboard: bool = False
    """Whether what metrics.jsonl tells also goes into a file that TensorBoard reads."""
    save: Literal["last", "best"] = "last"
    """Which weights become the model: those after the last step, or those of the lowest validation
    loss."""

    @model_validator(mode="before")
    @classmethod
    def _turn_dial(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("size") is None:
            return given
        shape = given.get("shape", {})
        said = shape.get("context_tokens") if isinstance(shape, Mapping) else shape.context_tokens
        return turn_dial(given, said or ShapeRecipe.model_fields["context_tokens"].default)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        context = self.shape.context_tokens
        if self.batch_tokens < context:
            msg = f"batch_tokens {self.batch_tokens} is under one window of {context} tokens"
            raise ValueError(msg)
        if self.micro_batch_tokens is not None and not (
            context <= self.micro_batch_tokens <= self.batch_tokens
        ):
            msg = f"micro_batch_tokens must be {context} (one window) to {self.batch_tokens}"
            raise ValueError(msg)
        if self.shard_weights and self.optimizer == "muon":
            msg = "shard_weights is not for muon, which needs whole matrices; set optimizer: adamw"
            raise ValueError(msg)
        if self.candidate_tokens and self.shape.kind != "encoder":
            msg = "candidate_tokens is for encoders, which guess hidden tokens"
            raise ValueError(msg)
        if self.shape.kind == "encoder-decoder":
            msg = "an encoder-decoder learns from pairs of texts, not from a dataset version; "
            raise ValueError(msg + "see `mill translate`")
        return self


class EvaluateRecipe(Frozen):
    """How a model is measured."""

    max_split_bytes: int | None = Field(default=300_000, ge=1)
    """Text bytes measured of each split: whole documents from its start (they are shuffled) until
    this many are reached. None: all of it."""
    context_overlap_ratio: float = Field(default=0.5, ge=0, lt=1)
    """A document longer than the context is read in windows; this share of each window repeats the
    one before it, unscored, so that no token is predicted without context."""
    batch_tokens: int = Field(default=2048, ge=8)
    """Tokens per forward pass."""
    chunk_bytes: int = Field(default=1024, ge=16)
    """Text bytes of the chunks that the bootstrap draws within each document."""
    bootstrap_resamples: int = Field(default=1000, ge=100)
    """Resamples of documents and chunks behind each interval."""
    memorisation_passages: int = Field(default=100, ge=0)
    """Training passages that the model is given the beginning of, to see whether it continues them
    word for word; as many held-out ones beside them."""
    tasks: tuple[Path, ...] = ()
    """Likelihood tasks (YAML files: multiple choice or minimal pairs over local JSON Lines) that the
    model is measured on."""
    task_examples: int | None = Field(default=2000, ge=1)
    """Examples measured of each task, drawn evenly from its groups. None: all of them."""
    baselines: tuple[Literal["unigram", "trigram"], ...] = ("unigram", "trigram")
    """Byte models trained on the same training split, that the model must beat."""
    prompts: tuple[str, ...] | None = None
    """What the model is given to continue. None: the opening of one test document per source."""
    sample_tokens: int = Field(default=80, ge=1)
    """Tokens to write per prompt."""
    temperature: float = Field(default=0.8, ge=0)
    """How freely samples are drawn; 0 always takes the likeliest token."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Decides the samples and the bootstrap."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads. None: every core that the process may use."""


PromotionPolicy = Literal["manual", "automatic"]


class PromotionRecipe(Frozen):
    """When a candidate becomes production. Nothing here decides bytes of a dataset or model."""

    policy: PromotionPolicy = "manual"
    """`automatic`: a run promotes what it made if it is shown to be no worse than production by the
    margin, or if there is no production yet. `manual`: somebody runs `promote`."""
    margin_bits_per_byte: float = Field(default=0.005, ge=0)
    """The upper end of the 95% interval of the paired difference must lie under this."""
    max_text_bytes: int | None = Field(default=1_000_000, ge=1)
    """Held-out text that both models read, whole documents by record id (a random order) until this
    many bytes. None: all of it. More gives narrower intervals."""
    bootstrap_resamples: int = Field(default=2000, ge=100)
    """Resamples of the documents behind the interval."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Decides the resamples."""
