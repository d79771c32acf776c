"""The encoder that a task starts from, where its recipe wants one that knows a language already."""

from pathlib import Path
from typing import Final

from data_contracts.progress import Progress
from model.supervised.recipe import ClassifyRecipe, PretrainedEncoder
from model.train import TrainInputs, train

PRETRAINED_FOLDER: Final = "pretrained"
"""What pretraining leaves, in the folder of the task's own model."""


def with_encoder(recipe: ClassifyRecipe, folder: Path, progress: Progress) -> ClassifyRecipe:
    """Train the encoder that a task starts from, if it is not there yet.

    Args:
        recipe: May name a dataset version to learn from.
        folder: Receives the encoder in `PRETRAINED_FOLDER`.
        progress: Told of steps done.

    Returns:
        The recipe, with a trained encoder for a dataset version.

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
    train(inputs, wanted.train, encoder, progress=progress)
    return recipe.model_copy(update={"pretrained": PretrainedEncoder(model=encoder)})
