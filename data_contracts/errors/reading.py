"""What is wrong with a recipe, with sources, or with the data they hold."""

from pathlib import Path

from data_contracts.errors.corpus_error import CorpusError


class RecipeInvalid(CorpusError):
    """A recipe does not say what it must, or says something unknown."""

    exit_code = 2

    def __init__(self, path: Path | str, field: str, problem: str, fix: str) -> None:
        """Name the recipe, the field in it (dotted), the problem and the fix."""
        self.path, self.field, self.problem, self.fix = str(path), field, problem, fix
        place = f"{path}: `{field}`" if field else str(path)
        super().__init__(f"{place}: {problem}. {fix}")


class SourceMissing(CorpusError):
    """A source's path leads to nothing, or to nothing that can be read as a record."""

    exit_code = 2

    def __init__(self, source: str, path: str, problem: str, fix: str) -> None:
        """Name the source, its path, what was found there and what to do."""
        self.source, self.path, self.problem, self.fix = source, path, problem, fix
        super().__init__(f"source `{source}`: {path}: {problem}. {fix}")


class LibraryMissing(CorpusError):
    """A library that decides what is made is not installed, perhaps since the code was updated."""

    def __init__(self, library: str) -> None:
        """Name the library."""
        self.library = library
        super().__init__(
            f"the library `{library}` is not installed, and what is made depends on it. Install what "
            f"this version of the code needs: pip install -c constraints.txt -e ."
        )


class SourceChanged(CorpusError):
    """A source's files changed while they were being read."""

    retryable = True

    def __init__(self, source: str, path: str) -> None:
        """Name the source and its path."""
        self.source, self.path = source, path
        super().__init__(
            f"source `{source}`: {path} changed while it was being read. Nothing was published; "
            f"run again when nothing writes there any more."
        )


class FieldMissing(CorpusError):
    """No record of a source has the field that the recipe names."""

    exit_code = 2

    def __init__(self, source: str, path: str, field: str, found: list[str]) -> None:
        """Name the source, the first file, the wanted field and the fields that are there."""
        self.source, self.path, self.field, self.found = source, path, field, found
        known = ", ".join(f"`{name}`" for name in found) or "no fields"
        super().__init__(
            f"source `{source}`: {path}: no record has the field `{field}`; found {known}. "
            f"Set `text_field` (or `key_field`) of this source to one of them."
        )


class TooManyUnreadable(CorpusError):
    """More records of a source could not be read than the recipe allows."""

    exit_code = 4

    def __init__(self, source: str, unreadable: int, total: int, limit: float, first: str) -> None:
        """Name the source, the counts, the allowed ratio and the first unreadable place."""
        self.source, self.unreadable, self.total = source, unreadable, total
        self.limit, self.first = limit, first
        super().__init__(
            f"source `{source}`: {unreadable:,} of {total:,} records are unreadable "
            f"(limit {limit:.2%}); the first: {first}. Repair the source, or raise "
            f"`ingest.max_unreadable_ratio`."
        )


class NothingLeft(CorpusError):
    """A stage was given, or left, no record at all."""

    exit_code = 3

    def __init__(self, stage: str, rows_in: int, reasons: dict[str, int]) -> None:
        """Name the stage, what went in, and what dropped it (reason to count)."""
        self.stage, self.rows_in, self.reasons = stage, rows_in, reasons
        worst = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items())) or "no input"
        super().__init__(
            f"{stage}: none of {rows_in:,} records is left ({worst}). "
            f"Loosen the rules named, or see one record's story: mill why KEY"
        )


class ContractInvalid(CorpusError):
    """A contract file cannot be compiled into checks."""

    exit_code = 2

    def __init__(self, path: Path | str, place: str, problem: str) -> None:
        """Name the contract file, the place in it and the problem."""
        self.path, self.place, self.problem = str(path), place, problem
        super().__init__(
            f"{path}: {place}: {problem}. The contract must be valid ODCS v3.1; see "
            f"data_contracts/README.md for the rules that can be compiled."
        )


class ContractFailed(CorpusError):
    """The gate found a critical failure: this data must not reach training."""

    exit_code = 3

    def __init__(self, dataset: str, failures: list[str], report: Path | str) -> None:
        """Name the dataset, each critical failure in one line, and where the report is."""
        self.dataset, self.failures, self.report = dataset, failures, str(report)
        lines = "".join(f"\n  - {failure}" for failure in failures)
        super().__init__(
            f"dataset `{dataset}` is rejected; {len(failures)} critical check(s) failed:{lines}\n"
            f"Nothing was published and nothing was trained. Report: {report}"
        )


class GateRefused(CorpusError):
    """A dataset version has no valid gate result: training on it is refused."""

    exit_code = 3

    def __init__(self, version: Path | str, problem: str) -> None:
        """Name the dataset version's folder and what is wrong with its gate result."""
        self.version, self.problem = str(version), problem
        super().__init__(
            f"{version}: {problem}. Training only reads versions that passed their contract: "
            f"run `mill run RECIPE` to build one."
        )


class SchemaMismatch(CorpusError):
    """A table at a stage border does not have the columns that were promised."""

    def __init__(self, where: str, problem: str) -> None:
        """Name the border (file or stage) and the difference."""
        self.where, self.problem = where, problem
        super().__init__(
            f"{where}: {problem}. The file was written by another version: delete the "
            f"warehouse's cache folder and run again."
        )


class TooFewExamples(CorpusError):
    """There are fewer texts than a quality model needs to be learned from and tested on."""

    exit_code = 2

    def __init__(self, good: int, bad: int, needed: int) -> None:
        """Give the different texts with words that were found, and how many are needed."""
        self.good, self.bad, self.needed = good, bad, needed
        super().__init__(
            f"{good:,} good and {bad:,} bad texts with words in them: at least {needed:,} of each are "
            f"needed to learn a quality model. Name more files, or cut long ones into records."
        )


class QualityModelInvalid(CorpusError):
    """A quality model is not there, is none, or does not fit this program."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str) -> None:
        """Name the file and what is wrong with it."""
        self.path, self.problem = str(path), problem
        super().__init__(
            f"quality model {path}: {problem}. Train one: `mill train-quality GOOD BAD --to FILE`."
        )
