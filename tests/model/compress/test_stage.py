import json

import numpy as np
import pytest
import torch

from data_contracts.errors import ModelUnfit
from model.compress.recipe import CompressRecipe, Distil, Int8, Prune, RecoveryRecipe
from model.compress.recovery import distillation_loss
from model.compress.stage import Compressed, CompressInputs, _on_front, compress
from model.pretrained import load_pretrained
from model.recipe import EvaluateRecipe
from model.train import TrainInputs, train
from tests.model.conftest import learn_tokenizer

RECOVERY = RecoveryRecipe(
    budget_tokens=40 * 256,
    batch_tokens=256,
    learning_rate=1e-2,
    embedding_learning_rate=1e-2,
    threads=1,
)
RECIPE = CompressRecipe(
    variants=(
        Int8(method="int8"),
        Prune(method="prune", layers_ratio=0.5, recovery=RECOVERY),
        Prune(method="prune", name="raw", layers_ratio=0.5, recovery=None),
        Distil(method="distil", size_ratio=0.7, recovery=RECOVERY),
        Distil(method="distil", name="alone", size_ratio=0.7, start="random", recovery=RECOVERY),
    ),
    calibration_tokens=512,
    speed_rows=2,
    speed_seconds=0.05,
    evaluate=EvaluateRecipe(
        baselines=(), bootstrap_resamples=100, sample_tokens=4, memorisation_passages=0, threads=1
    ),
)


@pytest.fixture(scope="module")
def inputs(version, tiny_train, tmp_path_factory):
    longer = tiny_train.model_copy(update={"budget_tokens": 150 * 256, "max_epochs": None})
    folder = tmp_path_factory.mktemp("trained") / "model"
    return CompressInputs(
        model=train(TrainInputs(dataset=version), longer, folder).folder, dataset=version
    )


@pytest.fixture(scope="module")
def compressed(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compressed") / "out"
    return folder, {one.name: one for one in compress(inputs, RECIPE, folder).models}


def test_every_variant_is_smaller_and_measured_like_the_original(compressed):
    folder, models = compressed
    assert list(models) == ["original", "int8", "prune", "raw", "distil", "alone"]
    original = models["original"]
    assert original.difference.value == 0
    for name, one in models.items():
        evaluated = json.loads((folder / name / "evaluation" / "results.json").read_text())
        assert one.tokens_per_second > 0
        if name == "original":
            continue
        assert one.model_bytes < original.model_bytes
        found = load_pretrained(folder / name)
        assert one.model_bytes == (folder / name / "model.safetensors").stat().st_size
        assert found.parameter_count == one.parameters == evaluated["parameters"]
    assert models["distil"].parameters <= 0.7 * original.parameters


def test_rounding_costs_little_and_training_makes_up_for_pruning(compressed):
    _, models = compressed
    assert abs(models["int8"].difference.value) < 0.02
    assert models["prune"].difference.value < models["raw"].difference.value
    assert models["distil"].difference.high < models["alone"].difference.value


def test_differences_are_those_of_both_held_out_splits_together(compressed):
    folder, models = compressed
    bits = {}
    for name in ("original", "raw"):
        evaluated = json.loads((folder / name / "evaluation" / "results.json").read_text())
        bits[name] = [
            (one["bits_per_byte"]["value"] * one["text_bytes"], one["text_bytes"])
            for one in evaluated["figures"]
        ]
    spent = [sum(part for part, _ in bits[name]) for name in ("raw", "original")]
    text_bytes = sum(part for _, part in bits["raw"])
    assert models["raw"].difference.value == pytest.approx((spent[0] - spent[1]) / text_bytes)


def test_the_front_is_what_no_other_one_beats_in_all(compressed):
    def made(bits, size, speed):
        interval = {"value": bits, "low": bits, "high": bits}
        return Compressed(
            name="x", method="int8", parameters=1, model_bytes=size, tokens_per_second=speed,
            bits_per_byte=interval, difference=interval, accuracy={}, training_seconds=0,
            on_front=True,
        )  # fmt: skip

    good, small, worse = made(2.0, 100, 10), made(2.5, 50, 20), made(2.6, 60, 15)
    every = [good, small, worse]
    assert [_on_front(one, every) for one in every] == [True, True, False]
    assert any(one.on_front for one in compressed[1].values())


def test_a_dataset_of_other_tokens_is_refused(inputs, version, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for path in inputs.model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    learn_tokenizer(["other words"]).save(str(folder / "tokenizer.json"))
    with pytest.raises(ModelUnfit, match="tokens are not those of"):
        compress(CompressInputs(model=folder, dataset=version), RECIPE, tmp_path / "out")


def test_a_rounded_model_is_not_compressed_again(compressed, version, tmp_path):
    rounded = CompressInputs(model=compressed[0] / "int8", dataset=version)
    with pytest.raises(ModelUnfit, match="full precision"):
        compress(rounded, RECIPE, tmp_path / "out")


def test_what_is_smaller_than_its_embeddings_is_narrower(inputs, tmp_path):
    small = Distil(method="distil", size_ratio=0.3, recovery=RECOVERY)
    raw = small.model_copy(
        update={"name": "raw", "recovery": RECOVERY.model_copy(update={"budget_tokens": 256})}
    )
    recipe = RECIPE.model_copy(update={"variants": (small, raw)})
    original, student, hardly = compress(inputs, recipe, tmp_path / "out").models
    assert student.parameters <= 0.3 * original.parameters
    assert load_pretrained(tmp_path / "out" / "distil").shape.width < 32
    assert student.difference.value < hardly.difference.value


def test_what_cannot_be_as_small_is_told(inputs, tmp_path):
    tiny = Distil(method="distil", size_ratio=0.01, recovery=RECOVERY)
    with pytest.raises(ModelUnfit, match="greater `size_ratio`"):
        compress(inputs, RECIPE.model_copy(update={"variants": (tiny,)}), tmp_path / "out")


def test_names_must_differ():
    with pytest.raises(ValueError, match="two variants are named `int8`"):
        CompressRecipe(variants=(Int8(method="int8"), Int8(method="int8")))
    with pytest.raises(ValueError, match="original"):
        CompressRecipe(variants=(Int8(method="int8", name="original"),))


@pytest.mark.parametrize(("weight", "temperature"), [(0.0, 1.0), (0.3, 2.0), (1.0, 1.0)])
def test_the_loss_is_its_formula(weight, temperature):
    generator = torch.Generator().manual_seed(3)
    student, teacher = torch.randn(2, 6, 9, generator=generator, dtype=torch.float64).numpy()
    targets = np.array([0, 3, 8, 1, 1, 5])

    def chances(logits, softened):
        raised = np.exp(logits / softened)
        return raised / raised.sum(1, keepdims=True)

    hard = -np.log(chances(student, 1)[np.arange(6), targets]).sum()
    p, q = chances(teacher, temperature), chances(student, temperature)
    soft = (p * np.log(p / q)).sum()
    expected = (1 - weight) * hard + weight * temperature**2 * soft
    found = distillation_loss(
        torch.tensor(student), torch.tensor(teacher), torch.tensor(targets), weight, temperature
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)
    same = distillation_loss(
        torch.tensor(teacher), torch.tensor(teacher), torch.tensor(targets), 1.0, temperature
    )
    assert float(same) == pytest.approx(0, abs=1e-5)
