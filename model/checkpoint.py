"""One file to take training up from: weights, optimiser state, step; no pickle, replaced atomically.

A run has at most one, `checkpoint.safetensors`, its step and settings in the file's own JSON header.
Batches and learning rate are functions of the step, so there is nothing else to restore.
"""

import os
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

CHECKPOINT_FILE: Final = "checkpoint.safetensors"


def checkpoint_step(folder: Path, settings: str) -> int | None:
    """Find the step at which a folder's checkpoint was taken.

    Args:
        folder: The run's folder.
        settings: Fingerprint of everything that decides the weights.

    Returns:
        Steps taken so far; None when there is no readable checkpoint, or one of other settings.
    """
    try:
        with safe_open(folder / CHECKPOINT_FILE, framework="pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError):
        return None
    return int(header["step"]) if header.get("settings") == settings else None


def save_checkpoint(
    folder: Path, settings: str, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Replace the folder's checkpoint: a kill at any moment leaves the old one or the new one."""
    tensors = {f"weights/{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{name}/{key}"] = value
    partial = folder / f"{CHECKPOINT_FILE}.partial"
    detached = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(detached, partial, metadata={"step": str(step), "settings": settings})
    os.replace(partial, folder / CHECKPOINT_FILE)


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put weights and optimiser state back, bit for bit."""
    tensors = load_file(folder / CHECKPOINT_FILE)
    weights = {
        name.removeprefix("weights/"): tensor
        for name, tensor in tensors.items()
        if name.startswith("weights/")
    }
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        prefix = f"optimizer/{name}/"
        state: dict[str, Tensor] = {
            key.removeprefix(prefix): tensor.to(parameter.device)
            for key, tensor in tensors.items()
            if key.startswith(prefix)
        }
        optimizer.state[parameter] = state


def delete_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a run that is done."""
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
