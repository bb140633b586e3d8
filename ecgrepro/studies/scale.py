"""What a study runs at each scale: a short literal that can be compared line by line."""

import json
import math
from dataclasses import asdict, dataclass, fields, is_dataclass, replace

from ecgrepro.errors import SettingsError
from ecgrepro.training.recipe import FineTuning, Pretraining, describe_recipe

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
    arms : dict of str to (Pretraining or None)
        None is random initialisation.
    labels : tuple of float
        Shares of the training labels.
    fine_tuning : FineTuning
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
        both is changed in both. ``input`` and ``optimiser`` take a mapping of what shall differ. None leaves a
        setting as it is.

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
    nested = {field.name for kind in (FineTuning, Pretraining) for field in fields(kind)}
    if key == "seeds":
        return replace(scale, seeds=_seeds(scale, value))
    if key == "arms":
        return replace(scale, arms=_arms(scale, value))
    if key in own:
        return _replace(scale, key, value)
    if key not in nested:
        known = ", ".join(sorted(own | nested | {"seeds", "arms"}))
        raise SettingsError(f"parameter {key}", f"one of {known}", repr(key), "Correct or drop it.")
    arms = {arm: recipe and _replace(recipe, key, value) for arm, recipe in scale.arms.items()}
    return replace(scale, arms=arms, fine_tuning=_replace(scale.fine_tuning, key, value))


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


def declares(scale, result):
    """Whether a finished run is one that the scale lists, as it is written here.

    Runs with settings of one's own lie in the same folder, and are none of the design that a claim is judged by.

    Parameters
    ----------
    scale : Scale
    result : dict
        See `ecgrepro.training.store.read_result`.
    """
    trial, run = result["trial"], result["run"]
    if trial["arm"] not in scale.arms or trial["seed"] not in scale.seeds:
        return False
    if (trial["width"], trial["precision"]) != (scale.width, scale.precision):
        return False
    if trial["stage"] == "pretraining":
        same_corpora = tuple(name for name, _ in trial["corpora"]) == scale.pretraining_corpora
        return same_corpora and _same(trial["recipe"], scale.arms[trial["arm"]])
    recipe = replace(scale.fine_tuning, labels=trial["recipe"]["labels"])
    listed = recipe.labels in scale.labels and run["label_revision"] == scale.label_revision
    return listed and _same(trial["recipe"], recipe)


def _same(described, recipe):
    return recipe is not None and described == json.loads(json.dumps(describe_recipe(recipe)))
