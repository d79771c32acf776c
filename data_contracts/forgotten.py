"""The forget list: who must never be in a dataset again. It holds ids and hashes, never text.

A dataset's list lies beside its versions, and each version has a copy of the list it was made
under. A list only grows: what a copy says stays said when the list itself is lost.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.errors import VersionCorrupt
from data_contracts.fingerprint import fingerprint
from data_contracts.frozen import Frozen
from data_contracts.identity import record_id
from data_contracts.whole_text import replace_text

FORGET_FILE: Final = "forgotten.json"


class ForgottenRecord(Frozen):
    """One record on the list."""

    record_id: str
    """The record: whatever its text becomes, it stays out."""
    content_ids: tuple[str, ...] = ()
    """Hashes of its raw texts: under whatever key they come, they stay out."""
    because: Literal["asked", "duplicate"]
    """Whether it was named, or repeats one that was."""
    similarity: float | None = Field(default=None, ge=0, le=1)
    """Of a duplicate, to its cluster's survivor."""
    since: AwareDatetime
    """When it was put on the list."""


class ForgetList(Frozen):
    """A dataset's forget list."""

    format: Literal[1] = 1
    """Format of the file."""
    records: tuple[ForgottenRecord, ...] = ()
    """Sorted by record_id, each there once."""

    @property
    def record_ids(self) -> frozenset[str]:
        """The records."""
        return frozenset(one.record_id for one in self.records)

    @property
    def content_ids(self) -> frozenset[str]:
        """Hashes of their raw texts."""
        return frozenset(content for one in self.records for content in one.content_ids)

    @property
    def identity(self) -> str | None:
        """What the list decides, hashed; None: it is empty."""
        if not self.records:
            return None
        return fingerprint([sorted(self.record_ids), sorted(self.content_ids)])

    def joined(self, records: Iterable[ForgottenRecord]) -> "ForgetList":
        """Add records; of one that is there already, the first reason and time stay."""
        found: dict[str, ForgottenRecord] = {}
        for one in (*self.records, *records):
            before = found.setdefault(one.record_id, one)
            contents = tuple(sorted({*before.content_ids, *one.content_ids}))
            found[one.record_id] = before.model_copy(update={"content_ids": contents})
        return ForgetList(records=tuple(found[key] for key in sorted(found)))

    def covers(
        self, source: str, keys: pa.ChunkedArray, content_ids: pa.ChunkedArray
    ) -> pa.ChunkedArray:
        """Tell which rows of a source are on the list.

        Args:
            source: The source's name.
            keys: string; null where the file names none.
            content_ids: string; null where the text cannot be read.

        Returns:
            bool, without nulls.
        """
        by_content = pc.is_in(
            content_ids, value_set=pa.array(sorted(self.content_ids), pa.string())
        )
        ids = self.record_ids
        by_key = [key is not None and record_id(source, key) in ids for key in keys.to_pylist()]
        return pc.or_(by_content, pa.chunked_array([by_key], pa.bool_()))

    def save(self, path: Path) -> None:
        """Write the list, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a list; one that is not there is empty.

        Raises:
            VersionCorrupt: The file is no forget list. It must not count as empty.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            problem = f"not a forget list ({error.error_count()} errors)"
            raise VersionCorrupt(path, problem) from error


NOBODY: Final = ForgetList()
"""The empty list."""
