"""Which folders outside the warehouse were given documents of it (exports.json).

They are no part of the warehouse: nothing here is removed with them, and nothing of them by it. But
whoever asks where a text is must be told of them.
"""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AwareDatetime, ValidationError

from data_contracts.errors import VersionCorrupt
from data_contracts.frozen import Frozen
from data_contracts.whole_text import replace_text

EXPORTS_FILE: Final = "exports.json"


class Export(Frozen):
    """One folder that was written."""

    dataset: str
    """The dataset version, as NAME@VERSION."""
    folder: str
    """Where its documents were written."""
    since: AwareDatetime
    """When."""


class Exports(Frozen):
    """All exports of a warehouse, the latest of each version and folder."""

    format: Literal[1] = 1
    """Format of the file."""
    exports: tuple[Export, ...] = ()
    """In the order that they were first made."""

    @classmethod
    def load(cls, warehouse: Path) -> Self:
        """Read them; a warehouse of which nothing was exported has no file.

        Raises:
            VersionCorrupt: The file is no list of exports. It must not count as empty.
        """
        path = warehouse / EXPORTS_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            raise VersionCorrupt(path, "it is no list of exports") from error

    @classmethod
    def note(cls, warehouse: Path, export: Export) -> None:
        """Add an export; the same version in the same folder counts once."""
        found = {(one.dataset, one.folder): one for one in cls.load(warehouse).exports}
        found[export.dataset, export.folder] = export
        said = cls(exports=tuple(found.values()))
        replace_text(warehouse / EXPORTS_FILE, said.model_dump_json(indent=1) + "\n")
