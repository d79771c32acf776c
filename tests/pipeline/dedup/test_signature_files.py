"""Signatures come back by record_id, whatever files they went to."""

import numpy as np
import pytest

from pipeline.dedup import signature_files
from pipeline.dedup.signature_files import SignatureFiles


@pytest.mark.parametrize(("per_file", "most"), [(65_536, 256), (100, 256), (10, 8)])
@pytest.mark.parametrize("share_cached", [0, 0.6, 1])
def test_signatures_are_read_in_the_order_of_the_ids(
    tmp_path, monkeypatch, per_file, most, share_cached
):
    monkeypatch.setattr(signature_files, "ROWS_PER_FILE", per_file)
    monkeypatch.setattr(signature_files, "MOST_FILES", most)
    rng = np.random.default_rng(0)
    heads = rng.integers(0, 2**64, 1000, np.uint64)
    values = rng.integers(0, 2**32, (1000, 5), np.uint32)
    cached = rng.permutation(1000)
    places = np.where(rng.random(1000) < share_cached, np.argsort(cached), -1)
    from_cache = (lambda wanted: values[cached[wanted]]) if share_cached else None
    files = SignatureFiles(tmp_path, heads, 5, from_cache)
    with files:
        for start in range(0, 1000, 130):
            some = slice(start, start + 130)
            files.add(values[some], places[some])
    paths = list(tmp_path.iterdir())
    assert len(paths) == {65_536: 1, 100: 16, 10: 8}[per_file]
    assert sum(path.stat().st_size for path in paths) == 20 * np.count_nonzero(places < 0)
    by_id = np.argsort(heads)[rng.random(1000) < 0.7]
    for start in range(0, len(by_id), 90):
        rows = by_id[start : start + 90]
        assert (files.take(rows) == values[rows]).all()
    assert files.take(by_id[:0]).shape == (0, 5)


def test_no_documents_are_no_signatures(tmp_path):
    files = SignatureFiles(tmp_path, np.zeros(0, np.uint64), 5)
    with files:
        files.add(np.zeros((0, 5), np.uint32), np.zeros(0, np.int64))
    assert files.take(np.zeros(0, np.int64)).shape == (0, 5)
