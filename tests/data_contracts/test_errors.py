import inspect
import pickle

import pytest

from data_contracts import errors
from data_contracts.errors import CorpusError

EXAMPLES = [
    errors.RecipeInvalid("r.yaml", "dedup.treshold", "unknown field", "Did you mean …?"),
    errors.TaskInvalid("t.yaml", "no `path`", "Add it."),
    errors.SourceMissing("books", "/books", "no such folder", "Check the path."),
    errors.SourceChanged("books", "/books"),
    errors.LibraryMissing("chardet"),
    errors.FieldMissing("books", "a.jsonl", "text", ["body"]),
    errors.TooManyUnreadable("books", 3, 10, 0.05, "a.jsonl, line 1: bad_json"),
    errors.NothingLeft("clean", 10, {"empty": 10}),
    errors.ContractInvalid("c.odcs.yaml", "schema[0]", "no name"),
    errors.ContractFailed("demo", ["rows >= 100: 3"], "report.html"),
    errors.GateRefused("v", "there is no gate.json"),
    errors.SchemaMismatch("f", "the column `x` is missing"),
    errors.VersionUnknown("dataset", "x", ["demo@0001-abcdef01"]),
    errors.RecordUnknown("demo@0001-abcdef01", "x", ["y"]),
    errors.ForgottenStillPublished("demo"),
    errors.RowUnknown("a.jsonl", 7, "its last record is number 3"),
    errors.VersionCorrupt("f", "the file is missing"),
    errors.ExportInTheWay("/exports/demo"),
    errors.WarehouseBusy("demo", "process 1", "f"),
    errors.WarehouseFormat("w", "no"),
    errors.DiskFull("w", 2_000_000, 1_000_000),
    errors.TrainingDiverged(3, float("inf"), 0.1),
    errors.TooLittleText("validation", 3, 10),
    errors.MixtureInvalid("wiki", "is no source of the dataset; it has news"),
    errors.TooFewExamples(3, 40, 20),
    errors.QualityModelInvalid("m.safetensors", "it cannot be read"),
    errors.ModelUnfit("models/x", "is no decoder", "Name a decoder."),
    errors.TaskDataInvalid("t.tsv", 3, "two columns are needed", "Separate them by a tab."),
    errors.NothingToRollBack("demo"),
    errors.NoCandidate("demo", "candidate"),
    errors.PromotionRefused("demo@0002-abcdef01", "demo@0001-abcdef01", "it is worse"),
    errors.ScorecardFailed("demo@0002-abcdef01", ["Better than bytes"]),
    errors.TooFewCommonDocuments("demo@0002-abcdef01", "demo@0001-abcdef01"),
    errors.ServerUnavailable("http://127.0.0.1:1/api", "no answer", "See the log."),
]
CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, CorpusError) and one is not CorpusError
]


def test_every_error_has_an_example_here():
    assert {type(one) for one in EXAMPLES} == set(CLASSES)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_home_from_another_process(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.__dict__ == error.__dict__


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_says_where_and_what_next(error):
    fields = [str(value) for value in error.__dict__.values() if isinstance(value, str)]
    assert any(field in str(error) for field in fields) or not fields
    assert str(error).count(". ") >= 1 or "\n" in str(error)
    assert error.exit_code in {1, 2, 3, 4}
