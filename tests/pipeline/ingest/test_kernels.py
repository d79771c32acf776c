"""The bound holds: no page nests deeper, or makes more elements, than its bytes were said to allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import ELEMENT, HTMLTree

from pipeline.ingest.kernels import _KNOWN, markup_bounds

LIMIT = 4096


def bounds(page: bytes, kernel=markup_bounds) -> tuple[int, ...]:
    return tuple(int(n) for n in kernel(np.frombuffer(page, np.uint8), LIMIT))


def parsed(page: str) -> tuple[int, int]:
    """Nesting and elements of the page as the parser sees it, counted by walking over it."""
    depth = elements = 0
    waiting = [(HTMLTree.parse(page).document, 0)]
    while waiting:
        node, level = waiting.pop()
        depth = max(depth, level)
        elements += node.type == ELEMENT
        waiting += [(child, level + 1) for child in node.child_nodes]
    return depth, elements


KNOWN = [int(name).to_bytes(8, "big").lstrip(b"\0").decode() for name in _KNOWN]
NAMES = [*KNOWN, "span", "h3", "q", "rt", "rb", "g", "my-element", "blockquote", "foreignObject"]
FEW_NAMES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5)


def tags(names: list[str]) -> st.SearchStrategy[str]:
    name = st.sampled_from(names)
    return st.one_of(
        name.map("<{}>".format),
        name.map("</{}>".format),
        st.tuples(name, st.integers(0, 9)).map(lambda t: f"<{t[0]} id={t[1]}>"),
        name.map("<{}/>".format),
        st.sampled_from(["x", " ", "<!-->", "<![CDATA[", "]]>", '<a =">', "<p a='"]),
    )


# A page of a short sequence of tags again and again: whatever the bound misses adds up.
PAGES = FEW_NAMES.flatmap(
    lambda names: st.tuples(st.lists(tags(names), min_size=1, max_size=8), st.sampled_from([1, 40]))
).map(lambda drawn: "".join(drawn[0]) * drawn[1])


@settings(max_examples=400)
@given(PAGES)
def test_no_page_nests_deeper_or_holds_more_than_its_bound(page):
    bound, _, most_elements, _ = bounds(page.encode())
    depth, elements = parsed(page)
    assert depth <= 4 * bound + 8
    assert elements <= 3 * most_elements + 2 * page.count("</") + 8


@settings(max_examples=100)
@given(st.one_of(PAGES.map(str.encode), st.binary(max_size=200)))
def test_compiled_and_plain_python_agree(page):
    assert bounds(page) == bounds(page, markup_bounds.py_func)


@pytest.mark.parametrize(
    ("page", "depth"),
    [
        (b"", 0),
        (b"<", 0),
        (b"</", 0),
        (b"<p>a<p>b<br><hr>", 1),
        (b"<div></div>" * 50, 1),
        (b"<div><div><div>", 3),
        (b"<!-- <div><div> --><div>", 1),
        (b"<script>if (a<b) c</script>", 0),
        (b"<textarea><div></textarea>", 0),
        (b"<table><tr><td>a<td>b<tr><td>c</table>" * 9, 1),
        (b"<ul>" + b"<li>a" * 99, 2),
        (b"<DIV></div>" * 50, 1),
    ],
)
def test_well_formed_markup_is_counted_as_it_nests(page, depth):
    assert bounds(page)[0] == depth


def test_attributes_are_counted_as_the_standard_splits_them():
    assert bounds(b"""<a b c=d e='f g' h="i>" j = k/l =m>""")[1] == 6


def test_counting_stops_at_the_limit():
    assert bounds(b"<div>" * 100_000)[0] == LIMIT + 1


def test_the_array_may_be_a_slice():
    page = np.frombuffer(b"<div><div>" + b"<div></div>" + b"<div><div>", np.uint8)[10:21]
    assert markup_bounds(page, LIMIT)[0] == 1
