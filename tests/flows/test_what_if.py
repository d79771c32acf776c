"""`mill what-if` on a version built by the stages' plain functions: no server is needed."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.errors import RecipeInvalid, VersionUnknown
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.what_if import ask
from tests.flows.corpora import write_corpus
from tests.flows.dataset_runs import build


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A recipe, and a warehouse with one version of it."""
    folder = tmp_path_factory.mktemp("what-if")
    path = write_corpus(folder / "corpus", documents=40)
    warehouse = Warehouse.create(folder / "warehouse")
    build(path, warehouse.root)
    return path, warehouse


def test_stricter_rules_name_the_records_they_would_drop(built):
    path, warehouse = built
    answer = ask(path, ["clean.rules.min_words=10000"], warehouse, examples=2)
    assert answer.dataset.startswith("corpus@0001-")
    records = answer.result.sources["records"]
    assert records.kept_after == 0
    assert records.newly_dropped == {"too_few_words": records.kept_before}
    examples = [one for one in answer.result.examples if one.source == "records"]
    assert len(examples) == 2
    assert all(answer.keys[one.record_id].startswith("doc-") for one in examples)
    assert all(one.reasons[0].threshold == 10_000 for one in examples)


def test_a_preset_can_be_asked_about_and_nothing_changes_without_a_change(built):
    path, warehouse = built
    assert ask(path, ["clean.preset=default"], warehouse, examples=1).result.flips == 0
    assert ask(path, ["clean.preset=gopher"], warehouse, examples=1).result.flips >= 0
    assert ask(path, ["clean.languages=[de]"], warehouse, examples=0).result.flips > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("clean.rules.min_word=3", "Did you mean `min_words`"),
        ("clean.rules.min_words=many", "min_words"),
        ("dedup.jaccard_threshold=0.7", "cannot be set here"),
        ("clean", "cannot be set here"),
        ("clean.rules.min_words=[", "not YAML"),
        ("clean.line_rules.numeric=true", "edits text otherwise"),
        ("clean.preset=c4", "edits text otherwise"),
        ("clean.pii.phone=redact", "edits text otherwise"),
    ],
)
def test_what_stored_signals_cannot_answer_is_refused_in_words(built, change, message):
    path, warehouse = built
    with pytest.raises(RecipeInvalid, match=message):
        ask(path, [change], warehouse, examples=1)


def test_a_recipe_without_a_version_is_told_so(built, tmp_path):
    path, warehouse = built
    other = path.with_name("other.yaml")
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | {"name": "other"}
    other.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(VersionUnknown, match="other"):
        ask(other, [], warehouse, examples=1)


def test_the_command_prints_a_table_for_people_and_json_for_programs(built):
    path, warehouse = built
    arguments = ["what-if", str(path), "--set", "clean.rules.min_words=10000", "-w"]
    done = CliRunner().invoke(app, [*arguments, str(warehouse.root), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["result"]["sources"]["records"]["kept_after"] == 0
    assert "would be dropped: too_few_words" in done.stderr
