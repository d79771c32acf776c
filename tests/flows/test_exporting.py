"""`mill export`: what a version holds, as files that other programs read."""

import json
import shutil

import datasets
import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from data_contracts.errors import ExportInTheWay, VersionCorrupt, VersionUnknown
from data_contracts.exports import EXPORTS_FILE
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.collecting import collect
from flows.export_formats import Format
from flows.exporting import export
from flows.forgetting import forget
from flows.holders import Kind
from tests.flows.dataset_runs import build
from tests.flows.editing import KEYED, NAMELESS, EditedCorpus, Record, prose

HOSTILE = 'a "quoted"\\ line\u2028 of <b>漢字</b>\x7f and \U0001f600 ' + prose(777, 4)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    corpus = EditedCorpus(15)
    corpus.files[KEYED]["0.jsonl"].append(Record("hostile", HOSTILE))
    sources = [
        {"name": KEYED, "path": KEYED, "key_field": "id", "license": "CC-BY-4.0"},
        {"name": NAMELESS, "path": NAMELESS},
    ]
    recipe = corpus.write(folder / "corpus", sources=sources)
    return recipe, Warehouse(folder / "warehouse"), build(recipe, folder / "warehouse").published


def documents(version) -> dict[str, list[dict]]:
    loaded = datasets.load_from_disk(str(version / "documents"))
    return {str(split): list(rows) for split, rows in loaded.items()}


@pytest.mark.parametrize("kind", list(Format))
def test_an_export_holds_every_document_in_order_with_its_licence(published, tmp_path, kind):
    _, warehouse, version = published
    done = export(warehouse, "edited", tmp_path / "out", kind)
    expected = documents(version.path)
    assert done.documents == {split: len(rows) for split, rows in expected.items()}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(done.files)
    assert done.bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    for split, rows in expected.items():
        found = []
        for name in (one for one in done.files if one.startswith(split)):
            path = tmp_path / "out" / name
            if kind is Format.JSONL:
                lines = path.read_bytes().splitlines()
                found += [json.loads(line) for line in lines]
            else:
                found += pq.read_table(path).to_pylist()
        licenses = [row.pop("license") for row in found]
        assert found == rows
        assert licenses == ["CC-BY-4.0" if r["source"] == KEYED else None for r in rows]
    assert any("漢字" in row["text"] for rows in expected.values() for row in rows)


def test_hugging_face_and_polars_read_it(published, tmp_path):
    _, warehouse, version = published
    export(warehouse, version.label, tmp_path / "lines", Format.JSONL)
    export(warehouse, version.label, tmp_path / "columns", Format.PARQUET)
    expected = documents(version.path)
    loaded = datasets.load_dataset(str(tmp_path / "columns"), cache_dir=str(tmp_path / "cache"))
    assert {split: rows["text"][:] for split, rows in loaded.items()} == {
        split: [row["text"] for row in rows] for split, rows in expected.items() if rows
    }
    train = pl.concat(pl.read_ndjson(path) for path in sorted(tmp_path.glob("lines/train-*")))
    assert train["text"].to_list() == [row["text"] for row in expected["train"]]


def test_what_is_in_the_way_is_left_alone(published, tmp_path):
    _, warehouse, _ = published
    (tmp_path / "empty").mkdir()
    export(warehouse, "edited", tmp_path / "empty", Format.JSONL)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for place in (tmp_path / "full", tmp_path / "full" / "mine.txt", tmp_path / "empty"):
        with pytest.raises(ExportInTheWay, match="--to"):
            export(warehouse, "edited", place, Format.JSONL)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    with pytest.raises(VersionUnknown):
        export(warehouse, "unheard-of", tmp_path / "new", Format.JSONL)
    assert not (tmp_path / "new").exists()


def test_a_damaged_version_is_not_exported(published, tmp_path):
    _, warehouse, version = published
    shutil.copytree(warehouse.root, tmp_path / "warehouse")
    other = Warehouse(tmp_path / "warehouse")
    path = next((other.latest("datasets", "edited") / "documents/train").glob("*.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(VersionCorrupt, match=path.name):
        export(other, version.label, tmp_path / "out", Format.JSONL)
    assert not list(tmp_path.glob("*out*"))


def test_who_forgets_is_told_of_exports_and_nothing_outside_is_removed(published, tmp_path):
    recipe, warehouse, version = published
    shutil.copytree(warehouse.root, tmp_path / "warehouse")
    other = Warehouse(tmp_path / "warehouse")
    (other.root / EXPORTS_FILE).unlink(missing_ok=True)
    for name in ("there", "gone"):
        export(other, version.label, tmp_path / name, Format.JSONL)
    shutil.rmtree(tmp_path / "gone")
    done = forget(other, "edited", ["hostile"])
    told = [one for one in done.holders if one.kind is Kind.EXPORT]
    assert [one.path for one in told] == [tmp_path / "there"]
    assert version.label in told[0].label
    build(recipe, other.root)
    collect(other, forgotten=True)
    assert list((tmp_path / "there").iterdir())
    assert not collect(other, forgotten=True).removals


def test_the_command_says_what_it_wrote(published, tmp_path):
    _, warehouse, version = published
    arguments = ["export", "edited", "--to", str(tmp_path / "out"), "-w", str(warehouse.root)]
    result = CliRunner().invoke(app, [*arguments, "--format", "parquet", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout.splitlines()[-1])
    assert said["version"] == version.label
    assert all(name.endswith(".parquet") for name in said["files"])
