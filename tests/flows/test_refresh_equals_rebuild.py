"""A refresh gives the same bytes as a rebuild: whatever was edited, cached, cut up or threaded."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.dedup.corpus
import pipeline.dedup.measuring
import pipeline.ingest.records_writer
import pipeline.ingest.units
import pipeline.partition_pool
import pipeline.shard.ledger
import pipeline.shard.scatter
import pipeline.shard.stage
import pipeline.shard.tokens
from data_contracts.errors import RecipeInvalid
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.collecting import collect
from flows.forgetting import forget
from tests.flows.dataset_runs import build
from tests.flows.editing import EDITS, KEYED, NUMBERS, Edit, EditedCorpus, Record, prose
from tests.flows.version_bytes import content


# These know when they were made, and what came before.
@pytest.fixture(scope="module")
def before():
    """A corpus and a warehouse with its first version."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = EditedCorpus()
        first = refresh(corpus.write(folder / "corpus"), folder / "warehouse")
        yield folder / "warehouse", first.published


def refresh(recipe: Path, warehouse: Path, *, signatures_at_hand: bool = True):
    """Build on what is there, in partitions of which some do not change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.ingest.records_writer, "PARTITION_BYTES", 7_000)
        patch.setattr(pipeline.shard.tokens, "TOGETHER_BYTES", 20_000)
        patch.setattr(pipeline.dedup.measuring, "fits", lambda _: signatures_at_hand)
        return build(recipe, warehouse)


def rebuild(recipe: Path, warehouse: Path, lock: Path):
    """Build from nothing but a lock, in one thread and in small pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.partition_pool, "worker_count", lambda: 1)
        patch.setattr(pipeline.ingest.units, "PARTITION_BYTES", 5_000)
        patch.setattr(pipeline.ingest.records_writer, "PARTITION_BYTES", 9_000)
        patch.setattr(pipeline.dedup.corpus, "SLICE_BYTES", 3_000)
        patch.setattr(pipeline.shard.scatter, "BUCKET_BYTES", 10_000)
        for module in (pipeline.shard.stage, pipeline.shard.ledger):
            patch.setattr(module, "fits", lambda _: False)
        return build(recipe, warehouse, lock=lock)


class Round(NamedTuple):
    """What happens between one refresh and the next."""

    edits: list[Edit]
    forget: int | None = None
    """Which record is to be forgotten, with its duplicates."""
    collect: bool = False
    """Whether garbage is collected afterwards, caches that hold forgotten text included."""


def check_rounds(before, rounds) -> None:
    warehouse, _ = before
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(warehouse, folder / "warm")
        warm = Warehouse.existing(folder / "warm")
        corpus = EditedCorpus()
        for edits, number, collected in rounds:
            corpus.apply(edits)
            if number is not None:
                ledger = pl.read_parquet(warm.latest("datasets", "edited") / "ledger" / "*.parquet")
                forget(warm, "edited", [ledger["record_id"][number % ledger.height]])
            recipe = corpus.write(folder / "corpus")
            refreshed = refresh(recipe, warm.root, signatures_at_hand=len(edits) % 2 == 0).published
            if collected:
                collect(warm, keep=1, forgotten=True)
        rebuilt = rebuild(recipe, folder / "cold", refreshed.path).published
        assert refreshed.fingerprint == rebuilt.fingerprint
        left, right = content(refreshed.path), content(rebuilt.path)
        assert [name for name in left | right if left.get(name) != right.get(name)] == []


@settings(max_examples=6)
@given(edits=st.lists(EDITS, min_size=8, max_size=40))
def test_a_refresh_equals_a_rebuild_byte_for_byte(before, edits):
    check_rounds(before, [Round(edits)])


ROUNDS = st.builds(
    Round, st.lists(EDITS, min_size=1, max_size=60), st.none() | NUMBERS, st.booleans()
)


@pytest.mark.slow
@settings(max_examples=6)
@given(rounds=st.lists(ROUNDS, min_size=1, max_size=4))
def test_many_refreshes_equal_one_rebuild(before, rounds):
    check_rounds(before, rounds)


@settings(max_examples=2)
@given(seed=st.integers(0, 999), parts=st.integers(0, 999))
def test_where_and_in_what_order_records_lie_changes_no_document_and_no_token(before, seed, parts):
    _, first = before
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus = EditedCorpus()
        for number in range(8):
            corpus.reorder(number, seed, 0)
        corpus.repartition(0, parts, seed)
        corpus.repartition(len(corpus.files[KEYED]), parts + 1, seed)
        recipe = corpus.write(folder / "corpus")
        other = rebuild(recipe, folder / "warehouse", first.path).published
        assert other.fingerprint != first.fingerprint
        left, right = content(first.path), content(other.path)
        for name in left | right:
            if name.split("/")[0] in {"documents", "tokens", "signals", "index"}:
                assert left.get(name) == right.get(name), name
        places = ["path", "position"]
        ledgers = [
            pl.read_parquet(one / "ledger" / "*.parquet").drop(places)
            for one in (first.path, other.path)
        ]
        assert ledgers[0].equals(ledgers[1])


def test_deleting_a_survivor_brings_back_its_best_duplicate(tmp_path):
    corpus = EditedCorpus(4)
    text = prose(77)
    family = [text, text.replace("granite", "basalt"), text.rsplit(" ", 1)[0] + " basalt."]
    corpus.files[KEYED]["family.jsonl"] = [Record(f"f{n}", one) for n, one in enumerate(family)]
    nothing_held_out = {"split": {"validation_ratio": 0, "test_ratio": 0}}
    kept = []
    for _ in range(3):
        recipe = corpus.write(tmp_path / "corpus", **nothing_held_out)
        version = build(recipe, tmp_path / "warehouse").published.path
        ledger = pl.read_parquet(version / "ledger" / "*.parquet")
        members = ledger.filter(pl.col("path") == "family.jsonl")
        (survivor,) = members.filter(pl.col("fate") == "kept").iter_rows(named=True)
        others = members.filter(pl.col("fate") == "duplicate")
        assert others["survivor_id"].to_list() == [survivor["record_id"]] * (len(members) - 1)
        kept.append(survivor["key"])
        corpus.files[KEYED]["family.jsonl"] = [
            one for one in corpus.files[KEYED]["family.jsonl"] if one.key not in kept
        ]
    assert sorted(kept) == ["f0", "f1", "f2"]


def test_when_nothing_changed_nothing_is_done_at_once(before, tmp_path):
    warehouse, first = before
    recipe = EditedCorpus().write(tmp_path / "corpus")
    files = {path: path.stat().st_mtime_ns for path in warehouse.rglob("*") if path.is_file()}
    started = time.monotonic()
    again = build(recipe, warehouse)
    assert time.monotonic() - started < 5
    assert again.plan.nothing_to_do
    assert not again.published.created
    assert again.published.version == first.version
    after = {path: path.stat().st_mtime_ns for path in warehouse.rglob("*") if path.is_file()}
    changed = {path.name for path in after if after[path] != files.get(path)}
    assert changed <= {".lease", "landing.json"}


def test_a_tokenizer_learned_anew_makes_another_version(before, tmp_path):
    warehouse, first = before
    shutil.copytree(warehouse, tmp_path / "warehouse")
    corpus = EditedCorpus()
    for number in range(20):
        corpus.rewrite(7 * number, number, 0)
    recipe = corpus.write(tmp_path / "corpus")
    locked = build(recipe, tmp_path / "warehouse").published
    learned = build(recipe, tmp_path / "warehouse", relearn_tokenizer=True).published
    sha256 = {DatasetManifest.load(one.path).tokenizer_sha256 for one in (first, locked)}
    assert len(sha256) == 1
    assert learned.created
    assert DatasetManifest.load(learned.path).tokenizer_sha256 not in sha256
    assert not build(recipe, tmp_path / "warehouse").published.created


def test_a_lock_for_other_settings_is_refused(before, tmp_path):
    _, first = before
    recipe = EditedCorpus(3).write(tmp_path / "corpus", shard={"vocabulary_size": 301})
    with pytest.raises(RecipeInvalid, match="other settings of `shard`"):
        build(recipe, tmp_path / "warehouse", lock=first.path)
    with pytest.raises(RecipeInvalid, match="holds no lock"):
        build(recipe, tmp_path / "warehouse", lock=tmp_path)
    with pytest.raises(RecipeInvalid, match="exclude each other"):
        build(recipe, tmp_path / "warehouse", lock=first.path, relearn_tokenizer=True)
