"""Commands about one model, as a user meets them, on a dataset and a model of their own."""

import json

import pytest
from typer.testing import CliRunner

from data_contracts.errors import ModelUnfit, VersionUnknown
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.model_folders import dataset_folder, model_folder
from flows.reading import near_training_text
from flows.recipe import load_recipe
from flows.steps import run_train
from model.documents import held_out_documents
from model.pretrained import load_pretrained
from tests.flows.corpora import TINY_TRAINING, write_corpus
from tests.flows.without_prefect import publish


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset version and a model trained on it, without a server."""
    folder = tmp_path_factory.mktemp("made")
    recipe = write_corpus(folder / "corpus", **TINY_TRAINING)
    warehouse = Warehouse.create(folder / "warehouse")
    dataset = publish(recipe, warehouse)
    trained = run_train(load_recipe(recipe), warehouse, dataset)
    return warehouse, dataset, trained.folder


def mill(*arguments):
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_a_training_text_is_read_and_found_again(made, tmp_path):
    warehouse, dataset, model = made
    text = held_out_documents(dataset.path / "documents" / "train", 1)["text"][0].as_py()
    (tmp_path / "text.txt").write_text(text, "utf-8")
    page = tmp_path / "page.html"
    printed = mill(
        "read", tmp_path / "text.txt", "--model", model, "--dataset", dataset.name,
        "--page", page, "-w", warehouse.root, "--json",
    )  # fmt: skip
    found = json.loads(printed.splitlines()[-1])
    assert "".join(found["tokens"]) == found["text"] == text[: len(found["text"])]
    assert len(found["bits"]) == len(found["tokens"])
    best = found["near"]["documents"][0]
    assert best["similarity"] > 0
    assert found["text"][:20] in best["text"]
    assert "<svg" in page.read_text("utf-8")


def test_without_a_dataset_nothing_is_near_unless_one_was_named(made, tmp_path):
    warehouse, dataset, model = made
    assert near_training_text(warehouse.root, model, None, "a mill", 3) is None
    with pytest.raises(VersionUnknown):
        near_training_text(warehouse.root, model, "nowhere", "a mill", 3)
    with pytest.raises(ModelUnfit, match="trained on"):
        dataset_folder(None, model, warehouse.root)
    assert dataset_folder(dataset.label, model, warehouse.root) == dataset.path
    assert dataset_folder(str(dataset.path), model, tmp_path) == dataset.path
    with pytest.raises(VersionUnknown):
        model_folder("nowhere", warehouse.root)


def test_a_model_is_made_smaller_and_exported(made, tmp_path):
    warehouse, dataset, model = made
    recipe = tmp_path / "smaller.yaml"
    recipe.write_text(
        "variants: [{method: int8}]\nspeed_seconds: 0.05\n"
        "evaluate: {baselines: [], memorisation_passages: 0, sample_tokens: 2}\n"
    )
    out = tmp_path / "out"
    printed = mill(
        "compress", model, "--to", out, "--recipe", recipe, "--dataset", dataset.name,
        "-w", warehouse.root, "--json",
    )  # fmt: skip
    models = json.loads(printed.splitlines()[-1])["models"]
    assert [one["name"] for one in models] == ["original", "int8"]
    assert models[1]["model_bytes"] < models[0]["model_bytes"]
    assert "<svg" in (out / "report.html").read_text("utf-8")
    mill("export-model", model, "--to", tmp_path / "hf", "-w", warehouse.root)
    assert load_pretrained(tmp_path / "hf").parameter_count == models[0]["parameters"]


def test_a_translation_is_learned_scored_on_a_page_and_used(tmp_path):
    words = {"hund": "dog", "katze": "cat", "haus": "house", "<b>": "<i>"}
    pairs = [(f"{a} {b}", f"{words[a]} {words[b]}") for a in words for b in words]
    for name, rows in (("train", pairs * 8), ("held", pairs)):
        for side, number in (("de", 0), ("en", 1)):
            lines = [row[number] for row in rows]
            (tmp_path / f"{name}.{side}").write_text("\n".join(lines) + "\n", "utf-8")
    task = tmp_path / "words.yaml"
    task.write_text(
        "task: translate\n"
        "train: {source: train.de, target: train.en}\n"
        "validation: {source: held.de, target: held.en}\n"
        "test: {source: held.de, target: held.en}\n"
        "vocabulary: {size: 280}\n"
        "fit: {epochs: 2, batch_tokens: 256, threads: 1, shape: {kind: encoder-decoder,"
        " layers: 1, width: 16, heads: 2, context_tokens: 24}}\n"
    )
    scores = json.loads(mill("translate", task, "--json").splitlines()[-1])["scores"]
    assert scores["chrf"]["low"] <= scores["chrf"]["value"] <= scores["chrf"]["high"]
    page = (tmp_path / "words" / "report.html").read_text("utf-8")
    assert f"{scores['bleu']['value']:.2f}" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert len(json.loads(mill("translate", tmp_path / "words", "hund", "haus", "--json"))) == 2
