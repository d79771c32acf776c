"""Validate: write the ledger, count everything, judge by the contract."""

import time
from pathlib import Path

from data_contracts.contract import Contract
from data_contracts.contract_rules import LibraryCheck, Metric, Operator, Rule, Severity
from data_contracts.frozen import Frozen
from data_contracts.progress import Progress, silent
from data_contracts.quality import ContractStamp, Quality
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    DedupResult,
    IngestResult,
    SourceCounts,
    ValidateResult,
    start_folder,
)
from pipeline.validate.excerpts import biggest_clusters
from pipeline.validate.figures import (
    language_qualities,
    length_quality,
    reason_qualities,
    signal_qualities,
    source_qualities,
    split_qualities,
)
from pipeline.validate.ledger import assemble_ledger
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.tables import Counts, Stages, contract_tables, count, source_names
from pipeline.validate.verdict import judge


class ValidateInputs(Frozen):
    """What is to be judged."""

    dataset: str
    """The dataset's name."""
    ingested: IngestResult
    """Origins, records and decisions."""
    cleaned: CleanResult
    """Documents, signals and decisions."""
    deduped: DedupResult
    """Kept records and decisions."""
    licenses: dict[str, str | None]
    """Licence of every source of the recipe, in its order; None: none is stated."""
    jaccard_threshold: float
    """Least similarity of a duplicate to its survivor."""


def validate(
    inputs: ValidateInputs,
    recipe: ValidateRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> ValidateResult:
    """Join the ledger, count every figure over all records, and check every rule of the contract.

    A broken contract raises nothing: `passed` of the result is the gate. Memory grows by about 200
    bytes per record, text is streamed.

    Args:
        inputs: The results of the stages before.
        recipe: Which contract.
        output_dir: Where `ledger/` and `quality.json` go; emptied first.
        cache: Not used: everything here is a function of the whole set of records.
        progress: Told of records, signals and tables done.

    Raises:
        ContractInvalid: The contract cannot be compiled.
        LedgerBroken: A record has no fate or two.
        SchemaMismatch: A stage's table does not have its columns.
    """
    del cache
    started = time.monotonic()
    contract = Contract.load(recipe.contract)
    start_folder(output_dir)
    ledger = output_dir / "ledger"
    assemble_ledger(inputs.ingested, inputs.cleaned, inputs.deduped, ledger, progress=progress)
    stages = Stages(inputs.ingested, inputs.cleaned, inputs.deduped, ledger)
    progress(0, 0, "records", "counting")
    counts = count(stages)
    tables = contract_tables(stages, counts, inputs.licenses, inputs.jaccard_threshold)
    checks = judge(contract, rules_for(contract, recipe), tables, progress)
    quality = _quality(inputs, contract, stages, counts, checks, progress)
    result = ValidateResult(
        folder=output_dir,
        elapsed_seconds=time.monotonic() - started,
        sources={
            name: SourceCounts(rows_in=said.rows_kept, rows_kept=said.rows_kept)
            for name, said in inputs.deduped.sources.items()
        },
        bytes_in=sum(source.kept_bytes for source in quality.sources.values()),
        bytes_out=sum(source.kept_bytes for source in quality.sources.values()),
        contract_id=contract.id,
        contract_version=contract.version,
        contract_sha256=contract.sha256,
        checks=checks,
    )
    quality.save(result.quality)
    return result.save()


def rules_for(contract: Contract, recipe: ValidateRecipe) -> tuple[Rule, ...]:
    """List the rules of the contract, and what the recipe makes stricter."""
    rules = list(contract.rules())
    if recipe.min_documents is not None:
        rules.append(
            Rule(
                id="recipe.min_documents",
                table="documents",
                columns=(),
                severity=Severity.CRITICAL,
                dimension="completeness",
                description=f"There are at least {recipe.min_documents:,} documents, as the recipe "
                "asks",
                check=LibraryCheck(
                    metric=Metric.ROW_COUNT,
                    operator=Operator.AT_LEAST,
                    expected=recipe.min_documents,
                ),
            )
        )
    if recipe.warnings_stop:
        rules = [
            rule.model_copy(update={"severity": Severity.CRITICAL})
            if rule.severity is Severity.WARNING
            else rule
            for rule in rules
        ]
    return tuple(rules)


def _quality(
    inputs: ValidateInputs,
    contract: Contract,
    stages: Stages,
    counts: Counts,
    checks: tuple[CheckOutcome, ...],
    progress: Progress,
) -> Quality:
    sources = source_names(inputs.ingested, inputs.licenses)
    return Quality(
        dataset=inputs.dataset,
        contract=ContractStamp(id=contract.id, version=contract.version, sha256=contract.sha256),
        checks=checks,
        sources=source_qualities(stages, counts, inputs.licenses),
        reasons=reason_qualities(stages, counts),
        languages=language_qualities(counts),
        splits=split_qualities(counts),
        lengths=length_quality(counts, sources),
        signals=signal_qualities(stages, sources, progress),
        clusters=biggest_clusters(stages),
    )
