"""The model's scorecard, judged by its contract before the model may be promoted. No Prefect here."""

from collections.abc import Mapping, Sequence

from data_contracts.checks import ContractResult
from data_contracts.contracts import Contracts
from data_contracts.results import EvaluateResult, TrainResult
from data_contracts.shipped_contracts import Judged, shipped_tables
from flows.recipe import Recipe


def judge_scorecard(
    recipe: Recipe, trained: TrainResult, evaluated: EvaluateResult
) -> ContractResult:
    """Check every rule of the contracts on a model's figures; look at `passed`.

    Raises:
        ContractInvalid: A contract cannot be compiled.
    """
    # Polars and Great Expectations, which training goes without, are imported here.
    from pipeline.validate.stage import stricter  # noqa: PLC0415
    from pipeline.validate.tables import figures_table  # noqa: PLC0415
    from pipeline.validate.verdict import judge  # noqa: PLC0415

    contracts = Contracts.load(recipe.validation.contracts)
    rules = stricter(contracts.rules(Judged.MODEL), recipe.validation)
    rows = {"scores": _scores(evaluated), "scorecard": [_scorecard(trained, evaluated)]}
    tables = {
        name: figures_table(some, shipped_tables()[name].schema).lazy()
        for name, some in rows.items()
    }
    absent = {"scores": "an encoder has no bits per byte"} if evaluated.hidden else None
    judged = judge(contracts, rules, tables, absent=absent)
    return ContractResult(contracts=contracts.stamps_at(Judged.MODEL), checks=judged.checks)


def _scores(evaluated: EvaluateResult) -> Sequence[Mapping[str, object]]:
    return [
        {
            "predictor": one.predictor,
            "split": one.split,
            "bits_per_byte": one.bits_per_byte.value,
            "low": one.bits_per_byte.low,
            "high": one.bits_per_byte.high,
            "documents": one.documents,
            "text_bytes": one.text_bytes,
        }
        for one in evaluated.figures
    ]


def _scorecard(trained: TrainResult, evaluated: EvaluateResult) -> Mapping[str, object]:
    model = {
        one.split: one.bits_per_byte.value for one in evaluated.figures if one.predictor == "model"
    }
    margins = [
        one.bits_per_byte.value - model[one.split]
        for one in evaluated.figures
        if one.predictor != "model" and one.split in model
    ]
    both = "validation" in model and "test" in model
    return {
        "parameters": trained.parameters,
        "tokens_seen": trained.tokens_seen,
        "final_train_loss": trained.final_train_loss,
        "best_validation_loss": trained.best_validation_loss,
        "beats_baselines": evaluated.beats_baselines,
        "margin_over_baselines": min(margins, default=None),
        "validation_test_gap": model["test"] - model["validation"] if both else None,
        "tokens_per_second": trained.tokens_per_second,
        "peak_memory_bytes": trained.peak_memory_bytes,
    }
