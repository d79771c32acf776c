"""The lock: the tokenizer that stays."""

import hashlib

import pytest

from data_contracts.errors import VersionCorrupt
from data_contracts.lock import Lock


def saved(folder) -> Lock:
    (folder / "tokenizer.json").write_text("{}")
    sha256 = hashlib.sha256(b"{}").hexdigest()
    return Lock(tokenizer_sha256=sha256, vocabulary_size=300, settings="a" * 32).save(folder)


def test_a_saved_lock_is_read_back(tmp_path):
    assert Lock.load(tmp_path) is None
    lock = saved(tmp_path)
    assert Lock.load(tmp_path) == lock
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock.json", "tokenizer.json"]


def test_a_folder_that_is_not_there_holds_no_lock(tmp_path):
    assert Lock.load(tmp_path / "nothing") is None


def test_another_tokenizer_beside_the_lock_is_refused(tmp_path):
    saved(tmp_path)
    (tmp_path / "tokenizer.json").write_text("[]")
    with pytest.raises(VersionCorrupt, match="is not the tokenizer of lock"):
        Lock.load(tmp_path)


def test_a_lock_without_its_tokenizer_is_refused(tmp_path):
    saved(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(VersionCorrupt, match="missing beside its lock"):
        Lock.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"vocabulary_size": 3}', "\udcff"])
def test_a_broken_lock_is_refused(tmp_path, text):
    saved(tmp_path)
    (tmp_path / "lock.json").write_text(text, errors="surrogateescape")
    with pytest.raises(VersionCorrupt, match="not a lock"):
        Lock.load(tmp_path)
