"""Evidence against counting by hand, one text left out at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.evidence import Evidence, pieces
from model.recipe import ShapeRecipe
from model.transformer import Transformer

ROWS, CLASSES = 97, 3

texts_and_classes = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), min_size=1, max_size=12),
        st.integers(0, CLASSES - 1),
    ),
    min_size=1,
    max_size=12,
)


def evidence_by_hand(texts, truth, asked):
    """What texts say of one, counted anew without any table."""
    counts = np.zeros((ROWS, CLASSES))
    for text, one in zip(texts, truth, strict=True):
        for row in pieces(torch.from_numpy(text)[None], ROWS).flatten().tolist():
            counts[row, one] += 1
    return counts, pieces(torch.from_numpy(asked)[None], ROWS).flatten().tolist()


def summed(counts, rows, used):
    found = np.zeros(CLASSES)
    for row in rows:
        if not counts[row].sum():
            continue
        for one in range(CLASSES):
            others = [other for other in range(CLASSES) if other != one]
            within = (counts[row, one] + 1) / (counts[:, one].sum() + used)
            without = (counts[row, others].sum() + 1) / (counts[:, others].sum() + used)
            found[one] += np.log(within / without)
    return found


@given(texts_and_classes)
def test_a_text_is_shown_what_the_others_say(labelled):
    texts = [np.array(text) for text, _ in labelled]
    truth = np.array([one for _, one in labelled])
    evidence = Evidence(ROWS, CLASSES)
    shown = evidence.learn(texts, truth)
    all_counts, _ = evidence_by_hand(texts, truth, texts[0])
    used = int((all_counts.sum(1) > 0).sum())
    for number, text in enumerate(texts):
        others = [other for other in range(len(texts)) if other != number]
        counts, rows = evidence_by_hand([texts[other] for other in others], truth[others], text)
        np.testing.assert_allclose(shown[number], summed(counts, rows, used), atol=1e-4)
        found = evidence(torch.from_numpy(text)[None], torch.ones(1, len(text), dtype=torch.bool))
        wanted = summed(all_counts, rows, used)
        np.testing.assert_allclose(found[0].detach(), wanted, atol=1e-4)


def test_padding_says_nothing_and_order_within_a_batch_does_not_count():
    evidence = Evidence(ROWS, CLASSES)
    evidence.table_RK.copy_(torch.randn(ROWS, CLASSES))
    text = torch.tensor([[4, 7, 9]])
    padded = torch.tensor([[4, 7, 9, 0, 0]])
    allowed = torch.tensor([[True, True, True, False, False]])
    torch.testing.assert_close(
        evidence(padded, allowed), evidence(text, torch.ones(1, 3, dtype=torch.bool))
    )


def test_trust_grows_with_what_counts_foretell():
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 2, 300)
    telling = [np.append(generator.integers(2, 9, 4), one) for one in truth]
    idle = [generator.integers(2, 9, 4) for _ in truth]
    trusted, doubted = Evidence(1 << 12, 2), Evidence(1 << 12, 2)
    shown = trusted.learn(telling, truth)
    doubted.learn(idle, truth)
    assert float((shown.numpy().argmax(1) == truth).mean()) > 0.95
    assert trusted.scale > 2 * doubted.scale


def test_a_classifier_adds_its_evidence_to_its_scores():
    shape = ShapeRecipe(
        kind="encoder", layers=1, width=16, heads=2, context_tokens=8, evidence_rows=ROWS
    )
    model = Transformer(shape, 50, classes=CLASSES)
    model.initialise(1)
    tokens, allowed = torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool)
    assert not model.classify(tokens, allowed).any()  # the head starts at zero, and so does trust
    with torch.no_grad():
        model.evidence.scale.fill_(0.5)
    given = torch.tensor([[2.0, 0.0, -2.0]])
    torch.testing.assert_close(model.classify(tokens, allowed, given), given / 2)


@pytest.mark.parametrize("name", ["ngram_rows", "convolution_tokens", "evidence_rows"])
def test_what_only_encoders_have_is_refused_elsewhere(name):
    with pytest.raises(ValueError, match=f"{name} is for encoders"):
        ShapeRecipe(**{name: 3})
