"""Training after pruning, and of a student: next tokens, and what the original predicts."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from data_contracts.progress import Progress, silent
from model.compress.recipe import RecoveryRecipe
from model.machine import mixed_precision
from model.metrics import MetricsLog
from model.recipe import TrainRecipe
from model.trainer import Trainer
from model.transformer import Decoder


def recover(
    student: Decoder,
    teacher: Decoder,
    dataset: Path,
    recipe: RecoveryRecipe,
    folder: Path,
    progress: Progress = silent,
) -> Decoder:
    """Train a smaller decoder.

    Batches, optimiser and schedule are those of ordinary training.

    Args:
        student: Where it starts; not changed.
        teacher: The original.
        dataset: The dataset version whose training split is read; its tokenizer is the models'.
        recipe: How.
        folder: Receives metrics.jsonl.
        progress: Told of steps done.

    Returns:
        The trained decoder.

    Raises:
        TooLittleText: A split holds too few tokens.
        TrainingDiverged: A loss is NaN or infinite.
    """
    trainer = _Recovery(dataset, recipe, student, teacher)
    with MetricsLog(folder, 0) as log:
        for step in range(trainer.steps):
            row = trainer.take_step(step)
            if row.step == trainer.steps:
                row = row.model_copy(update={"validation_loss": trainer.validation_loss()})
            log.add(row)
            progress(row.step, trainer.steps, "steps", f"loss {row.loss:.3f}")
    with trainer.averaged():
        weights = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    trainer.model.load_state_dict(weights)
    return trainer.model.eval()


class _Recovery(Trainer):
    """Ordinary training from other first weights, with a teacher in the loss."""

    def __init__(
        self, dataset: Path, recipe: RecoveryRecipe, student: Decoder, teacher: Decoder
    ) -> None:
        own = {"budget_tokens", "batch_tokens", "teacher_weight", "temperature"}
        settings = TrainRecipe(
            shape=student.shape,
            budget_tokens=recipe.budget_tokens,
            batch_tokens=max(recipe.batch_tokens, student.shape.context_tokens),
            max_epochs=None,
            **recipe.model_dump(exclude=own),
        )
        super().__init__(dataset, settings)
        self.model.load_state_dict(student.state_dict())
        self.recovery, self.teacher = recipe, teacher.to(self.device).eval()

    def _cost(
        self, model: nn.Module, read_BT: Tensor, targets_BT: Tensor, *, learns: bool = False
    ) -> Tensor:
        weight, temperature = self.recovery.teacher_weight, self.recovery.temperature
        if not learns or not weight:
            return super()._cost(model, read_BT, targets_BT, learns=learns)
        read_BT, targets_BT = read_BT.to(self.device), targets_BT.to(self.device)
        with mixed_precision(self.device, self.recipe.precision):
            logits_NV = model(read_BT).flatten(0, 1)
            with torch.no_grad():
                wanted_NV = self.teacher(read_BT).flatten(0, 1)
        return distillation_loss(logits_NV, wanted_NV, targets_BT.flatten(), weight, temperature)


def distillation_loss(
    logits_NV: Tensor, teacher_NV: Tensor, targets_N: Tensor, weight: float, temperature: float
) -> Tensor:
    """Sum what a student's predictions cost.

    `(1 - weight) x cross entropy + weight x temperature^2 x KL(teacher | student)`, both softened
    by the temperature; its square keeps the gradients' size (Hinton et al. 2015, section 2).

    Args:
        logits_NV: The student's.
        teacher_NV: The teacher's.
        targets_N: int64, the next tokens.
        weight: Share of the teacher.
        temperature: Divides the logits.

    Returns:
        float32, nats, summed over the tokens.
    """
    logits_NV, teacher_NV = logits_NV.float(), teacher_NV.float()
    hard = functional.cross_entropy(logits_NV, targets_N, reduction="sum")
    soft = functional.kl_div(
        (logits_NV / temperature).log_softmax(-1),
        (teacher_NV / temperature).log_softmax(-1),
        reduction="sum",
        log_target=True,
    )
    return (1 - weight) * hard + weight * temperature**2 * soft
