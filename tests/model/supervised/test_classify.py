"""The whole of classification on texts whose class is a pattern that must be found."""

import json
import shutil

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.torch import load_file

from data_contracts.errors import TaskDataInvalid, VersionCorrupt
from model.metrics import read_metrics
from model.pretrained import member_folders
from model.recipe import ShapeRecipe
from model.supervised.classify import Classifier, classify
from model.supervised.recipe import ClassifyRecipe, FitRecipe, PretrainedEncoder
from model.train import TrainInputs, train
from tests.model.conftest import WORDS

SHAPE = ShapeRecipe(kind="encoder", layers=2, width=32, heads=2, context_tokens=32)
EVIDENCE = ("table_RK", "rarity_R", "start_K")
FIT = FitRecipe(
    shape=SHAPE,
    epochs=6,
    batch_tokens=256,
    optimizer="muon",
    learning_rate=1e-2,
    dropout=0.1,
    label_smoothing=0.05,
    ema_decay=0.9,
    threads=1,
)


def write_texts(path, count, seed):
    """Texts in which `mill` stands before `grain`, or after it: words alone tell nothing."""
    generator = np.random.default_rng(seed)
    lines = ["label\ttext"]
    for _ in range(count):
        words = generator.choice(WORDS[2:10], 8).tolist()
        early, late = sorted(generator.choice(8, 2, replace=False).tolist())
        first = bool(generator.random() < 0.5)
        words[early], words[late] = ("mill", "grain") if first else ("grain", "mill")
        lines.append(f"{'before' if first else 'after'}\t{' '.join(words)}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    return ClassifyRecipe(
        task="classify",
        train=write_texts(folder / "train.tsv", 1200, 1),
        validation=write_texts(folder / "validation.tsv", 60, 2),
        test=write_texts(folder / "test.tsv", 200, 3),
        fit=FIT,
        bootstrap_resamples=100,
    )


@pytest.fixture(scope="module")
def done(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    return classify(recipe, folder), folder


def test_order_is_learned_which_a_linear_model_sees_badly(done):
    result, folder = done
    assert result.model.accuracy.low > 0.85
    assert result.model.accuracy.low > result.baseline.accuracy.high
    assert result.better_than_baseline
    assert json.loads((folder / "results.json").read_text())["labels"] == ["after", "before"]


def test_the_folder_reads_new_texts(done):
    classifier, labels = Classifier.load(done[1])
    chances = classifier.chances(["stone mill stone grain", "grain stone stone mill", "wheel"])
    assert [labels[number] for number in chances.argmax(1)[:2]] == ["before", "after"]
    np.testing.assert_allclose(chances.sum(1), 1)


def test_the_same_recipe_gives_the_same_weights(recipe, done, tmp_path):
    classify(recipe, tmp_path / "again")
    name = "model.safetensors"
    assert (tmp_path / "again" / name).read_bytes() == (done[1] / name).read_bytes()


def test_folds_measure_every_text_once(recipe, tmp_path):
    short = recipe.fit.model_copy(update={"epochs": 1})
    folded = recipe.model_copy(update={"test": None, "folds": 3, "fit": short})
    result = classify(folded.model_copy(update={"token_dropout": 0.1}), tmp_path / "folds")
    assert result.model.texts == result.baseline.texts == 1200


def unmoved(recipe):
    """Fine-tune next to nothing, so that what training started from can be read from what it left."""
    still = {"learning_rate": 1e-9, "embedding_learning_rate": 1e-9, "weight_decay": 0.0}
    still |= {"optimizer": "adamw", "ema_decay": None, "epochs": 1}
    return recipe.model_copy(update={"fit": recipe.fit.model_copy(update=still)})


def test_an_encoder_is_trained_on_a_dataset_version_first_and_taken_up(
    recipe, version, tiny_train, tmp_path
):
    pretraining = tiny_train.model_copy(update={"shape": SHAPE})
    start = PretrainedEncoder(dataset=version, train=pretraining)
    out = tmp_path / "out"
    result = classify(unmoved(recipe).model_copy(update={"pretrained": start}), out)
    assert result.pretraining_processor_seconds > 0
    losses = [row.validation_loss for row in read_metrics(out / "pretrained" / "metrics.jsonl")]
    assert losses[-1] < losses[19]
    encoder = load_file(out / "pretrained" / "model.safetensors")
    taken_up = Classifier.load(out)[0].model.state_dict()
    for name, weight in encoder.items():
        np.testing.assert_allclose(taken_up[name], weight, atol=1e-5)


def test_members_start_from_several_encoders_by_turns(recipe, version, tiny_train, tmp_path):
    pretraining = tiny_train.model_copy(update={"shape": SHAPE, "budget_tokens": 512})
    start = PretrainedEncoder(dataset=version, train=pretraining, encoders=2)
    three = unmoved(recipe).model_copy(update={"pretrained": start, "members": 3})
    classify(three, tmp_path)
    first, *others = (
        load_file(folder / "model.safetensors")
        for folder in member_folders(tmp_path / "pretrained")
    )
    assert len(others) == 1
    members = [load_file(folder / "model.safetensors") for folder in member_folders(tmp_path)]
    name = "model.layers.0.mlp.gate_proj.weight"
    assert not np.allclose(first[name], others[0][name], atol=1e-3)
    for member, encoder in zip(members, (first, others[0], first), strict=True):
        np.testing.assert_allclose(member[name], encoder[name], atol=1e-5)


def test_an_encoder_trained_before_gives_the_very_weights_of_one_trained_now(
    recipe, version, tiny_train, tmp_path
):
    pretraining = tiny_train.model_copy(update={"shape": SHAPE, "budget_tokens": 512})
    now = PretrainedEncoder(dataset=version, train=pretraining)
    one_epoch = recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"epochs": 1})})
    classify(one_epoch.model_copy(update={"pretrained": now}), tmp_path / "now")
    before = PretrainedEncoder(model=tmp_path / "now" / "pretrained")
    classify(one_epoch.model_copy(update={"pretrained": before}), tmp_path / "before")
    weights = [
        (tmp_path / folder / "model.safetensors").read_bytes() for folder in ("now", "before")
    ]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "either `model` or `dataset`"),
        ({"model": "a", "dataset": "b"}, "either `model` or `dataset`"),
        ({"dataset": "b", "train": {"shape": {"kind": "decoder"}}}, "must be `encoder`"),
    ],
)
def test_where_an_encoder_comes_from_is_said_once(given, problem):
    with pytest.raises(ValidationError, match=problem):
        PretrainedEncoder.model_validate(given, strict=False)


def test_members_are_averaged_and_come_back_from_the_folder(recipe, tmp_path):
    shape = SHAPE.model_copy(
        update={"convolution_tokens": 3, "pooling": "max", "evidence_rows": 4096}
    )
    short = recipe.fit.model_copy(update={"epochs": 1, "shape": shape})
    single = classify(recipe.model_copy(update={"fit": short}), tmp_path / "single")
    result = classify(recipe.model_copy(update={"fit": short, "members": 2}), tmp_path / "both")
    assert result.parameters == 2 * single.parameters
    name = "model.safetensors"
    first = (tmp_path / "both" / name).read_bytes()
    assert first == (tmp_path / "single" / name).read_bytes()
    seeded = short.model_copy(update={"seed": short.seed + 1})
    classify(recipe.model_copy(update={"fit": seeded}), tmp_path / "other")
    text = ["stone mill stone grain"]
    both, one, other = (
        Classifier.load(tmp_path / folder)[0].chances(text)
        for folder in ("both", "single", "other")
    )
    np.testing.assert_allclose(both, (one + other) / 2)

    # What both have in common is written once; a member that holds its own, as once written, opens.
    member, whole = (load_file(tmp_path / one / name) for one in ("both/member-01", "other"))
    assert whole.keys() - member.keys() == {f"evidence.{one}" for one in EVIDENCE}
    shutil.copyfile(tmp_path / "other" / name, tmp_path / "both/member-01" / name)
    np.testing.assert_array_equal(Classifier.load(tmp_path / "both")[0].chances(text), both)


def test_a_class_that_training_lacks_is_said(recipe, tmp_path):
    (tmp_path / "test.tsv").write_text("label\ttext\nnever\tmill\n")
    with pytest.raises(TaskDataInvalid, match="has the class `never`"):
        classify(recipe.model_copy(update={"test": tmp_path / "test.tsv"}), tmp_path / "out")


def test_a_model_without_classes_is_no_classifier(version, tiny_train, tmp_path):
    short = tiny_train.model_copy(update={"budget_tokens": 256})
    result = train(TrainInputs(dataset=version), short, tmp_path / "decoder")
    with pytest.raises(VersionCorrupt, match="not a classifier"):
        Classifier.load(result.folder)
