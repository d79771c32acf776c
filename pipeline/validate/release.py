"""The second judgement: the tokens of a version, and what it is beside those before it.

It stands between shard and publishing. Drift and ages depend on what was published earlier, so they
are judged in the run that publishes and kept in `release.json`, never in the cache: they decide whether
a version appears, not what is in it.
"""

from pathlib import Path

import polars as pl

from data_contracts.arrow_files import read_ipc
from data_contracts.checks import RELEASE_SUITES_FILE, CheckOutcome, ContractResult
from data_contracts.contracts import Contracts
from data_contracts.drift import drift_of
from data_contracts.frozen import Frozen
from data_contracts.quality import Quality
from data_contracts.results import ShardResult
from data_contracts.schemas import TOKEN_SPANS
from data_contracts.shipped_contracts import Judged, shipped_tables
from data_contracts.split import SPLITS
from data_contracts.token_shards import SPANS_FILE, TokenShards
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.stage import stricter
from pipeline.validate.suites import save_suites
from pipeline.validate.tables import figures_table
from pipeline.validate.verdict import judge

NO_PRODUCTION = "there is no version in production"


class ReleaseInputs(Frozen):
    """What is to be judged, and what there was before."""

    sharded: ShardResult
    """The tokens."""
    quality: Quality
    """Figures of the version."""
    production: Quality | None
    """Figures of the version in production; None: there is none."""
    days_since_previous: float | None
    """Days since the version before was made; None: there is none."""
    days_since_newest_file: float | None
    """Days since the newest file of the sources changed; None: nobody knows."""


def judge_release(inputs: ReleaseInputs, recipe: ValidateRecipe) -> ContractResult:
    """Check every rule of the contracts on what is about to be published; look at `passed`.

    Raises:
        ContractInvalid: A contract cannot be compiled.
        VersionCorrupt: Tokens and spans are not those of one stream.
    """
    contracts = Contracts.load(recipe.contracts)
    rules = stricter(contracts.rules(Judged.RELEASE), recipe)
    absent = {} if inputs.production is not None else {"drift": NO_PRODUCTION}
    judged = judge(contracts, rules, _tables(inputs), absent=absent)
    save_suites(inputs.sharded.folder / RELEASE_SUITES_FILE, judged.suites)
    return ContractResult(
        contracts=contracts.stamps_at(Judged.RELEASE),
        checks=tuple(_named(one) for one in judged.checks),
    )


def _named(check: CheckOutcome) -> CheckOutcome:
    """Tell the gate's own checks of this judgement from those of the first."""
    if not check.rule.startswith("gate."):
        return check
    return check.model_copy(update={"rule": f"release.{check.rule.removeprefix('gate.')}"})


def _tables(inputs: ReleaseInputs) -> dict[str, pl.LazyFrame]:
    tokens = inputs.sharded.folder / "tokens"
    spans = [tokens / split / SPANS_FILE for split in SPLITS]
    for path in spans:
        read_ipc(path, TOKEN_SPANS)  # the promised columns, before anybody counts in them
    ages: dict[str, object] = {
        "days_since_previous": inputs.days_since_previous,
        "days_since_newest_file": inputs.days_since_newest_file,
    }
    rows: dict[str, list[dict[str, object]]] = {
        "tokens": [_split(tokens / split, str(split), inputs) for split in SPLITS],
        "drift": _drift(inputs),
        "freshness": [ages],
    }
    figures = {
        name: figures_table(some, shipped_tables()[name].schema).lazy()
        for name, some in rows.items()
    }
    return {"spans": pl.scan_ipc(spans, glob=False), **figures}


def _split(folder: Path, split: str, inputs: ReleaseInputs) -> dict[str, object]:
    shards = TokenShards.open(folder)
    spans = pl.scan_ipc(folder / SPANS_FILE, glob=False).select(
        documents=pl.len().cast(pl.Int64),
        tokens=pl.col("tokens").cast(pl.Int64).sum(),
        text_bytes=pl.col("text_bytes").cast(pl.Int64).sum(),
    )
    row = spans.collect(engine="streaming").row(0, named=True)
    return {
        "split": split,
        "documents": row["documents"],
        "documents_promised": inputs.sharded.documents.get(split, 0),
        "tokens": len(shards),
        "tokens_spanned": row["tokens"],
        "text_bytes": row["text_bytes"],
        "bytes_per_token": row["text_bytes"] / len(shards) if len(shards) else None,
    }


def _drift(inputs: ReleaseInputs) -> list[dict[str, object]]:
    if inputs.production is None:
        return []
    return [one.model_dump() for one in drift_of(inputs.quality, inputs.production)]
