"""Switches: arms that differ from the default in one thing on which paper, code and reports disagree.

What the documents say to each is in `ecgrepro/claims/discrepancies.yaml`, under the same names. Each switch is run from
a random start and from beat pre-training; `switch_effects` compares it with the arm that has the default.
"""

from dataclasses import dataclass, field, replace
from math import hypot

from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.studies.arms import Arm


@dataclass(frozen=True)
class Switch:
    """What a switch changes: settings of fine-tuning, of its input, or of the arm.

    Attributes
    ----------
    fine_tuning, input : dict
        Fields of `FineTuning` and `AfInput` to their other value.
    shorten : float
        What the input's length is multiplied by.
    arm : dict
        Fields of `Arm`.
    transfers : bool
        Whether a pre-trained ResNet-18 of the default kind can be its start.
    """

    fine_tuning: dict = field(default_factory=dict)
    input: dict = field(default_factory=dict)
    shorten: float = 1.0
    arm: dict = field(default_factory=dict)
    transfers: bool = True

    def apply(self, recipe):
        """Return fine-tuning settings with the switch turned."""
        how = replace(recipe.input, length=round(recipe.input.length * self.shorten), **self.input)
        return replace(recipe, input=how, **self.fine_tuning)


#: Name in the register of discrepancies to switch.
SWITCHES = {
    # 60 s as the paper says, against the 65.536 s of its code; shorter inputs are cut in the same proportion
    "input_60s": Switch(shorten=15_000 / 16_384),
    "padding_right": Switch(input={"padding": "right"}),
    "padding_masked": Switch(arm={"model": "resnet18_masked"}),
    "stop_training_accuracy": Switch(fine_tuning={"stop": "training_accuracy"}),
    "select_loss": Switch(fine_tuning={"select": "loss"}),
    "preactivation": Switch(arm={"model": "resnet18_preactivation"}, transfers=False),
    "resampling_fft": Switch(input={"resampling": "fft"}),
    "labels_v2": Switch(arm={"corpus": "cinc2017_v2"}),
    "constants_training": Switch(fine_tuning={"constants": "training"}),
    "ties_last": Switch(fine_tuning={"ties": "last"}),
}


def arm_name(switch, source=None):
    """Name of the arm that turns a switch from a random start, or from a pre-training."""
    return f"{switch}_{source}" if source else switch


def switch_arms(fine_tuning, labels, source="beat_2048"):
    """Arms of all switches.

    Parameters
    ----------
    fine_tuning : FineTuning
        The default that each switch departs from.
    labels : tuple of float
        Shares of the labels at which they are run.
    source : str
        Pre-training that the second arm of each switch starts from.

    Returns
    -------
    dict of str to Arm
    """
    made = {}
    for name, switch in SWITCHES.items():
        for start in (None, source) if switch.transfers else (None,):
            made[arm_name(name, start)] = Arm(
                start, fine_tuning=switch.apply(fine_tuning), labels=labels, **switch.arm
            )
    return made


def switch_effects(tables, labels, metric="macro_f1", source="beat_2048", **resampling):
    """Measure what each switch does to the score.

    Parameters
    ----------
    tables : callable
        From (arm, share of labels) to its prediction table, None where runs are missing.
    labels : float
        Share of the labels at which the switches were run.
    metric : str
    resampling
        Of `paired_difference`.

    Returns
    -------
    list of dict
        ``switch``, ``start`` ("random" or the pre-training), ``labels``, ``estimate``, ``low``, ``high`` (switch minus
        default, 95 %), ``n_seeds``, ``n_records``, ``paired``. Another label revision changes folds and labels, so its
        scores are compared as those of different recordings: its interval is wider. Switches without runs are left out.
    """
    effects = []
    for name, switch in SWITCHES.items():
        for start in (None, source) if switch.transfers else (None,):
            turned, default = tables(arm_name(name, start), labels), tables(start or "random", labels)
            if turned is None or default is None:
                continue
            paired = "corpus" not in switch.arm
            measure = paired_difference if paired else _unpaired_difference
            found = measure(turned, default, metric, **resampling)
            effects.append({"switch": name, "start": start or "random", "labels": labels, "paired": paired}
                           | {key: getattr(found, key) for key in _KEPT})  # fmt: skip
    return effects


_KEPT = ("estimate", "low", "high", "n_seeds", "n_records")


@dataclass(frozen=True)
class _Unpaired:
    estimate: float
    low: float
    high: float
    n_seeds: int
    n_records: int


def _unpaired_difference(first, second, metric, **resampling):
    """Difference of two arms on other records: half-widths of their two-level intervals add in quadrature."""
    one, other = (arm_estimate(table, metric, **resampling) for table in (first, second))
    middle = one.estimate - other.estimate
    below = hypot(one.estimate - one.low, other.high - other.estimate)
    above = hypot(one.high - one.estimate, other.estimate - other.low)
    return _Unpaired(middle, middle - below, middle + above, one.n_seeds, one.n_records)
