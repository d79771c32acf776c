"""Writing text: one token after another."""

import torch
from torch import Tensor

from model.transformer import Decoder, KeyValueCache


@torch.no_grad()
def write(
    model: Decoder,
    prompt: list[int],
    tokens: int,
    temperature: float,
    seed: int,
    stop: int,
    top_p: float = 1.0,
) -> list[int]:
    """Continue a prompt.

    Args:
        model: The decoder.
        prompt: Token ids, at least one.
        tokens: How many to write at most; the text may outgrow the context, of which the later
            half is then kept.
        temperature: Divides the logits; 0 takes the likeliest token.
        seed: Decides the draws.
        stop: Id that ends the text; not returned.
        top_p: Draws only from the likeliest tokens that together reach this probability (nucleus
            sampling; Holtzman et al. 2020, arXiv 1904.09751); 1 draws from all.

    Returns:
        The ids written.
    """
    generator = torch.Generator().manual_seed(seed)
    context = model.shape.context_tokens
    text = list(prompt)
    unread, cache = text[-context:], _empty_cache(model)
    while len(text) < len(prompt) + tokens:
        if cache.tokens + len(unread) > context:
            unread, cache = text[-(context // 2) :], _empty_cache(model)
        tokens_BT = torch.tensor([unread], device=model.head_weight.device)
        chosen = _choose(model(tokens_BT, cache)[0, -1], temperature, top_p, generator)
        if chosen == stop:
            break
        text.append(chosen)
        unread = [chosen]
    return text[len(prompt) :]


@torch.no_grad()
def continue_greedily(model: Decoder, prompts_BT: Tensor, tokens: int) -> Tensor:
    """Continue prompts of one length side by side, always with the likeliest token.

    Args:
        model: The decoder.
        prompts_BT: int64.
        tokens: How many to write; with the prompt at most `context_tokens`.

    Returns:
        int64 (B, tokens), end marks like any token.
    """
    cache = KeyValueCache(model.shape, len(prompts_BT), model.head_weight)
    unread_BT, written = prompts_BT, []
    for _ in range(tokens):
        unread_BT = model(unread_BT, cache)[:, -1:].argmax(-1)
        written.append(unread_BT)
    return torch.cat(written, dim=1)


def _empty_cache(model: Decoder) -> KeyValueCache:
    return KeyValueCache(model.shape, 1, model.head_weight)


def _choose(logits_V: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits_V.argmax())
    chances_V = torch.softmax(logits_V.float().cpu() / temperature, dim=-1)
    if top_p < 1:
        chances_V = nucleus(chances_V, top_p)
    return int(torch.multinomial(chances_V, 1, generator=generator))


def nucleus(chances_V: Tensor, top_p: float) -> Tensor:
    """Zero all but the likeliest tokens that together reach a probability; the likeliest stays.

    Args:
        chances_V: Probabilities.
        top_p: What is to be reached.

    Returns:
        The same, not scaled up again.
    """
    sorted_V, order_V = chances_V.sort(descending=True, stable=True)
    before_V = sorted_V.cumsum(0) - sorted_V
    return torch.zeros_like(chances_V).scatter(0, order_V, sorted_V.where(before_V < top_p, 0.0))
