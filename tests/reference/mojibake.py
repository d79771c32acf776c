"""Finding what may be mojibake, slowly and obviously: the twin of the kernel `may_be_mojibake`."""

import re

from pipeline.clean.normalise.mojibake import TABLES

SPELT = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", re.DOTALL
)


def may_be_mojibake(text: str) -> bool:
    if any("\x80" <= c < "\xa0" and c != "\x85" for c in text):
        return True
    return any(SPELT.search(b"".join(byte_of(c, table) for c in text)) for table in TABLES)


def byte_of(character: str, table: str) -> bytes:
    if character.isascii() or ord(character) >= 0x2600:
        return b"\0"
    try:
        return character.encode(table)
    except UnicodeEncodeError:
        known = table == "cp1252" and ord(character) < 0x100
        return character.encode("latin-1") if known else b"\0"
