"""Every error a user can meet: what happened, where, and what to do next.

The classes keep their fields, survive pickling (process pools send them home), say whether trying
again can help, and carry the exit code of the `mill` command line:

0 done, 1 anything else, 2 wrong usage or recipe, 3 contract failed, 4 unreadable input over the
limit.
"""

from data_contracts.errors.corpus_error import CorpusError
from data_contracts.errors.keeping import (
    DiskFull,
    ExportInTheWay,
    ForgottenStillPublished,
    RecordUnknown,
    RowUnknown,
    ServerUnavailable,
    VersionCorrupt,
    VersionUnknown,
    WarehouseBusy,
    WarehouseFormat,
)
from data_contracts.errors.modelling import (
    MixtureInvalid,
    ModelUnfit,
    NoCandidate,
    NothingToRollBack,
    PromotionRefused,
    ScorecardFailed,
    TaskDataInvalid,
    TaskInvalid,
    TooFewCommonDocuments,
    TooLittleText,
    TrainingDiverged,
)
from data_contracts.errors.reading import (
    ContractFailed,
    ContractInvalid,
    FieldMissing,
    GateRefused,
    LibraryMissing,
    NothingLeft,
    QualityModelInvalid,
    RecipeInvalid,
    SchemaMismatch,
    SourceChanged,
    SourceMissing,
    TooFewExamples,
    TooManyUnreadable,
)

__all__ = [
    "ContractFailed",
    "ContractInvalid",
    "CorpusError",
    "DiskFull",
    "ExportInTheWay",
    "FieldMissing",
    "ForgottenStillPublished",
    "GateRefused",
    "LibraryMissing",
    "MixtureInvalid",
    "ModelUnfit",
    "NoCandidate",
    "NothingLeft",
    "NothingToRollBack",
    "PromotionRefused",
    "QualityModelInvalid",
    "RecipeInvalid",
    "RecordUnknown",
    "RowUnknown",
    "SchemaMismatch",
    "ScorecardFailed",
    "ServerUnavailable",
    "SourceChanged",
    "SourceMissing",
    "TaskDataInvalid",
    "TaskInvalid",
    "TooFewCommonDocuments",
    "TooFewExamples",
    "TooLittleText",
    "TooManyUnreadable",
    "TrainingDiverged",
    "VersionCorrupt",
    "VersionUnknown",
    "WarehouseBusy",
    "WarehouseFormat",
]
