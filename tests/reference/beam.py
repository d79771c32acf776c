"""Slow twin of `model.supervised.beam.beam_search`: one source text, every prefix read from the start."""

import torch


def best_text(model, source, *, beams, max_tokens, length_penalty, end):
    """Search as the docstring of `beam_search` says.

    Args:
        model: The encoder-decoder.
        source: Ids of the source text.
        beams: Texts followed.
        max_tokens: Most tokens written.
        length_penalty: As there.
        end: The mark.

    Returns:
        The ids written.
    """
    memory = model.encode(torch.tensor([source]))
    alive, done = [(0.0, [])], []
    for length in range(1, max_tokens + 1):
        candidates = []
        for score, text in alive:
            logits = model(torch.tensor([[end, *text]]), memory=memory)[0, -1]
            gains = logits.log_softmax(-1).tolist()
            candidates += [(score + gain, [*text, token]) for token, gain in enumerate(gains)]
        candidates.sort(key=lambda one: -one[0])
        top = candidates[: 2 * beams]
        for score, text in top[:beams]:
            if text[-1] == end and len(done) < beams:
                done.append((score / length**length_penalty, text[:-1]))
        alive = [(score, text) for score, text in top if text[-1] != end][:beams]
        if len(done) >= beams:
            break
    return max(done)[1] if done else alive[0][1]
