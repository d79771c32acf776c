import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import SchemaMismatch
from pipeline.buffers import text_array, text_buffers

KINDS = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]


def read(buffers):
    return [buffers.text(number) for number in range(len(buffers.starts) - 1)]


@given(st.lists(st.text(max_size=5), max_size=8), st.sampled_from(KINDS), st.data())
def test_slices_and_chunks_give_their_own_texts(texts, kind, data):
    array = pa.array([text.encode() for text in texts], pa.large_binary()).cast(kind)
    first = data.draw(st.integers(0, len(texts)))
    last = data.draw(st.integers(first, len(texts)))
    part = array[first:last]
    assert read(text_buffers(part)) == texts[first:last]
    chunks = pa.chunked_array([array[first:last], array[:first], array[last:]], kind)
    assert read(text_buffers(chunks)) == texts[first:last] + texts[:first] + texts[last:]
    assert text_array(text_buffers(part)).to_pylist() == texts[first:last]


def test_nothing_is_copied_of_a_large_string_array():
    array = pa.array(["one", "two", "three"], pa.large_string())
    buffers = text_buffers(array[1:])
    assert buffers.text_bytes.ctypes.data == array.buffers()[2].address
    assert buffers.starts.ctypes.data == array.buffers()[1].address + 8
    assert not buffers.text_bytes.flags.writeable
    assert not buffers.starts.flags.writeable


def test_the_bytes_outlive_the_array():
    buffers = text_buffers(pa.array(["kept alive"] * 1000, pa.large_string()))
    assert buffers.text(999) == "kept alive"


def test_a_column_without_chunks_is_empty():
    assert text_buffers(pa.chunked_array([], pa.string())).starts.tolist() == [0]


@pytest.mark.parametrize("column", [pa.array(["a", None]), pa.chunked_array([["a"], [None]])])
def test_nulls_are_refused(column):
    with pytest.raises(SchemaMismatch, match="1 of 2 are null"):
        text_buffers(column)


def test_numbers_are_refused():
    with pytest.raises(SchemaMismatch, match="it is int64, not text"):
        text_buffers(pa.array([1]))


@pytest.mark.parametrize("starts", [[0, 9, 3], [0, -4, 3], [2, 1, 3]])
def test_offsets_outside_the_data_are_refused(starts):
    offsets = pa.py_buffer(np.array(starts, np.int64))
    buffers = [None, offsets, pa.py_buffer(b"abc")]
    broken = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2, buffers)
    with pytest.raises(SchemaMismatch, match="offsets"):
        text_buffers(broken)
