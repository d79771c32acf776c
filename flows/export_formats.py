"""What documents can be exported as: known to the command line without loading what writes them."""

from enum import StrEnum


class Format(StrEnum):
    """A format that every program reads."""

    JSONL = "jsonl"
    PARQUET = "parquet"
