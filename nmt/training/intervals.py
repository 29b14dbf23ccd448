"""When to validate: a pure function of the sizes of the corpus and of the update, so that a resumed run repeats it."""

from dataclasses import dataclass

from nmt.settings import TrainSettings
from nmt.training.epochs import EpochSizes

TIME_SHARE = 0.1  # of training, which validation may take
SAVING_TOKENS = 4000  # target tokens that training reads while checkpoints are saved and the curve is drawn


@dataclass(frozen=True)
class ValidationPlan:
    """When to validate a training with epochs of these sizes. A validation takes as long as `cost` updates.

    Without `every`, a fixed number of updates, there is a validation at the end of each epoch, or of every
    `epochs_between`. An epoch is divided further, into halves, quarters and so on, while a part is at least a tenth of
    the training so far, and long enough for validation to take at most TIME_SHARE of the time. So a training that is
    stopped early has about ten validations, as far as that share allows, and later there is one an epoch.
    """

    every: int
    epochs: EpochSizes
    cost: float
    epochs_between: int

    def is_due(self, update: int, epoch: int, update_in_epoch: int) -> bool:
        """Whether to validate after `update` updates: `epoch` complete epochs, and `update_in_epoch` of the next."""
        if self.every:
            return update % self.every == 0
        if update_in_epoch == 0:
            return epoch % self.epochs_between == 0
        shortest = max(self.cost / TIME_SHARE, update / 10)
        updates, parts = self.epochs.of_epoch(epoch), 1
        while updates >= 2 * parts * shortest:
            parts *= 2
        part = update_in_epoch * parts // updates  # number of complete parts
        return (update_in_epoch - 1) * parts // updates < part < parts


def plan_validations(
    settings: TrainSettings, epochs: EpochSizes, updates_in_all: int, train_tokens: int, valid_tokens: int
) -> ValidationPlan:
    """The plan for a corpus with these numbers of target tokens; `updates_in_all` is 0 without a limit.

    The loss and each hypothesis of validation take about as long per target token as training does.

    Validation of a large set may take more than TIME_SHARE, where otherwise there would be less than ten validations.
    """
    tokens_in_update = train_tokens / epochs.in_one
    cost = (1 + settings.validation_beam) * valid_tokens / tokens_in_update
    epochs_between = int(cost / TIME_SHARE / epochs.in_one)
    if updates_in_all:
        epochs_between = min(epochs_between, updates_in_all // epochs.in_one // 10)
    return ValidationPlan(
        settings.validate_every, epochs, cost + SAVING_TOKENS / tokens_in_update, max(1, epochs_between)
    )
