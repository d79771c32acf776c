"""Where JSON elements end, found by parsing them one after another."""

import json


def elements(text: str) -> list[object]:
    """Parse an array, or values one after another."""
    decoder = json.JSONDecoder()
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def ends(data: bytes, depth: int, base: int) -> tuple[list[int], int, bool, bool]:
    """Walk over bytes the slow way, as `element_ends` promises."""
    found: list[int] = []
    in_string = is_escaped = False
    for at, byte in enumerate(data, 1):
        one = chr(byte)
        if in_string:
            is_escaped, in_string = (False, True) if is_escaped else (one == "\\", one != '"')
        elif one == '"':
            in_string = True
        elif one in "{[":
            depth += 1
        elif one in "}]":
            depth = max(0, depth - 1)
            if depth == base or (base == 1 and depth == 0):
                found.append(at)
        elif one == "," and base == 1 and depth == 1:
            found.append(at)
    return found, depth, in_string, is_escaped
