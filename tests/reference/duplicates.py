"""Who survives, by comparing everybody with everybody: the twin of the dedup stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_contracts.split import SPLITS, SplitRecipe, split_numbers
from pipeline.dedup.recipe import DedupRecipe
from tests.pipeline.dedup.documents import Document
from tests.reference.minhash import jaccard, ngrams, signature, words_of


@dataclass(frozen=True)
class Expected:
    """What the stage must come to."""

    order: list[str]
    """Ids, best first."""
    survivors: set[str]
    """Who is kept."""
    edges: dict[frozenset[str], float]
    """Candidate pairs at or over the threshold."""


def expected(
    documents: list[Document],
    recipe: DedupRecipe,
    split: SplitRecipe,
    priority: dict[str, int],
    *,
    compare_all: bool = False,
    evaluation: Sequence[str] = (),
) -> Expected:
    """Find the survivors.

    Args:
        documents: All of them.
        recipe: Threshold, bands and whether held-out text is protected.
        split: Which are held out.
        priority: By source.
        compare_all: Whether all pairs are candidates, or only those that share a band.
        evaluation: Texts that no document may share an n-gram with.
    """
    ranked = sorted(documents, key=lambda d: _rank(d, split, priority))
    bands = [set() if compare_all else _bands(d.text, recipe) for d in ranked]
    edges = {}
    for i, worse in enumerate(ranked):
        for j, better in enumerate(ranked[:i]):
            if same_content(worse.text, better.text):
                edges[frozenset((worse.id, better.id))] = 1.0
            elif compare_all or bands[i] & bands[j]:
                similarity = jaccard(worse.text, better.text)
                if similarity >= recipe.jaccard_threshold:
                    edges[frozenset((worse.id, better.id))] = similarity
    width = recipe.evaluation_tokens
    secret = set().union(*(ngrams(text, width) for text in evaluation))
    barred = {d.id for d in ranked if ngrams(d.text, width) & secret}
    survivors = _elect(ranked, edges, barred)
    if recipe.held_out_overlap:
        held_out = [d for d in ranked if d.id in survivors and is_held_out(d, split)]
        forbidden = set().union(*(ngrams(d.text) for d in held_out))
        leaks = {d.id for d in ranked if not is_held_out(d, split) and ngrams(d.text) & forbidden}
        survivors = _elect(ranked, edges, barred | leaks)
    return Expected([d.id for d in ranked], survivors, edges)


def is_held_out(document: Document, split: SplitRecipe) -> bool:
    return bool(split_numbers([document.id], split)[0])


def same_content(a: str, b: str) -> bool:
    left, right = words_of(a), words_of(b)
    return left == right if left or right else a == b


def _elect(ranked: list[Document], edges: dict, barred: set[str]) -> set[str]:
    survivors: list[str] = []
    for document in ranked:
        beaten = any(frozenset((document.id, other)) in edges for other in survivors)
        if not beaten and document.id not in barred:
            survivors.append(document.id)
    return set(survivors)


def _rank(document: Document, split: SplitRecipe, priority: dict[str, int]) -> tuple:
    return (
        -int(split_numbers([document.id], split)[0]),
        -priority.get(document.source, 0),
        -document.quality,
        -len(words_of(document.text)),
        document.id,
    )


def _bands(text: str, recipe: DedupRecipe) -> set[tuple]:
    if not words_of(text):
        return set()
    values = signature(text, recipe.num_permutations).tolist()
    bands, rows = recipe.bands
    return {(band, *values[band * rows : (band + 1) * rows]) for band in range(bands)}


assert [str(split) for split in SPLITS] == ["train", "validation", "test"]
