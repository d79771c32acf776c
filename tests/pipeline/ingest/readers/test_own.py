"""A recipe's own reader gives records as if it were built in, and cannot end a run."""

import gzip
import shutil
from pathlib import Path

import pytest

from data_contracts.errors import RecipeInvalid
from data_contracts.own_parts import resolve_part
from flows.recipe import load_recipe
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import decisions_of, records_of, run

EXAMPLE = Path(__file__).parents[4] / "deployments" / "recipes" / "own_reader"
LOOSE = IngestRecipe(max_unreadable_ratio=1)
READER = """
from typing import Any, BinaryIO, Iterator

def read(file: BinaryIO) -> Iterator[dict[str, Any]]:
    for line in file:
        key, text = line.decode().rstrip().split("=")
        yield {"name": key, "message": {"content": text}}
"""


def source(folder: Path, code: str = READER, **fields: str) -> Source:
    (folder / "mine.py").write_text(code)
    reader = resolve_part("mine:read", folder)
    return Source(name="mill", path=str(folder / "in"), reader=reader, **fields)


def test_records_of_an_own_reader_are_mapped_like_any(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mill").write_bytes(b"a=corn\nb=rye\n")
    (tmp_path / "in" / "b.mill").write_bytes(gzip.compress(b"c=oats\n"))
    mine = source(tmp_path, text_field="message.content", key_field="name")
    result = run(tmp_path, mine)
    assert {r["key"]: r["text"] for r in records_of(result)} == {
        "a": "corn",
        "b": "rye",
        "c": "oats",
    }


def test_a_reader_that_fails_costs_the_rest_of_its_file(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mill").write_bytes(b"a=corn\nb\nc=rye\n")
    (tmp_path / "in" / "b.mill").write_bytes(b"d=oats\n")
    result = run(tmp_path, source(tmp_path, text_field="message.content"), recipe=LOOSE)
    assert {r["text"] for r in records_of(result)} == {"corn", "oats"}
    assert [d["reason"] for d in decisions_of(result)] == ["bad_format"]


def test_changed_code_reads_again_and_is_another_dataset(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mill").write_bytes(b"a=corn\n")
    before = source(tmp_path, text_field="message.content")
    digest = land(before).digest
    assert run(tmp_path, before, cache=tmp_path / "cache").rows_reused == 0
    assert run(tmp_path, before, cache=tmp_path / "cache").rows_reused == 1
    after = source(tmp_path, READER + "# changed\n", text_field="message.content")
    assert land(after).digest != digest
    assert run(tmp_path, after, cache=tmp_path / "cache").rows_reused == 0


def test_the_documented_example_works(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "own")
    recipe = load_recipe(tmp_path / "own" / "recipe.yaml")
    result = run(tmp_path, *recipe.sources)
    assert {r["key"] for r in records_of(result)} == {"corn", "rye"}
    (tmp_path / "own" / "lexicon.py").write_text("def read(file): ...")
    with pytest.raises(RecipeInvalid, match=r"sources\.lexicon\.reader"):
        load_recipe(tmp_path / "own" / "recipe.yaml")
