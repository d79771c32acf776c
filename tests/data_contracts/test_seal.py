"""A sealed folder: what changed in it is named."""

import pytest

from data_contracts.seal import SEAL_FILE, broken_files, seal


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "inner" / "b.bin").write_bytes(b"xyz")
    seal(tmp_path)
    return tmp_path


def test_what_is_as_it_was_sealed_is_not_broken(folder):
    assert broken_files(folder) == []
    (folder / "later").write_bytes(b"came later")
    assert broken_files(folder) == []


def test_what_changed_or_is_gone_is_named(folder):
    (folder / "inner" / "b.bin").write_bytes(b"xyZ")
    (folder / "empty").unlink()
    assert broken_files(folder) == [folder / "empty", folder / "inner" / "b.bin"]


@pytest.mark.parametrize("text", [None, b"", b"{", b"[]", b"\xff", b'"a"'])
def test_without_a_sound_seal_nothing_is_believed(folder, text):
    (folder / SEAL_FILE).unlink()
    if text is not None:
        (folder / SEAL_FILE).write_bytes(text)
    assert broken_files(folder) == [folder / SEAL_FILE]
