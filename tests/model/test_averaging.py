import pytest
import torch
from torch import nn

from model.averaging import WeightAverage


def test_the_mean_follows_the_weights_and_can_be_put_in_and_taken_out():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = WeightAverage(model, decay=0.5)
    expected = 0.0
    for step in range(1, 40):
        nn.init.constant_(model.weight, float(step))
        average.add(step)
        kept = min(0.5, step / (step + 10))
        expected = kept * expected + (1 - kept) * step
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 39.0
    average.adopt()
    assert model.weight.item() == pytest.approx(expected)


def test_early_on_the_first_weights_do_not_count_for_long():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)
    average = WeightAverage(model, decay=0.999)
    nn.init.zeros_(model.weight)
    for step in range(1, 21):
        average.add(step)
    assert average.mean["weight"].item() < 0.01
    assert torch.equal(model.weight, torch.zeros(1, 1))
