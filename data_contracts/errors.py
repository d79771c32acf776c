"""Every error a user can meet: what happened, where, and what to do next.

The classes keep their fields, survive pickling (process pools send them home), say whether trying
again can help, and carry the exit code of the `mill` command line:

0 done, 1 anything else, 2 wrong usage or recipe, 3 contract failed, 4 unreadable input over the
limit.
"""

from pathlib import Path
from typing import Any, ClassVar


class CorpusError(Exception):
    """Base of all errors that are reported to the user without a traceback."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed a moment later."""
    exit_code: ClassVar[int] = 1
    """What `mill` exits with."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the message and the fields: constructors here take other arguments."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class RecipeInvalid(CorpusError):
    """A recipe does not say what it must, or says something unknown."""

    exit_code = 2

    def __init__(self, path: Path | str, field: str, problem: str, fix: str) -> None:
        """Name the recipe, the field in it (dotted), the problem and the fix."""
        self.path, self.field, self.problem, self.fix = str(path), field, problem, fix
        place = f"{path}: `{field}`" if field else str(path)
        super().__init__(f"{place}: {problem}. {fix}")


class TaskInvalid(CorpusError):
    """A likelihood task, or a line of its examples, is not what it must be."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str, fix: str) -> None:
        """Name the task's file (or that of its examples), the problem and the fix."""
        self.path, self.problem, self.fix = str(path), problem, fix
        super().__init__(f"{path}: {problem}. {fix}")


class SourceMissing(CorpusError):
    """A source's path leads to nothing, or to nothing that can be read as a record."""

    exit_code = 2

    def __init__(self, source: str, path: str, problem: str, fix: str) -> None:
        """Name the source, its path, what was found there and what to do."""
        self.source, self.path, self.problem, self.fix = source, path, problem, fix
        super().__init__(f"source `{source}`: {path}: {problem}. {fix}")


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


class VersionUnknown(CorpusError):
    """A dataset, model or version was named that the warehouse does not hold."""

    exit_code = 2

    def __init__(self, kind: str, wanted: str, known: list[str]) -> None:
        """Name what was wanted and what there is."""
        self.kind, self.wanted, self.known = kind, wanted, known
        there = ", ".join(known[:10]) + (" …" if len(known) > 10 else "") if known else "none yet"
        super().__init__(
            f"no {kind} `{wanted}` in this warehouse; there is: {there}. See `mill ls`."
        )


class RecordUnknown(CorpusError):
    """A record was named that a dataset version has never seen."""

    exit_code = 2

    def __init__(self, dataset: str, wanted: str, near: list[str]) -> None:
        """Name the dataset version, what was wanted, and keys that come near."""
        self.dataset, self.wanted, self.near = dataset, wanted, near
        keys = ", ".join(f"`{key:.80}`" for key in near)
        super().__init__(
            f"{dataset} knows no record by the key, the path or the id `{wanted:.80}`. "
            f"Some of its keys: {keys or 'none'}."
        )


class ForgottenStillPublished(CorpusError):
    """The latest version of a dataset holds text that is to be forgotten."""

    def __init__(self, dataset: str) -> None:
        """Name the dataset."""
        self.dataset = dataset
        super().__init__(
            f"the latest version of dataset `{dataset}` holds forgotten text. Make the next one "
            "with `mill run RECIPE`, which leaves it out; then run `mill gc --forgotten` again."
        )


class VersionCorrupt(CorpusError):
    """A published file is missing, or is not the one that the manifest recorded."""

    def __init__(self, path: Path | str, problem: str) -> None:
        """Name the file and the difference."""
        self.path, self.problem = str(path), problem
        super().__init__(
            f"{path}: {problem}. Versions are immutable: delete this version's folder and run the "
            f"recipe again."
        )


class NothingToRollBack(CorpusError):
    """There is no earlier production version to go back to."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        """Name the dataset and model."""
        self.name = name
        super().__init__(
            f"`{name}` has no earlier production version. Promote one by name instead: "
            f"mill promote {name}@VERSION."
        )


class NoCandidate(CorpusError):
    """There is nothing to promote, or nothing to compare with."""

    exit_code = 2

    def __init__(self, name: str, alias: str) -> None:
        """Name the dataset and model, and the alias that points nowhere."""
        self.name, self.alias = name, alias
        super().__init__(
            f"`{name}` has no {alias}. A run makes a candidate: mill run RECIPE; "
            f"see `mill status` for what there is."
        )


class PromotionRefused(CorpusError):
    """The candidate is not shown to be as good as production."""

    exit_code = 3

    def __init__(self, candidate: str, production: str, problem: str) -> None:
        """Name both versions and what the comparison found."""
        self.candidate, self.production, self.problem = candidate, production, problem
        super().__init__(
            f"{candidate} is not promoted over {production}: {problem}. Measure on more held-out "
            f"text (`promotion.max_text_bytes`, `split`), or promote it all the same with "
            f"--even-unproven (in the form: `even_unproven`)."
        )


class TooFewCommonDocuments(CorpusError):
    """Two versions share no held-out document that neither was trained on."""

    exit_code = 3

    def __init__(self, one: str, other: str) -> None:
        """Name both dataset versions."""
        self.one, self.other = one, other
        super().__init__(
            f"{one} and {other} hold out no document in common that is in neither's training text. "
            f"Keep the recipe's `split` and source names the same between versions, or hold out "
            f"more with `split.test_ratio`."
        )


class WarehouseBusy(CorpusError):
    """Another process holds the lease of this dataset."""

    retryable = True

    def __init__(self, dataset: str, holder: str, lease: Path | str) -> None:
        """Name the dataset, who holds it, and the lease file."""
        self.dataset, self.holder, self.lease = dataset, holder, str(lease)
        super().__init__(
            f"dataset `{dataset}` is being written by {holder}. Wait for it to end; a lease whose "
            f"process is gone is taken over by itself ({lease})."
        )


class WarehouseFormat(CorpusError):
    """A folder is not a warehouse, or one of another format version."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str) -> None:
        """Name the folder and the problem."""
        self.path, self.problem = str(path), problem
        super().__init__(f"{path}: {problem}. Name another folder with --warehouse.")


class DiskFull(CorpusError):
    """There is not enough room for what is about to be written, or writing ran out of it."""

    def __init__(self, path: Path | str, needed_bytes: int | None, free_bytes: int) -> None:
        """Name the folder, the bytes needed (None: not known) and the bytes free."""
        self.path, self.needed_bytes, self.free_bytes = str(path), needed_bytes, free_bytes
        problem = "the disk is full"
        if needed_bytes is not None:
            problem = f"there is not enough room: about {needed_bytes / 1e6:,.0f} MB needed"
        super().__init__(
            f"{path}: {problem}, {free_bytes / 1e6:,.0f} MB free. Free some room, "
            f"or name another place with --warehouse. Nothing was published; a rerun continues."
        )


class TrainingDiverged(CorpusError):
    """The loss became NaN or infinite."""

    def __init__(self, step: int, loss: float, learning_rate: float) -> None:
        """Name the step, the loss and the learning rate there."""
        self.step, self.loss, self.learning_rate = step, loss, learning_rate
        super().__init__(
            f"training diverged: loss {loss} at step {step:,} (learning rate {learning_rate:.2g}). "
            f"Lower `train.learning_rate`, or raise `train.warmup_ratio`."
        )


class TooLittleText(CorpusError):
    """A split holds fewer tokens than the model needs to be trained or measured on."""

    exit_code = 3

    def __init__(self, split: str, tokens: int, needed: int) -> None:
        """Name the split, its tokens, and how many are needed."""
        self.split, self.tokens, self.needed = split, tokens, needed
        super().__init__(
            f"the {split} split holds {tokens:,} tokens, at least {needed:,} are needed. Add text, "
            f"raise `split.{split}_ratio`, or set `train: null` to stop after the dataset."
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


class TaskDataInvalid(CorpusError):
    """A file of labelled texts or translations is not what a task needs."""

    exit_code = 2

    def __init__(self, path: Path | str, row: int, problem: str, fix: str) -> None:
        """Name the file, the line in it (from 1; 0: the whole file), the problem and the fix."""
        self.path, self.row, self.problem, self.fix = str(path), row, problem, fix
        place = f"{path}: line {row:,}" if row else str(path)
        super().__init__(f"{place} {problem}. {fix}")


class ServerUnavailable(CorpusError):
    """The Prefect server could not be started or reached."""

    retryable = True

    def __init__(self, url: str, problem: str, fix: str) -> None:
        """Name the address, the problem and what to do."""
        self.url, self.problem, self.fix = url, problem, fix
        super().__init__(f"Prefect server at {url}: {problem}. {fix}")
