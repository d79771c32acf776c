"""A recipe names what its dataset must not repeat; the ledger says what did."""

import json

import polars as pl
import pytest

from data_contracts.errors import RecipeInvalid, SourceMissing, VersionUnknown
from data_contracts.reasons import Reason, Stage
from data_contracts.warehouse import Warehouse
from flows.plan import make_plan
from flows.recipe import load_recipe
from tests.flows.corpora import write_corpus
from tests.flows.without_prefect import publish


def keys_of(recipe, warehouse):
    return {one.stage: one.key for one in make_plan(load_recipe(recipe), warehouse).stages}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A version of a corpus that must not repeat a quiz; it quotes documents 3 and 5."""
    folder = tmp_path_factory.mktemp("decontamination")
    sets = [
        {"name": "quiz", "path": "quiz.jsonl", "text_field": "question"},
        {"name": "unrelated", "path": "unrelated.txt"},
    ]
    recipe = write_corpus(folder / "corpus", documents=30, evaluation_sets=sets)
    lines = (folder / "corpus" / "records.jsonl").read_text().splitlines()[:-1]
    texts = {one["id"]: one["text"] for one in map(json.loads, lines)}
    quotes = [" ".join(texts[f"doc-{n}"].split()[4:20]) for n in (3, 5)]
    with (folder / "corpus" / "quiz.jsonl").open("w") as file:
        # Written otherwise than in the documents: with soft hyphens.
        file.writelines(
            json.dumps({"question": "Which is it? " + quote.replace("a", "a\u00ad")}) + "\n"
            for quote in quotes
        )
    (folder / "corpus" / "unrelated.txt").write_text("nothing that any of the documents has said")
    warehouse = Warehouse.create(folder / "warehouse")
    return recipe, warehouse, publish(recipe, warehouse), texts


def ledger_of(published):
    rows = pl.read_parquet(published.path / "ledger").to_dicts()
    return {row["key"]: row for row in rows}


def test_documents_that_repeat_an_evaluation_set_are_dropped_with_its_name(first):
    _, _, published, _ = first
    ledger = ledger_of(published)
    dropped = {key for key, row in ledger.items() if row["reason"] == Reason.EVALUATION_OVERLAP}
    assert dropped == {"doc-3", "doc-5"}
    assert ledger["doc-3"]["stage"] == Stage.DEDUP
    assert ledger["doc-3"]["reasons"] == [
        {"rule": "evaluation_overlap", "value": 4.0, "threshold": 1.0},
        {"rule": "evaluation_overlap:quiz", "value": 4.0, "threshold": 1.0},
    ]


def test_a_dataset_can_be_kept_disjoint_from_another_version(first, tmp_path):
    _, warehouse, published, texts = first
    recipe = write_corpus(
        tmp_path / "corpus", documents=10, seed=2, name="second", disjoint_from=[published.label]
    )
    copied = {"id": "copied", "text": texts["doc-8"]}
    with (tmp_path / "corpus" / "records.jsonl").open("a") as file:
        file.write("\n" + json.dumps(copied) + "\n")
    row = ledger_of(publish(recipe, warehouse))["copied"]
    assert row["reason"] == Reason.EVALUATION_OVERLAP
    assert row["reasons"][1]["rule"] == f"evaluation_overlap:{published.label}"


def test_a_changed_set_means_another_dataset_and_nothing_else_is_done_again(first, tmp_path):
    recipe, warehouse, published, _ = first
    before = keys_of(recipe, warehouse)
    assert make_plan(load_recipe(recipe), warehouse).dataset_version == published.version
    quiz = recipe.parent / "quiz.jsonl"
    text = quiz.read_text()
    try:
        quiz.write_text(text + json.dumps({"question": "one more"}) + "\n")
        after = keys_of(recipe, warehouse)
    finally:
        quiz.write_text(text)
    assert [stage for stage in before if before[stage] != after[stage]] == [
        Stage.DEDUP,
        Stage.VALIDATE,
        Stage.SHARD,
    ]


def test_a_sample_is_screened_by_the_whole_set(first):
    recipe, warehouse, _, _ = first
    sampled = load_recipe(recipe).sampled(12)
    plan = make_plan(sampled, warehouse)
    assert [one.name for one in plan.against] == ["quiz", "unrelated"]
    assert plan.against == make_plan(load_recipe(recipe), warehouse).against


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        ({"evaluation_sets": [{"name": "quiz", "path": "gone.jsonl"}]}, SourceMissing, "quiz"),
        ({"disjoint_from": ["corpus@0009-00000000"]}, VersionUnknown, "corpus@0009-00000000"),
        ({"disjoint_from": ["corpus"]}, RecipeInvalid, "disjoint_from"),
        (
            {"evaluation_sets": [{"name": "quiz", "path": "a"}, {"name": "quiz", "path": "b"}]},
            RecipeInvalid,
            "two evaluation sets are named `quiz`",
        ),
    ],
    ids=["no file", "no version", "no version named", "same name"],
)
def test_what_cannot_be_looked_for_is_found_before_anything_is_done(
    first, tmp_path, named, error, words
):
    _, warehouse, _, _ = first
    recipe = write_corpus(tmp_path / "corpus", documents=5, **named)
    with pytest.raises(error, match=words):
        make_plan(load_recipe(recipe), warehouse)
