import pytest
import torch

from model.recipe import ShapeRecipe
from model.supervised.beam import beam_search
from tests.model.conftest import random_decoder
from tests.reference.beam import best_text

SHAPE = ShapeRecipe(kind="encoder-decoder", layers=1, width=16, heads=2, context_tokens=16)
END = 0


def searched(model, sources, **options):
    width = max(map(len, sources))
    source_BS = torch.tensor([[*text, *[END] * (width - len(text))] for text in sources])
    lengths = torch.tensor([len(text) for text in sources])
    allowed_BS = torch.arange(width)[None] < lengths[:, None]
    return beam_search(model, source_BS, allowed_BS, end=END, **options)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 2, 4])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_the_text_found_is_that_of_the_slow_twin(beams, length_penalty):
    sources = [[3, 7, 2], [9, 4, 1, 1, 8], [5], [11, 6]]
    options = {"beams": beams, "max_tokens": 9, "length_penalty": length_penalty}
    for seed in range(4):
        model = random_decoder(SHAPE, 12, seed)
        found = searched(model, sources, **options)
        assert found == [best_text(model, text, end=END, **options) for text in sources]


def test_one_beam_takes_the_likeliest_token_each_time():
    model = random_decoder(SHAPE, 12, seed=3)
    with torch.no_grad():
        memory, written = model.encode(torch.tensor([[4, 5]])), []
        while len(written) < 6:
            token = int(model(torch.tensor([[END, *written]]), memory=memory)[0, -1].argmax())
            if token == END:
                break
            written.append(token)
    assert searched(model, [[4, 5]], beams=1, max_tokens=6, length_penalty=1.0) == [written]
