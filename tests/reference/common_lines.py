"""Common lines found and taken out slowly and obviously: the twin of `pipeline.clean.common_lines`."""

from tests.reference.lines import chunks, weight
from tests.reference.signals import trimmed


def documents_of_lines(texts: list[str], sources: list[str]) -> dict[tuple[str, str], set[str]]:
    """The texts that each line of a source is in."""
    found: dict[tuple[str, str], set[str]] = {}
    for text, source in zip(texts, sources, strict=True):
        for line in text.split("\n"):
            if trimmed(line):
                found.setdefault((source, trimmed(line)), set()).add(text)
    return found


def without_common(texts: list[str], sources: list[str], most: int) -> list[tuple[str, int, float]]:
    """Take out the lines of more than `most` texts; tell how many, and their part of the words."""
    found = documents_of_lines(texts, sources)
    told = []
    for text, source in zip(texts, sources, strict=True):
        lines = [line + "\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        common = [bool(trimmed(one)) and len(found[source, trimmed(one)]) > most for one in lines]
        words = [sum(map(weight, chunks(one.replace("\n", " ")))) for one in lines]
        lost = sum(n for n, goes in zip(words, common, strict=True) if goes)
        kept = "".join(one for one, goes in zip(lines, common, strict=True) if not goes)
        told.append((kept, sum(common), lost / sum(words) if lost else 0.0))
    return told
