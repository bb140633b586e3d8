"""The one-cycle policy and the AdamW of fastai v1, as functions of the step counter alone.

Source: Smith 2018 (arXiv:1803.09820) as coded in fastai v1 (fastai/fastai 0da8345 `callbacks/one_cycle.py`; 008e702
`callback.py`, `torch_core.py`, `basic_train.py`), which the PTB-XL benchmark and the CSC2541 project train with:

* over the first 30 % of the steps the learning rate rises from ``maximum / 25`` to its maximum, then it falls to
  ``maximum / 25 / 10,000``, both along half a cosine;
* the momentum (beta_1) goes the other way, .95 to .85 to .95;
* Adam with beta_2 .99 and epsilon 1e-8; weight decay 1e-2, decoupled and taken before Adam's step, of all trained
  weights, biases and batch normalisation included (``true_wd`` and ``bn_wd``, the defaults).

Everything follows from ``optimizer.iterations``, which a checkpoint holds, so a resumed run goes on where it was.
Keras' own AdamW keeps beta_1 as a number and cannot be used; this one takes a schedule.

Departures: none known in the schedule; its last value is, as there, one step beyond the last step. As in PyTorch (from
1.3 on), and unlike in Keras' Adam, epsilon is added after the bias correction.
"""

import math

import keras
from keras import ops

from ecgrepro.errors import SettingsError

WARM_UP, DIVISION, LAST_DIVISION = 0.3, 25.0, 1e4
MOMENTUM = (0.95, 0.85)
WEIGHT_DECAY = 1e-2


def one_cycle(step, total_steps, start, peak, end, warm_up=WARM_UP):
    """Value of a setting that goes from `start` to `peak` and on to `end`, each along half a cosine.

    Parameters
    ----------
    step : int or integer tensor
        Steps done so far.
    total_steps : int
        Of the cycle; after them the value stays `end`.
    start, peak, end : float
    warm_up : float
        Share of the steps until the peak.

    Returns
    -------
    float32 tensor, of the shape of `step`
    """
    first = int(total_steps * warm_up)
    rise, fall = max(1, first), max(1, total_steps - first)
    step = ops.cast(step, "float32")
    rising = step < rise
    share = ops.where(rising, step / rise, ops.minimum((step - rise) / fall, 1.0))
    # (1 + cos(pi x)) / 2, without its cancellation near the end
    left = ops.square(ops.cos(math.pi / 2 * share))
    return ops.where(rising, peak + (start - peak) * left, end + (peak - end) * left)


@keras.saving.register_keras_serializable("ecgrepro")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """`one_cycle` as a Keras schedule; parameters as there."""

    def __init__(self, total_steps, start, peak, end, warm_up=WARM_UP):
        if not (total_steps >= 1 and 0 < warm_up < 1):
            got = f"{total_steps} steps, {warm_up:g} of them warm-up"
            raise SettingsError(
                "one-cycle", "1 step or more, a share between 0 and 1 of them warm-up", got, "Train longer."
            )
        self.total_steps, self.start, self.peak, self.end = int(total_steps), start, peak, end
        self.warm_up = warm_up

    def __call__(self, step):
        return one_cycle(step, self.total_steps, self.start, self.peak, self.end, self.warm_up)

    def get_config(self):
        return {"total_steps": self.total_steps, "start": self.start, "peak": self.peak, "end": self.end,
                "warm_up": self.warm_up}  # fmt: skip


def learning_rate_cycle(maximum, total_steps):
    """The learning rate of a one-cycle run: a schedule."""
    low = maximum / DIVISION
    return OneCycle(total_steps, low, maximum, low / LAST_DIVISION)


def momentum_cycle(total_steps):
    """The momentum of a one-cycle run: a schedule."""
    return OneCycle(total_steps, MOMENTUM[0], MOMENTUM[1], MOMENTUM[0])


@keras.saving.register_keras_serializable("ecgrepro")
class OneCycleAdamW(keras.optimizers.Optimizer):
    """AdamW with a momentum that may follow a schedule, and a factor on the learning rate of each weight.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1 : float or LearningRateSchedule
    beta_2, epsilon, decay : float
    factors : dict of variable path to float, optional
        Multiply the learning rate, and with it the decay, of a weight. The update is scaled, not the gradient: Adam
        divides by the size of the gradient and would undo that. All 1 by default.

    Raises
    ------
    SettingsError
        When it is built for a weight that `factors` does not name.
    """

    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.99, epsilon=1e-8, decay=WEIGHT_DECAY, factors=None,
                 name="one_cycle_adamw", **options):  # fmt: skip
        super().__init__(learning_rate=learning_rate, name=name, **options)
        self.beta_1, self.beta_2, self.epsilon, self.decay = beta_1, beta_2, epsilon, decay
        self.factors = factors

    def build(self, variables):
        """Make room for two moments of every variable."""
        if self.built:
            return
        missing = [one.path for one in variables if self.factors is not None and one.path not in self.factors]
        if missing:
            raise SettingsError("factors", "one for every trained weight", f"none for {missing[:3]}",
                                "Make the optimiser after the model is frozen.")  # fmt: skip
        super().build(variables)
        self._factor = [1.0 if self.factors is None else self.factors[one.path] for one in variables]
        self._first = [self.add_variable_from_reference(one, name="momentum") for one in variables]
        self._second = [self.add_variable_from_reference(one, name="velocity") for one in variables]

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        index = self._get_variable_index(variable)
        first, second = self._first[index], self._second[index]
        gradient, rate = (ops.cast(value, variable.dtype) for value in (gradient, learning_rate))
        rate = rate * self._factor[index]
        beta_1 = self.beta_1(self.iterations) if callable(self.beta_1) else self.beta_1
        beta_1, beta_2, done = (
            ops.cast(value, variable.dtype) for value in (beta_1, self.beta_2, self.iterations + 1)
        )
        self.assign_sub(variable, variable * (rate * self.decay))
        self.assign_add(first, (gradient - first) * (1 - beta_1))
        self.assign_add(second, (ops.square(gradient) - second) * (1 - beta_2))
        size = ops.sqrt(second / (1 - ops.power(beta_2, done))) + self.epsilon
        self.assign_sub(variable, rate / (1 - ops.power(beta_1, done)) * first / size)

    def get_config(self):
        config = super().get_config()
        del config["weight_decay"]
        beta_1 = keras.saving.serialize_keras_object(self.beta_1) if callable(self.beta_1) else self.beta_1
        return config | {"beta_1": beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "decay": self.decay,
                         "factors": self.factors}  # fmt: skip

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if isinstance(config["beta_1"], dict):
            beta_1 = keras.saving.deserialize_keras_object(config["beta_1"], custom_objects=custom_objects)
            config = config | {"beta_1": beta_1}
        return super().from_config(config, custom_objects=custom_objects)
