"""Beam search: the likeliest texts an encoder-decoder writes, followed side by side."""

import torch
from torch import Tensor

from model.blocks import KeyValueCache, Memory
from model.transformer import Transformer


@torch.no_grad()
def beam_search(
    model: Transformer,
    source_BS: Tensor,
    allowed_BS: Tensor,
    *,
    beams: int,
    max_tokens: int,
    length_penalty: float,
    end: int,
) -> list[list[int]]:
    """Write the likeliest text for each source text.

    Unfinished texts are ranked by log-probability, finished ones by log-probability divided by
    length to the power of `length_penalty`. A text's search ends when it has `beams` finished ones
    (their best is taken) or at `max_tokens`.

    Args:
        model: The encoder-decoder, in evaluation mode.
        source_BS: int64, the source texts.
        allowed_BS: bool, which of these tokens are text.
        beams: Texts followed per source; 1 is greedy.
        max_tokens: Most tokens written, the end mark not counted; under the model's context.
        length_penalty: 0 prefers short texts.
        end: Id that starts and ends a text.

    Returns:
        The ids of each text, without marks.
    """
    device, rows = source_BS.device, len(source_BS)
    memory = _repeated(model.encode(source_BS, allowed_BS), beams)
    cache = KeyValueCache(model.shape, rows * beams, memory.x_BSC)
    read_N1 = torch.full((rows * beams, 1), end, device=device)
    score_BW = torch.full((rows, beams), -torch.inf, device=device)
    score_BW[:, 0] = 0.0  # all beams start the same: only one may branch
    written_NT = torch.empty((rows * beams, 0), dtype=torch.int64, device=device)
    done: list[list[tuple[float, list[int]]]] = [[] for _ in range(rows)]
    offset_B1 = torch.arange(rows, device=device)[:, None] * beams
    for length in range(1, max_tokens + 1):
        logits_NV = model(read_N1, cache, memory=memory)[:, -1].float()
        gain_BWV = logits_NV.log_softmax(-1).view(rows, beams, -1)
        vocabulary = gain_BWV.shape[-1]
        # Of 2 x beams candidates at most `beams` end here: enough go on.
        top = (score_BW[..., None] + gain_BWV).flatten(1).topk(2 * beams)
        beam_BC, token_BC = top.indices // vocabulary, top.indices % vocabulary
        ends_BC = token_BC == end
        _note_finished(
            done, top.values, beam_BC, ends_BC, written_NT, length, length_penalty, beams
        )
        going_BC = top.values.masked_fill(ends_BC, -torch.inf)
        score_BW, place_BW = going_BC.topk(beams)
        chosen_N = (beam_BC.gather(1, place_BW) + offset_B1).flatten()
        read_N1 = token_BC.gather(1, place_BW).view(-1, 1)
        written_NT = torch.cat([written_NT[chosen_N], read_N1], dim=1)
        cache.select(chosen_N)
        if all(len(texts) >= beams for texts in done):
            break
    for row, texts in enumerate(done):
        if not texts:  # none ended in time: the likeliest as it stands
            texts.append((0.0, written_NT[row * beams].tolist()))
    return [max(texts)[1] for texts in done]


def _note_finished(
    done: list[list[tuple[float, list[int]]]],
    score_BC: Tensor,
    beam_BC: Tensor,
    ends_BC: Tensor,
    written_NT: Tensor,
    length: int,
    length_penalty: float,
    beams: int,
) -> None:
    # A candidate that ranks under the beams would not have been followed either.
    for row, place in (ends_BC[:, :beams] & score_BC[:, :beams].isfinite()).nonzero().tolist():
        if len(done[row]) < beams:
            text = written_NT[row * beams + int(beam_BC[row, place])].tolist()
            done[row].append((float(score_BC[row, place]) / length**length_penalty, text))


def _repeated(memory: Memory, beams: int) -> Memory:
    allowed = memory.allowed_B11S
    return Memory(
        memory.x_BSC.repeat_interleave(beams, 0),
        None if allowed is None else allowed.repeat_interleave(beams, 0),
    )
