"""A full disk, told in one way wherever it is met. No Prefect here."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import CorpusError, DiskFull


@contextmanager
def a_full_disk_is_told(folder: Path) -> Iterator[None]:
    """Turn whatever a library raises on a full disk into one error.

    Args:
        folder: What was being written; the one that it is in exists.

    Raises:
        DiskFull: What was done in the `with` block ran out of room.
    """
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:
        if not _ran_out_of_room(error):
            raise
        raise DiskFull(folder, None, shutil.disk_usage(folder.parent).free) from error


def _ran_out_of_room(error: BaseException | None) -> bool:
    """Tell a full disk, however the library that met it wraps the news."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
