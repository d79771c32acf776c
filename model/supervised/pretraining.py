"""The encoders that a task starts from, where its recipe wants such as know a language already."""

from pathlib import Path
from typing import Final

from data_contracts.progress import Progress
from model.pretrained import member_folder, member_folders
from model.supervised.recipe import ClassifyRecipe, PretrainedEncoder
from model.train import TrainInputs, train

PRETRAINED_FOLDER: Final = "pretrained"
"""What pretraining leaves, in the folder of the task's own model."""


def with_encoder(recipe: ClassifyRecipe, folder: Path, progress: Progress) -> ClassifyRecipe:
    """Train the encoders that a task starts from, if they are not there yet.

    Args:
        recipe: May name a dataset version to learn from.
        folder: Receives the encoder in `PRETRAINED_FOLDER`, further ones in folders in there.
        progress: Told of steps done.

    Returns:
        The recipe, with trained encoders for a dataset version.

    Raises:
        GateRefused: The version did not pass its contract, or is not what passed.
        TooLittleText: A split holds too few tokens to train or to measure on.
        TrainingDiverged: A loss is NaN or infinite.
        VersionCorrupt: A token file is missing or broken.
    """
    wanted = recipe.pretrained
    if wanted is None or wanted.dataset is None:
        return recipe
    inputs, encoder = TrainInputs(dataset=wanted.dataset), folder / PRETRAINED_FOLDER
    for number in range(wanted.encoders):
        seeded = wanted.train.model_copy(update={"seed": wanted.train.seed + number})
        train(inputs, seeded, member_folder(encoder, number), progress=progress)
    return recipe.model_copy(update={"pretrained": PretrainedEncoder(model=encoder)})


def encoder_of(encoder: Path, member: int) -> Path:
    """Tell which of the encoders in a folder a member starts from."""
    folders = member_folders(encoder)
    return folders[member % len(folders)]
