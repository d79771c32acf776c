r"""What a task is: some ten lines of YAML beside its JSON Lines.

```yaml
name: blimp
format: minimal_pairs
path: pairs.jsonl.gz      # from this file's folder; a glob; plain, .gz or .zst
good: sentence_good       # the fields; a dot leads into nested ones
bad: sentence_bad
group: UID                # optional: accuracy per group
```

```yaml
name: physics
format: multiple_choice
path: questions/*.jsonl
question: "Question: {question}\nAnswer:"
choices: choices          # a list of texts
answer: answer            # the right one's number from 0, its text, or its label
```
"""

import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
import zstandard
from pydantic import Field, TypeAdapter, ValidationError

from data_contracts.errors import TaskInvalid
from data_contracts.fingerprint import fingerprint, sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.strict_yaml import load_strictly

_FIELD: Final = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True)
class Example:
    """One question, whatever its task's format."""

    context: str
    """What the model reads first; empty: nothing."""
    choices: tuple[str, ...]
    """How the text may go on, two or more."""
    scored_from: int
    """Characters at the start of each choice that belong to no choice (a delimiter)."""
    right: int
    """Which choice is right."""
    group: str
    """Its group; empty: none."""


class _Task(Frozen):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    """Name of the task: lower-case letters, digits, dashes."""
    description: str = ""
    """What it asks for, shown in the report."""
    path: str
    """JSON Lines with one example a line: a path or glob from the task file's folder."""
    group: str | None = None
    """Field that groups examples; None: no groups."""


class MinimalPairs(_Task):
    """Two texts of which one is right; the model should find it likelier as a whole."""

    format: Literal["minimal_pairs"]
    """The format."""
    good: str = "good"
    """Field of the right text."""
    bad: str = "bad"
    """Field of the wrong one."""

    def example(self, row: Mapping[str, Any]) -> Example:
        """Read one row.

        Raises:
            ValueError: A field is missing or is no text.
        """
        pair = _text(row, self.good), _text(row, self.bad)
        return Example("", pair, 0, 0, _group(row, self.group))


class MultipleChoice(_Task):
    """A question and its choices; the model should find the right one the likeliest to follow."""

    format: Literal["multiple_choice"]
    """The format."""
    question: str = "{question}"
    """What is read before a choice: text with fields in braces."""
    choices: str = "choices"
    """Field of the list of choices."""
    labels: str | None = None
    """Field of the choices' labels, such as A to D; None: they have none."""
    answer: str = "answer"
    """Field of the right choice: its label, its number from 0, or its text."""
    delimiter: str = " "
    """What stands between question and choice."""

    def example(self, row: Mapping[str, Any]) -> Example:
        """Read one row.

        Raises:
            ValueError: A field is missing or is not what it should be.
        """
        choices = _texts(row, self.choices)
        labels = _texts(row, self.labels) if self.labels else ()
        right = _right(_value(row, self.answer), choices, labels)
        question = _FIELD.sub(lambda found: str(_value(row, found[1])), self.question)
        joined = tuple(self.delimiter + choice for choice in choices)
        return Example(question, joined, len(self.delimiter), right, _group(row, self.group))


Task = MinimalPairs | MultipleChoice
_TASK: Final[TypeAdapter[Task]] = TypeAdapter(Annotated[Task, Field(discriminator="format")])


def load_task(path: Path) -> Task:
    """Read a task file.

    Raises:
        TaskInvalid: It is missing, no YAML, or says something wrong or unknown.
    """
    try:
        content = load_strictly(path.read_text(encoding="utf-8"))
        return _TASK.validate_python(content)
    except FileNotFoundError:
        raise TaskInvalid(path, "there is no such file", "Correct `evaluate.tasks`.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskInvalid(path, f"not readable YAML ({error})", "Mend it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "format"
        raise TaskInvalid(
            path, f"`{field}`: {first['msg']}", "See `model/tasks/definition.py` for the fields."
        ) from None


def load_examples(path: Path, task: Task) -> list[Example]:
    """Read all examples of a task, files in the order of their names.

    Args:
        path: The task file: paths in it count from its folder.
        task: What it says.

    Raises:
        TaskInvalid: There is no file or no example, or a line is not what the task says.
    """
    examples = [
        _example(file, number, line, task)
        for file in task_files(path, task)
        for number, line in enumerate(_lines(file), 1)
        if line.strip()
    ]
    if not examples:
        raise TaskInvalid(path, "its files hold no example", "Correct `path`.")
    return examples


def task_files(path: Path, task: Task) -> list[Path]:
    """List the files that hold a task's examples, by name.

    Raises:
        TaskInvalid: There are none.
    """
    pattern = Path(task.path)
    start = Path(pattern.anchor) if pattern.is_absolute() else path.parent
    inner = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    files = sorted(one for one in start.glob(str(inner)) if one.is_file())
    if not files:
        raise TaskInvalid(path, f"`path` {task.path} leads to no file", "Correct it.")
    return files


def task_fingerprint(path: Path) -> str:
    """Fingerprint what a task asks: its settings and the bytes of its files, not where they lie.

    Raises:
        TaskInvalid: As `load_task` and `task_files`.
    """
    task = load_task(path)
    settings = task.model_dump(mode="json", exclude={"path"})
    return fingerprint([settings, [sha256_of_file(one) for one in task_files(path, task)]])


def _example(file: Path, number: int, line: str, task: Task) -> Example:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            msg = "not a JSON object"
            raise ValueError(msg)  # noqa: TRY004, TRY301 - told like any wrong line
        return task.example(row)
    except ValueError as error:  # JSONDecodeError is one
        fix = "Mend the line, or the task's field names."
        raise TaskInvalid(file, f"line {number}: {error}", fix) from error


def _lines(file: Path) -> Iterator[str]:
    opened: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".zst": zstandard.open}
    opener = opened.get(file.suffix, open)
    try:
        with opener(file, "rb") as stream, io.TextIOWrapper(stream, encoding="utf-8") as text:
            yield from text
    except (OSError, EOFError, UnicodeDecodeError, zstandard.ZstdError) as error:
        raise TaskInvalid(file, f"not readable as UTF-8 text ({error})", "Replace it.") from error


def _value(row: Mapping[str, Any], field: str) -> Any:
    value: Any = row
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = ", ".join(f"`{name}`" for name in row)
            msg = f"no field `{field}`; there are {known}"
            raise ValueError(msg)
        value = value[part]
    return value


def _text(row: Mapping[str, Any], field: str) -> str:
    value = _value(row, field)
    if not isinstance(value, str) or not value:
        msg = f"`{field}` is not a text"
        raise ValueError(msg)
    return value


def _texts(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = _value(row, field)
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(v, str) for v in value):
        msg = f"`{field}` is not a list of two texts or more"
        raise ValueError(msg)
    return tuple(value)


def _right(answer: Any, choices: tuple[str, ...], labels: tuple[str, ...]) -> int:
    for names in (labels, choices):
        if answer in names:
            return names.index(answer)
    number = int(answer) if isinstance(answer, str) and answer.isdecimal() else answer
    if isinstance(number, int) and 0 <= number < len(choices):
        return number
    msg = f"the answer {answer!r} is none of the {len(choices)} choices"
    raise ValueError(msg)


def _group(row: Mapping[str, Any], field: str | None) -> str:
    return "" if field is None else str(_value(row, field))
