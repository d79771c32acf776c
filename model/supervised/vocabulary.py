"""A task's vocabulary: byte-level BPE, learned from its training texts."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from data_contracts.token_shards import END_OF_TEXT
from model.supervised.recipe import VocabularyRecipe

LEAD: Final = " "
"""Stands before each text, so that its first word is the same token as anywhere else."""
_WORDS = r" ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]|\s+"
"""Merges stay inside words, numbers and single signs: few texts teach no phrases of signs."""

Ids = NDArray[np.int64]
"""Token ids of a text."""


def learn_vocabulary(texts: Iterable[str], recipe: VocabularyRecipe) -> Tokenizer:
    """Learn a vocabulary; `END_OF_TEXT` has id 0, the 256 bytes come next."""
    tokenizer = Tokenizer(models.BPE())
    steps = [normalizers.NFC(), *([normalizers.Lowercase()] if recipe.lowercase else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=recipe.size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[AddedToken(END_OF_TEXT, special=True, normalized=False)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator((LEAD + text for text in texts), trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Iterable[str], max_tokens: int) -> list[Ids]:
    """Encode texts, cut after `max_tokens`; no end marks.

    Each gets `LEAD` before it.
    """
    encodings = tokenizer.encode_batch([LEAD + text for text in texts], add_special_tokens=False)
    return [np.array(one.ids[:max_tokens], np.int64) for one in encodings]


def decode(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Give a text back."""
    return str(tokenizer.decode(ids)).strip()
