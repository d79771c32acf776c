"""Event files, read back by the layout that TensorBoard's own reader follows."""

import struct

import pytest

from model.metrics import EVENTS_FILE, MetricsLog, StepMetrics
from model.tensorboard import EventFile, checksum


def records(path):
    """Take a file of TFRecords apart, checking every checksum."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert unmasked(data[8:12]) == checksum(data[:8])
        event = data[12 : 12 + length]
        assert unmasked(data[12 + length : 16 + length]) == checksum(event)
        yield event
        data = data[16 + length :]


def unmasked(data):
    value = (struct.unpack("<I", data)[0] - 0xA282EAD8) & 0xFFFFFFFF
    return ((value >> 17) | (value << 15)) & 0xFFFFFFFF


def test_checksums_are_those_of_rfc_3720():
    assert checksum(b"123456789") == 0xE3069283
    assert checksum(bytes(32)) == 0x8A9136AA


def test_an_event_file_holds_the_bytes_of_the_format(tmp_path):
    """Written by hand from event.proto: step 300, seconds 1.5, one value `loss` of 0.25."""
    path = tmp_path / "events.out.tfevents.0"
    EventFile(path).add(300, 1.5, {"loss": 0.25})
    first, second = records(path)
    assert first == b"\x09" + bytes(8) + b"\x1a\x0dbrain.Event:2"
    value = b"\x0a\x04loss\x15" + struct.pack("<f", 0.25)
    assert second == b"\x09" + struct.pack("<d", 1.5) + b"\x10\xac\x02\x2a\x0d\x0a\x0b" + value


def test_tensorboard_reads_what_was_written(tmp_path):
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader",
        reason="TensorBoard is not installed",
    )
    EventFile(tmp_path / "events.out.tfevents.0").add(7, 1.0, {"loss": 0.5, "source/wiki": 3})
    events = list(loader.EventFileLoader(str(tmp_path / "events.out.tfevents.0")).Load())
    assert events[0].file_version == "brain.Event:2"
    assert events[1].step == 7
    assert [value.tag for value in events[1].summary.value] == ["loss", "source/wiki"]


def test_a_resumed_log_has_every_step_once(tmp_path):
    def row(step):
        return StepMetrics(
            step=step, tokens=8, loss=1.0, learning_rate=0.1, gradient_norm=1.0, seconds=1.0,
            tokens_per_second=8.0, source_tokens={"wiki": 8},
        )  # fmt: skip

    for resumed, steps in ((0, (1, 2, 3)), (2, (3, 4))):
        with MetricsLog(tmp_path, resumed, tensorboard=True) as log:
            for step in steps:
                log.add(row(step))
    found = list(records(tmp_path / EVENTS_FILE))
    assert len(found) == 1 + 4
    assert all(b"loss" in event and b"source/wiki" in event for event in found[1:])
