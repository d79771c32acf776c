"""Training and evaluation made up: enough of them to make a report of."""

from pathlib import Path

from data_contracts.manifest import ModelManifest
from data_contracts.measures import (
    Calibration,
    CalibrationBin,
    HiddenFigures,
    Memorisation,
    PositionFigures,
    TaskFigures,
    TrainGap,
)
from data_contracts.results import (
    EvaluateResult,
    Interval,
    Sample,
    SplitFigures,
    TrainResult,
)
from model.metrics import METRICS_FILE, StepMetrics
from tests.flows.reports.crude_stages import WHEN, Made
from tests.flows.reports.hostile_corpus import HOSTILE, sentence


def make_model(folder: Path, sample: str = HOSTILE) -> Made:
    """Write a model version's files and results."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        StepMetrics(
            step=step, tokens=step * 4096, loss=8.3 * (step + 1) ** -0.18 + step * 37 % 11 / 200,
            learning_rate=3e-3, gradient_norm=0.8, seconds=0.17, tokens_per_second=24_000.0,
            validation_loss=8.4 * (step + 1) ** -0.175 if step % 50 == 0 else None,
        )
        for step in range(1, 401)
    ]  # fmt: skip
    (folder / METRICS_FILE).write_text(
        "".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8"
    )
    trained = TrainResult(
        folder=folder, elapsed_seconds=71.0, parameters=1_842_112, steps=400, tokens_seen=1_638_400,
        tokens_per_second=24_000.0, final_train_loss=2.84, best_validation_loss=2.91,
        peak_memory_bytes=812_000_000,
    )  # fmt: skip

    def figure(predictor: str, split: str, value: float) -> SplitFigures:
        interval = Interval(value=value, low=value - 0.03, high=value + 0.04)
        return SplitFigures(
            predictor=predictor,
            split=split,
            bits_per_byte=interval,
            documents=40,
            text_bytes=90_000,
        )

    def task(hostile: str) -> TaskFigures:
        accuracy = Interval(value=0.612, low=0.58, high=0.64)
        return TaskFigures(
            name="grammar", description=hostile, format="minimal_pairs", examples=1_340,
            available=67_000, chance=0.5, accuracy=accuracy, byte_accuracy=accuracy,
            centred_accuracy=Interval(value=0.224, low=0.16, high=0.28),
            right_probability=Interval(value=0.571, low=0.55, high=0.59),
            groups={"agreement": (0.81, 40), hostile: (0.32, 20)},
        )  # fmt: skip

    evaluated = EvaluateResult(
        folder=folder, elapsed_seconds=9.0, parameters=1_842_112, tokens_per_second=51_000.0,
        peak_memory_bytes=640_000_000, beats_baselines=True,
        figures=tuple(
            figure(name, split, value + shift)
            for name, value in (("model", 1.71), ("trigram", 2.32), ("unigram", 4.61))
            for split, shift in (("validation", 0.0), ("test", 0.05))
        ),
        sources={
            "manuals": Interval(value=1.52, low=1.44, high=1.63),
            "novels": Interval(value=1.9, low=1.84, high=1.96),
            "poetry-zh": Interval(value=2.2, low=1.9, high=2.6),
        },
        tasks=(task(sample),),
        positions=tuple(
            PositionFigures(
                first=first, last=max(first, 2 * first - 1), tokens=4_000, documents=40,
                bits_per_byte=Interval(value=value, low=value - 0.05, high=value + 0.06),
            )
            for first, value in ((0, 2.9), (1, 2.4), (2, 2.2), (4, 2.0), (8, 1.9), (16, 1.8))
        ),
        calibration=Calibration(
            expected_error=0.031, accuracy=Interval(value=0.44, low=0.42, high=0.46),
            mean_confidence=0.47,
            bins=tuple(
                CalibrationBin(
                    low=n / 10, high=(n + 1) / 10, confidence=n / 10 + 0.05,
                    accuracy=n / 10 + 0.02, tokens=9_000 // (n + 1),
                )
                for n in range(10)
            ),
        ),
        gap=TrainGap(
            train=Interval(value=1.6, low=1.55, high=1.65),
            validation=Interval(value=1.71, low=1.68, high=1.75),
            gap=Interval(value=0.11, low=0.04, high=0.18),
        ),
        memorisation=Memorisation(
            longest_copy=sample, longest_copy_bytes=len(sample.encode()),
            longest_copy_by_people_bytes=23, passages=100, passage_tokens=50,
            verbatim=Interval(value=0.02, low=0.006, high=0.07),
            held_out_verbatim=Interval(value=0.0, low=0.0, high=0.037),
            tokens_followed=1.9, held_out_tokens_followed=0.8,
        ),
        samples=(Sample(prompt="The river", text=sentence(5, 60)), Sample(prompt="<b>", text=sample)),
    )  # fmt: skip
    manifest = ModelManifest(
        name="demo", version="0001-aa11bb22", fingerprint="aa11bb22" * 4, created=WHEN,
        corpusmill="0.1.0", recipe={"name": "demo", "train": {"seed": 1}},
        stage_keys={"train": "aa11bb22" * 4}, libraries={"torch": "2.13.0"},
        timings_seconds={"train": 71.0, "evaluate": 9.0}, files=(), dataset="demo@0003-1f2e3d4c",
        dataset_fingerprint="1f2e3d4c" * 4, parameters=1_842_112,
        figures={"best_validation_loss": 2.91},
    )  # fmt: skip
    return Made(folder=folder, trained=trained, evaluated=evaluated, manifest=manifest)


def guessing(evaluated: EvaluateResult) -> EvaluateResult:
    """Make the figures of an encoder of those of a decoder."""
    hidden = tuple(
        HiddenFigures(
            predictor=name,
            split=split,
            bits_per_token=Interval(value=bits, low=bits - 0.25, high=bits + 0.5),
            accuracy=Interval(value=right, low=right - 0.0625, high=right + 0.125),
            tokens=4_321,
            documents=57,
        )
        for split in ("validation", "test")
        for name, bits, right in (("model", 4.5, 0.375), ("frequency", 7.5, 0.0625))
    )
    nothing = {"figures": (), "sources": {}, "samples": (), "tasks": (), "positions": ()}
    nothing |= {"calibration": None, "gap": None, "memorisation": None}
    return evaluated.model_copy(update=nothing | {"hidden": hidden})
