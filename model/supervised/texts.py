"""Labelled texts and pairs of texts, from local files."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from data_contracts.errors import TaskDataInvalid
from model.supervised.recipe import PairFiles


def read_lines(path: Path) -> list[str]:
    """Read a file's lines, plain or gzip, white space at their ends left out.

    Raises:
        TaskDataInvalid: The file is missing, or is not text.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TaskDataInvalid(path, 0, f"cannot be read ({error})", "Name a text file.") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def read_pairs(files: PairFiles) -> tuple[list[str], list[str]]:
    """Read texts and their translations.

    Raises:
        TaskDataInvalid: A file cannot be read, or they have different numbers of lines.
    """
    sources, targets = read_lines(files.source), read_lines(files.target)
    if len(sources) != len(targets):
        problem = f"has {len(targets):,} lines, {files.source} has {len(sources):,}"
        raise TaskDataInvalid(files.target, 0, problem, "Line by line they must be translations.")
    return sources, targets


def read_labelled(path: Path, text_field: str, label_field: str) -> tuple[list[str], list[str]]:
    """Read texts and their classes.

    Args:
        path: .tsv, .csv or .jsonl, plain or gzip.
        text_field: Column of the text.
        label_field: Column of the class.

    Raises:
        TaskDataInvalid: The file or a row of it is not what was named.
    """
    texts, labels = [], []
    for number, row in _rows(path):
        for field in (text_field, label_field):
            if row.get(field) is None:
                found = ", ".join(f"`{name}`" for name in row)
                problem = f"has no `{field}`; found {found}"
                fix = "Set `text_field` and `label_field`."
                raise TaskDataInvalid(path, number, problem, fix)
        texts.append(str(row[text_field]).strip())
        labels.append(str(row[label_field]))
    if not texts:
        raise TaskDataInvalid(path, 0, "holds no rows", "Give it labelled texts.")
    return texts, labels


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Give rows with their line numbers from 1."""
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    lines = read_lines(path)
    if kind == ".jsonl":
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise TaskDataInvalid(path, number, f"is not JSON ({error})", "Mend it.") from error
            if not isinstance(row, dict):
                raise TaskDataInvalid(path, number, "is no JSON object", "Mend it.")
            yield number, row
    elif kind == ".tsv":  # a quotation mark means itself
        reader = csv.DictReader(
            io.StringIO("\n".join(lines)), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        yield from enumerate(reader, 2)
    elif kind == ".csv":
        yield from enumerate(csv.DictReader(io.StringIO("\n".join(lines))), 2)
    else:
        raise TaskDataInvalid(path, 0, "has an unknown ending", "Name a .tsv, .csv or .jsonl file.")
