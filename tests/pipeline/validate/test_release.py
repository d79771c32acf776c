"""The second judgement: tokens, drift, ages."""

import numpy as np
import pyarrow as pa
import pytest

from data_contracts.quality import Quality
from data_contracts.results import ShardResult, SourceCounts
from data_contracts.schemas import TOKEN_SPANS
from data_contracts.split import SPLITS
from data_contracts.token_shards import TokenShardWriter
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.release import ReleaseInputs, judge_release
from pipeline.validate.stage import validate
from tests.reference.ledger_inputs import Record, write_inputs

DOCUMENTS = {"train": 300, "validation": 4, "test": 3}


def records(words=lambda number: 5 + number % 40):
    return [
        Record(f"{split} {n}", text=f"{split} {n} " + "word " * words(n), split=split)
        for split, count in DOCUMENTS.items()
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def quality(tmp_path_factory):
    """Figures of a corpus, of longer or shorter documents."""
    made = {}

    def figures(name, words):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            inputs = write_inputs(folder / "in", records(words))
            made[name] = Quality.load(validate(inputs, ValidateRecipe(), folder / "out").quality)
        return made[name]

    return figures


def same(quality):
    return quality("same", lambda n: 5 + n % 40)


@pytest.fixture
def inputs(tmp_path, quality):
    """What is judged; `spans` may change each split's rows before they are written."""

    def written(spans=lambda rows: rows, **more):
        for split in SPLITS:
            rows = [
                {"record_id": f"{split:_<20}{n:012d}".encode().hex()[:32], "source": "books",
                 "start": 7 * n, "tokens": 7, "text_bytes": 30}
                for n in range(DOCUMENTS[split])
            ]  # fmt: skip
            rows = [{**row, "record_id": f"{number:032x}"} for number, row in enumerate(rows)]
            rows = [
                {**row, "record_id": f"{SPLITS.index(split):x}{row['record_id'][1:]}"}
                for row in rows
            ]
            rows = spans(rows)
            with TokenShardWriter(tmp_path / "shard" / "tokens" / split, 300) as writer:
                table = pa.RecordBatch.from_pylist(rows, schema=TOKEN_SPANS)
                writer.add(np.ones(sum(row["tokens"] for row in rows), np.uint16), table)
        sharded = ShardResult(
            folder=tmp_path / "shard",
            elapsed_seconds=0,
            bytes_in=0,
            sources={"books": SourceCounts(rows_in=307, rows_kept=307)},
            tokenizer_sha256="0" * 64,
            vocabulary_size=300,
            documents=DOCUMENTS,
            tokens={split: 7 * count for split, count in DOCUMENTS.items()},
        )
        given = {
            "quality": same(quality),
            "production": same(quality),
            "days_since_previous": 1.0,
            "days_since_newest_file": 2.0,
        }
        return ReleaseInputs(sharded=sharded, **{**given, **more})

    return written


def judged(inputs):
    result = judge_release(inputs, ValidateRecipe())
    return result, {one.rule: one for one in result.checks if not one.passed}


def test_a_sound_version_passes_every_rule(inputs):
    result, broken = judged(inputs())
    assert result.passed
    assert not broken
    assert all(one.applies for one in result.checks)
    assert [one.label for one in result.contracts] == ["corpusmill.shards 1.0.0"]
    gate = [one.rule for one in result.checks if one.rule.startswith("release.")]
    assert gate[:2] == ["release.has_rules", "release.all_rules_evaluated"]


def test_drift_does_not_apply_when_nothing_is_in_production(inputs):
    result, broken = judged(inputs(production=None))
    assert result.passed
    assert not broken
    drift = [one for one in result.checks if one.rule.startswith("drift.")]
    assert drift
    assert not any(one.applies for one in drift)
    assert drift[0].observed == "not applicable: there is no version in production"
    assert "release.drift_has_rows" not in {one.rule for one in result.checks}


def test_numbers_that_moved_far_are_marked(inputs, quality):
    result, broken = judged(inputs(production=quality("longer", lambda n: 300 + n)))
    assert result.passed
    assert broken["drift.psi.not_another_population"].severity == "warning"
    assert "words" in broken["drift.psi.not_another_population"].observed
    assert broken["drift.psi.little_changed"].severity == "info"


def test_a_recipe_can_let_drift_stop(inputs, quality):
    given = inputs(production=quality("longer", lambda n: 300 + n))
    result = judge_release(given, ValidateRecipe(warnings_stop=True))
    assert [one.rule for one in result.critical_failures] == ["drift.psi.not_another_population"]


def test_a_document_without_tokens_is_stopped(inputs):
    result, broken = judged(inputs(lambda rows: rows[:-1]))
    assert broken["tokens.every_document_has_tokens"].observed == "3"
    assert not result.passed


def test_the_same_record_twice_in_the_spans_is_stopped(inputs):
    _, broken = judged(inputs(lambda rows: [{**row, "record_id": "a" * 32} for row in rows]))
    assert broken["spans.record_id.unique"].severity == "critical"


def test_old_data_is_told(inputs):
    result, broken = judged(inputs(days_since_previous=8.0, days_since_newest_file=400.0))
    assert result.passed
    assert {rule: one.severity for rule, one in broken.items()} == {
        "freshness.days_since_previous.in_time": "info",
        "freshness.days_since_newest_file.recent": "info",
    }


def test_a_first_version_of_sources_without_dates_is_no_failure(inputs):
    _, broken = judged(inputs(days_since_previous=None, days_since_newest_file=None))
    assert not broken
