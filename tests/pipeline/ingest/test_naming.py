"""Keys and ids are a function of the set of records, and every input record has an id of its own."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.identity import content_id, record_id
from pipeline.ingest.naming import name_records
from tests.reference.ingest import name_rows

Row = tuple[str, int, str | None, str | None]


def frame_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [row[0] for row in rows],
            "position": [row[1] for row in rows],
            "key": [row[2] for row in rows],
            "content_id": [None if row[3] is None else content_id(row[3].encode()) for row in rows],
        },
        schema={"path": pl.String, "position": pl.Int64, "key": pl.String, "content_id": pl.String},
    )


def named(rows: list[Row], ends: Sequence[int] = ()) -> list[tuple[str, str, bool]]:
    """Name rows that came in several chunks, which end at these places."""
    whole = frame_of(rows).to_arrow()
    places = [0, *(end for end in ends if end <= len(rows)), len(rows)]
    parts = [whole.slice(start, end - start) for start, end in pairwise(places)]
    frame = pl.from_arrow(pa.concat_tables(parts), rechunk=False)
    return list(name_records("mill", frame).iter_rows())


CONTENT = content_id(b"corn")
# Few texts and keys, so that they clash; keys that imitate those made here.
KEYS = st.sampled_from([None, None, "a", "b", "", "f:1", f"{CONTENT}-1", f"{CONTENT}-2", "a\x1f"])
TEXTS = st.sampled_from([None, "corn", "rye", ""])
ROWS = st.lists(st.tuples(KEYS, TEXTS), max_size=12).map(
    lambda drawn: [
        ("f", n, key if text is not None else None, text) for n, (key, text) in enumerate(drawn, 1)
    ]
)


@given(rows=ROWS, ends=st.sets(st.integers(0, 12)))
def test_keys_are_those_that_looking_at_all_others_gives(rows, ends):
    assert [(key, lost) for _, key, lost in named(rows, sorted(ends))] == name_rows(rows)


@given(ROWS)
def test_every_row_has_an_id_of_its_own_and_a_kept_key_gives_its_own(rows):
    found = named(rows)
    assert len({one for one, _, _ in found}) == len(rows)
    assert all(one == record_id("mill", key) for one, key, lost in found if not lost)


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_records_changes_no_id(rows, seed):
    readable = [row for row in rows if row[3] is not None]
    shuffled = [row[2:] for row in readable]
    seed.shuffle(shuffled)
    again = [("g", n, key, text) for n, (key, text) in enumerate(shuffled, 1)]

    def ids(of: list[Row]) -> list[tuple[str, str | None, bool]]:
        return sorted(
            (one, row[3] or "", lost) for (one, _, lost), row in zip(named(of), of, strict=True)
        )

    assert ids(readable) == ids(again)


def test_of_one_key_with_several_contents_the_smallest_content_id_keeps_it():
    texts = sorted(["corn", "rye", "oats"], key=lambda text: content_id(text.encode()))
    rows = [("f", n, "a", text) for n, text in enumerate(reversed(texts), 1)]
    assert [lost for _, _, lost in named(rows)] == [True, True, False]


def test_a_repeated_text_without_a_key_is_named_by_its_occurrence():
    rows: list[Row] = [("f", n, None, "corn") for n in (1, 2, 3)]
    assert [key for _, key, _ in named(rows)] == [f"{CONTENT}-{n}" for n in (1, 2, 3)]


def test_no_rows_give_no_names():
    assert named([]) == []
