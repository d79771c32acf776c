import base64
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from data_contracts.results import IngestResult, SourceCounts
from flows.reports import artifacts
from flows.reports.markdown import TABLE_ROWS, code, table
from flows.summary import DatasetSummary, ModelSummary, RunSummary
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import parsed_svg

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MARKDOWN.validateLink = lambda _: True  # type: ignore[method-assign]  # as lenient as can be


@pytest.fixture(scope="module")
def summary(dataset, model):
    manifest = dataset.manifest
    return RunSummary(
        dataset=DatasetSummary(
            name=manifest.name,
            version=manifest.version,
            path=Path("w"),
            report=Path("w/report.html"),
            created=True,
            records_in=manifest.records_in,
            records_kept=manifest.records_kept,
            records_dropped=manifest.records_dropped,
            sources={one.name: (one.records_in, one.records_kept) for one in manifest.sources},
            documents=manifest.documents,
            tokens=manifest.tokens,
            warnings=(HOSTILE,),
        ),
        model=ModelSummary(
            name="demo",
            version=model.manifest.version,
            path=Path("w"),
            report=Path("w/report.html"),
            created=True,
            parameters=1_842_112,
            figures=model.evaluated.figures,
            beats_baselines=True,
        ),
    )


@pytest.fixture(scope="module")
def texts(dataset, model, summary):
    ingested, cleaned, deduped, validated, sharded = dataset.results
    return {
        "ingest": artifacts.ingest_markdown(ingested),
        "clean": artifacts.clean_markdown(cleaned),
        "dedup": artifacts.dedup_markdown(deduped),
        "validate": artifacts.validate_markdown(validated),
        "shard": artifacts.shard_markdown(sharded),
        "train": artifacts.train_markdown(model.trained),
        "evaluate": artifacts.evaluate_markdown(model.evaluated),
        "refresh": artifacts.refresh_markdown(summary, "http://127.0.0.1:4280"),
    }


STAGES = ["ingest", "clean", "dedup", "validate", "shard", "train", "evaluate", "refresh"]


def inline(text):
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or []


@pytest.mark.parametrize("stage", STAGES)
def test_an_artifact_is_small(texts, stage):
    assert len(texts[stage].encode()) < artifacts.MAX_BYTES


@pytest.mark.parametrize("stage", STAGES)
def test_foreign_text_is_nothing_but_text(texts, stage):
    tokens = list(inline(texts[stage]))
    assert not [one for one in tokens if one.type in {"html_inline", "html_block", "s_open"}]
    links = [one.attrs["href"] for one in tokens if one.type == "link_open"]
    assert all(link.startswith("http://127.0.0.1:4280/") for link in links)
    assert "\u202e" not in texts[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_rows_of_a_table_have_as_many_cells_as_its_header(texts, stage):
    for block in texts[stage].split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


@pytest.mark.parametrize("stage", ["ingest", "clean", "dedup", "train", "evaluate", "refresh"])
def test_pictures_lie_within_the_text_and_are_svg(texts, stage):
    pictures = [one.attrs["src"] for one in inline(texts[stage]) if one.type == "image"]
    assert pictures
    for source in pictures:
        kind, encoded = source.split(",")
        assert kind == "data:image/svg+xml;base64"
        parsed_svg(base64.b64decode(encoded))


def test_the_same_result_gives_the_same_text(texts, dataset):
    assert artifacts.clean_markdown(dataset.results[1]) == texts["clean"]


def test_counts_are_those_of_the_result(texts, dataset):
    for name, one in dataset.results[1].sources.items():
        row = next(line for line in texts["clean"].splitlines() if f"` {name} `" in line)
        assert f"| {one.rows_in:,} | {one.rows_kept:,} |" in row


def test_failed_rules_come_first(texts):
    rows = [line for line in texts["validate"].splitlines() if line.startswith("|")]
    assert "**failed**" in rows[2]


def test_without_a_report_server_the_file_is_named(summary):
    text = artifacts.refresh_markdown(summary)
    assert "` w/report.html `" in text
    assert not [one for one in inline(text) if one.type == "link_open"]


def test_thousands_of_sources_stay_small(tmp_path):
    counts = SourceCounts(rows_in=3, rows_kept=3)
    result = IngestResult(
        folder=tmp_path,
        elapsed_seconds=1,
        bytes_in=10,
        files=1,
        sources={f"source-{n}": counts for n in range(5000)},
    )
    text = artifacts.ingest_markdown(result)
    assert len(text.encode()) < artifacts.MAX_BYTES
    assert f"{5000 - TABLE_ROWS:,} more rows" in text


@pytest.mark.parametrize("text", [HOSTILE, "`", "|", "\\", "a\\|b", "` `", "\n\n# x", "", "``x|``"])
def test_a_code_span_holds_whatever_it_is_given(text):
    row = table(("one", "two"), [(code(text, 1000), "2")])
    cells = [one for one in MARKDOWN.parse(row) if one.type == "td_open"]
    assert len(cells) == 2
    inside = [one for one in MARKDOWN.parse(row) if one.type == "inline"][2].children
    assert [one.type for one in inside] in (["code_inline"], ["text"])
