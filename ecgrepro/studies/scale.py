"""What a study runs at each scale: a short literal that can be compared line by line."""

from dataclasses import dataclass, fields, replace

from ecgrepro.errors import SettingsError
from ecgrepro.training.trial import FineTuning, Pretraining

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
        and any field of `FineTuning` or `Pretraining` by its name; a field of both is changed in both. None
        leaves a setting as it is.

    Raises
    ------
    SettingsError
        An unknown scale, setting or arm.
    """
    if name not in scales:
        raise SettingsError("scale", f"one of {', '.join(scales)}", repr(name), "See `ecgrepro run --help`.")
    scale = scales[name]
    for key, value in overrides.items():
        if value is not None:
            scale = _override(scale, key, value)
    return scale


def _override(scale, key, value):
    own = {"width", "precision", "rotate_folds", "label_revision"}
    nested = {field.name for kind in (FineTuning, Pretraining) for field in fields(kind)}
    if key == "seeds":
        return replace(scale, seeds=_seeds(scale, value))
    if key == "labels":
        return replace(scale, labels=tuple(value) if isinstance(value, (list, tuple)) else (value,))
    if key == "arms":
        return replace(scale, arms=_arms(scale, value))
    if key in own:
        return replace(scale, **{key: type(getattr(scale, key))(value)})
    if key not in nested:
        known = ", ".join(sorted(own | nested | {"seeds", "arms", "labels"}))
        raise SettingsError(f"parameter {key}", f"one of {known}", repr(key), "Correct or drop it.")
    arms = {arm: recipe and _replace(recipe, key, value) for arm, recipe in scale.arms.items()}
    return replace(scale, arms=arms, fine_tuning=_replace(scale.fine_tuning, key, value))


def _replace(recipe, key, value):
    return replace(recipe, **{key: value}) if hasattr(recipe, key) else recipe


def _seeds(scale, value):
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return tuple(range(value)) if value > len(scale.seeds) else scale.seeds[:value]
    if isinstance(value, (list, tuple)) and value and all(isinstance(seed, int) for seed in value):
        return tuple(value)
    raise SettingsError(
        "seeds", "a number above 0 or a list of seeds", repr(value), "For example `-p seeds 2`."
    )


def _arms(scale, value):
    names = [value] if isinstance(value, str) else list(value)
    unknown = sorted(set(names) - set(scale.arms))
    if unknown:
        raise SettingsError(
            "arms", f"names among {', '.join(scale.arms)}", str(unknown), "Choose among them."
        )
    return {name: scale.arms[name] for name in names}
