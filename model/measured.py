"""Documents with what they cost every predictor, and the figures that follow from it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.measures import Calibration, CalibrationBin, PositionFigures
from data_contracts.results import Interval
from model.bootstrap import Strata, hierarchical_interval, hierarchical_ratios, ratio_interval
from model.chunks import Chunks, cut, token_bytes, vocabulary_bytes
from model.documents import text_bytes
from model.ngram import ByteTrigram, ByteUnigram
from model.recipe import EvaluateRecipe
from model.scorer import Scorer
from model.scoring import TokenIds, TokenScores

MODEL: Final = "model"
"""The model's name among the predictors."""

CALIBRATION_BINS: Final = 10
"""Bins of equal width of the probability given to the likeliest token."""


@dataclass(frozen=True)
class Measured:
    """Documents, what the model made of their tokens, and bits per chunk and predictor."""

    table: pa.Table
    """PUBLISHED_DOCUMENTS."""
    tokens: list[TokenIds]
    """Of each document, its end mark included."""
    lengths: NDArray[np.int64]
    """(tokens,): UTF-8 bytes of each."""
    scores: TokenScores
    """What the model made of them."""
    chunks: Chunks
    """How the documents are cut."""
    bits: dict[str, NDArray[np.float64]]
    """By predictor: (chunks,)."""

    @property
    def sources(self) -> NDArray[np.str_]:
        """The source of each document."""
        return np.array(self.table["source"].to_pylist())

    def document_bits(self, name: str) -> NDArray[np.float64]:
        """Sum what each document costs a predictor, (documents,)."""
        starts = np.cumsum(self.chunks.counts) - self.chunks.counts
        sums: NDArray[np.float64] = np.add.reduceat(self.bits[name], starts)
        return sums

    def interval(
        self, name: str, recipe: EvaluateRecipe, chosen: NDArray[np.bool_] | None = None
    ) -> Interval:
        """Give a predictor's bits per byte on (chosen) documents, with the interval."""
        return hierarchical_interval(*self._drawable(name, chosen), *_draws(recipe))

    def ratios(self, name: str, recipe: EvaluateRecipe, seed: int) -> NDArray[np.float64]:
        """Draw a predictor's bits per byte anew, float64 (resamples,)."""
        return hierarchical_ratios(*self._drawable(name, None), recipe.bootstrap_resamples, seed)

    def value(self, name: str) -> float:
        """Give a predictor's bits per byte."""
        return float(self.bits[name].sum() / self.chunks.text_bytes.sum())

    def _drawable(
        self, name: str, chosen: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Strata]:
        counts, sources = self.chunks.counts, self.sources
        spent, lengths = self.bits[name], self.chunks.text_bytes.astype(np.float64)
        if chosen is not None:
            inside = np.repeat(chosen, counts)
            counts, sources = counts[chosen], sources[chosen]
            spent, lengths = spent[inside], lengths[inside]
        return spent, lengths, Strata.of(sources, counts)


def measure(
    table: pa.Table,
    scorer: Scorer,
    recipe: EvaluateRecipe,
    baselines: dict[str, ByteUnigram | ByteTrigram],
) -> Measured:
    """Measure what documents cost the model and the baselines.

    Args:
        table: PUBLISHED_DOCUMENTS.
        scorer: The model.
        recipe: How documents are read and cut.
        baselines: Other predictors, by name.
    """
    tokens = scorer.encode(table)
    scores = scorer.scores(tokens)
    vocabulary = vocabulary_bytes(scorer.tokenizer)
    sizes = text_bytes(table["text"]).tolist()
    lengths = [token_bytes(own, size, vocabulary) for own, size in zip(tokens, sizes, strict=True)]
    chunks = cut(lengths, recipe.chunk_bytes)
    bits = {MODEL: chunks.sums(scores.bits)}
    bits |= {
        name: chunks.symbol_sums(baseline.symbol_bits(table["text"]))
        for name, baseline in baselines.items()
    }
    return Measured(table, tokens, np.concatenate(lengths), scores, chunks, bits)


def joined(parts: list[Measured]) -> Measured:
    """Put measured documents together."""
    scores = TokenScores(
        starts=np.cumsum([0, *(len(one) for part in parts for one in part.tokens)]),
        bits=np.concatenate([part.scores.bits for part in parts]),
        before=np.concatenate([part.scores.before for part in parts]),
        confidence=np.concatenate([part.scores.confidence for part in parts]),
        right=np.concatenate([part.scores.right for part in parts]),
    )
    lengths = np.concatenate([part.lengths for part in parts])
    chunk_parts = [part.chunks for part in parts]
    tokens = np.cumsum([0, *(len(part.lengths) for part in parts)])
    symbols = np.cumsum([0, *(int(p.lengths.sum()) + len(p.tokens) for p in parts)])
    chunks = Chunks(
        counts=np.concatenate([one.counts for one in chunk_parts]),
        text_bytes=np.concatenate([one.text_bytes for one in chunk_parts]),
        first_token=np.concatenate(
            [one.first_token + start for one, start in zip(chunk_parts, tokens[:-1], strict=True)]
        ),
        first_symbol=np.concatenate(
            [one.first_symbol + start for one, start in zip(chunk_parts, symbols[:-1], strict=True)]
        ),
    )
    bits = {name: np.concatenate([part.bits[name] for part in parts]) for name in parts[0].bits}
    table = pa.concat_tables([part.table for part in parts])
    documents = [tokens for part in parts for tokens in part.tokens]
    return Measured(table, documents, lengths, scores, chunks, bits)


def by_position(measured: Measured, recipe: EvaluateRecipe) -> tuple[PositionFigures, ...]:
    """Give the model's bits per byte by how much of the document it had read.

    Stretches double in length: 0, 1, 2 to 3, 4 to 7 … tokens before. The bootstrap draws the
    documents that reach a stretch.
    """
    scores = measured.scores
    document = np.repeat(np.arange(len(measured.tokens)), np.diff(scores.starts))
    stretch = np.where(scores.before == 0, 0, np.log2(np.maximum(scores.before, 1)).astype(int) + 1)
    found = []
    for number in np.unique(stretch).tolist():
        here = stretch == number
        count = len(measured.tokens)
        spent = np.bincount(document[here], scores.bits[here], count).astype(np.float64)
        lengths = np.bincount(document[here], measured.lengths[here], count).astype(np.float64)
        reached = lengths > 0
        if not reached.any():
            continue
        first = 0 if number == 0 else 2 ** (number - 1)
        found.append(
            PositionFigures(
                first=first,
                last=max(first, 2**number - 1),
                bits_per_byte=ratio_interval(spent[reached], lengths[reached], *_draws(recipe)),
                tokens=int(here.sum()),
                documents=int(reached.sum()),
            )
        )
    return tuple(found)


def calibration(measured: Measured, recipe: EvaluateRecipe) -> Calibration:
    """Compare how sure the model was of its likeliest token with how often it was right.

    The expected calibration error is the mean distance of both over bins of equal width, weighted
    by tokens (Guo et al. 2017, arXiv 1706.04599).
    """
    scores = measured.scores
    place = np.minimum((scores.confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in range(CALIBRATION_BINS):
        here = place == number
        if here.any():
            bins.append(
                CalibrationBin(
                    low=number / CALIBRATION_BINS,
                    high=(number + 1) / CALIBRATION_BINS,
                    confidence=float(scores.confidence[here].mean()),
                    accuracy=float(scores.right[here].mean()),
                    tokens=int(here.sum()),
                )
            )
    total = len(scores.right)
    error = sum(one.tokens * abs(one.accuracy - one.confidence) for one in bins) / total
    right = np.add.reduceat(scores.right.astype(np.float64), scores.starts[:-1])
    tokens = np.diff(scores.starts).astype(np.float64)
    return Calibration(
        expected_error=float(error),
        accuracy=ratio_interval(right, tokens, *_draws(recipe)),
        mean_confidence=float(scores.confidence.mean()),
        bins=tuple(bins),
    )


def _draws(recipe: EvaluateRecipe) -> tuple[int, int]:
    return recipe.bootstrap_resamples, recipe.seed
