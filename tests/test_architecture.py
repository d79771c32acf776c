"""The architecture, checked: layers, sizes, names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

CODE = ("flows", "pipeline", "model", "data_contracts")
MAX_LINES = 400
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools"}
SOURCES = sorted(path for folder in CODE for path in (REPOSITORY / folder).rglob("*.py"))
TOP_LEVEL = {*CODE, "tests", "deployments", ".ci", ".git"}


def test_layers_hold():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_there_is_no_other_code_folder():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {Path(path).parts[0] for path in tracked if len(Path(path).parts) > 1}
    assert folders <= TOP_LEVEL


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_module_holds_one_idea(path):
    assert path.stem not in BANNED
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_tests_mirror_the_code():
    for folder in CODE:
        for path in (REPOSITORY / "tests" / folder).rglob("*"):
            if path.is_dir() and path.name != "__pycache__":
                mirrored = path.relative_to(REPOSITORY / "tests")
                assert (REPOSITORY / mirrored).is_dir(), f"{path} mirrors nothing"


def test_no_test_folder_is_a_package():
    # With an __init__.py, tests/pipeline would shadow the package pipeline.
    assert not list((REPOSITORY / "tests").rglob("__init__.py"))


def test_stages_have_the_same_parts():
    for stage in ("ingest", "clean", "dedup", "validate", "shard"):
        folder = REPOSITORY / "pipeline" / stage
        assert (folder / "recipe.py").exists()
        tree = ast.parse((folder / "stage.py").read_text(encoding="utf-8"))
        assert stage in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        init = (folder / "__init__.py").read_text(encoding="utf-8")
        assert "STAGE_VERSION" in init
        assert "LIBRARIES" in init
