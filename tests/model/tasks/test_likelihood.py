import numpy as np
import pytest
import torch

from model.recipe import ShapeRecipe
from model.tasks.definition import Example
from model.tasks.likelihood import Continuation, continuation_nats, continuations
from tests.model.conftest import TINY, learn_tokenizer, random_decoder, write_documents

END = 0


def one_by_one(model, text):
    """Each token of the continuation from its own forward pass over what comes before it."""
    context = model.shape.context_tokens
    whole = [END, *text.tokens.tolist()][-(context + 1) :]
    skipped = 1 + len(text.tokens) - len(whole)
    nats = 0.0
    for place in range(1, len(whole)):
        if place - 1 + skipped >= text.scored:
            with torch.no_grad():
                logits = model(torch.tensor([whole[:place]]))[0, -1]
            nats -= torch.log_softmax(logits.double(), -1)[whole[place]].item()
    return nats


@pytest.mark.parametrize("batch_tokens", [8, 100, 10_000])
def test_only_the_continuation_counts_and_batching_changes_nothing(batch_tokens):
    model = random_decoder(ShapeRecipe(layers=1, width=16, heads=2, context_tokens=8), 20)
    generator = np.random.default_rng(3)
    texts = [
        Continuation(generator.integers(1, 20, count), scored)
        for count, scored in [(1, 0), (5, 2), (8, 7), (9, 0), (9, 8), (30, 25), (30, 3), (4, 4)]
    ]
    expected = [one_by_one(model, text) for text in texts]
    found = continuation_nats(model, texts, END, batch_tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_choices_are_encoded_with_their_context_and_cut_where_it_ends():
    tokenizer = learn_tokenizer(write_documents(50, seed=4))
    model = random_decoder(TINY, tokenizer.get_vocab_size())
    # White space at the context's end belongs to the word that follows.
    example = Example("the mill ", ("turns slowly", "bread"), 0, 0, "")
    first, second = continuations(example, tokenizer)
    context = tokenizer.encode("the mill").ids
    assert first.scored == second.scored == len(context)
    assert tokenizer.decode(first.tokens[first.scored :].tolist()) == " turns slowly"
    assert tokenizer.decode(second.tokens.tolist()) == "the mill bread"
    assert continuation_nats(model, [first, second], END, 64).min() > 0


def test_without_context_the_whole_text_counts():
    tokenizer = learn_tokenizer(write_documents(50, seed=4))
    (pair, _) = continuations(Example("", ("flour", "water"), 0, 0, ""), tokenizer)
    assert pair.scored == 0
