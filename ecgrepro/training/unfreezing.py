"""Gradual unfreezing: stages that train more and more of a net, each with learning rates and an optimiser of its own.

Source: fastai v1 (fastai/fastai a4c0e0e `basic_train.py`: `freeze_to`, `lr_range`, `fit`) as the CSC2541 project uses
it (xeon27/ecg-transfer-learning 4a17cbd, `models/fastai_model.py`).

The net is divided into groups of layers. A stage's learning rate is a number, the same for all groups; ``(low, high)``,
a geometric series from the first group to the last (``slice(low, high)`` there); or ``(None, high)``: `high` for the
last group and a tenth of it for all others (``slice(high)``; a third in versions that are too old for the project's
calls). Groups that are frozen have one too: where their batch
normalisation trains, it trains at that.
"""

import numpy as np

from ecgrepro.errors import SettingsError
from ecgrepro.training.freezing import freeze, learnable_layers, positions, resolve
from ecgrepro.training.one_cycle import WEIGHT_DECAY, OneCycleAdamW, learning_rate_cycle, momentum_cycle
from ecgrepro.training.recipe import Stage

#: First learnable layers of the groups of an xresnet1d: stem | body | head, the head being two dense layers.
XRESNET1D_GROUPS = (0, 3, -2)
#: As coded: `freeze` and `freeze_to(-1)` train the same group, so the schedule is 20 epochs of the head, 10 of body and
#: head, 10 of all; and body and stem learn at a tenth of the rate that is spoken of.
CSC2541 = (
    Stage(10, -2, 1e-2),
    Stage(10, -2, (None, 1e-2)),
    Stage(10, 3, (None, 1e-3)),
    Stage(10, 0, (1e-6, 1e-4)),
)
#: As told: every stage frees one part more (new layer, head, body, all), and what is trained has the rate named.
CSC2541_AS_TOLD = (Stage(10, -1, 1e-2), Stage(10, -2, 1e-2), Stage(10, 3, 1e-3), Stage(10, 0, (1e-6, 1e-4)))


def stage_at(stages, epoch):
    """Find the stage of an epoch, counted from 1: (position of the stage, epoch within it, from 1)."""
    for position, stage in enumerate(stages):
        if 1 <= epoch <= stage.epochs:
            return position, epoch
        epoch -= stage.epochs
    last = sum(stage.epochs for stage in stages)
    raise SettingsError("epoch", f"1 to {last}", str(epoch + last), "The stages have no more.")


def group_rates(learning_rate, n_groups):
    """Learning rates of the groups of a net, first to last, from that of a `Stage`: list of float."""
    if not isinstance(learning_rate, tuple):
        return [learning_rate] * n_groups
    low, high = learning_rate
    if low is None:
        return [high / 10] * (n_groups - 1) + [high]
    return [float(rate) for rate in np.geomspace(low, high, n_groups)] if n_groups > 1 else [high]


def begin(model, stage, loss, *, steps_per_epoch, groups=XRESNET1D_GROUPS, batch_normalisation="training",
          weight_decay=WEIGHT_DECAY):  # fmt: skip
    """Freeze and compile a model for a stage, with a new optimiser.

    Parameters
    ----------
    model : keras.Model
        Flat and functional; keeps its weights.
    stage : Stage
    loss : keras.losses.Loss
    steps_per_epoch : int
    groups : tuple of int
        Position of the first learnable layer of each group, ascending, the first 0; negative ones count from the end.
    batch_normalisation : {"inference", "training", "all"}
        See `freezing`; the project's trains.
    weight_decay : float

    Raises
    ------
    SettingsError
        Groups or a depth that the model does not have.
    """
    freeze(model, stage.freeze_depth, batch_normalisation=batch_normalisation)
    model.compile(optimiser(model, stage, steps_per_epoch, groups, weight_decay), loss)
    model.optimizer.build(model.trainable_variables)


def optimiser(model, stage, steps_per_epoch, groups=XRESNET1D_GROUPS, weight_decay=WEIGHT_DECAY):
    """Make the optimiser of a stage for a model that is frozen already: `OneCycleAdamW`, not yet built."""
    group = _groups(model, groups)
    rates = group_rates(stage.learning_rate, len(groups))
    highest, total = max(rates), stage.epochs * steps_per_epoch
    factors = {path: rates[one] / highest for path, one in group.items()}
    schedules = {"learning_rate": highest}
    if stage.one_cycle:
        schedules = {"learning_rate": learning_rate_cycle(highest, total), "beta_1": momentum_cycle(total)}
    return OneCycleAdamW(factors=factors, decay=weight_decay, **schedules)


def _groups(model, starts):
    """Group of every trained variable, by its path."""
    first = [resolve(model, start) for start in starts]
    if first[:1] != [0] or sorted(set(first)) != first:
        n = len(learnable_layers(model))
        raise SettingsError("groups", f"ascending positions among {n} layers, the first 0", str(starts),
                            "Name the groups of this net.")  # fmt: skip
    return {
        variable.path: int(np.searchsorted(first, position, side="right")) - 1
        for layer, position in positions(model).items()
        for variable in layer.trainable_variables
    }
