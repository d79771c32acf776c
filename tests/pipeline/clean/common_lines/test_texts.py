import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.clean.common_lines import kernels
from pipeline.clean.common_lines.counting import LineCounts
from pipeline.clean.common_lines.texts import lines_of, table_of, take_out
from pipeline.text.unicode_tables import unicode_tables
from tests.pipeline.text.hostile_text import hostile_bytes
from tests.pipeline.text.hostile_text import texts as any_texts
from tests.reference.common_lines import documents_of_lines, without_common
from tests.reference.plain_kernels import plain_kernels, wrapping_integers

PLAIN = plain_kernels("pipeline.clean.common_lines.kernels")
CLASSES = unicode_tables().classes

pages = st.lists(
    st.sampled_from(
        ["Home | Shop", "  Home | Shop\t", "\u3000Kontakt", "It rained.", "中文 行。", "", " "]
    )
).map("\n".join)
records = st.lists(st.tuples(st.one_of(pages, any_texts), st.sampled_from("ab")), max_size=8)


def column(values):
    return pa.chunked_array([pa.array(values, pa.large_string())])


def common_of(folder, parts, most, rows_at_once=1 << 20):
    counts = LineCounts(folder)
    for number, rows in enumerate(parts):
        texts, sources = [text for text, _ in rows], [source for _, source in rows]
        counts.add(
            f"part-{number}", *lines_of(column(texts), pa.chunked_array([sources], pa.string()))
        )
    return counts.common(most, rows_at_once)


@settings(max_examples=40)
@given(rows=records, most=st.integers(1, 3), data=st.data())
def test_lines_go_as_the_slow_twin_says_whatever_the_partitions(rows, most, data, tmp_path_factory):
    cut = data.draw(st.integers(0, len(rows)))
    texts, sources = [text for text, _ in rows], [source for _, source in rows]
    found = []
    for parts, at_once in (([rows], 1 << 20), ([rows[cut:], rows[:cut]], 2)):
        folder = tmp_path_factory.mktemp("counts")
        found.append(common_of(folder, parts, most, at_once))
    assert found[0].tolist() == found[1].tolist()
    wanted = [line for line, held in documents_of_lines(texts, sources).items() if len(held) > most]
    assert len(found[0]) == len(wanted)
    whole = column(["x", *texts, "y"])[1:-1]
    chunks = (
        pa.chunked_array([whole.slice(0, cut).chunk(0), whole.slice(cut).chunk(0)])
        if rows
        else whole
    )
    names = pa.chunked_array([sources], pa.string())
    for given_texts in (whole, chunks):
        kept, lines, ratio = take_out(given_texts, names, table_of(found[0]))
        told = list(zip(kept.to_pylist(), lines.tolist(), ratio.tolist(), strict=True))
        expected = without_common(texts, sources, most)
        assert [one[:2] for one in told] == [one[:2] for one in expected]
        assert [one[2] for one in told] == pytest.approx([one[2] for one in expected])


@given(st.lists(hostile_bytes, max_size=4), st.integers(0, 3))
def test_any_bytes_are_hashed_and_cut_safely_and_alike_without_compiling(documents, every):
    buffers = text_buffers(pa.array([b"ab\n", *documents], pa.large_binary())[1:])
    seeds = np.arange(len(documents), dtype=np.uint64)
    keys, texts = kernels.line_keys(*buffers, seeds, CLASSES)
    chosen = np.unique(keys)[:: every + 1]
    table = kernels.key_table(chosen)
    out = kernels.take_out(*buffers, seeds, CLASSES, table)
    with wrapping_integers():
        plain = PLAIN.line_keys(*buffers, seeds, CLASSES)
        assert [one.tolist() for one in plain] == [keys.tolist(), texts.tolist()]
        assert PLAIN.key_table(chosen).tolist() == table.tolist()
        again = PLAIN.take_out(*buffers, seeds, CLASSES, table)
    assert [one.tolist() for one in again] == [one.tolist() for one in out]
    assert out[2][:, 0].sum() == np.isin(keys, chosen).sum()


def test_a_line_is_the_same_with_other_blanks_around_it_and_another_in_another_source():
    texts = column(["  Home\t", "Home", "home", "Home\u3000"])
    keys, _ = lines_of(texts, pa.chunked_array([["a", "a", "a", "b"]], pa.string()))
    assert keys[0] == keys[1]
    assert len({*keys.tolist()}) == 3


def test_copies_of_a_text_count_once(tmp_path):
    page = ("Home | Shop\nIt rained all day.", "a")
    assert not len(common_of(tmp_path, [[page] * 5, [page] * 5], 1))


@pytest.mark.parametrize("line", ["a" * 400_000, "中" * 130_000, " " * 400_000, "\u3000" * 130_000])
def test_an_enormous_line_is_hashed_in_proportion(line, tmp_path):
    rows = [(line + str(n) + "\n" + line, "a") for n in range(3)]
    common = common_of(tmp_path, [rows], 2)
    assert len(common) == bool(line.strip())
    kept = take_out(column([rows[0][0]]), pa.chunked_array([["a"]], pa.string()), table_of(common))
    assert kept.lines.tolist() == [len(common)]


def test_no_lines_at_all_are_no_trouble(tmp_path):
    common = LineCounts(tmp_path).common(1)
    kept = take_out(column([]), pa.chunked_array([[]], pa.string()), table_of(common))
    assert kept.texts.to_pylist() == []
    assert not len(common_of(tmp_path, [[("", "a"), (" \n", "a")]], 1))
