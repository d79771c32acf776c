import torch

from model.sample import write
from tests.model.conftest import TINY, random_decoder

STOP = 299


def greedy_by_full_passes(model, prompt, tokens):
    """Slow twin: read everything again for each token."""
    text = list(prompt)
    with torch.no_grad():
        for _ in range(tokens):
            text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    return text[len(prompt) :]


def test_greedy_text_is_that_of_reading_everything_again():
    model = random_decoder()
    written = write(model, [1, 2, 3], tokens=20, temperature=0, seed=1, stop=-1)
    assert written == greedy_by_full_passes(model, [1, 2, 3], 20)


def test_a_text_may_outgrow_the_context():
    model = random_decoder()
    long_prompt = list(range(3 * TINY.context_tokens))
    for prompt in ([5], long_prompt):
        written = write(model, prompt, tokens=100, temperature=1, seed=1, stop=-1)
        assert len(written) == 100


def test_the_seed_decides_the_draws():
    model = random_decoder()
    draws = [write(model, [7], 30, 1.0, seed, STOP) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_the_end_mark_ends_the_text_and_is_not_part_of_it():
    model = random_decoder()
    full = write(model, [1], tokens=20, temperature=0, seed=1, stop=-1)
    stop = full[5]
    assert write(model, [1], 20, 0, 1, stop) == full[: full.index(stop)]
