import itertools

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model import memorisation as module
from model.memorisation import longest_copies, memorisation
from model.recipe import ShapeRecipe
from model.sample import continue_greedily, write
from tests.model.conftest import random_decoder

TEXTS = st.lists(st.text("abü河", max_size=25), max_size=5)


def slow_longest(texts, training):
    stretches = {
        text.encode()[start:end]
        for text in texts
        for start in range(len(text.encode()))
        for end in range(start + 1, len(text.encode()) + 1)
    }
    known = [text.encode() for text in training]
    return max((len(one) for one in stretches if any(one in text for text in known)), default=0)


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 40))
def test_the_longest_copy_is_that_of_its_slow_twin(written, others, training, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_BYTES", block)
        halves = [pa.array(training[:2], pa.string()), pa.array(training[2:], pa.string())]
        found = longest_copies((written, others), halves)
    for copy, texts in zip(found, (written, others), strict=True):
        assert len(copy) == slow_longest(texts, training)
        assert not copy or any(copy in text.encode() for text in training)
        assert not copy or any(copy in text.encode() for text in texts)


def test_a_copy_does_not_reach_over_the_border_of_two_documents():
    (found,) = longest_copies((["abcdef"],), [pa.array(["abc", "def"])])
    assert len(found) == 3


def test_prompts_continued_side_by_side_are_continued_as_one_by_one():
    model = random_decoder(ShapeRecipe(layers=2, width=32, heads=2, context_tokens=32), 40)
    prompts = torch.randint(1, 40, (5, 8), generator=torch.Generator().manual_seed(1))
    found = continue_greedily(model, prompts, 12)
    for row, prompt in zip(found.tolist(), prompts.tolist(), strict=True):
        assert row == write(model, prompt, 12, temperature=0, seed=1, stop=-1)


class Parrot(torch.nn.Module):
    """Knows one text by heart: after a token of it comes the next."""

    def __init__(self, tokens):
        super().__init__()
        self.shape = ShapeRecipe(layers=1, width=8, heads=1, context_tokens=16)
        self.next = dict(itertools.pairwise(tokens))
        self.head_weight = torch.zeros(1)

    def forward(self, tokens_BT, cache):  # noqa: ARG002 (as a decoder)
        follows = [[self.next.get(token, 0) for token in row] for row in tokens_BT.tolist()]
        return torch.nn.functional.one_hot(torch.tensor(follows), 200).float()


def test_what_is_known_by_heart_is_found_out():
    known = np.arange(10, 110)
    unknown = np.random.default_rng(1).permutation(known)
    found = memorisation(
        Parrot(known.tolist()), ["the mill turns"], ["a mill"], [pa.array(["old mill turns"])],
        [known, known[:4]], [unknown], passages=5, seed=1,
    )  # fmt: skip
    assert (found.longest_copy, found.longest_copy_bytes) == (" mill turns", 11)
    assert found.longest_copy_by_people_bytes == len(" mill")
    assert (found.passages, found.passage_tokens) == (1, 8)
    assert (found.verbatim.value, found.tokens_followed) == (1, 8)
    assert found.held_out_verbatim.value == 0
    assert found.held_out_tokens_followed < 2


def test_without_long_passages_nothing_is_tried():
    found = memorisation(random_decoder(), [], [], [], [np.arange(3)], [], passages=5, seed=1)
    assert (found.passages, found.verbatim, found.longest_copy) == (0, None, "")
