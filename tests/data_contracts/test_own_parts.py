"""A recipe's own functions: found beside it, checked before use, named by their source."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from data_contracts.errors import RecipeInvalid
from data_contracts.own_parts import PartKind, load_part, part_identity, resolve_part

KIND = PartKind("reader", (BinaryIO,), (Iterator[dict[str, Any]], list[str]))
FIELD = "sources.0.reader"
GOOD = """
from typing import Any, BinaryIO, Iterator

def read(file: BinaryIO) -> Iterator[dict[str, Any]]:
    for line in file:
        yield {"text": line.decode()}
"""


def part(folder: Path, source: str, name: str = "read") -> str:
    (folder / "mine.py").write_text(source, encoding="utf-8")
    return resolve_part(f"mine:{name}", folder)


def test_a_module_beside_the_recipe_is_loaded_and_runs(tmp_path):
    read = load_part(part(tmp_path, GOOD), KIND, FIELD)
    assert list(read([b"corn", b"rye"])) == [{"text": "corn"}, {"text": "rye"}]
    assert resolve_part("./mine.py:read", tmp_path) == str(tmp_path / "mine.py:read")
    assert resolve_part("mine:read", tmp_path / "elsewhere") == "mine:read"


def test_an_installed_module_is_loaded(tmp_path):
    name = resolve_part("data_contracts.arrow_files:partition_name", tmp_path)
    assert name == "data_contracts.arrow_files:partition_name"
    assert load_part(name, PartKind("name", (int,), (str,)), FIELD)(3) == "part-00003.arrow"
    assert part_identity(name, FIELD).startswith("partition_name@")


def test_changed_source_is_another_part_and_runs_anew(tmp_path):
    before = part_identity(part(tmp_path, GOOD), FIELD)
    assert list(load_part(part(tmp_path, GOOD), KIND, FIELD)([b"x"])) == [{"text": "x"}]
    changed = part(tmp_path, GOOD.replace("line.decode()", "line.decode().upper()"))
    assert part_identity(changed, FIELD) != before
    assert list(load_part(changed, KIND, FIELD)([b"x"])) == [{"text": "X"}]


def test_where_a_part_lies_is_no_part_of_its_identity(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = part(tmp_path / "a", GOOD), part(tmp_path / "b", GOOD)
    assert one != other
    assert part_identity(one, FIELD) == part_identity(other, FIELD)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(file): ...", "no function `read`. Its functions: `other`"),
        ("read = 3", "no function `read`"),
        ("def read(file): ...", "`file` is not annotated"),
        ("def read(file: str) -> list[str]: ...", "`file` is str, not"),
        ("from typing import BinaryIO\ndef read(file: BinaryIO): ...", "returns not annotated"),
        (
            "from typing import BinaryIO\ndef read(file: BinaryIO) -> list[int]: ...",
            r"returns list\[int\]",
        ),
        ("def read() -> list[str]: ...", "must take 1 argument"),
        ("def read(file, *, more) -> list[str]: ...", "must take 1 argument"),
        ('def read(file: "Nowhere") -> list[str]: ...', "annotations cannot be read"),
        ("1 / 0", "importing .* failed .ZeroDivisionError"),
        ("def read(", "importing .* failed .SyntaxError"),
    ],
)
def test_what_is_no_such_part_is_refused_with_field_and_fix(tmp_path, source, message):
    with pytest.raises(RecipeInvalid, match=message) as refused:
        load_part(part(tmp_path, source), KIND, FIELD)
    assert FIELD in str(refused.value)


@pytest.mark.parametrize("name", ["nowhere:read", "nowhere.at.all:read", "sys:exit"])
def test_a_module_that_is_not_there_is_told(tmp_path, name):
    for look in (lambda p: load_part(p, KIND, FIELD), lambda p: part_identity(p, FIELD)):
        with pytest.raises(RecipeInvalid, match="there is no module"):
            look(resolve_part(name, tmp_path))
