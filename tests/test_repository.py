"""The repository's habits, checked: sizes, licences, no generated files."""

import subprocess

from tests.conftest import REPOSITORY

MAX_FILE_BYTES = 4_000_000
MAX_CORPORA_BYTES = 10_000_000
GENERATED = (".pyc", ".egg-info", "bench.json", ".ready", ".safetensors")


def _tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_no_file_is_large():
    sizes = {path: (REPOSITORY / path).stat().st_size for path in _tracked()}
    assert {path: size for path, size in sizes.items() if size > MAX_FILE_BYTES} == {}


def test_the_bundled_corpora_stay_small_and_each_has_its_licence():
    folder = REPOSITORY / "deployments" / "corpora"
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert total <= MAX_CORPORA_BYTES
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        assert list(source.glob("LICENSE*")), f"{source.name} has no licence file"


def test_no_generated_file_is_tracked():
    assert [path for path in _tracked() if path.endswith(GENERATED)] == []
