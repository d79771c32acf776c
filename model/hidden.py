"""How well an encoder guesses tokens that are hidden from it, beside guessing by their frequency.

Bits per byte are a decoder's: whoever sees what follows pays for no text from its start to its end.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from data_contracts.measures import HiddenFigures
from data_contracts.split import Split
from model.bootstrap import ratio_interval
from model.masking import HIDDEN_TOKENS, hide
from model.objective import NO_TARGET
from model.recipe import EvaluateRecipe
from model.scoring import TokenIds
from model.transformer import Transformer

HIDDEN_RATIO: Final = 0.15
"""Share of a document's tokens that is hidden, as in BERT (Devlin et al. 2019, arXiv 1810.04805)."""
MODEL: Final = "model"
FREQUENCY: Final = "frequency"
"""The baseline: gives every token its share of the training text, plus one, and guesses the commonest."""


def hidden_figures(
    model: Transformer,
    splits: dict[Split, list[TokenIds]],
    training: list[TokenIds],
    recipe: EvaluateRecipe,
) -> tuple[HiddenFigures, ...]:
    """Hide tokens of documents, the same ones each time, and measure guesses.

    A document is read in windows of the encoder's context, alone; one of which no token happened to
    be hidden is not measured.

    Args:
        model: An encoder with a sign for a hidden token behind the tokenizer's vocabulary.
        splits: Token ids of each document, by split.
        training: Those of training documents, for the baseline.
        recipe: The bootstrap, and how many tokens are read at a time.
    """
    entries = model.vocabulary_size - HIDDEN_TOKENS
    counts_V = np.bincount(np.concatenate(training), minlength=entries) + 1
    frequency_V = np.log2(counts_V.sum() / counts_V)
    found = []
    for split, documents in splits.items():
        document_N, bits_N, right_N, targets_N = _guesses(model, documents, entries, recipe)
        guesses = {
            MODEL: (bits_N, right_N),
            FREQUENCY: (frequency_V[targets_N], targets_N == counts_V.argmax()),
        }
        tokens_D = np.bincount(document_N, minlength=len(documents)).astype(np.float64)
        measured = tokens_D > 0
        draws = recipe.bootstrap_resamples, recipe.seed
        for name, parts in guesses.items():
            bits_D, right_D = (
                np.bincount(document_N, one, len(documents)).astype(np.float64) for one in parts
            )
            found.append(
                HiddenFigures(
                    predictor=name,
                    split=split,
                    bits_per_token=ratio_interval(bits_D[measured], tokens_D[measured], *draws),
                    accuracy=ratio_interval(right_D[measured], tokens_D[measured], *draws),
                    tokens=len(bits_N),
                    documents=int(measured.sum()),
                )
            )
    return tuple(found)


def _guesses(
    model: Transformer, documents: list[TokenIds], entries: int, recipe: EvaluateRecipe
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Give of every hidden token its document, its bits, whether it was the likeliest, and itself."""
    context = model.shape.context_tokens
    windows = []
    for number, ids in enumerate(documents):
        for first in range(0, len(ids), context):
            tokens_1T = torch.from_numpy(ids[None, first : first + context])
            seed = (recipe.seed, number, first)
            windows.append((number, *hide(tokens_1T, HIDDEN_RATIO, entries, seed)))
    windows.sort(key=lambda window: window[1].shape[1])  # little is padded
    rows = max(1, recipe.batch_tokens // context)
    parts = [
        _guessed(model, windows[first : first + rows]) for first in range(0, len(windows), rows)
    ]
    document, bits, right, targets = (
        torch.cat(column).numpy() for column in zip(*parts, strict=True)
    )
    return document, bits, right, targets


@torch.inference_mode()
def _guessed(model: Transformer, windows: list[tuple[int, Tensor, Tensor]]) -> tuple[Tensor, ...]:
    """Let windows be guessed together, each given as its document, what is read, and targets."""
    device = model.head_weight.device
    size = (len(windows), max(read_1T.shape[1] for _, read_1T, _ in windows))
    read_BT, targets_BT = torch.zeros(size, dtype=torch.int64), torch.full(size, NO_TARGET)
    allowed_BT = torch.zeros(size, dtype=torch.bool)
    for row, (_, read_1T, targets_1T) in enumerate(windows):
        length = read_1T.shape[1]
        read_BT[row, :length], targets_BT[row, :length] = read_1T[0], targets_1T[0]
        allowed_BT[row, :length] = True
    places_BT = targets_BT != NO_TARGET
    places = {"allowed_BT": allowed_BT.to(device), "places_BT": places_BT.to(device)}
    logits_NV = model(read_BT.to(device), **places).float().cpu()
    targets_N = targets_BT[places_BT]
    nats_N = functional.cross_entropy(logits_NV, targets_N, reduction="none")
    document_B1 = torch.tensor([number for number, _, _ in windows])[:, None]
    document_N = document_B1.expand(size)[places_BT]
    return document_N, nats_N.double() / np.log(2), logits_NV.argmax(-1) == targets_N, targets_N
