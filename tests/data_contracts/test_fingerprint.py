from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import LibraryMissing
from data_contracts.fingerprint import (
    canonical_json,
    fingerprint,
    library_versions,
    sha256_of_file,
)
from data_contracts.frozen import Frozen

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


class Settings(Frozen):
    threshold: float = 0.5
    names: tuple[str, ...] = ("a",)


@given(st.dictionaries(st.text(), VALUES))
def test_the_order_of_keys_does_not_matter(mapping):
    turned = dict(reversed(mapping.items()))
    assert fingerprint(mapping) == fingerprint(turned)


@given(VALUES, VALUES)
def test_equal_fingerprints_mean_equal_json(left, right):
    assert (fingerprint(left) == fingerprint(right)) == (
        canonical_json(left) == canonical_json(right)
    )


def test_models_and_enums_count_by_their_values():
    assert fingerprint(Settings()) == fingerprint({"threshold": 0.5, "names": ["a"]})
    assert fingerprint({Colour.RED: Colour.RED}) == fingerprint({"red": "red"})


@pytest.mark.parametrize("unstable", [object(), Path("x"), b"bytes", {1: "x"}, {"x": {1, 2}}])
def test_what_could_differ_between_runs_is_refused(unstable):
    with pytest.raises(TypeError, match="no stable fingerprint"):
        fingerprint(unstable)


def test_a_file_is_hashed_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * (3 << 20))
    before = sha256_of_file(path)
    path.write_bytes(b"x" * (3 << 20) + b"y")
    assert sha256_of_file(path) != before


def test_a_library_that_is_not_installed_is_told_with_what_to_do():
    assert set(library_versions(["pyarrow", "numpy"])) == {"numpy", "pyarrow"}
    with pytest.raises(LibraryMissing, match=r"`millstones` is not installed.*pip install -c"):
        library_versions(["pyarrow", "millstones"])
