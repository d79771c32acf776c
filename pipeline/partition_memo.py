"""What a stage made of whole partitions, found again where one is byte for byte what it was.

A note says which files of an earlier run were made of a partition, their checksums, and what was
counted. The files are linked, not copied: what has not changed is not written again. A note holds no text; where the earlier run is gone, or a file is not what was noted, the
partition is worked on again.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from data_contracts.checksums import checksum
from data_contracts.fingerprint import fingerprint
from data_contracts.frozen import Frozen
from data_contracts.warehouse import link_tree
from data_contracts.whole_text import replace_text

_FILE: Final = "partitions.json"


class _Note(Frozen):
    """What was made of one partition."""

    files: dict[str, tuple[str, str]]
    """By table: where its file lies, seen from the memo's folder, and its checksum."""
    told: dict[str, Any]
    """What was counted."""


class PartitionMemo:
    """Notes of earlier runs. May be asked and told from several threads."""

    def __init__(self, folder: Path | None, decides: object) -> None:
        """Read the notes.

        Args:
            folder: Where they are kept; None remembers nothing.
            decides: All that decides the outcome beside the partition itself (as
                `data_contracts.fingerprint.canonical_json` takes it).
        """
        self._folder = folder
        self._decides = fingerprint(decides)
        self._lock = threading.Lock()
        self._known = _read(folder / _FILE) if folder is not None else {}
        self._noted: dict[str, _Note] = {}

    def fetch(
        self, partition: str, targets: Mapping[str, Path], work: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """Put what was made of a partition where it belongs, or make it now.

        Args:
            partition: What identifies it, such as its file's checksum.
            targets: By table, the file that is made of it.
            work: Writes those files, and tells what was counted, as JSON has it.

        Returns:
            What was told; whether it was there.
        """
        if self._folder is None:
            return work(), False
        key = fingerprint([self._decides, partition])
        known = self._known.get(key)
        if known is not None and self._link(known, targets):
            self._keep(
                key, targets, {table: one for table, (_, one) in known.files.items()}, known.told
            )
            return known.told, True
        told = work()
        self._keep(key, targets, {table: checksum(path) for table, path in targets.items()}, told)
        return told, False

    def save(self) -> None:
        """Keep this run's notes, and those of others whose files are still there."""
        if self._folder is None:
            return
        others = {
            key: note
            for key, note in _read(self._folder / _FILE).items()
            if all((self._folder / place).is_file() for place, _ in note.files.values())
        }
        notes = {**others, **self._noted}
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({key: notes[key].model_dump(mode="json") for key in sorted(notes)})
        replace_text(self._folder / _FILE, text + "\n")

    def _link(self, known: _Note, targets: Mapping[str, Path]) -> bool:
        """Link files that are what was noted; tell whether all are."""
        assert self._folder is not None, "the caller looked"  # noqa: S101
        if set(known.files) != set(targets):
            return False
        for place, promised in known.files.values():
            source = self._folder / place
            if not source.is_file() or checksum(source) != promised:
                return False
        for table, (place, _) in known.files.items():
            link_tree(self._folder / place, targets[table])
        return True

    def _keep(
        self,
        key: str,
        targets: Mapping[str, Path],
        checksums: Mapping[str, str],
        told: dict[str, Any],
    ) -> None:
        places = {
            table: (os.path.relpath(path, self._folder), checksums[table])
            for table, path in targets.items()
        }
        with self._lock:
            self._noted[key] = _Note(files=places, told=told)


def _read(path: Path) -> dict[str, _Note]:
    """Read notes; those that cannot be read are none."""
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        return {key: _Note.model_validate(note) for key, note in notes.items()}
    except (OSError, ValueError, AttributeError, ValidationError):
        return {}
