"""What pretraining on a dataset version brings a classification task: the same task with and without.

`python -m tests.bench.bench_pretraining TASK.yaml FOLDER [--seeds 3] [--folds 5] [--fits N]`

TASK.yaml is a task of `mill classify` that names a trained encoder (`pretrained.model`); its training
texts alone are used. They are cut into folds, and every fold is classified by encoders that learned from
the others: for each seed one that starts from the pretrained weights and one, otherwise alike, that
starts from random ones and learns its vocabulary from the task. FOLDER keeps each fit's chances: a run
that ended after `--fits` of them is gone on with.

Told are the accuracy of each arm (mean over the seeds), the difference with its 95% interval (bootstrap
over the texts, paired), and what the means of the seeds' chances give.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.task_files import load_classify
from model.supervised.classify import Classifier, classify
from model.supervised.recipe import ClassifyRecipe
from model.supervised.texts import read_labelled

ARMS = ("with", "without")
RESAMPLES = 10_000


def main() -> None:
    """Train what is not there yet, then tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fits", type=int, default=10**6)
    given = parser.parse_args()
    recipe = load_classify(given.task)
    texts, classes = read_labelled(recipe.train, recipe.text_field, recipe.label_field)
    labels = sorted(set(classes))
    order = np.random.default_rng(1).permutation(len(texts))
    folds = [order[number :: given.folds] for number in range(given.folds)]
    left = given.fits
    chances = {arm: np.zeros((given.seeds, len(texts), len(labels))) for arm in ARMS}
    for seed in range(given.seeds):
        for number, fold in enumerate(folds):
            for arm in ARMS:
                path = given.folder / f"{arm}-{seed}-{number}.npy"
                if not path.exists():
                    if not left:
                        return
                    left -= 1
                    rest = np.setdiff1d(order, fold)
                    _write(given.folder / "train.tsv", texts, classes, rest)
                    _write(given.folder / "test.tsv", texts, classes, fold)
                    _fit(
                        _arm(recipe, arm, seed + 1, given.folder),
                        path,
                        [texts[row] for row in fold],
                    )
                chances[arm][seed, fold] = np.load(path)
    _tell(chances, np.array([labels.index(one) for one in classes]))


def _write(path: Path, texts: list[str], classes: list[str], rows: NDArray[np.int64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(["label", "text"])
        writer.writerows([classes[row], texts[row]] for row in rows)


def _arm(recipe: ClassifyRecipe, arm: str, seed: int, folder: Path) -> ClassifyRecipe:
    changes = {
        "train": folder / "train.tsv",
        "test": folder / "test.tsv",
        "folds": None,
        "text_field": "text",
        "label_field": "label",
        "linear_baseline": False,
        "fit": recipe.fit.model_copy(update={"seed": seed}),
    }
    return recipe.model_copy(update=changes | ({"pretrained": None} if arm == "without" else {}))


def _fit(recipe: ClassifyRecipe, path: Path, texts: list[str]) -> None:
    started = time.process_time()
    classify(recipe, path.with_suffix(""))
    np.save(path, Classifier.load(path.with_suffix(""))[0].chances(texts))
    print(f"{path.stem}: {time.process_time() - started:.0f} processor seconds", flush=True)


def _tell(chances: dict[str, NDArray[np.float64]], truth: NDArray[np.int64]) -> None:
    right = {arm: chances[arm].argmax(2) == truth for arm in ARMS}
    for arm in ARMS:
        together = (chances[arm].mean(0).argmax(1) == truth).mean()
        by_seed = ", ".join(f"{one:.4f}" for one in right[arm].mean(1))
        print(f"{arm}: {right[arm].mean():.4f} (seeds {by_seed}); averaged {together:.4f}")
    gained = right["with"].mean(0) - right["without"].mean(0)
    generator = np.random.default_rng(1)
    drawn = [generator.choice(gained, len(gained)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(f"gain {gained.mean():.4f} [{low:.4f}, {high:.4f}], {len(gained):,} texts")


if __name__ == "__main__":
    main()
