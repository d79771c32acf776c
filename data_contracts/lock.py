"""The lock: what was learned once and stays, so that a refresh equals a rebuild.

A lock is a folder of two files, `lock.json` and `tokenizer.json`; every dataset version is one. As
long as the settings that decide the tokenizer stay the same, later runs use it instead of learning
another from the data that has come since.
"""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, ValidationError

from data_contracts.errors import VersionCorrupt
from data_contracts.fingerprint import sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.whole_text import replace_text

LOCK_FILE: Final = "lock.json"


class Lock(Frozen):
    """What lock.json says of the tokenizer beside it."""

    tokenizer_sha256: str
    """SHA-256 of tokenizer.json."""
    vocabulary_size: int = Field(ge=1)
    """Entries of its vocabulary: ids are below this."""
    settings: str
    """Fingerprint of the settings that decided it; other settings ask for another tokenizer."""

    def save(self, folder: Path) -> Self:
        """Write `lock.json`, atomically. `tokenizer.json` must already be there."""
        replace_text(folder / LOCK_FILE, self.model_dump_json(indent=1) + "\n")
        return self

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read a lock and check the tokenizer beside it; None when the folder holds no lock.

        Raises:
            VersionCorrupt: `lock.json` is no lock, or `tokenizer.json` is missing or another.
        """
        path, tokenizer = folder / LOCK_FILE, folder / TOKENIZER_FILE
        try:
            lock = cls.model_validate_json(path.read_bytes())
            found = sha256_of_file(tokenizer)
        except FileNotFoundError as error:
            if not path.exists():
                return None
            raise VersionCorrupt(tokenizer, "the tokenizer is missing beside its lock") from error
        except ValidationError as error:
            raise VersionCorrupt(path, f"not a lock ({error.error_count()} errors)") from error
        if found != lock.tokenizer_sha256:
            raise VersionCorrupt(tokenizer, f"is not the tokenizer of {LOCK_FILE}")
        return lock
