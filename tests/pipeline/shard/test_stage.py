"""The whole stage."""

import json
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from data_contracts.arrow_files import read_all
from data_contracts.contract_columns import CONTRACT_KEY
from data_contracts.contract_stamp import stamps_of
from data_contracts.errors import GateRefused, NothingLeft, SchemaMismatch, VersionCorrupt
from data_contracts.fingerprint import sha256_of_file
from data_contracts.gate import gated_files
from data_contracts.lock import Lock
from data_contracts.results import ShardResult, check_chain
from data_contracts.schemas import LEDGER
from data_contracts.token_shards import TokenShards
from pipeline.shard import ledger, mapped_sort, scatter, stage, tokens
from pipeline.shard.recipe import ShardRecipe
from pipeline.shard.stage import shard
from tests.reference import shard_order
from tests.reference.shard_inputs import PASSED, SIGNALS, Record, make_inputs, some_records

RECIPE = ShardRecipe(vocabulary_size=400, documents_shard_bytes=20_000, shuffle_seed=3)
RECORDS = some_records(700)
EXPECTED = shard_order.published(RECORDS, seed=3)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the result, which tells how long it took."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "result.json"
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs"), RECORDS, partition_rows=200)


@pytest.fixture(scope="module")
def result(tmp_path_factory, inputs):
    return shard(inputs, RECIPE, tmp_path_factory.mktemp("version") / "out")


def test_counts_add_up_and_follow_dedup(inputs, result):
    check_chain(inputs.deduped, result)
    assert result.rows_in == result.rows_kept == sum(result.documents.values())
    assert result.documents == {split: len(records) for split, records in EXPECTED.items()}
    assert result.rows_reused == 0
    kept = sum(len(record.text.encode()) for record in RECORDS if record.kept)
    assert result.bytes_in == result.bytes_out == kept
    assert ShardResult.load(result.folder) == result


def test_every_published_file_bears_the_contracts_that_judged_it(inputs, result):
    stream = next((result.folder / "documents" / "train").glob("data-*.arrow"))
    with pa.memory_map(str(stream)) as source:
        documents = pa.ipc.open_stream(source).schema
    ledger, signals = (
        pq.read_schema(result.folder / name / "part-00000.parquet")
        for name in ("ledger", "signals")
    )
    spans = TokenShards.open(result.folder / "tokens" / "train").spans().schema
    for name, schema in {"documents": documents, "ledger": ledger, "signals": signals}.items():
        assert stamps_of(schema) == inputs.validated.contracts, name
    written = {schema.metadata[CONTRACT_KEY] for schema in (documents, ledger, signals, spans)}
    names = ("documents", "ledger", "shards")
    assert written == {f"corpusmill.{name} 1.0.0".encode() for name in names}


def test_documents_are_the_kept_ones_in_the_order_of_the_slow_twin(result):
    loaded = datasets.load_from_disk(str(result.folder / "documents"))
    assert list(loaded) == ["train", "validation", "test"]
    for split, records in EXPECTED.items():
        found = loaded[split].to_list()
        assert found == [
            {"record_id": one.id, "source": one.source, "language": one.language, "text": one.text}
            for one in records
        ]


def test_decoding_a_span_gives_the_text_of_its_record(result):
    reader = Tokenizer.from_file(str(result.folder / "tokenizer.json"))
    for split, records in EXPECTED.items():
        shards = TokenShards.open(result.folder / "tokens" / split)
        spans = shards.spans().to_pylist()
        assert [span["record_id"] for span in spans] == [record.id for record in records]
        for span, record in zip(spans, records, strict=True):
            ids = shards.read(span["start"], span["tokens"]).tolist()
            assert reader.decode(ids[:-1], skip_special_tokens=False) == record.text
            assert ids[-1] == reader.token_to_id("<|endoftext|>") == 0
            assert span["text_bytes"] == len(record.text.encode())
            assert span["source"] == record.source
        assert result.tokens[split] == len(shards)


def test_the_ledger_leads_to_each_text_and_says_why_others_are_not_there(result):
    ledger = pq.read_table(result.folder / "ledger")
    assert ledger.schema == LEDGER
    rows = ledger.to_pylist()
    assert [row["record_id"] for row in rows] == sorted(record.id for record in RECORDS)
    by_id = {record.id: record for record in RECORDS}
    for row in rows:
        record = by_id[row["record_id"]]
        if not record.kept:
            assert row["reason"] == "near_duplicate"
            assert (row["shard"], row["row"], row["tokens"]) == (None, None, None)
            continue
        path = result.folder / "documents" / row["split"] / row["shard"]
        document = pa.ipc.open_stream(str(path)).read_all().slice(row["row"], 1).to_pylist()[0]
        assert document["record_id"] == record.id
        assert document["text"] == record.text
    assert sum(row["tokens"] or 0 for row in rows) == sum(result.tokens.values())


def test_signals_of_every_record_are_sorted_by_record(inputs, result):
    signals = pq.read_table(result.folder / "signals")
    assert signals.schema == SIGNALS
    assert signals.equals(read_all(inputs.cleaned.signals, SIGNALS).sort_by("record_id"))


def test_the_folder_is_what_the_warehouse_promises(result):
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "README.md",
        "documents",
        "index",
        "ledger",
        "lock.json",
        "result.json",
        "signals",
        "tokenizer.json",
        "tokens",
    ]
    assert [path.name for path in (result.folder / "index").iterdir()] == ["signatures.parquet"]
    assert len(list((result.folder / "documents/train").glob("*.arrow"))) > 1
    assert not list(result.folder.rglob("*.partial"))
    gated = gated_files(result.folder)
    assert gated["tokenizer.json"] == result.tokenizer_sha256
    assert {f"tokens/{split}/spans.arrow" for split in EXPECTED} < gated.keys()
    assert f"kept of\n{len(RECORDS)} records" in (result.folder / "README.md").read_text()


def test_hashes_for_the_manifest_are_those_of_the_files(result):
    folders = {"documents", "index", "signals"}
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    names = {path: path.relative_to(result.folder).as_posix() for path in files}
    wanted = {
        name: sha256_of_file(path) for path, name in names.items() if name.split("/")[0] in folders
    }
    assert result.sha256 == wanted
    assert {name.split("/")[0] for name in wanted} == folders


def test_the_hub_library_loads_the_version_by_its_card(result, tmp_path):
    loaded = datasets.load_dataset(str(result.folder), cache_dir=str(tmp_path))
    assert {name: len(split) for name, split in loaded.items()} == result.documents


@settings(max_examples=8)
@given(
    order=st.integers(0, 10**6),
    partition_rows=st.integers(40, 800),
    bucket_bytes=st.sampled_from([4_000, 60_000, 64 << 20]),
    fits=st.booleans(),
    together=st.sampled_from([1, 3_000, 16 << 20]),
)
def test_bytes_do_not_depend_on_order_partitions_or_buckets(
    tmp_path_factory, result, order, partition_rows, bucket_bytes, fits, together
):
    folder = tmp_path_factory.mktemp("again")
    again = make_inputs(folder / "in", RECORDS, partition_rows=partition_rows, order_seed=order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scatter, "BUCKET_BYTES", bucket_bytes)
        patch.setattr(mapped_sort, "RANGE_BYTES", bucket_bytes)
        patch.setattr(tokens, "TOGETHER_BYTES", together)
        for module in (stage, ledger):
            patch.setattr(module, "fits", lambda _: fits)
        shard(again, RECIPE, folder / "out")
    assert contents(folder / "out") == contents(result.folder)


def test_bytes_do_not_depend_on_the_number_of_threads(tmp_path, inputs, result, monkeypatch):
    monkeypatch.setattr("pipeline.partition_pool.worker_count", lambda: 5)
    shard(inputs, RECIPE, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(result.folder)


def test_a_second_run_reuses_all_tokens_and_gives_the_same_bytes(tmp_path, inputs, result):
    cold = shard(inputs, RECIPE, tmp_path / "cold", cache=tmp_path / "cache")
    warm = shard(inputs, RECIPE, tmp_path / "warm", cache=tmp_path / "cache")
    assert (cold.rows_reused, warm.rows_reused) == (0, warm.rows_in)
    assert contents(tmp_path / "warm") == contents(tmp_path / "cold") == contents(result.folder)


def test_another_seed_gives_another_order_of_the_same_documents(tmp_path, inputs, result):
    recipe = RECIPE.model_copy(update={"shuffle_seed": 4})
    shard(inputs, recipe, tmp_path / "out")
    one, other = (
        datasets.load_from_disk(str(folder / "documents"))["train"]["text"][:]
        for folder in (tmp_path / "out", result.folder)
    )
    assert one != other
    assert sorted(one) == sorted(other)


def test_a_killed_run_leaves_nothing_that_a_rerun_trips_over(tmp_path, inputs, result, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_write_card", die)
        with pytest.raises(KeyboardInterrupt):
            shard(inputs, RECIPE, tmp_path / "out")
    assert ShardResult.load(tmp_path / "out") is None
    shard(inputs, RECIPE, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(result.folder)


def test_the_lock_keeps_the_tokenizer_when_the_data_change(tmp_path, result):
    more = make_inputs(tmp_path / "in", some_records(900, seed=5), lock=result.folder)
    locked = shard(more, RECIPE, tmp_path / "locked")
    free = shard(more.model_copy(update={"lock": None}), RECIPE, tmp_path / "free")
    assert locked.tokenizer_sha256 == result.tokenizer_sha256 != free.tokenizer_sha256
    assert Lock.load(tmp_path / "locked") == Lock.load(result.folder)


def test_other_settings_learn_another_tokenizer_despite_the_lock(tmp_path, result):
    inputs = make_inputs(tmp_path / "in", RECORDS, lock=result.folder)
    recipe = RECIPE.model_copy(update={"vocabulary_size": 300})
    other = shard(inputs, recipe, tmp_path / "out")
    assert other.vocabulary_size == 300 == Lock.load(tmp_path / "out").vocabulary_size


def test_a_folder_without_a_lock_locks_nothing(tmp_path, result):
    inputs = make_inputs(tmp_path / "in", RECORDS, lock=tmp_path / "nowhere")
    assert shard(inputs, RECIPE, tmp_path / "out").tokenizer_sha256 == result.tokenizer_sha256


def test_a_broken_lock_is_refused_rather_than_relearned(tmp_path, result):
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock/lock.json").write_bytes((result.folder / "lock.json").read_bytes())
    (tmp_path / "lock/tokenizer.json").write_text("{}")
    inputs = make_inputs(tmp_path / "in", RECORDS, lock=tmp_path / "lock")
    with pytest.raises(VersionCorrupt):
        shard(inputs, RECIPE, tmp_path / "out")


def test_a_recipe_can_bring_its_tokenizer(tmp_path, result):
    inputs = make_inputs(tmp_path / "in", some_records(50, seed=9))
    recipe = ShardRecipe(tokenizer=result.folder / "tokenizer.json")
    given_one = shard(inputs, recipe, tmp_path / "out")
    assert given_one.tokenizer_sha256 == result.tokenizer_sha256
    assert given_one.vocabulary_size == result.vocabulary_size


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        ((), "no check was evaluated"),
        ((PASSED.model_copy(update={"passed": False}),), "`rows`"),
    ],
)
def test_data_that_did_not_pass_its_contract_is_refused(tmp_path, checks, problem):
    inputs = make_inputs(tmp_path / "in", RECORDS[:20], checks=checks)
    with pytest.raises(GateRefused, match=problem):
        shard(inputs, RECIPE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failed_warning_does_not_block(tmp_path):
    warning = PASSED.model_copy(update={"severity": "warning", "passed": False})
    inputs = make_inputs(tmp_path / "in", RECORDS[:20], checks=(PASSED, warning))
    shard(inputs, RECIPE, tmp_path / "out")
    assert "1 of them with a warning" in (tmp_path / "out/README.md").read_text()


def test_nothing_kept_is_nothing_to_shard(tmp_path):
    records = [Record("a", "text", kept=False)]
    with pytest.raises(NothingLeft):
        shard(make_inputs(tmp_path / "in", records), RECIPE, tmp_path / "out")


def test_a_single_document_gives_two_empty_splits(tmp_path):
    only = next(record for record in RECORDS if record in EXPECTED["train"])
    out = tmp_path / "out"
    done = shard(make_inputs(tmp_path / "in", [only]), RECIPE, out)
    assert done.documents == {"train": 1, "validation": 0, "test": 0}
    loaded = datasets.load_from_disk(str(out / "documents"))
    assert [len(split) for split in loaded.values()] == [1, 0, 0]
    assert len(TokenShards.open(out / "tokens/test")) == 0


def test_a_kept_record_without_a_document_is_refused(tmp_path):
    inputs = make_inputs(tmp_path / "in", RECORDS[:60], partition_rows=20)
    (inputs.cleaned.documents / "part-00001.arrow").unlink()
    with pytest.raises(SchemaMismatch, match="have no document"):
        shard(inputs, RECIPE, tmp_path / "out")


def test_progress_ends_with_all_text_done(tmp_path, inputs, result):
    seen = []
    shard(inputs, RECIPE, tmp_path / "out", progress=lambda *told: seen.append(told))
    assert seen[-1] == (result.bytes_in, result.bytes_in, "bytes", "tokenising test")


def test_the_recipe_loads_without_heavy_imports(repository):
    program = (
        "import sys, pipeline.shard, pipeline.shard.recipe;"
        "print(sorted({'pyarrow', 'numpy', 'tokenizers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=repository
    )
    assert json.loads(done.stdout.replace("'", '"')) == []
