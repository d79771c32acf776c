"""What can be set about sharding."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator

from data_contracts.frozen import Frozen

MOST_TIMES: Final = 100
"""A document is read at most so often; repetition stops helping long before."""


class ShardRecipe(Frozen):
    """How documents become shards and tokens."""

    vocabulary: Literal["bpe", "words", "characters"] = "bpe"
    """What a learned tokenizer's entries are: byte-level pieces, which spell every text; or, with one
    sign for all that are rarer, the words and signs of the training text in lower case, for encoders of
    few parameters, or its characters, for small experiments. Of those two no text comes back as it was
    written, so bits per byte tell nothing."""
    vocabulary_size: int = Field(default=8192, ge=257, le=1 << 20)
    """Entries of the learned tokenizer: the end mark, 256 bytes, and merges (at most so many, the
    most frequent ones, when they are words or characters). The default suits
    models of some 10 M parameters: measured on English books and Chinese poems, half of it costs
    13% more tokens, twice as much saves 8% and doubles the embedding (2 M parameters at width 256).
    Large models take 32768 and more."""
    tokenizer_sample_bytes: int = Field(default=8_000_000, ge=1)
    """Training text that the tokenizer is learned from: the first documents in shuffled order. At
    8192 entries twice as much saves 0.1% of the tokens, an eighth costs 1.2% more."""
    tokenizer: Path | None = None
    """An existing tokenizer.json to use instead of learning one; it must know `<|endoftext|>` and
    give every text back unchanged."""
    documents_shard_bytes: int = Field(default=256_000_000, ge=1)
    """Text bytes after which documents/ starts another file (a longer document has its own)."""
    repeat_by_cluster_size: dict[int, int] = Field(default_factory=dict)
    """How often training reads a document that so many records or more repeated (its cluster's size,
    itself counted): `{2: 2, 10: 3}` reads those of 2 to 9 twice, of 10 and more three times. FineWeb-2
    calls it rehydration: what many repeat is often good text, up to a size. The copies are in
    tokens/train-repeats only; nothing else counts them."""
    shuffle_seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Another number gives another order of the documents."""

    @field_validator("repeat_by_cluster_size")
    @classmethod
    def _sizes_and_times_make_sense(cls, times: dict[int, int]) -> dict[int, int]:
        if any(size < 1 for size in times) or not all(
            1 <= one <= MOST_TIMES for one in times.values()
        ):
            msg = f"sizes are 1 or more, times 1 to {MOST_TIMES}: {times}"
            raise ValueError(msg)
        return dict(sorted(times.items()))
