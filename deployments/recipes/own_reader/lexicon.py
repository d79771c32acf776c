"""A reader of one's own: `word :: meaning`, its further lines indented."""

from collections.abc import Iterator
from typing import Any, BinaryIO


def read(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield one record for each word.

    Args:
        file: The unpacked file.
    """
    record: dict[str, Any] | None = None
    for line in file:
        text = line.decode()
        if record is not None and text.startswith(" "):
            record["meaning"] += " " + text.strip()
            continue
        if record is not None:
            yield record
        word, _, meaning = text.partition("::")
        record = {"word": word.strip(), "meaning": meaning.strip()}
    if record is not None:
        yield record
