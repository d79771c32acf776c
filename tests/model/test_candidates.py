"""Answers drawn in the place of the whole vocabulary: which, how likely, and what is learned so."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data_contracts.token_shards import TokenShards
from model.candidates import Candidates, token_counts
from model.recipe import TrainRecipe
from model.trainer import Trainer
from tests.model.conftest import TINY

ENCODER = TINY.model_copy(update={"kind": "encoder"})
counts = st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any)


@given(counts, st.integers(1, 40), st.integers(0, 9), st.data())
def test_every_target_is_there_and_nothing_that_does_not_occur(often, drawn, seed, data):
    occurring = [token for token, many in enumerate(often) if many]
    targets = torch.tensor(data.draw(st.lists(st.sampled_from(occurring), max_size=9))).long()
    tokens, likely = Candidates(np.array(often), drawn).of_step(targets, (seed,))
    assert set(targets.tolist()) <= set(tokens.tolist()) <= set(occurring)
    assert tokens.tolist() == sorted(set(tokens.tolist()))
    assert (likely <= 0).all()
    assert torch.isfinite(likely).all()


@settings(max_examples=5)
@given(st.lists(st.integers(1, 50), min_size=4, max_size=8))
def test_as_likely_as_told(often):
    """Targets are drawn as often as they occur, as a stream's are."""
    generator, rounds, targets = np.random.default_rng(1), 3000, 3
    candidates, share = Candidates(np.array(often), 2), np.array(often) / sum(often)
    seen, told = np.zeros(len(often)), np.zeros(len(often))
    for number in range(rounds):
        drawn = torch.from_numpy(generator.choice(len(often), targets, p=share))
        tokens, likely = candidates.of_step(drawn, (number,))
        seen[tokens.numpy()] += 1 / rounds
        told[tokens.numpy()] = likely.exp().numpy()
    np.testing.assert_allclose(seen, told, atol=0.06)


def test_tokens_are_counted(version):
    split = TokenShards.open_for_training(version / "tokens")
    tokens = split.read(0, len(split))
    assert token_counts(split, 400).tolist() == [int((tokens == one).sum()) for one in range(400)]


def test_drawing_the_whole_vocabulary_costs_what_it_costs(version):
    """With so many draws every token that occurs is among them; the others are as likely at first."""
    recipe = TrainRecipe(shape=ENCODER, batch_tokens=128, budget_tokens=128)
    drawn = recipe.model_copy(update={"candidate_tokens": 400_000})
    whole, sampled = Trainer(version, recipe), Trainer(version, drawn)
    for trainer in (whole, sampled):
        trainer.model.model.embed_tokens.weight.data *= 1e-3
    gap = whole.take_step(0).loss - sampled.take_step(0).loss
    entries, split = whole.model.vocabulary_size, version / "tokens"
    occurring = np.count_nonzero(token_counts(TokenShards.open_for_training(split), entries))
    assert occurring < entries
    assert gap == pytest.approx(np.log(entries / occurring), abs=0.01)


def test_guessing_among_some_teaches_guessing_among_all(version):
    recipe = TrainRecipe(shape=ENCODER, batch_tokens=256, candidate_tokens=40, budget_tokens=30_000)
    trainer = Trainer(version, recipe)
    before = trainer.validation_loss()
    for step in range(trainer.steps):
        trainer.take_step(step)
    assert trainer.validation_loss() < before - 1


def test_a_decoder_has_no_candidates():
    with pytest.raises(ValidationError, match="candidate_tokens is for encoders"):
        TrainRecipe(candidate_tokens=10)
