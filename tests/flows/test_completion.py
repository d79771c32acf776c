"""What Tab offers."""

import os
import subprocess
import sys
from pathlib import Path

from data_contracts.aliases import Alias, Target
from data_contracts.warehouse import Warehouse

MILL = Path(sys.executable).with_name("mill")


def _offered(words, folder):
    environment = os.environ | {
        "_MILL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [MILL], check=False, env=environment, cwd=folder, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_tab_offers_commands_versions_and_names(tmp_path):
    store = Warehouse.create(tmp_path / "w")
    for version in ("0001-abcdef01", "0002-abcdef02"):
        folder = store.version_folder("datasets", "corpus", version)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    target = Target(dataset="corpus@0002-abcdef02", model=None)
    store.aliases.move("corpus", Alias.CANDIDATE, target)
    assert _offered("mill stat", tmp_path) == ["status"]
    versions = ["corpus@0001-abcdef01", "corpus@0002-abcdef02", "corpus@candidate"]
    assert _offered("mill verify --warehouse w corpus@", tmp_path) == versions
    for command in (
        "report",
        "lineage",
        "diff",
        "export",
        "promote",
        "contract diff",
        "export-model",
    ):
        assert _offered(f"mill {command} --warehouse w corpus@", tmp_path) == versions, command
    assert _offered("mill why key --warehouse w --dataset corpus@", tmp_path) == versions
    assert _offered("mill rollback --warehouse w c", tmp_path) == ["corpus"]
    assert _offered("mill verify x", tmp_path) == [""]
