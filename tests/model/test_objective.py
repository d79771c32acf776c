import pytest
import torch
from torch.nn import functional

from model.objective import NO_TARGET, target_loss

LOGITS = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
TARGETS = torch.tensor([0, 3, NO_TARGET, 6, 2])
COUNTED = TARGETS != NO_TARGET


def test_places_without_target_cost_nothing():
    expected = -LOGITS.log_softmax(-1)[COUNTED, TARGETS[COUNTED]].sum()
    torch.testing.assert_close(target_loss(LOGITS, TARGETS), expected)


def test_label_smoothing_spreads_a_share_over_all_entries():
    chances = LOGITS.log_softmax(-1)[COUNTED]
    wanted = 0.9 * functional.one_hot(TARGETS[COUNTED], 7) + 0.1 / 7
    expected = -(wanted * chances).sum()
    torch.testing.assert_close(target_loss(LOGITS, TARGETS, label_smoothing=0.1), expected)


def test_the_z_loss_is_the_squared_normaliser_of_counted_places():
    more = target_loss(LOGITS, TARGETS, z_loss_weight=0.5) - target_loss(LOGITS, TARGETS)
    expected = 0.5 * sum(float(torch.logsumexp(row, 0)) ** 2 for row in LOGITS[COUNTED])
    assert more.item() == pytest.approx(expected, rel=1e-5)
