"""What can be set about deduplication."""

from typing import Final, Self

from pydantic import Field, model_validator

from data_contracts.frozen import Frozen
from pipeline.dedup.bands import Bands, choose_bands

SHINGLE_TOKENS: Final = 5
"""Consecutive tokens that make one shingle, of which similarity is computed.

Fixed: with 5 words unrelated texts share next to nothing (two books: 0.0004 at most, against 0.36
with 5 characters), while one changed word costs only 5 shingles; it is also what FineWeb and
datatrove use, so that figures compare.
"""

HELD_OUT_TOKENS: Final = 13
"""Consecutive tokens that training text must not share with held-out text.

The length of GPT-3's decontamination (Brown et al. 2020, appendix C).
"""


class DedupRecipe(Frozen):
    """Which records repeat others, and how hard to look."""

    jaccard_threshold: float = Field(default=0.8, gt=0, le=1)
    """Records at least this similar are near-duplicates: shared 5-token shingles over all."""
    target_recall: float = Field(default=0.99, gt=0, lt=1)
    """Share of pairs exactly at the threshold that must be found; more similar ones nearly all."""
    num_permutations: int = Field(default=128, ge=16, le=1024)
    """Values per MinHash signature, 4 bytes each: more of them find candidates more sharply."""
    max_comparisons: int = Field(default=64, ge=1, le=10_000)
    """Better-ranked survivors that a record is compared with at most; biting is reported."""
    held_out_overlap: bool = True
    """Drop training text that shares 13 consecutive tokens with held-out text."""
    common_ngram_documents: int | None = Field(default=None, ge=1)
    """Ignore 13-token sequences that more training documents than this contain: boilerplate, not
    a leak (GPT-3 used 10). null ignores none."""
    evaluation_tokens: int = Field(default=13, ge=3, le=100)
    """Consecutive tokens that no document may share with an evaluation set, or with a dataset
    version that the recipe names. Texts shorter than this are not looked for."""

    @model_validator(mode="after")
    def _recall_can_be_reached(self) -> Self:
        if choose_bands(self.jaccard_threshold, self.target_recall, self.num_permutations) is None:
            msg = (
                f"num_permutations = {self.num_permutations} cannot find {self.target_recall:.2%} "
                f"of the pairs at jaccard_threshold = {self.jaccard_threshold}: raise "
                f"num_permutations or jaccard_threshold, or lower target_recall"
            )
            raise ValueError(msg)
        return self

    @property
    def bands(self) -> Bands:
        """How signatures are cut into bands."""
        bands = choose_bands(self.jaccard_threshold, self.target_recall, self.num_permutations)
        assert bands is not None, "the validator refuses such recipes"  # noqa: S101
        return bands
