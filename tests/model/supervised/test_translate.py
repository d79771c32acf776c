"""The whole of translation on a language that is learned from few pairs: words reversed."""

import json

import numpy as np
import pytest

from model.recipe import ShapeRecipe
from model.supervised.recipe import FitRecipe, PairFiles, TranslateRecipe, VocabularyRecipe
from model.supervised.translate import Translator, translate

WORDS = ["rot", "blau", "hund", "katze", "haus", "baum", "geht", "steht"]
THEIRS = ["red", "blue", "dog", "cat", "house", "tree", "walks", "stands"]


def write_pairs(folder, name, count, seed):
    generator = np.random.default_rng(seed)
    texts = [generator.integers(0, len(WORDS), generator.integers(2, 6)) for _ in range(count)]
    for side, words in (("de", WORDS), ("en", THEIRS)):
        lines = [" ".join(words[number] for number in text) for text in texts]
        (folder / f"{name}.{side}").write_text("\n".join(lines) + "\n")
    return PairFiles(source=folder / f"{name}.de", target=folder / f"{name}.en")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    recipe = TranslateRecipe(
        task="translate",
        train=write_pairs(folder, "train", 900, 1),
        validation=write_pairs(folder, "validation", 40, 2),
        test=write_pairs(folder, "test", 60, 3),
        vocabulary=VocabularyRecipe(size=300),
        fit=FitRecipe(
            shape=ShapeRecipe(
                kind="encoder-decoder", layers=2, width=32, heads=2, context_tokens=24
            ),
            epochs=10,
            batch_tokens=512,
            optimizer="muon",
            learning_rate=5e-3,
            matrix_learning_rate=2e-2,
            label_smoothing=0.1,
            ema_decay=0.9,
            threads=1,
        ),
        beams=3,
    )
    return translate(recipe, folder / "model"), folder


def test_words_and_their_order_are_learned(done):
    result, folder = done
    assert result.scores.bleu_lowercase.value > 80
    rows = [json.loads(line) for line in (folder / "model/metrics.jsonl").read_text().splitlines()]
    measured = [row["validation_loss"] for row in rows if row["validation_loss"] is not None]
    assert len(measured) == 10
    assert measured[-1] < measured[0] / 3
    assert json.loads((folder / "model/results.json").read_text())["test_texts"] == 60


def test_the_folder_translates_new_texts_whatever_stands_beside_them(done):
    translator = Translator.load(done[1] / "model")
    texts = ["hund geht", "rot haus steht", "katze"]
    together = translator.translations(texts, beams=3, length_penalty=1.0)
    alone = [translator.translations([text], beams=3, length_penalty=1.0)[0] for text in texts]
    assert together == alone
    assert together[1] == "red house stands"
