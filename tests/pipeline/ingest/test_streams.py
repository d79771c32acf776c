"""Every byte before a fault is given, then the fault is raised; nothing unpacks without bound."""

import gzip
import io
import zlib

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from data_contracts.reasons import Reason
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.formats import compression_of
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.streams import Unpacked, unpack
from tests.pipeline.ingest.inputs import PROSE, RECIPE, pack, zstd

TEXT = (PROSE * 30_000).encode()
PACKED = pytest.mark.parametrize("compression", ["gzip", "zstd"])
ALL_PACKED = pytest.mark.parametrize("compression", ["gzip", "zstd", "bzip2", "xz", "lz4"])


def read(data: bytes, recipe: IngestRecipe = RECIPE) -> tuple[bytes, BrokenStream | None]:
    given = bytearray()
    try:
        for piece in unpack(io.BytesIO(data), recipe):
            assert len(piece) <= 2 * 1024 * 1024
            given += piece
    except BrokenStream as fault:
        return bytes(given), fault
    return bytes(given), None


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd", "bzip2", "xz", "lz4"])
@given(parts=st.lists(st.binary(max_size=300), max_size=4))
def test_members_one_after_the_other_make_one_stream(compression, parts):
    packed = b"".join(pack(part, compression) for part in parts)
    if compression == "none":  # what begins like a packed file is taken for one
        assume(compression_of(packed) == "none")
    assert read(packed) == (b"".join(parts), None)


@PACKED
def test_a_truncated_stream_gives_what_came_before_then_the_fault(compression):
    packed = pack(TEXT, compression)
    for kept in (len(packed) - 1, len(packed) // 2, 30):
        given, fault = read(packed[:kept])
        assert TEXT.startswith(given)
        assert fault is not None
        assert fault.reason is Reason.BAD_COMPRESSION
    assert read(packed[:-1])[0] == TEXT  # only the checksum is cut


@PACKED
def test_a_damaged_stream_gives_what_came_before_the_damage(compression):
    words = b" ".join(str(n * n).encode() for n in range(200_000))
    packed = bytearray(pack(words, compression))
    packed[len(packed) // 2] ^= 0x55
    given, fault = read(bytes(packed))
    assert fault is not None
    agreed = next(
        (n for n, (a, b) in enumerate(zip(given, words, strict=False)) if a != b), len(given)
    )
    assert agreed > len(words) * 0.35


@PACKED
def test_what_follows_the_last_member_is_a_fault_but_zeros_after_gzip_are_padding(compression):
    packed = pack(TEXT, compression)
    given, fault = read(packed + b"something else")
    assert given == TEXT
    assert fault is not None
    assert (read(gzip.compress(TEXT) + bytes(512))) == (TEXT, None)


def test_a_skippable_zstd_frame_is_skipped():
    frame = b"\x5e\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    assert read(frame + zstd(TEXT) + frame) == (TEXT, None)


def test_every_kind_of_zstd_frame_header_is_read():
    for options in (
        {"write_content_size": False},
        {"write_checksum": True},
        {"level": 19},
        {"compression_params": zstandard.ZstdCompressionParameters(window_log=27)},
    ):
        for size in (0, 200, 300, 70_000, len(TEXT)):
            packer = zstandard.ZstdCompressor(**options)
            assert read(packer.compress(TEXT[:size])) == (TEXT[:size], None)
            streamed = packer.compressobj()
            assert read(streamed.compress(TEXT[:size]) + streamed.flush()) == (TEXT[:size], None)


@pytest.mark.parametrize(
    "bomb",
    [gzip.compress(bytes(100_000_000)), zstandard.compress(bytes(1_000_000_000))],
    ids=["gzip", "zstd"],
)
def test_a_bomb_is_stopped_once_it_has_given_more_than_a_record_may_hold(bomb):
    given, fault = read(bomb)
    assert len(given) <= RECIPE.max_record_bytes
    assert fault is not None
    assert fault.reason is Reason.DECOMPRESSION_BOMB
    assert fault.value > fault.threshold == RECIPE.max_expansion_ratio


def test_a_small_file_may_expand_as_it_likes():
    assert read(gzip.compress(bytes(5_000_000))) == (bytes(5_000_000), None)


def test_a_file_over_the_limit_is_stopped_also_when_it_is_not_packed():
    recipe = IngestRecipe(max_file_bytes=2_000_000)
    given, fault = read(b"a" * 5_000_000, recipe)
    assert len(given) <= 2_000_000
    assert fault is not None
    assert fault.reason is Reason.DECOMPRESSION_BOMB


@PACKED
@given(data=st.binary(max_size=2000), at=st.floats(0, 1), byte=st.integers(0, 255))
def test_no_damage_raises_anything_but_a_broken_stream(compression, data, at, byte):
    packed = bytearray(pack(data, compression))
    packed[int(at * (len(packed) - 1))] = byte
    read(bytes(packed))
    read(bytes(packed[: int(at * len(packed))]))


@given(st.binary(max_size=200))
def test_no_bytes_behind_a_magic_number_raise_anything_else(rest):
    for magic in (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"):
        read(magic + rest)


def test_a_stream_ends_at_a_fault_and_remembers_it():
    packed = zlib.compress(TEXT)  # not gzip: read as it is
    assert io.BufferedReader(Unpacked(unpack(io.BytesIO(packed), RECIPE))).read() == packed
    cut = Unpacked(unpack(io.BytesIO(gzip.compress(TEXT)[:-9]), RECIPE))
    assert TEXT.startswith(io.BufferedReader(cut).read())
    assert cut.fault is not None
