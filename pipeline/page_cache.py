"""What the system can keep of files in memory, beside all else."""

from typing import Final

import psutil

MEMORY_SHARE: Final = 4
"""Files of one in so many bytes of the machine's memory, at most, are read in any order."""


def fits(total_bytes: int) -> bool:
    """Tell whether the system can keep so many bytes of files at hand."""
    return total_bytes <= int(psutil.virtual_memory().total) // MEMORY_SHARE
