"""Hiding tokens for an encoder to guess, by BERT's rule (Devlin et al. 2019, arXiv 1810.04805)."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from model.objective import NO_TARGET

_SHOWN_AS_MASK, _SHOWN_AS_OTHER = 0.8, 0.1
HIDDEN_TOKENS: Final = 1
"""Entries that an encoder's vocabulary has after the tokenizer's: the sign for a hidden token."""


def hide(
    tokens_BT: Tensor, ratio: float, vocabulary_size: int, seed: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Choose tokens to guess and hide them.

    Of those chosen 80% become the sign for a hidden token (id `vocabulary_size`), 10% another token
    and 10% stay as they are, so that an encoder must doubt whatever it reads.

    Args:
        tokens_BT: int64.
        ratio: Share of them to choose.
        vocabulary_size: Entries of the tokenizer.
        seed: Decides the choice.

    Returns:
        int64 BT each: what the encoder reads, and its targets (`NO_TARGET` where not chosen).
    """
    generator = np.random.default_rng(seed)
    shape = tuple(tokens_BT.shape)
    chosen_BT = torch.from_numpy(generator.random(shape) < ratio)
    fate_BT = torch.from_numpy(generator.random(shape))
    others_BT = torch.from_numpy(generator.integers(0, vocabulary_size, shape))
    shown_BT = torch.where(fate_BT < _SHOWN_AS_MASK, vocabulary_size, others_BT)
    shown_BT = torch.where(fate_BT < _SHOWN_AS_MASK + _SHOWN_AS_OTHER, shown_BT, tokens_BT)
    read_BT = torch.where(chosen_BT, shown_BT, tokens_BT)
    return read_BT, torch.where(chosen_BT, tokens_BT, NO_TARGET)
