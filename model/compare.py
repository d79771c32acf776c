"""Two models on the same documents: the difference in bits per byte, with a paired bootstrap."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import ModelUnfit
from data_contracts.progress import Progress, silent
from data_contracts.results import Interval
from data_contracts.verdict import SourceDifference, Verdict
from model.bootstrap import ratio_interval
from model.documents import text_bytes
from model.evaluate import MIN_DOCUMENTS
from model.machine import computing
from model.recipe import EvaluateRecipe, PromotionRecipe
from model.scorer import Scorer

COMPARE_VERSION: Final = 1
"""Raised when `compare` gives other figures for the same models and documents."""


class Difference(NamedTuple):
    """What `compare` found."""

    candidate: Interval
    """Bits per byte of the candidate."""
    production: Interval
    """Bits per byte of production."""
    difference: Interval
    """Candidate less production."""
    verdict: Verdict
    """What follows from it."""
    sources: dict[str, SourceDifference]
    """By source."""


def compare(
    candidate: Path,
    production: Path,
    documents: pa.Table,
    settings: PromotionRecipe,
    scoring: EvaluateRecipe,
    progress: Progress = silent,
) -> Difference:
    """Measure two models on the same documents.

    Each reads the text with its own tokenizer: bits per byte of text do not depend on it. The
    difference of both is taken document by document before resampling, so that what makes a
    document hard for either cancels out: the interval is much narrower than those of the two alone.

    Args:
        candidate: A folder that train wrote.
        production: Another.
        documents: PUBLISHED_DOCUMENTS; neither model has seen them.
        settings: The margin, and the bootstrap.
        scoring: How documents are read in windows.
        progress: Told of models measured.

    Raises:
        ModelUnfit: One is no decoder.
        VersionCorrupt: A file of a model is missing or broken.
    """
    bits: list[NDArray[np.float64]] = []
    with computing(scoring.threads):
        for number, folder in enumerate((candidate, production)):
            progress(number, 2, "models")
            scorer = Scorer(folder, scoring)
            if scorer.model.shape.kind != "decoder":
                fix = "Compare encoders by what they classify: `mill classify`."
                raise ModelUnfit(folder, "it is no decoder, so it has no bits per byte", fix)
            bits.append(scorer.bits(documents))
    progress(2, 2, "models")
    lengths = text_bytes(documents["text"]).astype(np.float64)
    sources = np.array(documents["source"].to_pylist())
    difference = bits[0] - bits[1]
    whole = _interval(difference, lengths, settings)
    return Difference(
        candidate=_interval(bits[0], lengths, settings),
        production=_interval(bits[1], lengths, settings),
        difference=whole,
        verdict=verdict_of(whole, documents.num_rows, settings.margin_bits_per_byte),
        sources=_by_source(difference, lengths, sources, settings),
    )


def verdict_of(difference: Interval, documents: int, margin: float) -> Verdict:
    """Say what an interval allows to say.

    It is the two-sided 95% interval, so its upper end is passed with a probability of 2.5%: a
    non-inferiority test at that level (EMA, Guideline on the choice of the non-inferiority margin,
    2005, takes the same).

    Args:
        difference: Candidate less production, bits per byte.
        documents: How many are behind it.
        margin: How much worse is still as good, bits per byte.
    """
    if documents < MIN_DOCUMENTS:
        return Verdict.INCONCLUSIVE
    if difference.high < 0:
        return Verdict.BETTER
    if difference.high < margin:
        return Verdict.NOT_WORSE
    return Verdict.WORSE if difference.low > 0 else Verdict.INCONCLUSIVE


def _by_source(
    difference: NDArray[np.float64],
    lengths: NDArray[np.float64],
    sources: NDArray[np.str_],
    settings: PromotionRecipe,
) -> dict[str, SourceDifference]:
    found = {}
    for source in np.unique(sources).tolist():
        chosen = sources == source
        found[source] = SourceDifference(
            documents=int(chosen.sum()),
            text_bytes=int(lengths[chosen].sum()),
            difference=_interval(difference[chosen], lengths[chosen], settings),
        )
    return found


def _interval(
    spent: NDArray[np.float64], lengths: NDArray[np.float64], settings: PromotionRecipe
) -> Interval:
    return ratio_interval(spent, lengths, settings.bootstrap_resamples, settings.seed)
