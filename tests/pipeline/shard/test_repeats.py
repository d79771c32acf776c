"""Further copies of documents that many records repeated."""

import pickle
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer

from data_contracts.errors import VersionCorrupt
from data_contracts.gate import gated_files
from data_contracts.token_shards import REPEATS, TokenShards
from pipeline.shard.recipe import ShardRecipe
from pipeline.shard.stage import shard
from tests.reference import shard_order
from tests.reference.shard_inputs import Record, make_inputs, some_records

SIZES = (1, 2, 3, 9, 10, 1000)
RECORDS = [
    replace(record, cluster_size=SIZES[number % 6])
    for number, record in enumerate(some_records(300))
]
TIMES = {2: 2, 10: 4, 100: 1}
TRAIN = shard_order.published(RECORDS, seed=3)["train"]


def times_of(record: Record) -> int:
    return max(((size, often) for size, often in TIMES.items() if size <= record.cluster_size),
               default=(0, 1))[1]  # fmt: skip


def run(folder, times, **others):
    recipe = ShardRecipe(vocabulary_size=400, shuffle_seed=3, repeat_by_cluster_size=times)
    return shard(make_inputs(folder / "in", RECORDS), recipe, folder / "out", **others)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("repeats"), TIMES)


def test_training_reads_a_document_as_often_as_its_cluster_size_says(result):
    tokens = result.folder / "tokens"
    read = Counter(TokenShards.open_for_training(tokens).spans()["record_id"].to_pylist())
    assert read == {record.id: times_of(record) for record in TRAIN}
    assert max(read.values()) == 4
    assert result.repeated_documents == sum(read.values()) - len(TRAIN)
    assert result.repeated_tokens == len(TokenShards.open(tokens / REPEATS))


def test_every_copy_is_the_whole_document_and_copies_lie_apart(result):
    shards = TokenShards.open_for_training(result.folder / "tokens")
    reader = Tokenizer.from_file(str(result.folder / "tokenizer.json"))
    texts = {record.id: record.text for record in TRAIN}
    spans = shards.spans().to_pylist()
    for span in spans:
        ids = shards.read(span["start"], span["tokens"]).tolist()
        assert reader.decode(ids[:-1], skip_special_tokens=False) == texts[span["record_id"]]
        assert ids[-1] == 0
    assert all(one["start"] + one["tokens"] == next_["start"] for one, next_ in pairwise(spans))
    assert all(one["record_id"] != next_["record_id"] for one, next_ in pairwise(spans))


def test_nothing_but_the_copies_differs_and_held_out_documents_have_none(result, tmp_path):
    plain = run(tmp_path, {})
    assert not (plain.folder / "tokens" / REPEATS).exists()
    assert plain.tokens == result.tokens
    assert plain.documents == result.documents
    for part in ("documents", "tokens", "ledger", "signals"):
        for path in (plain.folder / part).rglob("*.*"):
            twin = result.folder / path.relative_to(plain.folder)
            assert twin.read_bytes() == path.read_bytes()


def test_a_cache_changes_nothing_and_copies_of_a_text_are_encoded_once(result, tmp_path):
    again = run(tmp_path, TIMES, cache=tmp_path / "cache")
    assert gated_files(again.folder) == gated_files(result.folder)


def test_the_card_counts_the_copies_apart(result):
    card = (result.folder / "README.md").read_text()
    assert f"{result.repeated_documents:,}\ncopies, {result.repeated_tokens:,} tokens" in card


def test_the_gate_covers_the_copies_and_a_broken_copy_is_noticed(result, tmp_path):
    assert f"tokens/{REPEATS}/spans.arrow" in gated_files(result.folder)
    copy = run(tmp_path, TIMES).folder / "tokens"
    (copy / REPEATS / "spans.arrow").unlink()
    with pytest.raises(VersionCorrupt, match="span table is missing"):
        TokenShards.open_for_training(copy)


def test_shards_with_copies_travel_to_other_processes(result):
    shards = TokenShards.open_for_training(result.folder / "tokens")
    there = pickle.loads(pickle.dumps(shards))
    assert len(there) == len(shards)
    assert there.read(0, len(there)).tolist() == shards.read(0, len(shards)).tolist()


@pytest.mark.parametrize("times", [{0: 2}, {2: 0}, {2: 101}])
def test_sizes_and_times_that_make_no_sense_are_refused(times):
    with pytest.raises(ValidationError, match="sizes are 1 or more, times 1 to 100"):
        ShardRecipe(repeat_by_cluster_size=times)
