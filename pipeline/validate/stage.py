"""Validate: write the ledger, count everything, judge by the contract."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import Field

from data_contracts.contract_rules import LibraryCheck, Metric, Operator, Rule, Severity
from data_contracts.contracts import Contracts
from data_contracts.frozen import Frozen
from data_contracts.progress import Progress, silent
from data_contracts.quality import Quality, SignalQuality
from data_contracts.results import (
    CleanResult,
    DedupResult,
    IngestResult,
    SourceCounts,
    ValidateResult,
    start_folder,
)
from data_contracts.shipped_contracts import Judged
from pipeline.validate.aggregates import (
    PII,
    distribution_table,
    language_table,
    personal_data_table,
)
from pipeline.validate.documents import count_documents
from pipeline.validate.excerpts import biggest_clusters
from pipeline.validate.figures import (
    language_qualities,
    length_quality,
    reason_qualities,
    signal_qualities,
    source_qualities,
    split_qualities,
)
from pipeline.validate.holdings import Holdings
from pipeline.validate.kept import Kept
from pipeline.validate.ledger import assemble_ledger
from pipeline.validate.measures import Tables
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.rows import PartitionedRows
from pipeline.validate.suites import save_suites
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
    languages: tuple[str, ...] | None = None
    """Languages that the recipe keeps; None: all."""
    personal_data: dict[str, str] = Field(default_factory=dict)
    """What the recipe does about each kind of personal data: redact, drop or keep."""


def validate(
    inputs: ValidateInputs,
    recipe: ValidateRecipe,
    output_dir: Path,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> ValidateResult:
    """Join the ledger, count every figure over all records, and check every rule of the contract.

    A broken contract raises nothing: `passed` of the result is the gate. Memory grows by about 40
    bytes per record and by those of a few columns' numbers; text is streamed.

    Args:
        inputs: The results of the stages before.
        recipe: Which contracts.
        output_dir: Where `ledger/`, `quality.json` and `suites.json` go; emptied first.
        cache: Folder of what was found in whole partitions; it must stand for this stage's version
            and for that of `pipeline.pii`. None reuses nothing.
        progress: Told of records and tables done.

    Raises:
        ContractInvalid: The contract cannot be compiled.
        LedgerBroken: A record has no fate or two.
        SchemaMismatch: A stage's table does not have its columns.
    """
    started = time.monotonic()
    contracts = Contracts.load(recipe.contracts)
    start_folder(output_dir)
    ledger = output_dir / "ledger"
    sources = source_names(inputs.ingested, inputs.licenses)
    kept = Kept(inputs.deduped.kept)
    # What stages left is counted while the ledger is joined.
    with ThreadPoolExecutor(1) as beside:
        documents = beside.submit(
            count_documents,
            inputs.cleaned.documents,
            kept,
            sources,
            output_dir / "texts",
            cache and cache / "texts",
        )
        signals = beside.submit(signal_qualities, inputs.cleaned.signals, kept, sources)
        assemble_ledger(inputs.ingested, inputs.cleaned, inputs.deduped, ledger, progress=progress)
        progress(0, 0, "records", "counting, and describing signals")
        stages = Stages(inputs.ingested, inputs.cleaned, inputs.deduped, ledger)
        counts = count(stages, kept, documents.result())
        quality = _quality(inputs, contracts, stages, counts, signals.result())
    rules = rules_for(contracts, recipe)
    holdings = Holdings(output_dir / "personal_data", cache and cache / "personal_data")
    tables, absent = gate_tables(inputs, stages, counts, quality, holdings)
    rows = gate_rows(inputs, kept, output_dir / "rules", cache and cache / "rules")
    judged = judge(contracts, rules, tables, progress, absent, rows)
    quality = quality.model_copy(update={"checks": judged.checks})
    result = ValidateResult(
        folder=output_dir,
        elapsed_seconds=time.monotonic() - started,
        sources={
            name: SourceCounts(rows_in=said.rows_kept, rows_kept=said.rows_kept)
            for name, said in inputs.deduped.sources.items()
        },
        bytes_in=sum(source.kept_bytes for source in quality.sources.values()),
        bytes_out=sum(source.kept_bytes for source in quality.sources.values()),
        contracts=contracts.stamps_at(Judged.BORDER, Judged.GATE),
        checks=judged.checks,
    )
    quality.save(result.quality)
    save_suites(result.suites, judged.suites)
    return result.save()


def gate_rows(
    inputs: ValidateInputs, kept: Kept, folder: Path, cache: Path | None
) -> dict[str, PartitionedRows]:
    """Give the tables that hold text: their rows are looked at by partitions."""
    tables = {
        "records": (inputs.ingested.records, None),
        "documents": (inputs.cleaned.documents, kept),
    }
    return {
        name: PartitionedRows(table, counted, folder / name, cache and cache / name)
        for name, (table, counted) in tables.items()
    }


def gate_tables(
    inputs: ValidateInputs,
    stages: Stages,
    counts: Counts,
    quality: Quality,
    holdings: Holdings,
) -> tuple[Tables, dict[str, str]]:
    """Give every table that is judged at the gate, and those that cannot be there, with the reason."""
    tables = contract_tables(stages, counts, inputs.licenses, inputs.jaccard_threshold)
    personal = personal_data_table(
        stages, counts.kept, quality.signals, inputs.personal_data, holdings
    )
    tables |= {
        "languages": language_table(quality.languages, inputs.languages).lazy(),
        "distributions": distribution_table(quality.lengths, quality.signals).lazy(),
        "personal_data": personal.lazy(),
    }
    measured = any(name.startswith(PII) for name in quality.signals)
    absent = {} if measured else {"personal_data": "no signal counts personal data"}
    return tables, absent


def rules_for(contracts: Contracts, recipe: ValidateRecipe) -> tuple[Rule, ...]:
    """List the rules of the gate, and what the recipe makes stricter."""
    rules = list(contracts.rules(Judged.GATE))
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
    return stricter(rules, recipe)


def stricter(rules: Sequence[Rule], recipe: ValidateRecipe) -> tuple[Rule, ...]:
    """Let warnings stop, when the recipe says so."""
    if not recipe.warnings_stop:
        return tuple(rules)
    return tuple(
        rule.model_copy(update={"severity": Severity.CRITICAL})
        if rule.severity is Severity.WARNING
        else rule
        for rule in rules
    )


def _quality(
    inputs: ValidateInputs,
    contracts: Contracts,
    stages: Stages,
    counts: Counts,
    signals: dict[str, SignalQuality],
) -> Quality:
    """Give every figure; there are no checks yet."""
    sources = source_names(inputs.ingested, inputs.licenses)
    return Quality(
        dataset=inputs.dataset,
        contracts=contracts.stamps_at(Judged.BORDER, Judged.GATE),
        checks=(),
        sources=source_qualities(stages, counts, inputs.licenses),
        reasons=reason_qualities(stages, counts),
        languages=language_qualities(counts),
        splits=split_qualities(counts),
        lengths=length_quality(counts, sources),
        signals=signals,
        clusters=biggest_clusters(stages),
    )
