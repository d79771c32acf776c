import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import kernel_cache

CALLER = """
from pipeline.kernel_cache import kernel
from pipeline.inner.kernels import inner

@kernel
def outer(x):
    return inner(x)
"""
CALLEE = """
from pipeline.kernel_cache import kernel
from pipeline.inner.constants import STEP

@kernel
def inner(x):
    return x + STEP
"""


@pytest.fixture
def package(tmp_path):
    """A package with a kernel that calls a kernel of another file, which uses a constant."""
    root = tmp_path / "code" / "pipeline"
    for name, files in {
        "": {"kernel_cache.py": Path(kernel_cache.__file__).read_text()},
        "outer": {"kernels.py": CALLER},
        "inner": {"kernels.py": CALLEE, "constants.py": "STEP = 1\n"},
    }.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in {"__init__.py": "", **files}.items():
            (folder / file).write_text(text)
    return root


def outer_of_one(package, cache):
    command = "from pipeline.outer.kernels import outer; print(outer(1), outer.stats.cache_hits)"
    run = subprocess.run(
        [sys.executable, "-c", command],
        cwd=package.parent,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    result, hits = run.stdout.split(None, 1)
    return int(result), hits.count(": 1")


@pytest.mark.skipif(sys.platform != "linux", reason="sets the cache folder the way Linux names it")
def test_a_change_in_a_called_file_or_a_constant_is_never_served_stale(package, tmp_path):
    assert outer_of_one(package, tmp_path / "cache") == (2, 0)
    assert outer_of_one(package, tmp_path / "cache") == (2, 1)
    kernels = package / "inner" / "kernels.py"
    kernels.write_text(CALLEE.replace("x + STEP", "x + STEP + 10"))
    assert outer_of_one(package, tmp_path / "cache") == (12, 0)
    (package / "inner" / "constants.py").write_text("STEP = 5\n")
    assert outer_of_one(package, tmp_path / "cache") == (16, 0)


def test_a_cache_folder_that_cannot_be_made_is_replaced_by_a_private_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(kernel_cache, "user_cache_folder", lambda: tmp_path / "file")
    folder = kernel_cache.kernel_folder()
    assert folder.is_dir()
    assert tmp_path not in folder.parents


def test_other_users_of_numba_keep_their_cache_folder():
    from numba.core import config

    before = config.CACHE_DIR

    @kernel_cache.kernel
    def twice(x):
        return 2 * x

    assert before == config.CACHE_DIR
    assert twice(4) == twice.py_func(4) == 8
