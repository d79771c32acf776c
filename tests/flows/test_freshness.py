"""How fresh datasets are, and who is told."""

from datetime import timedelta

import pytest
import yaml

from data_contracts.contracts import Contracts
from data_contracts.errors import ContractInvalid
from data_contracts.manifest import DatasetManifest, now
from data_contracts.shipped_contracts import SHIPPED
from data_contracts.warehouse import Warehouse
from flows.freshness import CHECKED_FILE, freshness, longest_age, note_checked
from flows.upkeep import maintenance, shrink, watch
from tests.flows.corpora import write_corpus
from tests.flows.dataset_runs import build


def _contract(path, frequency):
    content = yaml.safe_load(SHIPPED["shards"].read_text(encoding="utf-8"))
    content["slaProperties"] = frequency
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "unit", "hours"), [(12, "h", 12), (1, "d", 24), (2, "weeks", 336), (1, "y", 8760)]
)
def test_a_contract_says_how_often_a_refresh_is_due(tmp_path, value, unit, hours):
    sla = [{"property": "frequency", "value": value, "unit": unit}]
    path = _contract(tmp_path / "own.odcs.yaml", sla)
    assert longest_age(Contracts.load([path])) == timedelta(hours=hours)


def test_a_contract_that_says_nothing_sets_no_limit(tmp_path):
    assert longest_age(Contracts.load([_contract(tmp_path / "own.odcs.yaml", [])])) is None


@pytest.mark.parametrize(("value", "unit"), [(1, "m"), (0, "d"), (-1, "d"), ("soon", "d")])
def test_a_time_that_is_none_is_refused(tmp_path, value, unit):
    sla = [{"property": "frequency", "value": value, "unit": unit}]
    contract = Contracts.load([_contract(tmp_path / "own.odcs.yaml", sla)])
    with pytest.raises(ContractInvalid, match="frequency"):
        longest_age(contract)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("freshness")
    sla = [{"property": "frequency", "value": 1, "unit": "h"}]
    (folder / "corpus").mkdir()
    _contract(folder / "corpus" / "own.odcs.yaml", sla)
    own = {"contracts": ["own.odcs.yaml"]}
    build(
        write_corpus(folder / "corpus", documents=20, validate=own, train=None),
        folder / "warehouse",
    )
    return Warehouse.existing(folder / "warehouse")


def test_a_dataset_is_stale_when_its_contracts_time_has_passed_since_it_was_checked(store):
    (found,) = freshness(store)
    made = DatasetManifest.load(store.latest("datasets", "corpus")).created
    assert found.checked == made
    assert found.due == made + timedelta(hours=1)
    assert not found.stale_at(made + timedelta(minutes=59))
    assert found.stale_at(made + timedelta(minutes=61))
    note_checked(store, "corpus")
    (found,) = freshness(store)
    assert found.checked > made
    (store.root / "datasets" / "corpus" / CHECKED_FILE).write_text("damaged")
    (found,) = freshness(store)
    assert found.checked == made


def test_watching_tells_of_overdue_datasets_only(prefect_api, store, monkeypatch):
    sent = []
    monkeypatch.setattr("flows.upkeep.send", lambda news, _: sent.extend(news))
    watch(warehouse=store.root)
    assert sent == []
    monkeypatch.setattr("flows.upkeep.now", lambda: now() + timedelta(hours=2))
    (found,) = watch(warehouse=store.root)
    (news,) = sent
    assert news.event == "corpus.dataset.stale"
    assert news.payload["version"] == found.version


def test_maintenance_removes_what_nobody_needs_and_nothing_when_only_asked(prefect_api, store):
    left = store.root / "datasets" / "corpus" / ".0009-00000000.partial"
    left.mkdir()
    (left / "part").write_text("half")
    told = maintenance(warehouse=store.root, dry_run=True)
    assert left in {one.path for one in told.removals}
    assert left.exists()
    maintenance(warehouse=store.root)
    assert not left.exists()
    assert len(store.versions("datasets", "corpus")) == 1


def test_a_database_gives_back_the_room_of_what_was_deleted(tmp_path):
    import sqlite3
    from contextlib import closing

    path = tmp_path / "prefect.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table runs (text)")
        database.executemany("insert into runs values (?)", [("x" * 1000,)] * 1000)
        database.execute("delete from runs where rowid > 10")
        database.commit()
    before = path.stat().st_size
    assert shrink(path) > before / 2
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from runs").fetchone() == (10,)
    assert shrink(tmp_path / "none.db") == 0
