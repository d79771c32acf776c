"""What the Prefect pages show of each stage: Markdown with tables and pictures, under 256 KB.

Every function is pure: a result in, text out. Foreign text stands in code spans only.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from data_contracts.checks import ContractResult
from data_contracts.contract_stamp import ContractStamp
from data_contracts.measures import HiddenFigures
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    DedupResult,
    EvaluateResult,
    IngestResult,
    Interval,
    ShardResult,
    StageResult,
    TrainResult,
    ValidateResult,
)
from flows.reports.formats import count, duration, megabytes, percent, rate, words
from flows.reports.markdown import code, link, picture, table
from flows.reports.model_report import loss_curves
from flows.reports.score_figures import interval_figure, loss_figure
from flows.reports.stage_figure import kept_and_dropped
from flows.summary import ModelSummary, RunSummary
from model.metrics import METRICS_FILE

MAX_BYTES: Final = 256_000
"""Largest artifact: lists of artifacts carry their whole text."""


def ingest_markdown(result: IngestResult) -> str:
    """Show what was read."""
    opening = f"{count(result.files)} files, {megabytes(result.bytes_in)}."
    return _stage("Ingest", result, opening)


def clean_markdown(result: CleanResult) -> str:
    """Show what the rules dropped."""
    return _stage("Clean", result, f"{megabytes(result.bytes_out)} of text passed.")


def dedup_markdown(result: DedupResult) -> str:
    """Show what repeats what."""
    opening = (
        f"{count(result.pairs_compared)} candidate pairs were compared exactly, "
        f"{count(result.pairs_over_threshold)} reached the threshold "
        f"(signatures of {result.bands} bands of {result.rows_per_band})."
    )
    if result.comparisons_capped:
        opening += f" The bound on comparisons bit for {count(result.comparisons_capped)} records."
    return _stage("Dedup", result, opening)


def validate_markdown(result: ValidateResult) -> str:
    """Show the contract's outcome, failures first."""
    return _contract(result.passed, result.checks, result.contracts)


def release_markdown(result: ContractResult) -> str:
    """Show what the contract says of the tokens, of drift and of ages."""
    return _contract(result.passed, result.checks, result.contracts)


def scorecard_markdown(result: ContractResult) -> str:
    """Show what the contract says of a model's figures."""
    text = _contract(result.passed, result.checks, result.contracts)
    return text.replace("nothing is published or trained", "it may not be promoted", 1)


def _contract(
    holds: bool,  # noqa: FBT001 - passed on from two results
    checks: Sequence[CheckOutcome],
    contracts: Sequence[ContractStamp],
) -> str:
    verdict = "**passed**" if holds else "**failed: nothing is published or trained**"
    met = sum(one.passed for one in checks)
    names = ", ".join(f"{code(one.id)} {code(one.version)}" for one in contracts)
    rows = table(
        ("outcome", "severity", "expectation", "found"),
        [_check(one) for one in sorted(checks, key=lambda one: one.passed)],
    )
    return f"# Contract {verdict}\n\n{met} of {len(checks)} rules of {names} hold.\n\n{rows}"


def _check(outcome: CheckOutcome) -> tuple[str, str, str, str]:
    met = "passed" if outcome.applies else "does not apply"
    return (
        met if outcome.passed else "**failed**",
        words(outcome.severity),
        code(outcome.description),
        code(outcome.error or outcome.observed),
    )


def shard_markdown(result: ShardResult) -> str:
    """Show the splits."""
    splits = table(
        ("split", "documents", "tokens"),
        [
            (split, count(documents), count(result.tokens.get(split, 0)))
            for split, documents in result.documents.items()
        ],
        numbers=2,
    )
    opening = (
        f"{count(sum(result.tokens.values()))} tokens of a vocabulary of "
        f"{count(result.vocabulary_size)}."
    )
    return _stage("Shard", result, opening) + "\n## Splits\n\n" + splits


def train_markdown(result: TrainResult) -> str:
    """Show how the loss fell; metrics.jsonl lies beside the result."""
    curves = loss_curves(result.folder / METRICS_FILE)
    figures = table(
        ("figure", "value"),
        [
            ("best validation loss, nats per token", f"{result.best_validation_loss:.3f}"),
            ("training loss at the end", f"{result.final_train_loss:.3f}"),
            ("steps", count(result.steps)),
            ("tokens seen", count(result.tokens_seen)),
            ("parameters", count(result.parameters)),
            ("time", duration(result.elapsed_seconds)),
            ("tokens per second", count(result.tokens_per_second)),
            ("most memory", megabytes(result.peak_memory_bytes)),
        ],
        numbers=1,
    )
    drawn = loss_figure(*curves, 720, 300).as_picture("Training and validation loss by step")
    return f"# Training\n\n{picture('Loss by step', drawn)}\n{figures}"


def evaluate_markdown(result: EvaluateResult) -> str:
    """Show the model against the baselines."""
    verdict = (
        "The model beats every baseline on every split; the intervals do not touch."
        if result.beats_baselines
        else "The model does not clearly beat every baseline."
    )
    parts = [f"# Evaluation\n\n{verdict}\n"]
    if result.hidden:
        return "\n".join([*parts, "## Hidden tokens\n", _hidden(result.hidden)])
    for split in dict.fromkeys(one.split for one in result.figures):
        figures = [one for one in result.figures if one.split == split]
        rows = [
            (one.predictor, one.bits_per_byte, "accent" if one.predictor == "model" else "faint")
            for one in figures
        ]
        title = f"Bits per byte on {split}"
        drawn = interval_figure(rows, 720).as_picture(title)
        parts.append(f"## {title}\n\n{picture(title, drawn)}")
        parts.append(_intervals({one.predictor: one.bits_per_byte for one in figures}, "predictor"))
    parts += ["## By source\n", _intervals(result.sources, "source")]
    if result.tasks:
        accuracies = {one.name: one.accuracy for one in result.tasks}
        parts += ["## Tasks\n", _intervals(accuracies, "task", "accuracy")]
    parts.append("## Samples\n")
    parts.append(
        table(
            ("prompt", "the model writes"),
            [(code(one.prompt, 200), code(one.text, 400)) for one in result.samples],
        )
    )
    return "\n".join(parts)


def _hidden(figures: Sequence[HiddenFigures]) -> str:
    return table(
        ("predictor", "split", "guessed", "95% interval", "bits each", "95% interval"),
        [
            (
                code(one.predictor),
                one.split,
                *(
                    cell
                    for found in (one.accuracy, one.bits_per_token)
                    for cell in (f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}")
                ),
            )
            for one in figures
        ],
        numbers=4,
    )


def _intervals(figures: Mapping[str, Interval], name: str, measure: str = "bits per byte") -> str:
    return table(
        (name, measure, "95% interval"),
        [
            (code(label), f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}")
            for label, one in figures.items()
        ],
        numbers=2,
    )


def refresh_markdown(summary: RunSummary, reports_url: str | None = None) -> str:
    """Show what a refresh made.

    Args:
        summary: What it made or found.
        reports_url: Address of the report server; None: there is none, name the files instead.
    """
    dataset = summary.dataset
    label = f"{dataset.name}@{dataset.version}"
    drawn = kept_and_dropped(dataset.sources).as_picture("Records kept and dropped per source")
    dropped = sorted(dataset.records_dropped.items(), key=lambda item: -item[1])
    made = "Made in this run" if dataset.created else "Was there already"
    records = f"{count(dataset.records_kept)} of {count(dataset.records_in)} records"
    parts = [
        f"# {label}\n",
        f"{made}: {records}, {count(sum(dataset.tokens.values()))} tokens.\n",
        "".join(f"- warning: {code(warning, 300)}\n" for warning in dataset.warnings),
        _report_link("datasets", dataset.name, dataset.version, str(dataset.report), reports_url),
        picture("Records kept and dropped per source", drawn),
        table(
            ("reason", "records", "of what came in"),
            [
                (words(reason), count(records), percent(records, dataset.records_in))
                for reason, records in dropped
            ],
            numbers=2,
        ),
    ]
    if summary.model is not None:
        parts += _model_parts(summary.model, reports_url)
    return "\n".join(parts)


def _model_parts(model: ModelSummary, reports_url: str | None) -> list[str]:
    rows = [
        (
            one.predictor,
            one.split,
            f"{one.bits_per_byte.value:.3f}",
            f"{one.bits_per_byte.low:.3f} to {one.bits_per_byte.high:.3f}",
        )
        for one in model.figures
    ]
    return [
        f"## Model {model.name}@{model.version}\n",
        f"{count(model.parameters)} parameters. "
        + (
            "It beats every baseline; the intervals do not touch.\n"
            if model.beats_baselines
            else "It does not clearly beat every baseline.\n"
        ),
        _report_link("models", model.name, model.version, str(model.report), reports_url),
        _hidden(model.hidden)
        if model.hidden
        else table(("predictor", "split", "bits per byte", "95% interval"), rows, numbers=2),
    ]


def _report_link(kind: str, name: str, version: str, path: str, reports_url: str | None) -> str:
    if reports_url is None:
        return f"Report: {code(path, 400)}\n"
    place = f"{reports_url}/{kind}/{name}/{version}"
    links = [link("Open the report", f"{place}/report.html")]
    if kind == "datasets":
        links.append(link("Search its ledger", f"{place}/ledger"))
    links.append(link("All versions and trends", f"{reports_url}/"))
    return " · ".join(links) + "\n"


def _stage(title: str, result: StageResult, opening: str) -> str:
    """Show a stage of the data half: the whole, each source, each reason."""
    sources = {name: (one.rows_in, one.rows_kept) for name, one in result.sources.items()}
    drawn = kept_and_dropped(sources).as_picture(f"{title}: records handed on and dropped")
    speed = f"{duration(result.elapsed_seconds)}, {rate(result.megabytes_per_second)} MB/s" + (
        f", {count(result.rows_reused)} records from the cache" if result.rows_reused else ""
    )
    parts = [
        f"# {title}: {count(result.rows_kept)} of {count(result.rows_in)} records handed on\n",
        f"{opening} {speed}.\n",
        picture("Records per source", drawn),
        table(
            ("source", "in", "kept", "dropped", "share kept"),
            [
                (
                    code(name),
                    count(one.rows_in),
                    count(one.rows_kept),
                    count(one.rows_in - one.rows_kept),
                    percent(one.rows_kept, one.rows_in),
                )
                for name, one in result.sources.items()
            ],
            numbers=4,
        ),
    ]
    if result.rows_dropped:
        rows = sorted(result.rows_dropped.items(), key=lambda item: -item[1])
        parts.append("## Why\n")
        parts.append(
            table(
                ("reason", "records", "of what came in"),
                [(words(why), count(n), percent(n, result.rows_in)) for why, n in rows],
                numbers=2,
            )
        )
    return "\n".join(parts)
