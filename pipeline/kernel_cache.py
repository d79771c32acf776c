"""Compiled kernels, found again by the next process, and never stale.

Numba's on-disk cache notices a change in the file that defines a kernel, but not one in a kernel of
another file that it calls, nor in a constant that it takes from one: it would go on running the old
machine code. So the cache folder is named after a hash of all kernel sources together, and of the
modules they import; any change starts a new folder.
"""

import atexit
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., Any])

_PIPELINE: Final = Path(__file__).resolve().parent
_IMPORT: Final = re.compile(r"^from (pipeline\.[\w.]+) import", re.MULTILINE)


def sources_hash(root: Path = _PIPELINE) -> str:
    """Hash what decides the machine code: sources, numba and Python.

    Args:
        root: Folder of the package `pipeline`. Taken are every `kernels.py` in it, at any depth,
            and the modules of the package that one of them imports from.

    Returns:
        16 hex digits.
    """
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    paths = set(root.rglob("kernels.py"))
    for path in list(paths):
        for module in _IMPORT.findall(path.read_text(encoding="utf-8")):
            imported = root.parent.joinpath(*module.split(".")).with_suffix(".py")
            paths |= {imported} if imported.is_file() else set()
    for path in sorted(paths):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def user_cache_folder() -> Path:
    """Name the folder where this user's platform keeps what can be made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def kernel_folder() -> Path:
    """Make the folder of this version's compiled kernels.

    Where the user's cache folder cannot be written, a private temporary one that lasts as long as
    the process: compiled code found in a folder that others can write must not be run.
    """
    try:
        folder = user_cache_folder() / "corpusmill" / "kernels" / sources_hash()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        folder = Path(tempfile.mkdtemp(prefix="corpusmill-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


_FOLDER: Final = str(kernel_folder())


def kernel(function: Function) -> Function:
    """Compile a function of numbers and NumPy arrays on its first call, without the GIL.

    `function.py_func` is the plain Python function.
    """
    settings: Any = config  # numba sets its settings as module attributes while it is imported
    before = settings.CACHE_DIR
    settings.CACHE_DIR = _FOLDER  # read while decorating; other users of numba keep their folder
    try:
        compiled: Any = numba.njit(nogil=True, cache=True)(function)
    finally:
        settings.CACHE_DIR = before
    return cast("Function", compiled)
