"""Evidence against regression and counts on a table filled by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evidence import Evidence, pieces
from model.recipe import ShapeRecipe
from model.supervised.linear import fit_evidence
from model.transformer import Transformer
from tests.reference.evidence import evidence_by_hand

ROWS, CLASSES = 97, 3

labelled_texts = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), min_size=1, max_size=12),
        st.integers(0, CLASSES - 1),
    ),
    min_size=2,
    max_size=12,
).filter(lambda labelled: len({one for _, one in labelled}) > 1)


def texts_and_truth(labelled):
    return [np.array(text) for text, _ in labelled], np.array([one for _, one in labelled])


def logits(evidence, text):
    allowed = torch.ones(1, len(text), dtype=torch.bool)
    return evidence(torch.as_tensor(text)[None], allowed)[0]


@settings(max_examples=25)
@given(labelled_texts, st.lists(st.integers(0, 60), min_size=1, max_size=9), st.booleans())
def test_the_same_chances_as_by_hand(labelled, asked, counted):
    texts, truth = texts_and_truth(labelled)
    evidence = Evidence(ROWS, CLASSES)
    fit_evidence(evidence, texts, truth, counts=counted)
    asked_all = [*texts, np.array(asked)]
    wanted = evidence_by_hand(texts, truth, asked_all, ROWS, CLASSES, counted=counted)
    seen = np.unique(truth)
    for text, one in zip(asked_all, wanted, strict=True):
        np.testing.assert_allclose(logits(evidence, text)[seen], one[seen], atol=0.02)


def test_a_class_without_texts_is_the_least_likely():
    evidence = Evidence(ROWS, CLASSES)
    fit_evidence(evidence, [np.array([4]), np.array([5]), np.array([6])], np.array([0, 2, 0]))
    for text in ([4], [5], [40, 41]):
        assert int(logits(evidence, text).argmin()) == 1


def test_what_no_training_text_has_says_nothing():
    evidence = Evidence(1 << 12, CLASSES)
    fit_evidence(evidence, [np.array([4, 5]), np.array([5, 4])], np.array([0, 1]))
    torch.testing.assert_close(logits(evidence, [30, 31]), evidence.start_K)
    assert not torch.equal(logits(evidence, [4, 5]), evidence.start_K)


def test_padding_says_nothing():
    evidence = Evidence(ROWS, CLASSES)
    evidence.table_RK.copy_(torch.randn(ROWS, CLASSES))
    evidence.rarity_R.copy_(torch.rand(ROWS))
    padded = torch.tensor([[4, 7, 9, 0, 0]])
    allowed = torch.tensor([[True, True, True, False, False]])
    torch.testing.assert_close(evidence(padded, allowed)[0], logits(evidence, [4, 7, 9]))


def test_a_pair_is_another_piece_than_its_tokens_and_than_its_reverse():
    rows = 1 << 40
    found = pieces(torch.tensor([[4, 7], [7, 4]]), rows)
    assert found[0, 0].tolist() == found[1, 0].flip(0).tolist()  # tokens
    assert len(set(found.flatten().tolist())) == 2 + 4


def test_a_classifier_averages_its_logits_with_its_evidence_but_learns_without():
    shape = ShapeRecipe(
        kind="encoder",
        layers=1,
        width=16,
        heads=2,
        context_tokens=8,
        evidence_rows=ROWS,
        evidence_share=0.25,
    )
    model = Transformer(shape, 50, classes=CLASSES)
    model.initialise(1)
    with torch.no_grad():
        model.score.weight.normal_()
        model.evidence.start_K.copy_(torch.tensor([2.0, 0.0, -2.0]))
    tokens, allowed = torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool)
    alone = model.train().classify(tokens, allowed)
    both = model.eval().classify(tokens, allowed)
    torch.testing.assert_close(both, 0.75 * alone + 0.25 * model.evidence.start_K)


@pytest.mark.parametrize("name", ["convolution_tokens", "evidence_rows"])
def test_what_only_encoders_have_is_refused_elsewhere(name):
    with pytest.raises(ValueError, match=f"{name} is for encoders"):
        ShapeRecipe(**{name: 3})
