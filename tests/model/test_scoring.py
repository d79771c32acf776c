import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.recipe import ShapeRecipe
from model.scoring import document_bits, token_scores, windows_of
from tests.model.conftest import random_decoder
from tests.reference import transformer as reference

END = 0


@given(st.integers(1, 300), st.integers(8, 64), st.floats(0, 0.99))
def test_every_token_is_scored_once_and_reads_as_much_context_as_there_is(tokens, context, overlap):
    windows = windows_of(3, tokens, context, overlap)
    scored = [place for window in windows for place in range(window.scored, window.end)]
    assert scored == list(range(tokens))
    least = 0 if len(windows) == 1 else context - max(1, round(context * (1 - overlap)))
    for window in windows:
        assert window.document == 3
        assert window.end - window.first <= context
        assert window.first == 0 or window.scored - window.first >= least


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_bits_are_the_sum_over_single_passes_of_the_slow_twin(overlap):
    shape = ShapeRecipe(layers=1, width=16, heads=2, context_tokens=8)
    model = random_decoder(shape, 20)
    generator = np.random.default_rng(1)
    documents = [np.append(generator.integers(1, 20, count), END) for count in (0, 3, 7, 8, 9, 30)]
    found = document_bits(model, documents, END, overlap, batch_tokens=40)
    weights = {name: weight.double().numpy() for name, weight in model.state_dict().items()}
    stride = round(8 * (1 - overlap))
    expected = [
        reference.document_bits(weights, shape, tokens, END, stride) for tokens in documents
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_figures_do_not_depend_on_how_documents_are_batched():
    model = random_decoder()
    generator = np.random.default_rng(2)
    documents = [np.append(generator.integers(1, 300, count), END) for count in range(60)]
    together = document_bits(model, documents, END, 0.5, batch_tokens=1000)
    alone = [document_bits(model, [one], END, 0.5, batch_tokens=8)[0] for one in documents]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_scores_say_what_was_read_before_and_whether_the_likeliest_token_came():
    model = random_decoder(ShapeRecipe(layers=1, width=16, heads=2, context_tokens=8), 20)
    generator = np.random.default_rng(3)
    documents = [np.append(generator.integers(1, 20, count), END) for count in (5, 20)]
    scores = token_scores(model, documents, END, 0.5, batch_tokens=40)
    assert scores.starts.tolist() == [0, 6, 27]
    assert scores.before[:6].tolist() == list(range(6))
    # Windows of 8 tokens, each beginning 4 after the one before, the last at the end.
    later = [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 7]
    assert scores.before[6:].tolist() == later
    with torch.no_grad():
        logits_TV = model(torch.tensor([[END, *documents[0][:-1]]]))[0]
    chances = logits_TV.softmax(-1).max(-1)
    np.testing.assert_allclose(scores.confidence[:6], chances.values, rtol=1e-5)
    assert scores.right[:6].tolist() == (chances.indices.numpy() == documents[0]).tolist()
