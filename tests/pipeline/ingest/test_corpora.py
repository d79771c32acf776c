"""The bundled corpora: small, licensed, and read to the very record."""

from pathlib import Path

import pytest

from data_contracts.fingerprint import fingerprint, library_versions
from data_contracts.reasons import Reason
from flows.recipe import load_recipe
from pipeline.ingest import LIBRARIES, STAGE_VERSION
from pipeline.ingest.formats import format_by_name
from pipeline.ingest.landing import land
from tests.pipeline.ingest.inputs import records_of, run

EXPECTED = {
    "novels": (
        625,
        {
            Reason.BAD_JSON: 4,
            Reason.BAD_ENCODING: 2,
            Reason.NO_TEXT_FIELD: 1,
            Reason.TEXT_NOT_STRING: 1,
            Reason.NO_KEY_FIELD: 1,
            Reason.DUPLICATE_KEY: 2,
        },
    ),
    "tales": (19, {}),
    "poetry-zh": (4227, {Reason.DUPLICATE_KEY: 1}),
    "licenses": (948, {Reason.BAD_COMPRESSION: 1}),
    "python-docs-html": (46, {Reason.BAD_HTML: 1}),
    "python-docs-source": (46, {}),
    "python-docs-web": (78, {Reason.BAD_FORMAT: 1}),
}


@pytest.fixture(scope="module")
def recipe(repository: Path):
    return load_recipe(repository / "deployments" / "recipes" / "demo.yaml")


def test_the_demo_reads_exactly_the_records_that_are_there(recipe, tmp_path):
    result = run(tmp_path, *recipe.sources)
    assert {n: (c.rows_kept, c.rows_dropped) for n, c in result.sources.items()} == EXPECTED
    assert 15_000_000 < result.bytes_out < 16_000_000
    texts: dict[str, set[object]] = {}
    for record in records_of(result):
        texts.setdefault(str(record["source"]), set()).add(record["text"])
    shared = texts["python-docs-html"] & texts["python-docs-web"]
    assert len(shared) == 17  # the tutorial, fetched and copied


GOLDEN = "c39a9aebae2448fdac53acd51f3d2617"
MADE_WITH = {
    "chardet": "7.7.0",
    "fastwarc": "2.0.1",
    "orjson": "3.13.0",
    "pyarrow": "26.0.1",
    "resiliparse": "2.0.1",
    "trafilatura": "2.3.1",
}


def test_the_same_input_gives_the_same_records_until_the_stage_version_is_raised(recipe, tmp_path):
    assert STAGE_VERSION == 5, "make the golden digest anew"
    if library_versions(LIBRARIES) != MADE_WITH:
        pytest.skip(f"the golden digest was made with {MADE_WITH}")
    records = records_of(run(tmp_path, *recipe.sources))
    ids = sorted(f"{r['record_id']} {r['content_id']}" for r in records)
    assert fingerprint(ids) == GOLDEN


def test_the_corpora_are_small_and_each_has_its_licence(recipe, repository):
    folder = repository / "deployments" / "corpora"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 10_000_000
    for source in recipe.sources:
        assert source.license
        assert (folder / source.name / "LICENSE").stat().st_size > 500
        assert (folder / source.name / "README.md").exists()
        assert not {"README.md", "LICENSE"} & {file.path for file in land(source).files}
    kinds = {format_by_name(file.path) for source in recipe.sources for file in land(source).files}
    assert kinds == {"jsonl", "markdown", "parquet", "html", "text", "warc"}
