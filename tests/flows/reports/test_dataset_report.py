import pyarrow as pa
import pytest
from pydantic import ValidationError

from data_contracts.arrow_files import write_ipc
from data_contracts.errors import SchemaMismatch
from data_contracts.results import CleanResult
from data_contracts.schemas import DOCUMENTS
from flows.reports.dataset_report import Origin, gather_dataset
from flows.reports.funnel import Funnel, Loss
from tests.flows.reports.crude_stages import make_dataset


def gather(made):
    return gather_dataset(made.folder, Origin.of(made.manifest), made.results)


def test_the_funnel_accounts_for_every_record(dataset):
    funnel = gather(dataset).funnel
    assert funnel.total(0) == len(dataset.records)
    assert funnel.total(0) - sum(loss.records for loss in funnel.losses) == dataset.quality.kept
    for name, way in funnel.sources.items():
        assert (way[0], way[-1]) == (
            dataset.quality.sources[name].records_in,
            dataset.quality.sources[name].kept,
        )


def test_a_funnel_that_loses_a_record_cannot_be_built():
    with pytest.raises(ValidationError, match="dropped"):
        Funnel(
            sources={"a": (10, 8)}, losses=(Loss(stage="clean", records=1, reasons={"empty": 1}),)
        )


def test_results_of_other_data_are_refused(dataset, tmp_path):
    other = make_dataset(tmp_path, {"manuals": [("a", "word " * 30)]})
    with pytest.raises(ValueError, match=r"quality\.json counts"):
        gather_dataset(dataset.folder, Origin.of(dataset.manifest), other.results)


def test_a_missing_quality_file_is_named(dataset, tmp_path):
    with pytest.raises(SchemaMismatch, match=r"quality\.json"):
        gather_dataset(tmp_path, Origin.of(dataset.manifest), dataset.results)


def test_thresholds_are_found_by_their_names(dataset):
    origin = Origin.of(dataset.manifest)
    recipe = {"clean": {"min_language_score": 0.5, "rules": {"min_words": 10, "max_words": None}}}
    limits = gather_dataset(
        dataset.folder, origin.model_copy(update={"recipe": recipe}), dataset.results
    ).limits
    assert {name: [one.value for one in some] for name, some in limits.items()} == {
        "language_score": [0.5],
        "words": [10],
    }
    assert limits["words"][0].bites
    assert not limits["language_score"][0].bites


def test_clusters_are_compared_by_whole_documents_while_they_are_there(dataset, tmp_path):
    shown = dataset.quality.clusters[0]
    texts = {
        shown.survivor.record_id: "the whole old text",
        shown.furthest.record_id: "the whole new text",
    }
    table = pa.table(
        {
            "record_id": list(texts),
            "source": ["s"] * 2,
            "content_id": ["0" * 32] * 2,
            "language": ["en"] * 2,
            "quality": [1.0] * 2,
            "text": list(texts.values()),
        }
    ).cast(DOCUMENTS)
    write_ipc(tmp_path / "documents" / "part-00000.arrow", table)
    results = [
        one.model_copy(update={"folder": tmp_path}) if isinstance(one, CleanResult) else one
        for one in dataset.results
    ]
    report = gather_dataset(dataset.folder, Origin.of(dataset.manifest), results)
    assert [part.text for part in report.clusters[0].difference] == [
        "the whole ",
        "old ",
        "new ",
        "text",
    ]


def test_a_stage_taken_from_the_cache_is_marked(dataset):
    timings = {**dataset.manifest.timings_seconds, "ingest": 0.0}
    origin = Origin.of(dataset.manifest.model_copy(update={"timings_seconds": timings}))
    report = gather_dataset(dataset.folder, origin, dataset.results)
    assert [cost.stage for cost in report.costs if cost.reused] == ["ingest"]
