import itertools

import numpy as np
import pytest
import sacrebleu

from model.supervised.translation_scores import SAMPLES, score

REFERENCES = [
    f"the {animal} {verb} in front of the {colour} house by day number {number}"
    for number, (animal, verb, colour) in enumerate(
        (a, v, c)
        for a in ("dog", "cat", "bird", "old horse")
        for v in ("walks", "sits")
        for c in ("red", "blue", "green")
    )
]
SOURCES = [text.upper() for text in REFERENCES]
TRANSLATIONS = [
    text.replace("house", "barn").capitalize() if number % 3 else text
    for number, text in enumerate(REFERENCES)
]


@pytest.fixture(scope="module")
def found():
    return score(SOURCES, REFERENCES, TRANSLATIONS, seed=1)


def test_figures_are_sacrebleus_with_signatures(found):
    lower = sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES], lowercase=True)
    assert found.bleu_lowercase.value == pytest.approx(lower.score)
    assert found.bleu.value == pytest.approx(
        sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES]).score
    )
    assert found.chrf.value == pytest.approx(
        sacrebleu.corpus_chrf(TRANSLATIONS, [REFERENCES]).score
    )
    assert found.bleu_lowercase.value > found.bleu.value
    assert "case:lc" in found.bleu_lowercase.signature
    assert "version:" in found.chrf.signature
    assert found.length_ratio == 1


def test_intervals_are_as_wide_as_sacrebleus_own(found):
    metric = sacrebleu.BLEU()
    theirs = metric.corpus_score(TRANSLATIONS, [REFERENCES], n_bootstrap=1000)
    for one in (found.bleu, found.chrf):
        assert one.low < one.value < one.high
    assert (found.bleu.high - found.bleu.low) / 2 == pytest.approx(theirs._ci, rel=0.15)


def test_samples_go_from_the_worst_to_the_best(found):
    scores = [one.chrf for one in found.samples]
    assert len(scores) == SAMPLES
    assert scores == sorted(scores)
    each = [
        sacrebleu.sentence_chrf(translation, [reference]).score
        for translation, reference in zip(TRANSLATIONS, REFERENCES, strict=True)
    ]
    assert scores[0] == pytest.approx(min(each))
    assert scores[-1] == pytest.approx(max(each))
    one = found.samples[0]
    assert SOURCES.index(one.source) == REFERENCES.index(one.reference)


def test_groups_by_length_hold_every_text_once():
    generator = np.random.default_rng(1)
    sources = ["wort " * int(words) for words in generator.integers(1, 30, len(REFERENCES))]
    groups = score(sources, REFERENCES, TRANSLATIONS, seed=1).by_length
    assert sum(one.texts for one in groups) == len(sources)
    assert all(a.most_words < b.fewest_words for a, b in itertools.pairwise(groups))


def test_one_text_of_one_word_and_none_right_can_be_scored():
    found = score(["ja"], ["yes"], ["quatsch"], seed=1)
    assert found.bleu.value == 0
    assert found.chrf.value < 20
    assert found.by_length[0].texts == len(found.samples) == 1
