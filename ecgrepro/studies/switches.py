"""Switches: arms that differ from the default in one thing on which paper, code and reports disagree.

What the documents say to each is in `ecgrepro/claims/discrepancies.yaml`, under the same names. Each switch is run from
a random start and from beat pre-training; `switch_effects` compares it with the arm that has the default. Where a
scale's default is what a switch turns to, its arms turn it back (`BACK`), so that they differ from the default in this
one thing too.
"""

from dataclasses import dataclass, field, replace
from math import hypot

from ecgrepro.errors import SettingsError
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

#: Switches that the default of a scale may have turned already, to the name of the arm that turns them back and the
#: fields of `FineTuning` that it has: Weimann & Conrad's own program selects by loss.
BACK = {"select_loss": ("select_macro_f1", {"select": "macro_f1"})}


def arm_name(switch, source=None):
    """Name of the arm that turns a switch, or turns it back, from a random start, or from a pre-training."""
    return f"{switch}_{source}" if source else switch


def switch_arms(fine_tuning, labels, source="beat_2048"):
    """Arms of all switches, each of which differs from the default in one setting.

    Parameters
    ----------
    fine_tuning : FineTuning
        The default that each switch departs from: that of the scale whose arms they are.
    labels : tuple of float
        Shares of the labels at which they are run.
    source : str
        Pre-training that the second arm of each switch starts from.

    Returns
    -------
    dict of str to Arm
        A switch that the default has turned already is turned back, under the name in `BACK`.

    Raises
    ------
    SettingsError
        The default has a switch turned that `BACK` does not turn back.
    """
    made = {}
    for name, switch in SWITCHES.items():
        called, recipe = _turned(name, fine_tuning)
        for start in (None, source) if switch.transfers else (None,):
            made[arm_name(called, start)] = Arm(start, fine_tuning=recipe, labels=labels, **switch.arm)
    return made


def _turned(name, default):
    """Name and settings of the arm that differs from a default in one switch."""
    recipe = SWITCHES[name].apply(default)
    if recipe != default or SWITCHES[name].arm:
        return name, recipe
    if name not in BACK:
        raise SettingsError(f"switch {name}", "a default that has it not turned", "one that has",
                            "Say in `BACK` how it is turned back.")  # fmt: skip
    called, settings = BACK[name]
    return called, replace(default, **settings)


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
        ``switch``, ``start`` ("random" or the pre-training), ``labels``, ``estimate``, ``low``, ``high`` (turned minus
        not turned, 95 %), ``n_seeds``, ``n_records``, ``paired``. Where the default has a switch turned, the arm that
        turns it back is what is subtracted, so that a switch has one sign at all scales. Another label revision changes
        folds and labels, so its scores are compared as those of different recordings: its interval is wider. Switches
        without runs are left out.
    """
    effects = []
    for name, switch in SWITCHES.items():
        for start in (None, source) if switch.transfers else (None,):
            turned, usual = _sides(tables, name, start, labels)
            if turned is None or usual is None:
                continue
            paired = "corpus" not in switch.arm
            measure = paired_difference if paired else _unpaired_difference
            found = measure(turned, usual, metric, **resampling)
            effects.append({"switch": name, "start": start or "random", "labels": labels, "paired": paired}
                           | {key: getattr(found, key) for key in _KEPT})  # fmt: skip
    return effects


def _sides(tables, name, start, labels):
    """Prediction tables of the arm that has a switch turned and of the one that has not."""
    default = tables(start or "random", labels)
    turned = tables(arm_name(name, start), labels)
    if turned is None and name in BACK:
        return default, tables(arm_name(BACK[name][0], start), labels)
    return turned, default


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
