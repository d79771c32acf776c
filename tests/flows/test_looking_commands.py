"""Daily commands on a warehouse: what they print, and that `--json` ends in one JSON value."""

import json

import pytest
from typer.testing import CliRunner

from data_contracts.shipped_contracts import SHIPPED
from flows.cli import app


@pytest.fixture
def mill(first_run):
    """Runs a command on the first run's warehouse; gives its output and the JSON at its end."""

    def run(*arguments, code=0, warehouse=True):
        place = ["-w", str(first_run[1])] if warehouse else []
        done = CliRunner().invoke(app, [*map(str, arguments), *place, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout.splitlines()[-1]), done.output

    return run


def test_a_report_is_found_by_name_and_by_version(mill, first_run):
    _, _root, summary = first_run
    latest, _ = mill("report")
    assert mill("report", "corpus")[0] == latest
    assert latest["version"] == f"corpus@{summary.dataset.version}"
    assert latest["path"] == str(summary.dataset.report)
    assert latest["url"] is None
    model, _ = mill("report", f"corpus@{summary.model.version}")
    assert model["path"] == str(summary.model.report)


def test_the_page_of_a_report_is_told_while_the_server_runs(mill, first_run):
    noted = first_run[1] / "prefect" / "server.json"
    noted.parent.mkdir(exist_ok=True)
    noted.write_text(json.dumps({"reports_url": "http://127.0.0.1:4280"}), encoding="utf-8")
    try:
        found, _ = mill("report", "corpus")
    finally:
        noted.unlink()
    name, version = found["version"].split("@")
    assert found["url"] == f"http://127.0.0.1:4280/datasets/{name}/{version}/report.html"


def test_data_docs_are_written_when_asked_for(mill, tmp_path):
    found, _ = mill("report", "corpus", "--data-docs", tmp_path / "docs")
    pages = tmp_path / "docs" / "gx" / "uncommitted" / "data_docs" / "local_site"
    assert found["data_docs"] == str(pages / "index.html")
    results = list((pages / "validations").rglob("*.html"))
    suites = {path.relative_to(pages / "validations").parts[0] for path in results}
    assert {"sources", "documents figures", "spans figures", "freshness"} <= suites
    assert "license" in next(path for path in results if "sources" in path.parts).read_text()


def test_lineage_is_a_tree_or_a_flowchart(mill, first_run):
    found, output = mill("lineage")
    assert found["mermaid"].startswith("flowchart LR")
    assert "└── trained: model corpus@" in output
    shown = CliRunner().invoke(app, ["lineage", "--mermaid", "-w", str(first_run[1])])
    assert shown.stdout == found["mermaid"]


def test_a_row_of_the_corpus_and_of_the_ledger_is_shown(mill, first_run):
    recipe, _, summary = first_run
    line, output = mill("show", recipe.parent / "records.jsonl", "--row", 1, warehouse=False)
    assert json.loads(line["raw"])["id"] == "doc-0"
    assert "doc-0" in output
    ledger = summary.dataset.path / "ledger" / "part-00000.parquet"
    row, _ = mill("show", ledger, "--row", 2, warehouse=False)
    assert row["format"] == "parquet"
    assert len(row["fields"]["record_id"]) == 32


def test_contracts_are_checked_compared_and_written_as_a_page(mill, tmp_path):
    looser = tmp_path / "looser.odcs.yaml"
    text = SHIPPED["shards"].read_text(encoding="utf-8")
    assert "severity: critical" in text
    looser.write_text(text.replace("severity: critical", "severity: info"), encoding="utf-8")
    rules, output = mill("contract", "check", looser, warehouse=False)
    assert len(rules) > 10
    assert "all of which can be checked" in output
    changes, _ = mill("contract", "diff", SHIPPED["shards"], looser)
    assert {change["way"] for change in changes} == {"looser"}
    mill("contract", "diff", SHIPPED["shards"], looser, "--refuse-looser", code=3)
    mill("contract", "diff", looser, SHIPPED["shards"], "--refuse-looser")
    same, output = mill("contract", "diff", "corpus")
    assert same == []
    assert "Every rule is as it was." in output
    written, _ = mill("contract", "page", "corpus", "--to", tmp_path / "page.html")
    assert "corpusmill.scorecard" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [one["id"] for one in written["contracts"]] == sorted(
        one["id"] for one in written["contracts"]
    )
