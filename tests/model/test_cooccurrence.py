"""Counts of neighbours against pairs looked at one by one, and what embeddings are made of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.token_shards import TokenShards
from model import cooccurrence
from model.cooccurrence import make_informative, near_counts, start_embeddings
from model.recipe import TrainRecipe
from model.trainer import Trainer
from tests.model.conftest import TINY
from tests.reference.cooccurrence import informative_by_hand, near_counts_by_hand

VOCABULARY = 12


class Stream:
    """A token stream in memory."""

    def __init__(self, ids):
        self.ids = np.array(ids, np.uint16)

    def __len__(self):
        return len(self.ids)

    def read(self, start, count):
        assert start + count <= len(self.ids)
        return self.ids[start : start + count]


streams = st.lists(st.integers(0, VOCABULARY - 1), max_size=40)


@settings(max_examples=60)
@given(streams, st.integers(1, 7), st.integers(1, 9), st.integers(1, VOCABULARY))
def test_the_same_as_pair_by_pair(ids, reach, block, contexts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "_BLOCK", block)
        patch.setattr(cooccurrence, "_CONTEXTS", contexts)
        counts = near_counts(Stream(ids), VOCABULARY, reach)
    by_hand = near_counts_by_hand(ids, VOCABULARY, contexts, reach)
    np.testing.assert_allclose(counts, by_hand, rtol=1e-5)
    make_informative(counts)
    np.testing.assert_allclose(
        counts, informative_by_hand(by_hand, cooccurrence._SMOOTHING), rtol=1e-4, atol=1e-5
    )


def test_tokens_with_like_neighbours_get_like_vectors():
    """4 and 5 stand between 0 and 1, 6 and 7 between 2 and 3; 9 to 11 do not occur."""
    generator = np.random.default_rng(1)
    phrases = [(0, 4, 1, 8), (0, 5, 1, 8), (2, 6, 3, 8), (2, 7, 3, 8)]
    ids = [token for which in generator.integers(0, 4, 500) for token in phrases[which]]
    embeddings = torch.full((VOCABULARY, 4), 7.0)
    start_embeddings(embeddings, Stream(ids), 1, 0.1, 1)
    likeness = torch.nn.functional.cosine_similarity
    a, b, c, d = embeddings[4:8]
    assert likeness(a, b, 0) > 0.9
    assert likeness(c, d, 0) > 0.9
    assert abs(likeness(a, c, 0)) < 0.5
    assert embeddings[:9].std() == pytest.approx(0.1, rel=0.01)
    assert (embeddings[9:] == 7).all()


def test_columns_beyond_the_vocabulary_stay():
    embeddings = torch.full((3, 8), 7.0)
    start_embeddings(embeddings, Stream([0, 1, 2, 0, 2, 1, 1]), 2, 0.1, 1)
    assert (embeddings[:, :3] != 7).all()
    assert (embeddings[:, 3:] == 7).all()


def test_training_starts_from_them(version):
    recipe = TrainRecipe(shape=TINY.model_copy(update={"kind": "encoder"}), budget_tokens=64)
    drawn = Trainer(version, recipe).model.model.embed_tokens.weight
    near = recipe.model_copy(update={"cooccurrence_reach": 3})
    found = Trainer(version, near).model.model.embed_tokens.weight
    wanted = drawn.detach().clone()
    split = TokenShards.open_for_training(version / "tokens")
    start_embeddings(wanted, split, 3, 0.1, recipe.seed)
    torch.testing.assert_close(found.detach(), wanted)
    assert torch.equal(found[-1], drawn[-1])  # the sign for a hidden token occurs nowhere
    assert not torch.equal(found, drawn)
