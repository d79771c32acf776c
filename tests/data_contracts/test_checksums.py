"""A checksum is that of what the file holds now; the same file is not read again and again."""

import os
import time

import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts import checksums
from data_contracts.checksums import checksum

OLD = time.time() - 3600


def _is_right(path) -> bool:
    return checksum(path) == xxhash.xxh3_128_hexdigest(path.read_bytes())


@given(contents=st.lists(st.binary(max_size=40), min_size=1, max_size=5), are_old=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_seen(tmp_path, contents, are_old):
    path = tmp_path / "file"
    path.touch()
    for number, content in enumerate(contents):
        with path.open("r+b") as file:  # the same file, not another one of its name
            file.truncate()
            file.write(content)
        if are_old:
            os.utime(path, (OLD, OLD + number))
        assert _is_right(path)
        assert _is_right(path)


def test_what_a_disk_does_to_a_file_is_found_when_it_is_read_again(tmp_path, monkeypatch):
    path, other_name = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"what was written")
    os.utime(path, (OLD, OLD))
    assert _is_right(path)
    path.write_bytes(b"what is read now")
    os.utime(path, (OLD, OLD))  # a disk does not tell
    os.link(path, other_name)
    remembered = xxhash.xxh3_128_hexdigest(b"what was written")
    assert checksum(path) == checksum(other_name) == remembered
    monkeypatch.setattr(checksums, "REMEMBERED_SECONDS", 0)
    assert _is_right(path)
    assert _is_right(other_name)
