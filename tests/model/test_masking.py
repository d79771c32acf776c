import torch

from model.masking import hide
from model.objective import NO_TARGET


def test_a_share_of_tokens_is_hidden_by_berts_rule_and_only_those_are_targets():
    tokens_BT = torch.arange(40_000).view(100, 400) % 50
    read_BT, targets_BT = hide(tokens_BT, 0.3, 50, (1, 2))
    chosen_BT = targets_BT != NO_TARGET
    assert abs(chosen_BT.float().mean() - 0.3) < 0.01
    assert torch.equal(targets_BT[chosen_BT], tokens_BT[chosen_BT])
    assert torch.equal(read_BT[~chosen_BT], tokens_BT[~chosen_BT])
    shown = read_BT[chosen_BT]
    assert abs((shown == 50).float().mean() - 0.8) < 0.02
    kept = (shown == tokens_BT[chosen_BT]).float().mean()
    assert abs(kept - (0.1 + 0.1 / 50)) < 0.02


def test_the_seed_decides_what_is_hidden():
    tokens_BT = torch.zeros(4, 64, dtype=torch.int64)
    one, same, other = (hide(tokens_BT, 0.3, 9, seed)[0] for seed in ((1, 1), (1, 1), (1, 2)))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
