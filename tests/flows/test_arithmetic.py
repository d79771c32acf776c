"""`mill verify` adds a version up; every way to cook the books is told, and names the file."""

import shutil

import polars as pl
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.arrow_files import read_ipc, write_ipc, write_parquet
from data_contracts.errors import VersionCorrupt
from data_contracts.manifest import DatasetManifest, list_files
from data_contracts.schemas import LEDGER
from data_contracts.token_shards import REPEATS, SPANS_FILE
from flows import arithmetic
from flows.arithmetic import check_books
from flows.cli import app
from flows.comparison import id_ranges
from tests.flows.dataset_runs import build
from tests.flows.editing import EditedCorpus


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    corpus = EditedCorpus(20)
    for number in range(6):
        corpus.exact_copy(5 * number, number, number)
    return build(corpus.write(folder / "corpus"), folder / "warehouse").published.path


@pytest.fixture
def copy(version, tmp_path):
    return shutil.copytree(version, tmp_path / version.name)


def check(version):
    return check_books(version, DatasetManifest.load(version))


def test_a_version_as_it_was_published_adds_up(version, monkeypatch):
    books, ledger = check(version), pl.read_parquet(version / "ledger" / "*.parquet")
    assert books.records == ledger.height == books.kept + sum(books.dropped.values())
    assert books.duplicates == ledger["survivor_id"].drop_nulls().len() > 0
    assert books.tokens == ledger["tokens"].sum()
    monkeypatch.setattr(arithmetic, "id_ranges", lambda rows: id_ranges(rows, at_once=10))
    assert check(version) == books


def edit(version, change):
    """Rewrite the ledger as one file."""
    folder = version / "ledger"
    rows = change(pl.read_parquet(folder / "*.parquet"))
    shutil.rmtree(folder)
    write_parquet(folder / "part-00000.parquet", rows.to_arrow().cast(LEDGER))


def where(condition, **values):
    """Set columns of the first row that meets a condition."""

    def change(rows):
        first = rows.with_row_index("n").filter(condition)["n"][0]
        return rows.with_columns(
            pl.when(pl.int_range(pl.len()) == first).then(value).otherwise(pl.col(name)).alias(name)
            for name, value in values.items()
        )

    return change


KEPT = pl.col("fate") == "kept"
DUPLICATE = pl.col("fate") == "duplicate"
NOTHING = pl.lit(None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows[1:], "ledger"),
        (lambda rows: pl.concat([rows, rows[-1:]]), "each there once"),
        (lambda rows: rows.reverse(), "not sorted"),
        (where(KEPT, fate=pl.lit("dropped")), "a fate that its reason does not give"),
        (where(KEPT, shard=NOTHING), "lies nowhere"),
        (where(DUPLICATE, row=pl.lit(3)), "lies somewhere"),
        (where(DUPLICATE, survivor_id=NOTHING), "a duplicate of nothing"),
        (where(DUPLICATE, survivor_id=pl.lit("0" * 32)), "repeats a record that is not kept"),
        (where(DUPLICATE, similarity=pl.lit(0.5)), "less similar than 0.8"),
        (where(DUPLICATE, source=pl.lit("other")), "records by source"),
        (where(KEPT, tokens=pl.col("tokens") + 1), "tokens by split"),
        (where(KEPT, row=pl.col("row") + 1), "the ledger places"),
        (where(KEPT & (pl.col("split") == "train"), split=pl.lit("test")), "kept by split"),
    ],
)
def test_a_ledger_that_does_not_add_up_is_told(copy, change, problem):
    edit(copy, change)
    with pytest.raises(VersionCorrupt, match=problem) as told:
        check(copy)
    assert str(copy) in told.value.path


def swap_tokens(rows):
    two = rows.filter(KEPT & (pl.col("split") == "train")).unique("tokens")[:2]
    first, second = two.select("record_id", "tokens").rows()
    swapped = {first[0]: second[1], second[0]: first[1]}
    return rows.with_columns(
        tokens=pl.col("record_id").replace_strict(
            swapped, default=pl.col("tokens"), return_dtype=pl.Int64
        )
    )


def test_tokens_of_other_documents_are_told_although_the_sums_agree(copy):
    edit(copy, swap_tokens)
    with pytest.raises(VersionCorrupt, match="not those of the ledger"):
        check(copy)


def test_a_document_that_was_exchanged_is_told_and_its_shard_named(copy):
    (shard, *_) = sorted((copy / "documents" / "train").glob("*.arrow"))
    with pa.ipc.open_stream(shard.read_bytes()) as stream:
        table = stream.read_all()
    ids = table["record_id"].to_pylist()
    ids[0], ids[1] = ids[1], ids[0]
    table = table.set_column(0, table.schema.field(0), pa.array(ids))
    with pa.OSFile(str(shard), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(VersionCorrupt, match="or other ones") as told:
        check(copy)
    assert told.value.path == str(shard)


def test_a_record_without_signals_is_told(copy):
    (part, *_) = sorted((copy / "signals").glob("*.parquet"))
    pl.read_parquet(part)[1:].write_parquet(part)
    with pytest.raises(VersionCorrupt, match="that were read"):
        check(copy)


def test_the_command_tells_although_every_checksum_was_made_to_fit(version, tmp_path):
    warehouse = shutil.copytree(version.parents[2], tmp_path / "warehouse")
    folder = warehouse / "datasets" / "edited" / version.name
    told = CliRunner().invoke(app, ["verify", "edited", "-w", str(warehouse)])
    assert told.exit_code == 0, told.output
    assert "records = " in told.output
    edit(folder, where(DUPLICATE, survivor_id=pl.lit("0" * 32)))
    manifest = DatasetManifest.load(folder)
    manifest.model_copy(update={"files": list_files(folder)}).save(folder)
    told = CliRunner().invoke(app, ["verify", "edited", "-w", str(warehouse)])
    assert isinstance(told.exception, VersionCorrupt)


@pytest.fixture(scope="module")
def repeating(tmp_path_factory):
    """A version in which training reads what was repeated three times."""
    folder = tmp_path_factory.mktemp("repeating")
    corpus = EditedCorpus(20)
    for number in range(6):
        corpus.exact_copy(5 * number, number, number)
    recipe = corpus.write(folder / "corpus")
    content = yaml.safe_load(recipe.read_text())
    content.setdefault("shard", {})["repeat_by_cluster_size"] = {2: 3}
    recipe.write_text(yaml.safe_dump(content))
    return build(recipe, folder / "warehouse").published.path


def test_further_copies_of_training_documents_add_up(repeating, version):
    manifest = DatasetManifest.load(repeating)
    assert check(repeating) == check(version)
    ledger = pl.read_parquet(repeating / "ledger" / "*.parquet")
    clusters = pl.read_parquet(repeating / "index" / "clusters.parquet")["cluster_id"].unique()
    repeated = ledger.filter(KEPT & (pl.col("split") == "train"))
    repeated = repeated.filter(pl.col("record_id").is_in(clusters.implode()))
    assert manifest.repeated_tokens == 2 * repeated["tokens"].sum() > 0


def test_copies_that_are_missing_or_of_something_else_are_told(repeating, tmp_path):
    without = shutil.copytree(repeating, tmp_path / "without")
    shutil.rmtree(without / "tokens" / REPEATS)
    with pytest.raises(VersionCorrupt, match="holds 0 tokens"):
        check(without)
    other = shutil.copytree(repeating, tmp_path / "other")
    spans = read_ipc(other / "tokens" / REPEATS / SPANS_FILE)
    strangers = pa.array(["f" * 32] * spans.num_rows)
    place = spans.schema.get_field_index("record_id")
    changed = spans.set_column(place, spans.schema.field(place), strangers)
    write_ipc(other / "tokens" / REPEATS / SPANS_FILE, changed)
    with pytest.raises(VersionCorrupt, match="copies are of no training document"):
        check(other)
