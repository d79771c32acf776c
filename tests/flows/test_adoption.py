"""`mill adopt`: data made elsewhere becomes a version here, and is what it was."""

import json
import shutil

import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.errors import GateRefused, RecipeInvalid, VersionCorrupt
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.adoption import adopt_version, recipe_of_texts
from flows.arithmetic import check_books
from flows.cli import app
from flows.collecting import collect
from flows.plan import make_plan
from flows.recipe import load_recipe
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus, prose
from tests.flows.version_bytes import content


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A version of another warehouse."""
    folder = tmp_path_factory.mktemp("elsewhere")
    recipe = EditedCorpus(8).write(folder / "corpus")
    return recipe, build(recipe, folder / "warehouse").published.path


def test_a_version_of_another_warehouse_is_the_same_here(made, tmp_path):
    recipe, folder = made
    warehouse = Warehouse.create(tmp_path / "warehouse")
    adopted = adopt_version(warehouse, folder)
    assert adopted.created
    assert adopted.path.is_relative_to(warehouse.root)
    assert content(adopted.path) == content(folder)
    manifest = DatasetManifest.load(adopted.path)
    manifest.verify(adopted.path)
    check_books(adopted.path, manifest)
    again = adopt_version(warehouse, folder)
    assert (again.created, again.version) == (False, adopted.version)
    assert make_plan(load_recipe(recipe), warehouse).nothing_to_do
    collect(warehouse)
    assert warehouse.versions("datasets", "edited") == [adopted.version]


def test_it_comes_after_the_versions_that_are_there(made, tmp_path):
    _, folder = made
    warehouse = Warehouse.create(tmp_path / "warehouse")
    mine = build(EditedCorpus(6).write(tmp_path / "corpus"), warehouse.root).published
    adopted = adopt_version(warehouse, folder)
    assert adopted.version.startswith("0002-")
    assert DatasetManifest.load(adopted.path).parent == mine.version


@pytest.mark.parametrize("damage", ["documents", "gate"])
def test_a_damaged_or_ungated_version_is_refused(made, tmp_path, damage):
    shutil.copytree(made[1], tmp_path / "copy")
    if damage == "documents":
        path = next((tmp_path / "copy" / "documents").rglob("*.arrow"))
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    else:
        (tmp_path / "copy" / "gate.json").unlink()
        manifest = DatasetManifest.load(tmp_path / "copy")
        files = tuple(one for one in manifest.files if one.path != "gate.json")
        manifest.model_copy(update={"files": files}).save(tmp_path / "copy")
    warehouse = Warehouse.create(tmp_path / "warehouse")
    with pytest.raises(VersionCorrupt if damage == "documents" else GateRefused):
        adopt_version(warehouse, tmp_path / "copy")
    assert warehouse.names("datasets") == []
    assert not list(warehouse.root.rglob("*.arrow"))


def test_texts_are_registered_as_they_are(tmp_path):
    texts = [
        "  two  blanks\u200b and a zero-width space, not cleaned \r\n\r\n\r\n\r\n\r\nof anything  ",
        "short",
        "mail me at somebody@example.org, " + prose(1),
        "1 2 3 4 5 6 7 8 9 # # # # …",
        prose(2),
        prose(2) + " Again.",
        *(prose(number) for number in range(10, 60)),
    ]
    repeated = [*texts, prose(2)]
    lines = [json.dumps({"n": f"r{n}", "body": text}) for n, text in enumerate(repeated)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    fields = {"text_field": "body", "key_field": "n", "license": "CC0-1.0", "language": None}
    recipe = recipe_of_texts("made", str(tmp_path / "texts.jsonl"), fields)
    store = Warehouse.create(tmp_path / "warehouse")
    path = tmp_path / "recipe.yaml"  # `build` reads a file
    path.write_text(recipe.model_dump_json(by_alias=True), encoding="utf-8")
    version = build(path, store.root).published.path
    documents = pl.concat(
        pl.read_ipc_stream(one) for one in sorted(version.glob("documents/*/*.arrow"))
    )
    assert sorted(documents["text"].to_list()) == sorted(texts)
    ledger = pl.read_parquet(version / "ledger" / "*.parquet")
    assert ledger.filter(pl.col("reason").is_not_null())["reason"].to_list() == ["exact_duplicate"]
    manifest = DatasetManifest.load(version)
    assert manifest.sources[0].license == "CC0-1.0"


def test_a_wrong_name_is_refused():
    with pytest.raises(RecipeInvalid, match="name"):
        recipe_of_texts("No Name", "/somewhere", {})


def test_the_command_tells_versions_from_texts(made, tmp_path):
    place = ["--warehouse", str(tmp_path / "warehouse")]
    done = CliRunner().invoke(app, ["adopt", str(made[1]), *place, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["created"]
    for arguments in ([str(made[1]), "--name", "other"], [str(tmp_path)]):
        refused = CliRunner().invoke(app, ["adopt", *arguments, *place])
        assert refused.exit_code == 2
        assert "name" in refused.output
