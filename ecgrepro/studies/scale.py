"""What a study runs at each scale: a short literal that can be compared line by line."""

import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace

from ecgrepro.errors import SettingsError
from ecgrepro.training.recipe import FineTuning, Pretraining

NAMES = ("demo", "pilot", "colab", "paper")


@dataclass(frozen=True)
class Scale:
    """Settings of a study at one scale.

    Attributes
    ----------
    name : {"demo", "pilot", "colab", "paper"}
    pretraining_corpora : tuple of str
        Names of the registry.
    seeds : tuple of int
    arms : dict of str to Arm
    labels : tuple of float
        Shares of the training labels, for arms without their own.
    fine_tuning : FineTuning
        For arms without their own.
    pretrainings : dict of str to Source
        What arms start from.
    width : float
    precision : str
    rotate_folds : bool
        Seed i tests fold i; otherwise all seeds test fold 0, as published.
    label_revision : {"v3", "v2", "v0"}
        Of CinC 2017.
    """

    name: str
    pretraining_corpora: tuple
    seeds: tuple
    arms: dict
    labels: tuple
    fine_tuning: FineTuning
    pretrainings: dict = field(default_factory=dict)
    width: float = 1.0
    precision: str = "float32"
    rotate_folds: bool = False
    label_revision: str = "v3"


def configure(scales, name, **overrides):
    """Return a scale with some settings replaced, as papermill's `-p` gives them.

    Parameters
    ----------
    scales : dict of str to Scale
    name : str
    overrides
        ``seeds`` (int: the first so many, or a sequence), ``arms`` (names), ``labels``, ``width``, ``precision``,
        ``rotate_folds``, ``label_revision``, and any field of `FineTuning` or `Pretraining` by its name; a field of
        both is changed in both, and of an arm or pre-training with settings of its own there too; seeds and labels
        given here are those of every arm. ``input`` and ``optimiser`` take a mapping of what shall differ. None leaves
        a setting as it is.

    Raises
    ------
    SettingsError
        An unknown scale, setting or arm, or a value of another kind than the one it replaces.
    """
    if name not in scales:
        raise SettingsError("scale", f"one of {', '.join(scales)}", repr(name), "See `ecgrepro run --help`.")
    scale = scales[name]
    for key, value in overrides.items():
        if value is not None:
            scale = _override(scale, key, value)
    return scale


def _override(scale, key, value):
    own = {"labels", "width", "precision", "rotate_folds", "label_revision"}
    nested = {part.name for kind in (FineTuning, Pretraining) for part in fields(kind)}
    if key == "seeds":
        return _of_every_arm(replace(scale, seeds=_seeds(scale, value)), seeds=())
    if key == "arms":
        return replace(scale, arms=_arms(scale, value))
    if key in own:
        changed = _replace(scale, key, value)
        return _of_every_arm(changed, labels=()) if key == "labels" else changed
    if key not in nested:
        known = ", ".join(sorted(own | nested | {"seeds", "arms"}))
        raise SettingsError(f"parameter {key}", f"one of {known}", repr(key), "Correct or drop it.")
    arms = {name: _within(arm, "fine_tuning", key, value) for name, arm in scale.arms.items()}
    sources = {name: _within(source, "recipe", key, value) for name, source in scale.pretrainings.items()}
    return replace(
        scale, arms=arms, pretrainings=sources, fine_tuning=_replace(scale.fine_tuning, key, value)
    )


def _of_every_arm(scale, **changes):
    return replace(scale, arms={name: replace(arm, **changes) for name, arm in scale.arms.items()})


def _within(part, recipe, key, value):
    """Replace a setting of the recipe that an arm or pre-training has of its own."""
    own = getattr(part, recipe)
    return part if own is None else replace(part, **{recipe: _replace(own, key, value)})


def _replace(settings, key, value):
    """Replace a setting where there is one of that name."""
    if not hasattr(settings, key):
        return settings
    return replace(settings, **{key: _like(key, getattr(settings, key), value)})


def _like(key, present, value):
    """Return a value as the kind of thing that it replaces, so that 1 and 1.0 describe the same trial."""
    if is_dataclass(present) and isinstance(value, dict) and set(value) <= set(asdict(present)):
        parts = {name: _like(name, getattr(present, name), part) for name, part in value.items()}
        return replace(present, **parts)
    if isinstance(present, tuple):
        parts = value if isinstance(value, (list, tuple)) else [value]
        if parts:
            return tuple(dict.fromkeys(_like(key, present[0], part) for part in parts))
    if _is_number(value) and _is_number(present) and type(present)(value) == value:
        return type(present)(value)
    if present is None and _is_seed(value):  # a number of patients, where all are taken unless one is given
        return value
    if type(value) is type(present) and not isinstance(value, tuple):
        return value
    raise SettingsError(f"parameter {key}", f"something like {present!r}", repr(value), "Correct or drop it.")


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _seeds(scale, value):
    if _is_seed(value) and value > 0:
        return tuple(range(value)) if value > len(scale.seeds) else scale.seeds[:value]
    if isinstance(value, (list, tuple)) and value and all(_is_seed(seed) for seed in value):
        return tuple(dict.fromkeys(value))
    raise SettingsError(
        "seeds", "a number above 0 or a list of seeds", repr(value), "For example `-p seeds=2`."
    )


def _is_seed(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _arms(scale, value):
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names or not set(names) <= set(scale.arms):
        raise SettingsError("arms", f"names among {', '.join(scale.arms)}", repr(value), "Choose among them.")
    return {name: scale.arms[name] for name in names}
