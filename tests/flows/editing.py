"""A small corpus in memory that hypothesis edits, and how it lies on disk."""

# ruff: noqa: ARG002 - every edit takes the same three numbers

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from hypothesis import strategies as st

from tests.flows.corpora import paragraph

KEYED, NAMELESS, NOTES = "keyed", "nameless", "notes"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: corpusmill.ledger
name: The books balance
version: 1.0.0
status: active
schema:
- name: dataset
  logicalType: object
  physicalType: aggregate
  properties:
"""
RULE = """
  - name: {name}
    logicalType: integer
    required: true
    quality:
    - id: none
      description: There are none.
      type: custom
      engine: greatExpectations
      implementation: {{type: expect_column_values_to_be_between, kwargs: {{max_value: 0}}}}
      severity: critical
      dimension: consistency
"""
MUST_BE_NONE = (
    "count_mismatches",
    "duplicates_without_survivor",
    "duplicates_under_threshold",
    "documents_missing",
)


class Record(NamedTuple):
    """A record; the key is None where the source names none."""

    key: str | None
    text: str


class Edit(NamedTuple):
    """What to do, and numbers that choose with what."""

    kind: str
    a: int
    b: int
    c: int


def prose(seed: int, paragraphs: int = 2) -> str:
    """Text of its own for each seed, below a heading that about five texts of a source share."""
    rng = np.random.default_rng(seed)
    return "\n".join([heading(seed), *(paragraph(rng, 50) for _ in range(paragraphs))])


def heading(seed: int) -> str:
    """A line that goes where more than four texts have it (`write`): edits decide where."""
    return f"From the old mill, part {seed % 8}"


class EditedCorpus:
    """Files of records by source; each edit is a method that takes three numbers."""

    def __init__(self, records: int = 40) -> None:
        self.files: dict[str, dict[str, list[Record]]] = {KEYED: {}, NAMELESS: {}, NOTES: {}}
        self.fresh = 10_000
        for number in range(records):
            file = f"{number % 3}.jsonl"
            self.files[KEYED].setdefault(file, []).append(Record(f"k{number}", prose(number)))
            self.files[NAMELESS].setdefault(file, []).append(Record(None, prose(100 + number)))
            self.files[NOTES][f"{number}.txt"] = [Record(None, prose(200 + number))]
        for number in range(0, records, 5):
            self.near_copy(number, number % 3, number)
            self.quote(3 * number, number % 3, number)

    def apply(self, edits: list[Edit]) -> None:
        """Apply edits in order."""
        for edit in edits:
            getattr(self, edit.kind)(edit.a, edit.b, edit.c)

    def add(self, a: int, b: int, c: int) -> None:
        """A record that nothing is like, somewhere."""
        self._insert(a, b, c, prose(self._number()))

    def exact_copy(self, a: int, b: int, c: int) -> None:
        """A record whose text another one has, held out or not, in any source."""
        text = self._pick(a)[2].text
        self._insert(b, c, a, text)

    def near_copy(self, a: int, b: int, c: int) -> None:
        """The same, with one word changed."""
        text = self._pick(a)[2].text
        self._insert(b, c, a, _changed(text, c))

    def quote(self, a: int, b: int, c: int) -> None:
        """A record that quotes a paragraph of another one, which may be held out."""
        quoted = self._pick(a)[2].text.split("\n")[0]
        self._insert(b, c, a, f"{prose(self._number(), 3)}\n{quoted}")

    def change(self, a: int, b: int, c: int) -> None:
        """One word of a record."""
        file, place, record = self._pick(a)
        file[place] = record._replace(text=_changed(record.text, b))

    def rewrite(self, a: int, b: int, c: int) -> None:
        """The whole text of a record."""
        file, place, record = self._pick(a)
        file[place] = record._replace(text=prose(self._number(), 1 + b % 3))

    def delete(self, a: int, b: int, c: int) -> None:
        """A record, unless it is the source's last one."""
        source, name, place = self._places()[a % len(self._places())]
        if sum(map(len, self.files[source].values())) > 1:
            self._remove(source, name, place)

    def move(self, a: int, b: int, c: int) -> None:
        """A record to another file of its source; a note gets another name."""
        source, name, place = self._places()[a % len(self._places())]
        record = self.files[source][name][place]
        if source == NOTES:
            del self.files[NOTES][name]
            self.files[NOTES][f"moved-{self._number()}.txt"] = [record]
            return
        names = sorted(self.files[source])
        target = self.files[source][names[b % len(names)]]
        self.files[source][name].pop(place)
        target.insert(c % (len(target) + 1), record)
        self._tidy(source)

    def reorder(self, a: int, b: int, c: int) -> None:
        """The lines of a file."""
        source, name = self._line_file(a)
        file = self.files[source][name]
        order = np.random.default_rng(b).permutation(len(file))
        self.files[source][name] = [file[place] for place in order]

    def split_file(self, a: int, b: int, c: int) -> None:
        """One file into two."""
        source, name = self._line_file(a)
        file = self.files[source][name]
        cut = b % len(file)
        self.files[source][f"split-{self._number()}.jsonl"] = file[cut:]
        self.files[source][name] = file[:cut]
        self._tidy(source)

    def merge_files(self, a: int, b: int, c: int) -> None:
        """One file into another."""
        source, name = self._line_file(a)
        _, other = sorted(self.files[source].items())[b % len(self.files[source])]
        if other is not self.files[source][name]:
            other.extend(self.files[source].pop(name))

    def repartition(self, a: int, b: int, c: int) -> None:
        """All of a source's lines into other files."""
        source, _ = self._line_file(a)
        records = [one for _, file in sorted(self.files[source].items()) for one in file]
        parts = 1 + b % 6
        self.files[source] = {f"p{c % 3}-{n}.jsonl": records[n::parts] for n in range(parts)}
        self._tidy(source)

    def repeat_key(self, a: int, b: int, c: int) -> None:
        """Another record of a key that there is, with text of its own or of another record."""
        keys = sorted({str(one.key) for file in self.files[KEYED].values() for one in file})
        text = self._pick(b)[2].text if c % 2 else prose(self._number())
        file = sorted(self.files[KEYED].items())[c % len(self.files[KEYED])][1]
        file.insert(b % (len(file) + 1), Record(keys[a % len(keys)], text))

    def write(self, folder: Path, **recipe: object) -> Path:
        """Write all files and the recipe, whose path is given."""
        shutil.rmtree(folder, ignore_errors=True)
        for source, files in self.files.items():
            (folder / source).mkdir(parents=True)
            for name, records in files.items():
                path = folder / source / name
                path.write_text(_content(source, records), encoding="utf-8")
        content = {
            "name": "edited",
            "sources": [
                {"name": KEYED, "path": KEYED, "key_field": "id"},
                {"name": NAMELESS, "path": NAMELESS, "priority": 1},
                {"name": NOTES, "path": NOTES},
            ],
            "split": {"validation_ratio": 0.15, "test_ratio": 0.15},
            "validate": {"contracts": write_contracts(folder)},
            "shard": {"vocabulary_size": 300, "documents_shard_bytes": 20_000},
            "clean": {"line_rules": {"max_documents": 4}},
            "train": None,
            **recipe,
        }
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def _insert(self, a: int, b: int, c: int, text: str) -> None:
        source = (KEYED, NAMELESS, NOTES)[a % 3]
        if source == NOTES:
            self.files[NOTES][f"new-{self._number()}.txt"] = [Record(None, text)]
            return
        names = [*sorted(self.files[source]), f"new-{self._number()}.jsonl"]
        file = self.files[source].setdefault(names[b % len(names)], [])
        key = f"k{self._number()}" if source == KEYED else None
        file.insert(c % (len(file) + 1), Record(key, text))

    def _places(self) -> list[tuple[str, str, int]]:
        return [
            (source, name, place)
            for source in self.files
            for name in sorted(self.files[source])
            for place in range(len(self.files[source][name]))
        ]

    def _pick(self, a: int) -> tuple[list[Record], int, Record]:
        places = self._places()
        source, name, place = places[a % len(places)]
        file = self.files[source][name]
        return file, place, file[place]

    def _line_file(self, a: int) -> tuple[str, str]:
        files = [(source, name) for source in (KEYED, NAMELESS) for name in self.files[source]]
        return sorted(files)[a % len(files)]

    def _remove(self, source: str, name: str, place: int) -> None:
        self.files[source][name].pop(place)
        self._tidy(source)

    def _tidy(self, source: str) -> None:
        self.files[source] = {name: file for name, file in self.files[source].items() if file}

    def _number(self) -> int:
        self.fresh += 1
        return self.fresh


def write_contracts(folder: Path) -> list[str]:
    """Write contracts in place of the bundled ones, which a corpus of a dozen records may break."""
    contract = CONTRACT + "".join(RULE.format(name=name) for name in MUST_BE_NONE)
    (folder / "ledger.yaml").write_text(contract, encoding="utf-8")
    for name in ("records", "documents"):
        empty = contract.partition("schema:")[0].replace(".ledger", f".{name}")
        (folder / f"{name}.yaml").write_text(empty, encoding="utf-8")
    return ["records.yaml", "documents.yaml", "ledger.yaml"]


KINDS = (
    "add",
    "exact_copy",
    "near_copy",
    "quote",
    "change",
    "rewrite",
    "delete",
    "move",
    "reorder",
    "split_file",
    "merge_files",
    "repartition",
    "repeat_key",
)
NUMBERS = st.integers(0, 999)
EDITS = st.builds(Edit, st.sampled_from(KINDS), NUMBERS, NUMBERS, NUMBERS)


def _changed(text: str, seed: int) -> str:
    words = text.split(" ")
    words[seed % len(words)] = f"granite{seed}"
    return " ".join(words)


def _content(source: str, records: list[Record]) -> str:
    if source == NOTES:
        return records[0].text
    lines = [
        json.dumps({"text": one.text} if one.key is None else {"id": one.key, "text": one.text})
        for one in records
    ]
    return "\n".join(lines) + "\n"
