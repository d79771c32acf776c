"""Slow twins of the shuffle: whole numbers of Python, one record at a time."""

from tests.reference.shard_inputs import Record, split_of

BITS = (1 << 64) - 1


def mixed(value: int) -> int:
    """splitmix64's finaliser."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & BITS
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & BITS
    return value ^ (value >> 31)


def shuffle_key(record_id: str, seed: int) -> int:
    high, low = int(record_id[:16], 16), int(record_id[16:], 16)
    start = (seed + 1) * 0x9E3779B97F4A7C15 & BITS
    return mixed(high ^ mixed((low + start) & BITS))


def published(records: list[Record], seed: int) -> dict[str, list[Record]]:
    """The kept records of each split in published order."""
    order = sorted(
        (record for record in records if record.kept),
        key=lambda record: (shuffle_key(record.id, seed), record.id),
    )
    return {
        split: [record for record in order if split_of(record) == split]
        for split in ("train", "validation", "test")
    }


def batches(lengths: list[int], max_rows: int, max_bytes: int) -> list[list[int]]:
    """Cut documents of these bytes into batches, greedily: positions per batch."""
    out: list[list[int]] = []
    size = 0
    for position, length in enumerate(lengths):
        if not out or len(out[-1]) == max_rows or size + length > max_bytes:
            out.append([])
            size = 0
        out[-1].append(position)
        size += length
    return out
