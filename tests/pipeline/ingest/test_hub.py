"""What `datasets.load_dataset` loads is a source too: its rows are streamed, none is lost."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import FieldMissing, RecipeInvalid, SourceMissing
from data_contracts.reasons import Reason
from flows.recipe import load_recipe
from pipeline.ingest.hub import parse_dataset
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import PROSE, jsonl, origins_of, records_of, run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def source(folder: Path | str, query: str = "", **fields: str) -> Source:
    return Source(name="hub", path=f"dataset://{folder}{query}", **fields)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder in the layout of a dataset on the hub: a card, and a folder for each split."""
    folder = tmp_path / "corpus"
    for split, count in (("train", 700), ("test", 5)):
        (folder / split).mkdir(parents=True)
        rows = [{"id": f"{split}-{n}", "text": f"{n} {PROSE}", "n": n} for n in range(count)]
        pq.write_table(pa.Table.from_pylist(rows), folder / split / "rows.parquet")
    (folder / "README.md").write_text("# Corpus\n", encoding="utf-8")
    return folder


def test_a_folder_is_streamed_split_by_split(tmp_path, corpus):
    result = run(tmp_path, source(corpus, key_field="id"))
    assert [one["key"] for one in records_of(result)] == [f"train-{n}" for n in range(700)]
    assert [one["position"] for one in origins_of(result)] == [*range(1, 701)]
    assert {one["path"] for one in origins_of(result)} == {"train"}
    test = run(tmp_path, source(corpus, "?split=test", key_field="id"))
    assert [one["key"] for one in records_of(test)] == [f"test-{n}" for n in range(5)]


def test_nested_fields_and_rows_without_text_are_treated_as_in_files(tmp_path):
    folder = tmp_path / "chat"
    folder.mkdir()
    turns = [{"message": {"content": "corn"}}, {"message": {"content": None}}]
    (folder / "a.jsonl").write_bytes(jsonl(*turns))
    result = run(tmp_path, source(folder, text_field="message.content"))
    assert [one["text"] for one in records_of(result)] == ["corn"]
    assert result.rows_dropped == {Reason.NO_TEXT_FIELD: 1}
    with pytest.raises(FieldMissing, match="`message`"):
        run(tmp_path, source(folder, text_field="body"))


def test_a_changed_folder_is_seen_and_an_unchanged_one_is_not_read_again(tmp_path, corpus):
    cache = tmp_path / "cache"
    before = land(source(corpus)).digest
    assert land(source(corpus, "?split=test")).digest != before
    assert run(tmp_path, source(corpus), cache=cache).rows_reused == 0
    assert run(tmp_path, source(corpus), cache=cache).rows_reused == 700
    pq.write_table(
        pa.table({"id": ["a"], "text": ["rye"], "n": [1]}), corpus / "train/more.parquet"
    )
    assert land(source(corpus)).digest != before
    assert run(tmp_path, source(corpus), cache=cache).rows_in == 701


def test_damage_costs_one_row_and_nothing_that_was_read_before(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(jsonl(*({"text": str(n)} for n in range(300))))
    (folder / "b.jsonl").write_bytes(jsonl({"text": "corn"}) + b'{"text": "ry')
    result = run(tmp_path, source(folder), recipe=IngestRecipe(max_unreadable_ratio=1))
    assert result.rows_dropped == {Reason.BAD_FORMAT: 1}
    assert result.rows_kept >= 256
    assert [one["text"] for one in records_of(result)][:256] == [str(n) for n in range(256)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?splits=train", "`splits` is not known"),
        ("?split=dev", "cannot load it"),
        ("?x", "not known"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path, corpus, query, message):
    with pytest.raises(SourceMissing, match=message):
        run(tmp_path, source(corpus, query))


def test_a_name_of_the_hub_is_pinned_or_told_to_be_out_of_reach(monkeypatch):
    given = source("allenai/c4", "?config=en&split=validation&revision=main")
    wanted = parse_dataset(given)
    assert (wanted.name, wanted.config, wanted.split) == ("allenai/c4", "en", "validation")
    assert parse_dataset(given.model_copy(update={"path": wanted.location})) == wanted
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SourceMissing, match="the hub does not give it"):
        land(given)


def test_a_recipe_names_a_folder_from_where_it_lies(tmp_path, corpus):
    recipe = {"name": "mill", "sources": [{"name": "hub", "path": "dataset://./corpus?split=test"}]}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    (read,) = load_recipe(tmp_path / "recipe.yaml").sources
    assert read.path == f"dataset://{corpus}?split=test"
    recipe["sources"][0]["path"] = "s3://miller:grain@corpora/crawl"
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(RecipeInvalid, match="credentials in the environment"):
        load_recipe(tmp_path / "recipe.yaml")
