"""Slow twin of token shards: one Python list, cut and searched the obvious way."""


def pack(documents: list[list[int]], tokens_per_file: int) -> list[list[int]]:
    """Lay documents end to end and cut after every so many tokens; nothing gives one empty file."""
    stream = [token for document in documents for token in document]
    files = [stream[at : at + tokens_per_file] for at in range(0, len(stream), tokens_per_file)]
    return files or [[]]


def read(files: list[list[int]], start: int, count: int) -> list[int]:
    """Read consecutive tokens."""
    return [token for file in files for token in file][start : start + count]


def starts(documents: list[list[int]]) -> list[int]:
    """Where each document starts in the stream."""
    return [sum(map(len, documents[:number])) for number in range(len(documents))]
