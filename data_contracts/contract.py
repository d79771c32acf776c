"""A contract: what tables of the mill must be, as an ODCS v3.1 file.

A contract is read once and compiled into the Arrow schema of each table and into rules. Whatever
in it looks like a promise but cannot be checked is refused: a rule that is silently ignored is
worse than none.
"""

import hashlib
import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema
import pyarrow as pa
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from data_contracts.contract_columns import arrow_schema
from data_contracts.contract_compiler import rules_of
from data_contracts.contract_rules import Rule
from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import ContractInvalid
from data_contracts.shipped_contracts import Judged, shipped_tables
from data_contracts.strict_yaml import load_strictly

STANDARDS: Final = ("v3.1.0", "v3.2.0")
"""Versions of ODCS that are understood."""

_ID: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


class Contract:
    """One contract file, read and compiled.

    Attributes:
        path: The file.
        id: The contract's id.
        version: Its semantic version.
        sha256: SHA-256 of the file's bytes.
        document: The whole contract as Pydantic models.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        """Compile a contract from its file's bytes; `load` reads the file, too.

        Raises:
            ContractInvalid: As `load`.
        """
        self.path = path
        self.sha256 = hashlib.sha256(content).hexdigest()
        loaded = _load(path, content)
        self.document = OpenDataContractStandard(**loaded)
        self.id = str(self.document.id)
        self.version = str(self.document.version)
        if not _ID.match(self.id):  # it names a file in every version that it judges
            problem = "an id is of letters, digits, dots, dashes and underscores, 100 at most"
            raise ContractInvalid(path, "id", problem)
        self._objects = {one.name or "": one for one in self.document.schema_ or []}
        if len(self._objects) != len(self.document.schema_ or []):
            raise ContractInvalid(path, "schema", "two tables have the same name")
        self._schemas = {
            str(table.get("name") or ""): arrow_schema(path, loaded, table)
            for table in loaded.get("schema") or []
        }
        for name, schema in self._schemas.items():
            _check_columns(path, name, schema)
        judged = []
        for name, table in self._objects.items():
            if shipped_tables()[name].judged is not Judged.BORDER:
                judged.append(table)
            elif table.quality or any(one.quality for one in table.properties or []):
                problem = "only its columns are checked, where a stage reads it: no rules are"
                raise ContractInvalid(path, f"schema[{name}]", problem)
        self._rules = tuple(
            rule.model_copy(update={"contract": self.id}) for rule in rules_of(path, judged)
        )

    @classmethod
    def load(cls, path: Path | str) -> "Contract":
        """Read a contract file.

        Raises:
            ContractInvalid: The file is missing, is not valid ODCS, or makes a promise that cannot
                be checked; the error names the file and the place in it.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ContractInvalid(path, "file", error.strerror or str(error)) from error
        return _compiled(path, content)

    @property
    def stamp(self) -> ContractStamp:
        """Which contract it is, for results, manifests and files."""
        return ContractStamp(id=self.id, version=self.version, sha256=self.sha256)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that the contract speaks of."""
        return tuple(self._objects)

    def arrow_schema(self, table: str) -> pa.Schema:
        """Give the columns that the contract promises of a table.

        Raises:
            KeyError: The contract does not speak of this table.
        """
        return self._schemas[table]

    def rules(self) -> tuple[Rule, ...]:
        """Give every rule, in the order of the file; those of the schema first in each table."""
        return self._rules


@lru_cache(maxsize=32)
def _compiled(path: Path, content: bytes) -> Contract:
    """Compile a contract once: a run asks for it when it plans, judges and publishes."""
    return Contract(path, content)


@cache
def _validator() -> jsonschema.Draft201909Validator:
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
    return jsonschema.Draft201909Validator(schema)


def _load(path: Path, content: bytes) -> dict[str, Any]:
    """Read the YAML, and hold it against the official schema of ODCS."""
    try:
        loaded = load_strictly(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ContractInvalid(path, f"byte {error.start}", "not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        raise ContractInvalid(path, place, getattr(error, "problem", None) or str(error)) from error
    if not isinstance(loaded, dict):
        raise ContractInvalid(path, "file", "not a mapping")
    problems = list(_validator().iter_errors(loaded))
    # What breaks a rule of its part of the schema is also "unevaluated": the reason says more.
    reasons = [one for one in problems if one.validator != "unevaluatedProperties"]
    worst = jsonschema.exceptions.best_match(reasons or problems)
    if worst is not None:
        raise ContractInvalid(path, _place(loaded, worst.absolute_path), _words(worst)[:300])
    if loaded["apiVersion"] not in STANDARDS:
        problem = f"{loaded['apiVersion']} is none of {', '.join(STANDARDS)}"
        raise ContractInvalid(path, "apiVersion", problem)
    return loaded


def _words(problem: jsonschema.ValidationError) -> str:
    """Say a schema's problem; where one of several keys is needed, name them."""
    choices = problem.validator_value if problem.validator == "oneOf" else []
    names = [name for choice in choices for name in choice.get("required", [])]
    return f"exactly one of {', '.join(names)} is needed" if names else str(problem.message)


def _place(loaded: Any, steps: Any) -> str:
    """Write a place as people look for it: `schema[documents].properties[text].quality[0]`."""
    place = ""
    for step in steps:
        loaded = loaded[step]
        if isinstance(step, int):
            name = loaded.get("name") or loaded.get("id") if isinstance(loaded, dict) else None
            place += f"[{name or step}]"
        else:
            place += f".{step}" if place else step
    return place or "file"


def _check_columns(path: Path, table: str, promised: pa.Schema) -> None:
    """Refuse promises of tables and columns that do not exist: better now than after the run."""
    known = shipped_tables()
    if table not in known:
        problem = f"there is no table `{table}`, only {', '.join(known)}"
        raise ContractInvalid(path, f"schema[{table}]", problem)
    there = known[table].schema
    for field in promised:
        place = f"schema[{table}].properties[{field.name}]"
        if promised.names.count(field.name) > 1:
            raise ContractInvalid(path, place, "the column is there twice")
        index = there.get_field_index(field.name)
        if index < 0 and not known[table].is_open:
            problem = f"`{table}` has no such column, only {', '.join(there.names)}"
            raise ContractInvalid(path, place, problem)
        if index >= 0 and there.field(index).type != field.type:
            problem = f"the column is {there.field(index).type}, not {field.type}"
            raise ContractInvalid(path, place, problem)
