"""What is wrong with training, with tasks, or with promoting a model."""

from collections.abc import Sequence
from pathlib import Path

from data_contracts.errors.corpus_error import CorpusError


class TaskInvalid(CorpusError):
    """A likelihood task, or a line of its examples, is not what it must be."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str, fix: str) -> None:
        """Name the task's file (or that of its examples), the problem and the fix."""
        self.path, self.problem, self.fix = str(path), problem, fix
        super().__init__(f"{path}: {problem}. {fix}")


class TaskDataInvalid(CorpusError):
    """A file of labelled texts or translations is not what a task needs."""

    exit_code = 2

    def __init__(self, path: Path | str, row: int, problem: str, fix: str) -> None:
        """Name the file, the line in it (from 1; 0: the whole file), the problem and the fix."""
        self.path, self.row, self.problem, self.fix = str(path), row, problem, fix
        place = f"{path}: line {row:,}" if row else str(path)
        super().__init__(f"{place} {problem}. {fix}")


class ModelUnfit(CorpusError):
    """A model is not of the kind that was asked for."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str, fix: str) -> None:
        """Name the model's folder, the problem and the fix."""
        self.path, self.problem, self.fix = str(path), problem, fix
        super().__init__(f"{path}: {problem}. {fix}")


class TrainingDiverged(CorpusError):
    """The loss became NaN or infinite."""

    def __init__(self, step: int, loss: float, learning_rate: float) -> None:
        """Name the step, the loss and the learning rate there."""
        self.step, self.loss, self.learning_rate = step, loss, learning_rate
        super().__init__(
            f"training diverged: loss {loss} at step {step:,} (learning rate {learning_rate:.2g}). "
            f"Lower `train.learning_rate`, or raise `train.warmup_ratio`."
        )


class TooLittleText(CorpusError):
    """A split holds fewer tokens than the model needs to be trained or measured on."""

    exit_code = 3

    def __init__(self, split: str, tokens: int, needed: int) -> None:
        """Name the split, its tokens, and how many are needed."""
        self.split, self.tokens, self.needed = split, tokens, needed
        super().__init__(
            f"the {split} split holds {tokens:,} tokens, at least {needed:,} are needed. Add text, "
            f"raise `split.{split}_ratio`, or set `train: null` to stop after the dataset."
        )


class MixtureInvalid(CorpusError):
    """A mixture of sources cannot be read from the dataset."""

    exit_code = 2

    def __init__(self, source: str, problem: str) -> None:
        """Name the source and what is wrong with it."""
        self.source, self.problem = source, problem
        super().__init__(
            f"train.mixture: `{source}` {problem}. Change `train.mixture`, or the dataset's sources."
        )


class NothingToRollBack(CorpusError):
    """There is no earlier production version to go back to."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        """Name the dataset and model."""
        self.name = name
        super().__init__(
            f"`{name}` has no earlier production version. Promote one by name instead: "
            f"mill promote {name}@VERSION."
        )


class NoCandidate(CorpusError):
    """There is nothing to promote, or nothing to compare with."""

    exit_code = 2

    def __init__(self, name: str, alias: str) -> None:
        """Name the dataset and model, and the alias that points nowhere."""
        self.name, self.alias = name, alias
        super().__init__(
            f"`{name}` has no {alias}. A run makes a candidate: mill run RECIPE; "
            f"see `mill status` for what there is."
        )


class PromotionRefused(CorpusError):
    """The candidate is not shown to be as good as production."""

    exit_code = 3

    def __init__(self, candidate: str, production: str, problem: str) -> None:
        """Name both versions and what the comparison found."""
        self.candidate, self.production, self.problem = candidate, production, problem
        super().__init__(
            f"{candidate} is not promoted over {production}: {problem}. Measure on more held-out "
            f"text (`promotion.max_text_bytes`, `split`), or promote it all the same with "
            f"--even-unproven (in the form: `even_unproven`)."
        )


class ScorecardFailed(CorpusError):
    """A model breaks critical rules of its contract."""

    exit_code = 3

    def __init__(self, model: str, rules: Sequence[str]) -> None:
        """Name the model and what the rules it breaks expect."""
        self.model, self.rules = model, tuple(rules)
        super().__init__(
            f"{model} is not promoted: it breaks its contract ({'; '.join(rules)}). Its report has "
            f"the figures; train another one, or change `data_contracts/scorecard.odcs.yaml` by a "
            f"contract of your own in `validate.contracts`."
        )


class TooFewCommonDocuments(CorpusError):
    """Two versions share no held-out document that neither was trained on."""

    exit_code = 3

    def __init__(self, one: str, other: str) -> None:
        """Name both dataset versions."""
        self.one, self.other = one, other
        super().__init__(
            f"{one} and {other} hold out no document in common that is in neither's training text. "
            f"Keep the recipe's `split` and source names the same between versions, or hold out "
            f"more with `split.test_ratio`."
        )
