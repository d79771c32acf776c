import logging
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.identity import content_id, shortened_id
from pipeline import record_cache
from pipeline.record_cache import RecordCache, forget

RESULTS = pa.schema([("length", pa.int64()), ("text", pa.large_string())])


def _ids(texts):
    return pa.array([content_id(text.encode()) for text in texts], pa.string())


def _store(folder, texts):
    with RecordCache(folder, RESULTS) as cache:
        cache.add(_ids(texts), _results(texts))


def _results(texts):
    return pa.table({"length": [len(text) for text in texts], "text": texts}, RESULTS)


@given(
    st.lists(st.lists(st.text(max_size=20), unique=True, max_size=8), max_size=4),
    st.lists(st.text(max_size=20), max_size=20),
    st.data(),
)
def test_what_was_stored_is_found_again_and_nothing_else(tmp_path_factory, stored, asked, data):
    folder = tmp_path_factory.mktemp("cache")
    for texts in stored:
        _store(folder, texts)
    known = {text for texts in stored for text in texts}
    asked = asked + data.draw(st.lists(st.sampled_from(sorted(known) or [""]), max_size=20))
    cache = RecordCache(folder, RESULTS)
    rows = cache.find(pa.concat_arrays([_ids(["pad"]), _ids(asked)]).slice(1))
    assert [row >= 0 for row in rows] == [text in known for text in asked]
    hits = [text for text in asked if text in known]
    assert cache.take(rows[rows >= 0]).to_pylist() == _results(hits).to_pylist()


def test_a_run_does_not_see_what_it_adds_itself(tmp_path):
    cache = RecordCache(tmp_path, RESULTS)
    cache.add(_ids(["a"]), _results(["a"]))
    cache.flush()
    assert cache.find(_ids(["a"])).tolist() == [-1]
    assert RecordCache(tmp_path, RESULTS).find(_ids(["a"])).tolist() == [0]


def test_without_a_folder_nothing_is_kept():
    cache = RecordCache(None, RESULTS)
    cache.add(_ids(["a"]), _results(["a"]))
    assert len(cache) == 0
    assert cache.find(_ids(["a"])).tolist() == [-1]
    assert cache.take(np.empty(0, np.int64)).num_rows == 0


def test_many_new_results_are_stored_in_few_segments(tmp_path, monkeypatch):
    monkeypatch.setattr(record_cache, "SEGMENT_BYTES", 1000)
    with RecordCache(tmp_path, RESULTS) as cache:
        for number in range(100):
            cache.add(_ids([f"{number}"]), _results([f"{number}"]))
    assert 4 <= len(list(tmp_path.iterdir())) <= 10
    found = RecordCache(tmp_path, RESULTS).find(_ids([f"{number}" for number in range(100)]))
    assert (found >= 0).all()


def test_after_an_error_nothing_more_is_written(tmp_path):
    def fill_the_disk():
        with RecordCache(tmp_path, RESULTS) as cache:
            cache.add(_ids(["a"]), _results(["a"]))
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert not list(tmp_path.iterdir())


def test_chunked_ids_are_found(tmp_path):
    _store(tmp_path, ["a", "b"])
    chunked = pa.chunked_array([_ids(["b"]), _ids([]), _ids(["x", "a"])])
    assert RecordCache(tmp_path, RESULTS).find(chunked).tolist() == [1, -1, 0]


@given(place=st.integers(0), bit=st.integers(0, 7), cut=st.booleans())
def test_a_segment_with_one_bit_wrong_is_named_taken_away_and_not_believed(
    tmp_path_factory, place, bit, cut
):
    folder = tmp_path_factory.mktemp("cache")
    for text in ("a", "b"):
        _store(folder, [text])
    bad, good = sorted(folder.iterdir())
    content = bytearray(bad.read_bytes())
    if cut:
        del content[place % len(content) :]
    else:
        content[place % len(content)] ^= 1 << bit
    bad.write_bytes(content)
    with _warnings() as said:
        cache = RecordCache(folder, RESULTS)
    assert [record.args[0] for record in said] == [bad]
    assert list(folder.iterdir()) == [good]
    assert len(cache) == 1
    assert (cache.find(_ids(["a", "b"])) >= 0).sum() == 1


def test_what_is_forgotten_leaves_sound_segments(tmp_path):
    _store(tmp_path, ["a", "b"])
    _store(tmp_path, ["c"])
    gone = {content_id(b"a"), content_id(b"c")}
    assert forget(tmp_path, gone) == 2
    with _warnings() as said:
        found = RecordCache(tmp_path, RESULTS).find(_ids(["a", "b", "c"]))
    assert said == []
    assert (found >= 0).tolist() == [False, True, False]


@contextmanager
def _warnings():
    """Collect what the cache says (hypothesis runs a test's body many times; caplog would add up)."""
    said = []
    handler = logging.Handler()
    handler.emit = said.append
    logger = logging.getLogger("pipeline.record_cache")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def test_what_is_not_there_is_computed_and_put_in_its_place(tmp_path):
    _store(tmp_path, ["a", "bb"])
    asked, computed = ["ccc", "bb", "", "a", "dddd"], []

    def compute(places):
        computed.extend(places.tolist())
        return _results([asked[place] for place in places])

    with RecordCache(tmp_path, RESULTS) as cache:
        found, there = cache.fetch(pa.chunked_array([_ids(asked)]), compute)
    assert found["text"].to_pylist() == asked
    assert (there, computed) == (2, [0, 2, 4])
    with RecordCache(tmp_path, RESULTS) as cache:
        found, there = cache.fetch(pa.chunked_array([_ids(asked)]), compute)
    assert found["text"].to_pylist() == asked
    assert (there, len(computed)) == (5, 3)


def test_with_a_record_what_others_left_of_it_is_forgotten(tmp_path):
    record, other = content_id(b"record"), content_id(b"other")
    ids = pa.array([record, shortened_id(record, b"rec"), shortened_id(other, b"rec"), other])
    with RecordCache(tmp_path, RESULTS) as cache:
        cache.add(ids, _results(["record", "rec", "rec", "other"]))
    assert forget(tmp_path, [record]) == 2
    assert (RecordCache(tmp_path, RESULTS).find(ids) >= 0).tolist() == [False, False, True, True]
