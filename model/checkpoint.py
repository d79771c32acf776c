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
    """
    tensors = {f"weights/{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{name}/{key}"] = value
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.mean.items()}
    partial = folder / f"{CHECKPOINT_FILE}.partial"
    detached = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
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
    model.load_state_dict(_under("weights/", tensors))
    for name, parameter in model.named_parameters():
        state = _under(f"optimizer/{name}/", tensors)
        optimizer.state[parameter] = {
            # AdamW's fused kernel wants the count of steps where the weights are.
            key: tensor.to(parameter.device)
            for key, tensor in state.items()
        }
    if average:
        for name, tensor in _under("average/", tensors).items():
            average.mean[name].copy_(tensor)


def save_best(folder: Path, model: nn.Module) -> None:
    """Keep the weights as they are as the best so far."""
    partial = folder / f"{BEST_FILE}.partial"
    weights = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    save_file(weights, partial)
    os.replace(partial, folder / BEST_FILE)


def load_best(folder: Path, model: nn.Module) -> None:
    """Give the model the best weights that were kept."""
    model.load_state_dict(load_file(folder / BEST_FILE))


def delete_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a run that is done."""
    for path in (*folder.glob("checkpoint*.safetensors"), folder / BEST_FILE):
        path.unlink(missing_ok=True)


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
