"""Text that is not UTF-8: which encoding it is in, where that can be told."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_IS_UTF8: Final = frozenset({"ascii", "utf-8", "utf-8-sig", "utf-7"})
_SAMPLE_BYTES: Final = 64 * 1024
_BEFORE_BYTES: Final = 256
_VOTING_LINES: Final = 64
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_NO_TEXT: Final = re.compile(
    r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffe\uffff]"
)
"""Controls that no text has, what only a font of its own shows, and what is no character."""
_BAD_BYTES: Final = "surrogateescape"
_NO_CHARACTER: Final = "corpusmill.no_character"
_MIN_CONFIDENCE: Final = 0.04
"""Of real texts of 100 bytes nearly all have more, of random bytes few (tests/bench/check_charsets.py)."""


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Put a byte that is not UTF-8 for what an encoding does not know."""
    assert isinstance(error, UnicodeDecodeError), "it is asked while decoding"  # noqa: S101
    return "\udcff", error.end


codecs.register_error(_NO_CHARACTER, _stand_in)


def decoded(data: bytes) -> bytes | None:
    """Decode text that is not UTF-8.

    Args:
        data: Bytes that are not valid UTF-8.

    Returns:
        The text as UTF-8. None: it is UTF-8 but for some damage, or no encoding gives a text without
        a fault.
    """
    encoding = detected(data)
    if encoding is None:
        return None
    try:
        text = data.decode(encoding)
        return None if _NO_TEXT.search(text) else text.encode()
    except UnicodeError:
        return None


def detected(data: bytes, min_confidence: float = _MIN_CONFIDENCE) -> str | None:
    """Tell the encoding of text that is not UTF-8, as Python names it.

    Known are those that browsers know. A byte order mark decides; else what the bytes look like from
    the first on that is not ASCII.

    Args:
        data: Bytes that are not valid UTF-8.
        min_confidence: 0 to 1; 0 takes the best guess, if it is known to be text.

    Returns:
        Its name. None: it is UTF-8 but for some damage, or no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    first = _NOT_ASCII.search(data)
    begin = max(first.start() - _BEFORE_BYTES, 0) if first is not None else 0
    sample = data[begin : begin + _SAMPLE_BYTES]
    if _is_damaged_utf8(sample):
        return None
    import chardet  # noqa: PLC0415 - its models are large, and most text is UTF-8

    answer = chardet.detect(
        sample,
        prefer_superset=True,  # as browsers take their names
        compat_names=False,
        encoding_era=chardet.EncodingEra.MODERN_WEB,
    )
    found = answer["encoding"]
    if found is None or found in _IS_UTF8 or answer["confidence"] < min_confidence:
        return None
    return found


def in_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Write a stream in UTF-8 that may be in another encoding.

    What decides is the first piece that is not all ASCII. Where that tells no encoding, all is given as
    it came. For what its encoding does not know there is a byte that is not UTF-8.

    Args:
        pieces: A file's unpacked bytes.
    """
    for piece in pieces:
        if piece.isascii():
            yield piece
            continue
        encoding = None if _is_utf8_so_far(piece) else detected(piece) or _most_lines_in(piece)
        if encoding is None:
            yield piece
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(encoding)(_NO_CHARACTER)
        yield _recoded(decoder.decode(piece))
        for later in pieces:
            yield _recoded(decoder.decode(later))
        yield _recoded(decoder.decode(b"", final=True))


def _most_lines_in(piece: bytes) -> str | None:
    """Tell the encoding of most lines, where a damaged one hides that of all."""
    lines = [line for line in piece.split(b"\n") if not line.isascii()][:_VOTING_LINES]
    votes = Counter(detected(line) for line in lines)
    return votes.most_common(1)[0][0] if votes else None


def _recoded(text: str) -> bytes:
    return text.encode("utf-8", _BAD_BYTES)


def _is_utf8_so_far(piece: bytes) -> bool:
    """Tell whether bytes are UTF-8 that may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell UTF-8 with faults from another encoding: most of what is not ASCII is valid."""
    text = data.decode("utf-8", _BAD_BYTES)
    faults = sum("\udc80" <= one <= "\udcff" for one in text)
    return faults < sum(one > "\x7f" for one in text) - faults
