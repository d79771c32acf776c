"""Texts, signals and reasons are what the slow twin says; `tests.bench.check_clean` asks about all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.check_clean import DATA, check, differences, recipes
from tests.pipeline.text.hostile_text import texts

SENTENCE = "The {} rivers of that valley had to be crossed with a boat, and it was slow.\n"
PROSE = "".join(SENTENCE.format(n) for n in range(9))
POEM = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n"


@settings(max_examples=30)
@given(st.lists(texts, max_size=4))
def test_hostile_texts_are_decided_as_the_slow_twin_decides(documents):
    assert differences([*documents, PROSE, PROSE * 2, POEM, POEM * 9], recipes()) == []


@pytest.mark.parametrize(("corpus", "every"), [("books-en", 250), ("poetry-zh", 1000)])
def test_real_texts_are_decided_as_the_slow_twin_decides(corpus, every):
    if not (DATA / f"{corpus}.tar.xz").exists():
        pytest.skip(f"{corpus} is not in ../shared/data")
    documents, _, differ = check(corpus, every, workers=1)
    assert documents >= 15
    assert differ == []
