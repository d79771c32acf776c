import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import VersionCorrupt, VersionUnknown, WarehouseBusy, WarehouseFormat
from data_contracts.manifest import DatasetManifest, list_files, now
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse, link_tree
from tests.conftest import REPOSITORY


def _manifest(folder, version, fingerprint="ab" * 16):
    return DatasetManifest(
        name="corpus",
        version=version,
        fingerprint=fingerprint,
        created=now(),
        corpusmill="0",
        recipe={},
        stage_keys={},
        libraries={},
        timings_seconds={},
        files=list_files(folder),
        sources=(),
        records_in=1,
        records_kept=1,
        records_dropped={},
        documents={"train": 1},
        tokens={"train": 1},
        tokenizer_sha256="0",
        contracts=(ContractStamp(id="c", version="1.0.0", sha256="0"),),
    )


def _publish(warehouse, fingerprint="ab" * 16):
    version = warehouse.next_version("datasets", "corpus", fingerprint)
    staging = warehouse.staging_folder("datasets", "corpus", version)
    (staging / "documents").mkdir()
    (staging / "documents" / "file").write_text("text")
    _manifest(staging, version, fingerprint).save(staging)
    place = warehouse.version_folder("datasets", "corpus", version)
    warehouse.publish(staging, place)
    return place


def test_a_new_folder_becomes_a_warehouse_and_stays_one(tmp_path):
    Warehouse.create(tmp_path / "w")
    assert Warehouse.create(tmp_path / "w").names("datasets") == []
    assert Warehouse.existing(tmp_path / "w").names("models") == []


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(WarehouseFormat, match="neither a warehouse nor an empty folder"):
        Warehouse.create(tmp_path)


def test_another_format_version_is_refused(tmp_path):
    (tmp_path / "warehouse.json").write_text('{"format": 99}')
    with pytest.raises(WarehouseFormat, match="format is 99"):
        Warehouse.create(tmp_path)


def test_a_missing_warehouse_is_named_with_the_next_step(tmp_path):
    with pytest.raises(WarehouseFormat, match="mill run RECIPE"):
        Warehouse.existing(tmp_path / "nowhere")


def test_versions_count_up_and_carry_their_fingerprint(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    first, second = _publish(warehouse), _publish(warehouse, "cd" * 16)
    assert [first.name, second.name] == ["0001-abababab", "0002-cdcdcdcd"]
    assert warehouse.versions("datasets", "corpus") == [first.name, second.name]
    assert warehouse.find("datasets", "corpus") == second
    assert warehouse.find("datasets", f"corpus@{first.name}") == first
    assert warehouse.latest("datasets", "corpus") == second
    found = warehouse.dataset_with("corpus", "ab" * 16)
    assert found is not None
    assert found[0] == first
    assert warehouse.dataset_with("corpus", "ab" * 4 + "00" * 12) is None


def test_a_version_without_its_manifest_does_not_exist(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    place = _publish(warehouse)
    (place / "manifest.json").unlink()
    assert warehouse.versions("datasets", "corpus") == []
    with pytest.raises(VersionUnknown, match="there is: none yet"):
        warehouse.find("datasets", "corpus")


def test_what_a_killed_run_assembled_is_not_a_version_and_is_cleared(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    staging = warehouse.staging_folder("datasets", "corpus", "0001-abababab")
    (staging / "manifest.json").write_text("half")
    assert warehouse.versions("datasets", "corpus") == []
    again = warehouse.staging_folder("datasets", "corpus", "0001-abababab")
    assert list(again.iterdir()) == []


def test_a_changed_file_is_found_by_its_checksum(tmp_path):
    place = _publish(Warehouse.create(tmp_path))
    manifest = DatasetManifest.load(place)
    manifest.verify(place)
    (place / "documents" / "file").write_text("tex!")
    with pytest.raises(VersionCorrupt, match="not the one that was published"):
        manifest.verify(place)


def test_one_writer_at_a_time(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    with (
        warehouse.lease("corpus"),
        pytest.raises(WarehouseBusy, match=f"process {os.getpid()}"),
        warehouse.lease("corpus"),
    ):
        pass
    with warehouse.lease("corpus"):
        pass


def test_the_lease_of_a_killed_process_is_free(tmp_path):
    script = """
        import sys, time
        from pathlib import Path
        from data_contracts.warehouse import Warehouse
        with Warehouse.create(Path(sys.argv[1])).lease("corpus"):
            print("held", flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        warehouse = Warehouse.create(tmp_path)
        with pytest.raises(WarehouseBusy), warehouse.lease("corpus"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with warehouse.lease("corpus"):
            pass
    finally:
        holder.kill()
        holder.wait(10)
        holder.stdout.close()


def test_the_cache_forgets_what_was_least_recently_used(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    for age, key in enumerate(("new", "middle", "old")):
        folder = warehouse.run_folder(Stage.CLEAN, key)
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 100)
        os.utime(folder, (1e9 - age, 1e9 - age))
    assert warehouse.prune_cache(max_bytes=250) == 100
    assert not warehouse.run_folder(Stage.CLEAN, "old").exists()
    assert warehouse.run_folder(Stage.CLEAN, "middle").exists()
    assert warehouse.prune_cache(max_bytes=250) == 0


def test_nothing_is_taken_out_of_the_cache_while_anybody_runs(tmp_path):
    warehouse = Warehouse.create(tmp_path)
    folder = warehouse.run_folder(Stage.CLEAN, "read by another")
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 100)
    with warehouse.lease("other"):
        assert warehouse.prune_cache(max_bytes=0) == 0
        with pytest.raises(WarehouseBusy, match=rf"`other`.*process {os.getpid()}"):
            warehouse.alone().__enter__()
    with warehouse.only_worker(warehouse.run_folder(Stage.EVALUATE, "key")):
        assert warehouse.prune_cache(max_bytes=0) == 0
        with pytest.raises(WarehouseBusy, match=r"`evaluate-key`"):
            warehouse.alone().__enter__()
    assert (folder / "file").exists()
    assert warehouse.prune_cache(max_bytes=0) == 100


def test_a_run_that_begins_while_the_cache_is_pruned_waits(tmp_path):
    warehouse, order = Warehouse.create(tmp_path), []

    def run():
        with warehouse.lease("corpus"):
            order.append("run")

    with warehouse.alone():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("pruned")
    thread.join(10)
    assert order == ["pruned", "run"]


def test_files_are_linked_or_copied_with_their_folders(tmp_path, monkeypatch):
    (tmp_path / "index/deep").mkdir(parents=True)
    (tmp_path / "index/deep/a.parquet").write_bytes(b"abc")
    link_tree(tmp_path / "index", tmp_path / "linked")
    linked = tmp_path / "linked/deep/a.parquet"
    assert linked.samefile(tmp_path / "index/deep/a.parquet")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    link_tree(tmp_path / "index", tmp_path / "copied")
    copied = tmp_path / "copied/deep/a.parquet"
    assert copied.read_bytes() == b"abc"
    assert not copied.samefile(linked)


def test_a_linked_tree_survives_its_source(tmp_path):
    source = tmp_path / "cache"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "file").write_text("text")
    link_tree(source, tmp_path / "version")
    (source / "deep" / "file").unlink()
    assert (tmp_path / "version" / "deep" / "file").read_text() == "text"
