"""What happened is told at least once, also after a kill, and taken once."""

import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect import flow

from data_contracts.aliases import Alias, Target
from data_contracts.errors import ContractFailed
from data_contracts.interval import Interval
from data_contracts.verdict import Comparison, Verdict
from data_contracts.warehouse import Warehouse
from flows import outbox
from flows.news import RETRAIN, note_told, untold
from flows.outbox import send, tell
from flows.promotion import promote
from flows.recipe import load_recipe
from flows.refresh import refresh
from tests.conftest import REPOSITORY
from tests.flows.corpora import TINY_TRAINING, write_corpus
from tests.flows.dataset_runs import build


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A version of which the process was killed before it told of it."""
    folder = tmp_path_factory.mktemp("outbox")
    recipe = write_corpus(folder / "corpus", documents=40, **TINY_TRAINING)
    return build(recipe, folder / "warehouse").published.path, folder / "warehouse"


@pytest.fixture
def store(published, tmp_path):
    return Warehouse.existing(shutil.copytree(published[1], tmp_path / "warehouse"))


@flow(name="teller")
def teller(store: Warehouse, training: bool = False):  # noqa: FBT001, FBT002
    return [one.mark for one in tell(store, training=training)]


def _arrived(store, event):
    """Wait for events of a kind from this warehouse."""
    from prefect.client.orchestration import get_client

    wanted = {"filter": {"event": {"name": [event]}}, "limit": 50}
    deadline = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while True:
            found = client.request("POST", "/events/filter", json=wanted).json()["events"]
            ours = [one for one in found if one["payload"].get("warehouse") == str(store.root)]
            if ours:
                return ours
            assert time.monotonic() < deadline, "the server has no such event"
            time.sleep(0.3)


def test_a_version_whose_process_was_killed_before_telling_is_told_by_the_next(prefect_api, store):
    version = store.latest("datasets", "corpus").name
    assert teller(store) == [f"datasets/corpus@{version}"]
    assert teller(store) == []
    (event,) = _arrived(store, "corpus.dataset.refreshed")
    assert event["payload"]["version"] == version
    assert [one["prefect.resource.role"] for one in event["related"]] == ["flow-run"]


def test_killed_after_sending_and_before_the_mark_it_is_sent_again_and_taken_once(
    prefect_api, store
):
    (news,) = untold(store, training=False)
    send([news], store.root)  # and then the process is killed
    assert [one.mark for one in untold(store, training=False)] == [news.mark]
    teller(store)
    last = {"event": "corpus.test.last", "mark": "last", "labels": {}}
    send([news.model_copy(update=last)], store.root)  # events are written in order
    _arrived(store, "corpus.test.last")
    assert len(_arrived(store, "corpus.dataset.refreshed")) == 1


TELL = """
import sys
from pathlib import Path
from data_contracts.warehouse import Warehouse
from flows.outbox import tell
tell(Warehouse.existing(Path(sys.argv[1])))
"""


@contextmanager
def _answers_to_events_kept_back(api):
    """Stand between a process and the server: (address, set once the server has taken events)."""
    taken, over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers.get("Content-Length") or 0)
            kept = {"Content-Type", "Prefect-Csrf-Token", "Prefect-Csrf-Client", "Accept"}
            headers = {name: value for name, value in self.headers.items() if name in kept}
            url = api.removesuffix("/api") + self.path
            body = self.rfile.read(size) if size else None
            request = urllib.request.Request(url, body, headers, method=self.command)
            try:
                reply = urllib.request.urlopen(request, timeout=60)
            except (
                urllib.error.HTTPError
            ) as refusal:  # an answer too: there are no CSRF tokens here
                reply = refusal
            with reply:
                status, answer = reply.status, reply.read()
            if self.path == "/api/events":
                taken.set()
                over.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", taken
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def test_a_process_killed_while_it_waits_for_the_answer_is_told_of_again_and_taken_once(
    environment, store
):
    (news,) = untold(store, training=False)
    with _answers_to_events_kept_back(environment["PREFECT_API_URL"]) as (address, taken):
        telling = subprocess.Popen(
            [sys.executable, "-c", TELL, store.root],
            cwd=REPOSITORY,
            env={**os.environ, "PREFECT_API_URL": address},
        )
        try:
            assert taken.wait(120)
        finally:
            telling.kill()  # SIGKILL: nothing of it runs any more
        assert telling.wait(60) < 0
    assert [one.mark for one in untold(store, training=False)] == [news.mark]
    assert len(_arrived(store, "corpus.dataset.refreshed")) == 1
    assert teller(store) == [news.mark]
    last = {"event": "corpus.test.last", "mark": "last", "labels": {}}
    send([news.model_copy(update=last)], store.root)  # events are written in order
    _arrived(store, "corpus.test.last")
    assert len(_arrived(store, "corpus.dataset.refreshed")) == 1
    assert untold(store, training=False) == []


def test_a_server_that_is_gone_ends_no_run_and_the_next_one_tells(prefect_api, store, monkeypatch):
    import httpx

    def fail(*_):
        message = "nobody answers"
        raise httpx.ConnectError(message)

    monkeypatch.setattr(outbox, "send", fail)
    assert teller(store) == []
    assert len(untold(store, training=False)) == 1


def test_nobody_is_asked_to_train_what_the_run_trains_or_what_is_trained(prefect_api, store):
    (news,) = untold(store, training=False)
    assert news.labels == {RETRAIN: "wanted"}
    (news,) = untold(store, training=True)
    assert news.labels == {RETRAIN: "no"}


def test_a_dataset_that_trains_nothing_asks_for_no_training(tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=20, train=None)
    build(recipe, tmp_path / "warehouse")
    (news,) = untold(Warehouse.existing(tmp_path / "warehouse"), training=False)
    assert news.labels == {RETRAIN: "no"}


def test_a_rejected_dataset_a_promotion_and_a_regression_are_told_of_after_a_kill(
    prefect_api, store, tmp_path
):
    strict = write_corpus(tmp_path / "corpus", documents=20, validate={"min_documents": 999})
    with pytest.raises(ContractFailed):
        refresh(recipe=load_recipe(strict), warehouse=store.root)
    shutil.rmtree(store.root / "outbox")  # as if all had been killed before they told
    version = store.latest("datasets", "corpus").name
    target = Target(dataset=f"corpus@{version}", model=None)
    promote(store, f"corpus@{version}", even_unproven=True)
    store.aliases.move("corpus", Alias.PRODUCTION, target.model_copy(update={"model": "corpus@1"}))
    store.aliases.move("corpus", Alias.CANDIDATE, target.model_copy(update={"model": "corpus@2"}))
    worse = Interval(value=0.1, low=0.08, high=0.12)
    one = Interval(value=1.0, low=0.9, high=1.1)
    comparison = Comparison(
        candidate="corpus@2",
        production="corpus@1",
        candidate_dataset=target.dataset,
        production_dataset=target.dataset,
        held_out_in_both=5,
        seen_in_training=0,
        documents=5,
        text_bytes=100,
        candidate_bits_per_byte=one,
        production_bits_per_byte=one,
        difference=worse,
        margin=0.005,
        verdict=Verdict.WORSE,
        sources={},
    )
    comparison.save(store.comparison_file("corpus", "0" * 16))
    by_hand = comparison.model_copy(update={"production": "corpus@3"})
    by_hand.save(store.comparison_file("corpus", "1" * 16))

    news = untold(store, training=False)
    told = [one.event.removeprefix("corpus.") for one in news]
    assert told == ["dataset.refreshed", "dataset.rejected", "model.regressed", "model.promoted"]
    assert any("999" in one for one in news[1].payload["failures"])
    note_told(store, news)
    assert untold(store, training=False) == []


def test_news_of_versions_of_another_program_are_told_all_the_same(store):
    import json

    folder = store.latest("datasets", "corpus")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["recipe"]["from_the_future"] = 1
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (news,) = untold(store, training=False)
    assert news.labels == {RETRAIN: "no"}
