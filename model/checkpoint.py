"""One file to take training up from: weights, optimiser state, step; no pickle, replaced atomically.

The last is `checkpoint.safetensors`, those before it `checkpoint.1.safetensors` and so on, as many as
the recipe keeps: one that cannot be read gives way to the one before. Step and settings are in the
file's own JSON header. Batches and learning rate are functions of the step, so there is nothing else
to restore. `best.safetensors` holds the weights of the lowest validation loss, where they are kept.
"""

import os
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model.averaging import WeightAverage
from model.world import placed_like, whole

CHECKPOINT_FILE: Final = "checkpoint.safetensors"
BEST_FILE: Final = "best.safetensors"


def checkpoint_step(folder: Path, settings: str) -> int | None:
    """Find the step at which a folder's last readable checkpoint was taken.

    Args:
        folder: The run's folder.
        settings: Fingerprint of everything that decides the weights.

    Returns:
        Steps taken so far; None when there is no readable checkpoint, or one of other settings.
    """
    found = _last_readable(folder, settings)
    return found[1] if found else None


def save_checkpoint(
    folder: Path,
    settings: str,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None = None,
    *,
    keep: int = 1,
    writes: bool = True,
) -> None:
    """Write the folder's next checkpoint: a kill at any moment leaves the old one or the new one.

    Args:
        folder: The run's folder.
        settings: Fingerprint of everything that decides the weights.
        step: Steps taken so far.
        model: Its weights are saved,
        optimizer: with the optimiser's state,
        average: and their running mean, when there is one.
        keep: How many checkpoints stay, this one included.
        writes: Whether this process writes; the others hand over their parts of the weights.
    """
    tensors = {f"weights/{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{name}/{key}"] = value
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.mean.items()}
    partial = folder / f"{CHECKPOINT_FILE}.partial"
    detached = {name: whole(part.detach()).cpu().contiguous() for name, part in tensors.items()}
    if not writes:
        return
    save_file(detached, partial, metadata={"step": str(step), "settings": settings})
    for number in range(keep - 1, 0, -1):
        older = folder / _file_name(number - 1)
        if older.exists():
            os.replace(older, folder / _file_name(number))
    os.replace(partial, folder / CHECKPOINT_FILE)


def load_checkpoint(
    folder: Path,
    settings: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None = None,
) -> None:
    """Put weights, optimiser state and running mean back, bit for bit."""
    found = _last_readable(folder, settings)
    assert found, "the caller looked"  # noqa: S101
    tensors = load_file(found[0])
    _load_weights(model, _under("weights/", tensors))
    for name, parameter in model.named_parameters():
        state = _under(f"optimizer/{name}/", tensors)
        optimizer.state[parameter] = {
            # AdamW's fused kernel wants the count of steps where the weights are.
            key: placed_like(tensor, parameter) if tensor.ndim else tensor.to(parameter.device)
            for key, tensor in state.items()
        }
    if average:
        for name, tensor in _under("average/", tensors).items():
            average.mean[name].copy_(placed_like(tensor, average.mean[name]))


def save_best(folder: Path, model: nn.Module, *, writes: bool = True) -> None:
    """Keep the weights as they are as the best so far; `writes` as in `save_checkpoint`."""
    partial = folder / f"{BEST_FILE}.partial"
    weights = {name: whole(part.detach()).cpu() for name, part in model.state_dict().items()}
    if not writes:
        return
    save_file(weights, partial)
    os.replace(partial, folder / BEST_FILE)


def load_best(folder: Path, model: nn.Module) -> None:
    """Give the model the best weights that were kept."""
    _load_weights(model, load_file(folder / BEST_FILE))


def delete_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a run that is done."""
    for path in (*folder.glob("checkpoint*.safetensors"), folder / BEST_FILE):
        path.unlink(missing_ok=True)


def _load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    own = model.state_dict()
    model.load_state_dict({name: placed_like(part, own[name]) for name, part in weights.items()})


def _file_name(number: int) -> str:
    return f"checkpoint.{number}.safetensors" if number else CHECKPOINT_FILE


def _last_readable(folder: Path, settings: str) -> tuple[Path, int] | None:
    # By number of steps: a kill between two renamings leaves a gap in the numbers of the files.
    found = []
    for path in folder.glob("checkpoint*.safetensors"):
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
        except (OSError, SafetensorError):
            continue
        if header.get("settings") == settings:
            found.append((int(header["step"]), path))
    if not found:
        return None
    step, path = max(found)
    return path, step


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
