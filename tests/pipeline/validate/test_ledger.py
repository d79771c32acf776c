"""The ledger: one row per input record, whatever way the stages' tables are cut and ordered."""

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import SchemaMismatch
from data_contracts.fingerprint import sha256_of_file
from data_contracts.reasons import Reason
from data_contracts.schemas import LEDGER
from pipeline.validate.ledger import LedgerBroken, assemble_ledger
from tests.reference.ledger import slow_ledger
from tests.reference.ledger_inputs import Record, rows_of, write_inputs

INGEST = [Reason.BAD_JSON, Reason.BAD_ENCODING, Reason.DUPLICATE_KEY]
CLEAN = [Reason.EMPTY, Reason.TOO_FEW_WORDS, Reason.TOO_MANY_DIGITS, Reason.REPEATED_LINES]


@st.composite
def corpora(draw):
    """Records of every fate; a duplicate's survivor is any kept record before it."""
    records, kept = [], []
    for number in range(draw(st.integers(0, 25))):
        fate = draw(st.sampled_from(["kept", "ingest", "clean", "dedup", "overlap"]))
        common = {
            "source": draw(st.sampled_from(["books", "web", "a,b\nç"])),
            "language": draw(st.sampled_from(["en", "zh", "und"])),
            "split": draw(st.sampled_from(["train", "validation", "test"])),
        }
        more = {}
        if fate in {"ingest", "clean"}:
            reasons = draw(
                st.lists(st.sampled_from(INGEST if fate == "ingest" else CLEAN), min_size=1)
            )
            more = {"dropped_by": fate, "reasons": tuple(map(str, reasons))}
        elif fate == "overlap":
            more = {"dropped_by": "dedup", "reasons": ("held_out_overlap",)}
        elif fate == "dedup" and kept:
            more = {
                "dropped_by": "dedup",
                "reasons": ("near_duplicate",),
                "survivor": draw(st.sampled_from(kept)),
                "similarity": draw(st.floats(0.8, 1)),
            }
        records.append(Record(str(number), **common, **more))
        if not more:
            kept.append(records[-1])
    return records


def ledger_of(inputs, folder, **options):
    assemble_ledger(inputs.ingested, inputs.cleaned, inputs.deduped, folder, **options)
    return pq.read_table(folder)


@given(
    records=corpora(),
    seed=st.integers(0, 99),
    partition_rows=st.integers(1, 9),
    bucket_rows=st.integers(1, 30),
)
def test_the_ledger_is_what_a_slow_reading_of_the_tables_gives(
    tmp_path_factory, records, seed, partition_rows, bucket_rows
):
    folder = tmp_path_factory.mktemp("ledger")
    inputs = write_inputs(folder / "in", records, partition_rows=partition_rows, order_seed=seed)
    ledger = ledger_of(inputs, folder / "ledger", bucket_rows=bucket_rows)
    assert ledger.schema.equals(LEDGER)
    assert ledger.to_pylist() == slow_ledger(rows_of(records))
    for source, said in inputs.ingested.sources.items():
        rows = [row for row in ledger.to_pylist() if row["source"] == source]
        kept = sum(row["fate"] == "kept" for row in rows)
        assert len(rows) == said.rows_in
        assert kept == inputs.deduped.sources[source].rows_kept
        assert kept + sum(row["reason"] is not None for row in rows) == len(rows)
    assert not list(folder.glob("*.spill"))


def test_bytes_do_not_depend_on_partitions_or_order(tmp_path, write_inputs):
    inputs = [write_inputs(), write_inputs(partition_rows=3, order_seed=1)]
    files = []
    for number, one in enumerate(inputs):
        folder = tmp_path / str(number)
        ledger_of(one, folder, bucket_rows=20)
        files.append({path.name: sha256_of_file(path) for path in folder.iterdir()})
    assert files[0] == files[1]
    assert len(files[0]) > 1


def test_a_duplicate_is_in_the_cluster_of_its_survivor(tmp_path, write_inputs):
    def clustered(rows):
        rows.kept[0]["cluster_id"] = "f" * 32

    ledger = ledger_of(write_inputs(change=clustered), tmp_path / "ledger", bucket_rows=5)
    clusters = {row["key"]: row["cluster_id"] for row in ledger.to_pylist()}
    assert clusters["a"] == clusters["like a"] == clusters["same as a"] == "f" * 32
    assert clusters["broken"] is None


def no_fate(rows):
    del rows.kept[3]


def kept_twice(rows):
    rows.kept.append(rows.kept[3])


def kept_and_dropped(rows):
    rows.dedup.append({**rows.clean[0], "record_id": rows.kept[0]["record_id"]})


def dropped_by_two_stages(rows):
    rows.dedup.append({**rows.dedup[0], "record_id": rows.clean[0]["record_id"]})


def unknown_record(rows):
    rows.kept.append({**rows.kept[0], "record_id": "0" * 32})


def input_twice(rows):
    rows.origins.append(rows.origins[0])


def measured_twice(rows):
    rows.signals.append(rows.signals[0])


def unknown_reason(rows):
    rows.clean[0]["reason"] = "bad_mood"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_fate, "1 records have no fate"),
        (kept_twice, r"2 times in fates: \['shard', 'shard'\]"),
        (kept_and_dropped, r"2 times in fates: \['dedup', 'shard'\]"),
        (dropped_by_two_stages, r"2 times in fates: \['clean', 'dedup'\]"),
        (unknown_record, "record 0+ of shard is unknown to ingest"),
        (input_twice, "2 times in origins"),
        (measured_twice, "2 times in signals"),
        (unknown_reason, "'bad_mood' is not a reason"),
    ],
)
def test_a_record_without_exactly_one_fate_stops_the_mill(tmp_path, write_inputs, change, words):
    inputs = write_inputs(change=change)
    with pytest.raises(LedgerBroken, match=words):
        ledger_of(inputs, tmp_path / "ledger", bucket_rows=30)
    assert not (tmp_path / "ledger.spill").exists()


def test_a_table_of_another_shape_is_refused(tmp_path, write_inputs):
    inputs = write_inputs()
    swapped = inputs.deduped.model_copy(update={"folder": inputs.cleaned.folder})
    (swapped.folder / "kept").symlink_to(inputs.cleaned.documents)
    with pytest.raises(SchemaMismatch, match="the column `split` is missing"):
        assemble_ledger(inputs.ingested, inputs.cleaned, swapped, tmp_path / "ledger")
