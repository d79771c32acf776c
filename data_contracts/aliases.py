"""Aliases: `candidate` and `production`, small files that say which versions bear the name.

One file holds the dataset and the model together, `aliases/NAME/production`, and is replaced by an
atomic rename: nobody ever reads a model of one moment beside a dataset of another.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import AwareDatetime, ValidationError

from data_contracts.errors import NothingToRollBack, VersionCorrupt, WarehouseBusy
from data_contracts.frozen import Frozen
from data_contracts.manifest import now
from data_contracts.whole_text import replace_text

KEPT_EARLIER: Final = 5
"""How many earlier versions an alias remembers: garbage collection keeps all that it names."""


class Alias(StrEnum):
    """The names that a version can bear."""

    CANDIDATE = "candidate"
    """What the latest refresh made, and nobody has approved yet."""
    PRODUCTION = "production"
    """What is in use."""


class Target(Frozen):
    """What an alias points to."""

    dataset: str
    """NAME@VERSION."""
    model: str | None
    """NAME@VERSION; None: the recipe trains nothing."""


class Pointer(Frozen):
    """An alias of one name."""

    target: Target
    """What it points to."""
    since: AwareDatetime
    """When it was moved there."""
    note: str = ""
    """Why, in the words of whoever moved it."""
    earlier: tuple[Target, ...] = ()
    """What it pointed to before, the latest first."""

    def moved(self, target: Target, note: str) -> Self:
        """Point elsewhere, and remember where it was."""
        kept = (self.target, *(one for one in self.earlier if one != target))
        return type(self)(
            target=target,
            since=now(),
            note=note,
            earlier=tuple(one for one in kept if one != target)[:KEPT_EARLIER],
        )


class Aliases:
    """The aliases of one warehouse."""

    def __init__(self, root: Path) -> None:
        """Take the warehouse's folder."""
        self._folder = root / "aliases"

    def names(self) -> list[str]:
        """List the names that have an alias."""
        return sorted({path.parent.name for one in Alias for path in self._folder.glob(f"*/{one}")})

    def read(self, name: str, alias: Alias) -> Pointer | None:
        """Look where an alias points; None: nowhere yet.

        Raises:
            VersionCorrupt: Its file cannot be understood.
        """
        path = self._folder / name / alias
        try:
            return Pointer.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise VersionCorrupt(path, f"not an alias ({error})") from error

    def target(self, name: str, alias: Alias) -> Target | None:
        """Look where an alias points; None: nowhere yet."""
        found = self.read(name, alias)
        return found.target if found else None

    def move(self, name: str, alias: Alias, target: Target, note: str = "") -> Pointer:
        """Let an alias point to versions; nothing changes where it does already.

        Raises:
            WarehouseBusy: Another process is moving it.
        """
        with self._alone(name):
            before = self.read(name, alias)
            if before is not None and before.target == target:
                return before
            after = (
                before.moved(target, note)
                if before
                else Pointer(target=target, since=now(), note=note)
            )
            self._write(name, alias, after)
        return after

    def move_back(self, name: str, note: str = "") -> Pointer:
        """Let `production` point to what it pointed to before.

        Raises:
            NothingToRollBack: It never pointed elsewhere.
            WarehouseBusy: Another process is moving it.
        """
        with self._alone(name):
            before = self.read(name, Alias.PRODUCTION)
            if before is None or not before.earlier:
                raise NothingToRollBack(name)
            # The version that is left is forgotten here: rolling back twice goes back twice.
            after = Pointer(
                target=before.earlier[0], since=now(), note=note, earlier=before.earlier[1:]
            )
            self._write(name, Alias.PRODUCTION, after)
        return after

    def drop(self, name: str, alias: Alias) -> None:
        """Let an alias point nowhere."""
        (self._folder / name / alias).unlink(missing_ok=True)

    def _write(self, name: str, alias: Alias, pointer: Pointer) -> None:
        replace_text(self._folder / name / alias, pointer.model_dump_json(indent=1) + "\n")

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / ".lease"
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise WarehouseBusy(name, "a promotion or rollback", path) from None
            yield
