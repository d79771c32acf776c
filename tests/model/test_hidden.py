"""Guesses of hidden tokens, and that an encoder is measured by nothing else."""

import numpy as np
import pytest
import torch

from data_contracts.errors import ModelUnfit
from data_contracts.split import Split
from model.compare import compare
from model.documents import held_out_documents
from model.evaluate import EvaluateInputs, evaluate
from model.hidden import HIDDEN_RATIO, hidden_figures
from model.masking import hide
from model.metrics import read_metrics
from model.recipe import EvaluateRecipe, PromotionRecipe, ShapeRecipe
from model.train import TrainInputs, train
from tests.model.conftest import random_decoder

SHAPE = ShapeRecipe(kind="encoder", layers=1, width=16, heads=2, context_tokens=12)
RECIPE = EvaluateRecipe(bootstrap_resamples=100, threads=1, batch_tokens=48)


def documents(count, seed):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 20, generator.integers(1, 40)) for _ in range(count)]


def twin(model, texts, seed):
    """Window by window without a rectangle: bits, guesses that were right, and targets."""
    bits, right, hidden = 0.0, 0, []
    for number, ids in enumerate(texts):
        for first in range(0, len(ids), 12):
            own = torch.from_numpy(ids[None, first : first + 12])
            read, targets = hide(own, HIDDEN_RATIO, 20, (seed, number, first))
            chances = model(read)[0].double().softmax(-1)
            for place, target in enumerate(targets[0].tolist()):
                if target >= 0:
                    bits -= float(chances[place, target].log2())
                    right += int(chances[place].argmax()) == target
                    hidden.append(target)
    return bits, right, hidden


@torch.no_grad()
def test_figures_are_those_of_the_slow_twin_whatever_is_read_at_a_time():
    model = random_decoder(SHAPE, 21)
    splits = {Split.VALIDATION: documents(9, 1), Split.TEST: documents(7, 2)}
    training = documents(30, 3)
    found = hidden_figures(model, splits, training, RECIPE)
    counts = np.bincount(np.concatenate(training), minlength=20) + 1
    by_name = {(one.predictor, one.split): one for one in found}
    for split, texts in splits.items():
        bits, right, hidden = twin(model, texts, RECIPE.seed)
        ours, theirs = by_name["model", split], by_name["frequency", split]
        assert ours.tokens == theirs.tokens == len(hidden)
        assert ours.bits_per_token.value == pytest.approx(bits / len(hidden), rel=1e-5)
        assert ours.accuracy.value == pytest.approx(right / len(hidden))
        expected = np.log2(counts.sum() / counts[hidden]).mean()
        assert theirs.bits_per_token.value == pytest.approx(expected)
        assert theirs.accuracy.value == np.mean(np.array(hidden) == counts.argmax())
        assert ours.bits_per_token.low < ours.bits_per_token.value < ours.bits_per_token.high
    alone = hidden_figures(model, splits, training, RECIPE.model_copy(update={"batch_tokens": 1}))
    for one, other in zip(found, alone, strict=True):
        assert one.bits_per_token.value == pytest.approx(other.bits_per_token.value, rel=1e-5)
        assert one.accuracy == other.accuracy


def test_an_encoder_is_measured_by_what_it_guesses_and_by_no_bits_per_byte(
    version, tiny_train, tmp_path
):
    shape = tiny_train.shape.model_copy(update={"kind": "encoder"})
    recipe = tiny_train.model_copy(
        update={"shape": shape, "budget_tokens": 300 * 256, "max_epochs": None}
    )
    folder = train(TrainInputs(dataset=version), recipe, tmp_path / "model").folder
    inputs = EvaluateInputs(model=folder, dataset=version)
    result = evaluate(inputs, RECIPE, tmp_path / "evaluation")
    assert (result.figures, result.sources, result.samples, result.tasks) == ((), {}, (), ())
    assert {(one.predictor, one.split) for one in result.hidden} == {
        (name, split) for name in ("model", "frequency") for split in ("validation", "test")
    }
    ours = next(one for one in result.hidden if one.predictor == "model")
    trained = read_metrics(folder / "metrics.jsonl")[-1].validation_loss / np.log(2)
    assert ours.bits_per_token.value == pytest.approx(trained, rel=0.25)
    assert result.beats_baselines

    table = held_out_documents(version / "documents" / "test", None)
    with pytest.raises(ModelUnfit, match="no decoder"):
        compare(folder, folder, table, PromotionRecipe(), RECIPE)
