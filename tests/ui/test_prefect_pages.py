"""What a user does on the Prefect pages, done in a real browser on a real server, in this order."""

import contextlib

import polars as pl
import pytest

from data_contracts.aliases import Alias
from data_contracts.warehouse import Warehouse
from flows.promotion import promote
from tests.flows.corpora import TINY_TRAINING, write_corpus
from tests.flows.live import BUSY, Workplace

pytestmark = [pytest.mark.ui, pytest.mark.slow]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("pages")
    write_corpus(folder / "recipes", documents=60, **TINY_TRAINING)
    strict = write_corpus(
        folder / "bad", documents=20, name="bad", validate={"min_documents": 999}, **TINY_TRAINING
    )
    strict.rename(folder / "bad" / "bad.yaml")
    with Workplace(folder) as workplace:
        yield workplace


@pytest.fixture(scope="module")
def store(workplace):
    return Warehouse.existing(workplace.warehouse)


def _last_run(workplace, deployment):
    workplace.until(lambda: workplace.runs_of(deployment))
    return max(workplace.runs_of(deployment), key=lambda one: one["created"])["id"]


def _too_long():
    from playwright.sync_api import TimeoutError as TooLong

    return TooLong


def _submit(page):
    """Press the button until the form is sent: one that is still checking its fields lets it go."""
    _sent(page, page.get_by_role("button", name="Submit").click)


def _quick_run(page, workplace, deployment):
    """Run a deployment from its own page with what its form would hold."""
    identity = workplace.deployment(deployment)["id"]
    page.goto(f"{workplace.pages}/deployments/deployment/{identity}")

    def press():
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Quick run").click()

    _sent(page, press)


def _sent(page, press, wanted="**/create_flow_run"):
    """Press until the page asks the server for it, and see the server agree."""
    for _ in range(4):
        with contextlib.suppress(_too_long()):
            with page.expect_request(wanted, timeout=15_000) as asked:
                press()
            answer = asked.value.response()
            assert answer.ok or answer.status == BUSY, answer.text()
            if answer.ok:
                return
    pytest.fail(f"the page never asked for {wanted}")


def _under_tab(page, name, wanted):
    """Open a tab and find something there: a page that is still loading goes back to its first tab."""
    for _ in range(4):
        page.get_by_role("tab", name=name).click()
        with contextlib.suppress(_too_long()):
            panel = page.get_by_role("tabpanel", name=name)
            panel.locator(wanted).first.wait_for(timeout=15_000)
            return
    pytest.fail(f"there is no {wanted} under {name}")


def _open_artifact(page, workplace, key):
    """Go from a key's history to what it holds now."""
    page.goto(f"{workplace.pages}/artifacts/key/{key}")
    page.locator('a[href*="/artifacts/artifact/"]').first.click()
    page.get_by_role("tab", name="Raw").wait_for()


def _pictures(page):
    """Wide enough pictures are those that have loaded."""
    page.locator("img[alt]").first.wait_for()
    pictures = page.locator("img[alt]").all()
    page.wait_for_function("[...document.images].every(one => one.complete)")
    return {one.get_attribute("alt"): one.evaluate("one => one.naturalWidth") for one in pictures}


def test_a_run_is_started_from_the_form_and_its_figures_and_report_are_there(
    page, shot, workplace, store
):
    page.goto(f"{workplace.pages}/deployments")
    page.get_by_role("link", name="refresh-and-retrain").click()
    page.get_by_role("button", name="Run").click()
    page.get_by_role("menuitem", name="Custom run").click()
    page.get_by_text("deployments/recipes/demo.yaml").click()
    page.get_by_role("option", name=str(workplace.recipes / "recipe.yaml")).click()
    page.get_by_role("button", name="Add item").click()
    page.locator("textarea").first.fill("dedup.jaccard_threshold=0.75")
    shot("1-form")
    _submit(page)
    run = _last_run(workplace, "refresh-and-retrain")
    page.goto(f"{workplace.pages}/runs/flow-run/{run}")
    ended = workplace.ended(run)
    assert ended["parameters"]["changes"] == ["dedup.jaccard_threshold=0.75"]
    page.get_by_text("CompletedWithWarnings").first.wait_for()  # without loading the page again
    _under_tab(page, "Artifacts", 'a[href$="/artifacts/key/refresh-corpus"]')
    shot("2-run")

    version = store.latest("datasets", "corpus")
    _open_artifact(page, workplace, "refresh-corpus")
    page.get_by_role("heading", name=f"corpus@{version.name}").wait_for()
    page.get_by_text("near duplicate").wait_for()
    assert _pictures(page)["Records kept and dropped per source"] > 300
    shot("3-artifact")
    _open_artifact(page, workplace, "evaluate-corpus")
    assert min(_pictures(page).values()) > 300

    _open_artifact(page, workplace, "refresh-corpus")
    page.get_by_role("link", name="Open the report").first.click()
    page.wait_for_url(f"{workplace.reports}/datasets/corpus/{version.name}/report.html")
    ledger = pl.read_parquet(version / "ledger" / "*.parquet")
    dropped = ledger.filter(pl.col("reason") == "near_duplicate")["key"][0]
    page.get_by_label("Search").fill(dropped)
    row = page.locator("tr:visible", has_text=dropped).last
    assert "near duplicate" in row.inner_text().replace("_", " ")
    row.scroll_into_view_if_needed()
    shot("4-why-in-the-report")


def test_the_weekly_schedule_is_switched_on(page, shot, workplace):
    deployment = workplace.deployment("refresh/refresh-and-retrain")
    assert [one["active"] for one in deployment["schedules"]] == [False]
    page.goto(f"{workplace.pages}/deployments/deployment/{deployment['id']}")

    def on():
        found = workplace.deployment("refresh/refresh-and-retrain")["schedules"]
        return all(one["active"] for one in found)

    switch = page.get_by_role("switch", name="only on Monday")
    _sent(page, switch.click, "**/schedules/*")
    workplace.until(on)

    def waiting():
        found = workplace.runs_of("refresh-and-retrain")
        return [one for one in found if one["state_type"] == "SCHEDULED"]

    workplace.until(waiting)  # the scheduler has planned the next Mondays
    assert all(one["expected_start_time"][11:16] == "03:00" for one in waiting())
    page.reload()
    _under_tab(page, "Upcoming", 'a[href*="/runs/flow-run/"]')
    shot("5-schedule")


def test_a_failed_contract_blocks_the_run_before_training(page, shot, workplace, store):
    strict = str(workplace.folder / "bad" / "bad.yaml")
    run = workplace.start("refresh/refresh-and-retrain", recipe=strict)
    workplace.ended(run, "FAILED")
    page.goto(f"{workplace.pages}/runs/flow-run/{run}")
    page.get_by_text("Failed").first.wait_for()
    page.get_by_role("tab", name="Logs").click()
    page.get_by_role("combobox").filter(has_text="Oldest to newest").click()
    page.get_by_role("option", name="Newest to oldest").click()  # the list holds what is in view
    page.get_by_text("Nothing was published and nothing was trained").first.wait_for()
    shot("6-blocked")
    _open_artifact(page, workplace, "validate-bad")
    page.get_by_role("heading", name="failed: nothing is published or trained").wait_for()
    page.get_by_text("999").first.wait_for()
    shot("7-contract-failed")
    assert "bad" not in store.names("datasets") + store.names("models")


def test_a_candidate_is_promoted_from_the_comparison_and_rolled_back(page, shot, workplace, store):
    promote(store, "corpus")
    first = store.aliases.target("corpus", Alias.PRODUCTION).model
    longer = TINY_TRAINING["train"] | {"budget_tokens": 60_000, "max_epochs": None}
    workplace.ended(workplace.start("retrain", dataset="corpus", settings=longer))

    _open_artifact(page, workplace, "candidate-corpus")
    page.get_by_role("heading", name="corpus: candidate and production").wait_for()
    assert min(_pictures(page).values()) > 300
    shot("8-comparison")
    second = store.aliases.target("corpus", Alias.CANDIDATE).model
    page.get_by_role("link", name="Promote this candidate").click()
    page.locator("textarea", has_text=second).first.wait_for()  # the form is filled in
    shot("9-promote")
    _submit(page)
    workplace.ended(_last_run(workplace, "promote"))
    assert store.aliases.target("corpus", Alias.PRODUCTION).model == second

    _quick_run(page, workplace, "rollback")
    workplace.ended(_last_run(workplace, "rollback"))
    assert store.aliases.target("corpus", Alias.PRODUCTION).model == first
    page.goto(f"{workplace.pages}/runs")
    page.get_by_role("link", name="corpus rollback").first.wait_for()
    shot("10-rolled-back")


def test_earlier_runs_versions_and_models_are_there_when_it_is_started_again(
    page, shot, workplace, store
):
    runs = workplace.runs_of("refresh-and-retrain")  # those that are planned are planned anew
    earlier = {one["id"]: one["state_type"] for one in runs if one["state_type"] != "SCHEDULED"}
    assert workplace.stop() == 0
    with workplace:
        assert {run: workplace.read(run)["state_type"] for run in earlier} == earlier
        run = next(run for run, state in earlier.items() if state == "COMPLETED")
        name = workplace.read(run)["name"]
        page.goto(f"{workplace.pages}/runs/flow-run/{run}")
        page.get_by_text(name).first.wait_for()
        _under_tab(page, "Artifacts", 'a[href$="/artifacts/key/refresh-corpus"]')
        shot("14-earlier-run")
        page.goto(workplace.reports)
        for kind in ("datasets", "models"):
            for version in store.versions(kind, "corpus"):
                page.get_by_role("link", name=version).first.wait_for()
        shot("15-earlier-versions")
