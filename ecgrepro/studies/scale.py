"""What a study runs at each scale: a short literal that can be compared line by line."""

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace

from ecgrepro.errors import SettingsError
from ecgrepro.studies.arms import seeds as seeds_of
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.recipe import FineTuning, Pretraining, QualityTraining

RECIPES = (FineTuning, QualityTraining, DiagnosisTraining, Pretraining)
NAMES = ("demo", "pilot", "colab", "paper")
#: Fields that say how much is computed, and not what: arms that differ in them take one value together.
EFFORT = ("batch_size", "epochs", "held_out_frames")
#: Fields that say whom a part of a pass has seen, which arms that start from such a part are about.
OF_A_PASS = ("patients", "shuffle_patients", "checkpoints")


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
    fine_tuning : FineTuning, QualityTraining or DiagnosisTraining
        For arms without their own.
    pretrainings : dict of str to Source
        What arms start from.
    width : float
    precision : str
    rotate_folds : bool
        Seed i tests fold i; otherwise all seeds test fold 0, as published.
    label_revision : {"v3", "v2", "v0"}
        Of CinC 2017.
    learnt : tuple of str
        Corpora that signal quality is learnt from, for arms without their own.
    """

    name: str
    pretraining_corpora: tuple
    seeds: tuple
    arms: dict
    labels: tuple
    fine_tuning: FineTuning | QualityTraining | DiagnosisTraining
    pretrainings: dict = field(default_factory=dict)
    width: float = 1.0
    precision: str = "float32"
    rotate_folds: bool = False
    label_revision: str = "v3"
    learnt: tuple = ()


def configure(scales, name, **overrides):
    """Return a scale with some settings replaced, as papermill's `-p` gives them.

    Parameters
    ----------
    scales : dict of str to Scale
    name : str
    overrides
        ``seeds`` (int: the first so many, or a sequence), ``arms`` (names), ``labels``, ``width``, ``precision``,
        ``rotate_folds``, ``label_revision``, and any field of a recipe (`RECIPES`) by its name; a field that several
        of them have is changed in all, and in arms and pre-trainings with settings of their own too; seeds and labels
        given here are those of every arm. ``input`` and ``optimiser`` take a mapping of what shall differ. None leaves
        a setting as it is.

    Raises
    ------
    SettingsError
        An unknown scale, setting or arm, or a value of another kind than the one it replaces. A field in which the
        chosen arms differ, or that one of them is named after: they would become the same, or untrue to their names.
        `EFFORT` is exempt. Seeds of which some share a test fold and others do not.
    """
    if name not in scales:
        raise SettingsError("scale", f"one of {', '.join(scales)}", repr(name), "See `ecgrepro run --help`.")
    scale = scales[name]
    given = {key: value for key, value in overrides.items() if value is not None}
    # arms first: what another setting may change depends on which are chosen
    for key in sorted(given, key=lambda key: key != "arms"):
        scale = _override(scale, key, given[key])
    _check_folds(scale)
    return scale


def _override(scale, key, value):
    own = {"labels", "width", "precision", "rotate_folds", "label_revision"}
    nested = {part.name for kind in RECIPES for part in fields(kind)}
    if key == "seeds":
        return _of_every_arm(replace(scale, seeds=_seeds(scale, value)), seeds=())
    if key == "arms":
        return replace(scale, arms=_arms(scale, value))
    if key in own:
        changed = _replace(scale, key, value)
        _check_revision(changed)
        return _of_every_arm(changed, labels=()) if key == "labels" else changed
    if key not in nested:
        known = ", ".join(sorted(own | nested | {"seeds", "arms"}))
        raise SettingsError(f"parameter {key}", f"one of {known}", repr(key), "Correct or drop it.")
    arms = {name: _within(arm, "fine_tuning", key, value) for name, arm in scale.arms.items()}
    sources = {name: _within(source, "recipe", key, value) for name, source in scale.pretrainings.items()}
    changed = replace(
        scale, arms=arms, pretrainings=sources, fine_tuning=_replace(scale.fine_tuning, key, value)
    )
    for before, after in zip(_recipes(scale), _recipes(changed), strict=True):
        _check_arms(scale, key, before, after)
    return changed


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
    changed = replace(settings, **{key: _like(key, getattr(settings, key), value)})
    if key == "epochs" and len(getattr(settings, "stages", ())) == 1:  # the one stage is all of the training
        changed = replace(changed, stages=(replace(settings.stages[0], epochs=changed.epochs),))
    return changed


def _like(key, present, value):
    """Return a value as the kind of thing that it replaces, so that 1 and 1.0 describe the same trial."""
    if is_dataclass(present) and isinstance(value, dict) and set(value) <= set(asdict(present)):
        parts = {name: _like(name, getattr(present, name), part) for name, part in value.items()}
        return replace(present, **parts)
    if isinstance(present, tuple):
        parts = value if isinstance(value, (list, tuple)) else [value]
        if parts and present:
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


def _recipes(scale):
    """Pre-training and fine-tuning of the chosen arms: two dicts of arm to recipe."""
    arms = scale.arms.items()
    trained = {name: scale.pretrainings[arm.source].recipe for name, arm in arms if arm.source}
    return trained, {name: arm.fine_tuning or scale.fine_tuning for name, arm in arms}


def _check_arms(scale, key, before, after):
    """Refuse a setting in which arms differed by design, or that one of them is named after.

    Parameters
    ----------
    scale : Scale
        As it was.
    key : str
    before, after : dict of str to Pretraining, or to FineTuning or QualityTraining
        Of each arm that has one.
    """
    for part in dict.fromkeys(part for recipe in before.values() for part in _values(recipe, key)):
        had, has = (
            {arm: _values(recipe, key)[part] for arm, recipe in side.items()} for side in (before, after)
        )
        bound = [arm for arm in had if had[arm] != has[arm] and _is_bound(scale, arm, part, had[arm])]
        free = _largest_group({arm: value for arm, value in had.items() if arm not in bound})
        fitting = [arm for arm in scale.arms if arm in free or arm not in had] if free else []
        if had != has and key not in EFFORT and len(set(had.values())) > 1:
            _refuse(part, "a setting that the chosen arms have in common", _in_words(had), scale, fitting)
        if bound:
            expected = f"{had[bound[0]]!r} in {', '.join(bound)}, by name or by design"
            _refuse(part, expected, repr(has[bound[0]]), scale, fitting)


def _values(recipe, key):
    """Value of a setting by its name; the values of its parts where it has parts. Empty where there is none."""
    value = getattr(recipe, key, None)
    if is_dataclass(value):
        return {f"{key} {part.name}": getattr(value, part.name) for part in fields(value)}
    return {key: value} if hasattr(recipe, key) else {}


def _is_bound(scale, name, part, value):
    """Whether an arm is about a setting: by its name, by the part of a pass it starts from, or by its samples."""
    arm, key = scale.arms[name], part.split()[-1]
    named = name.startswith(f"{key}_") or (isinstance(value, str) and f"_{value}_" in f"_{name}_")
    takes_turns = key == "sample" and scale.pretrainings[arm.source].samples > 1
    return named or takes_turns or (key in OF_A_PASS and arm.share is not None)


def _largest_group(values):
    """Arms with the most common value."""
    groups = {}
    for arm, value in values.items():
        groups.setdefault(value, []).append(arm)
    return max(groups.values(), key=len, default=[])


def _in_words(values, most=3):
    """Values and the arms that have them, a few of each."""
    told = []
    for value in dict.fromkeys(values.values()):
        arms = [arm for arm in values if values[arm] == value]
        told.append(f"{value!r} in {', '.join(arms[:most])}{' and others' if len(arms) > most else ''}")
    return "; ".join(told)


def _refuse(part, expected, got, scale, fitting):
    others = [arm for arm in scale.arms if arm not in fitting]
    if not fitting:
        fix = "Drop it, or choose other `arms`."
    elif len(others) < len(fitting):
        fix = f"Drop it, or choose `arms` without {', '.join(others)}."
    else:
        fix = f"Drop it, or choose `arms` that agree in it, such as {', '.join(fitting)}."
    raise SettingsError(f"parameter {part}", expected, got, fix)


def _check_revision(scale):
    """Refuse a label revision that would make an arm with labels of its own the same as the default."""
    same = [name for name in scale.arms if name.startswith(f"labels_{scale.label_revision}")]
    if same:
        raise SettingsError("parameter label_revision", f"another one than that of {', '.join(same)}",
                            repr(scale.label_revision), "Drop it, or choose `arms` without these.")  # fmt: skip


def _check_folds(scale):
    """Refuse seeds of which some share a test fold: they must be compared as one design, nested or crossed."""
    for arm in scale.arms.values():
        if arm.repeated_folds:
            _check_repeats(seeds_of(scale, arm), arm.fine_tuning.folds)
    for arm in scale.arms.values() if scale.rotate_folds else ():
        folds, seeds = getattr(arm.fine_tuning or scale.fine_tuning, "folds", None), seeds_of(scale, arm)
        if folds is None:
            raise SettingsError(
                "parameter rotate_folds", "False: all of CinC 2017 is tested", "True", "Drop it."
            )
        if folds < 2:
            raise SettingsError("parameter folds", "two or more", repr(folds), "Published: 5.")
        tested = len({seed % folds for seed in seeds})
        if 1 < tested < len(seeds):
            raise SettingsError(
                "parameter seeds", "seeds that test different folds, or all of them the same fold",
                f"seeds {', '.join(map(str, seeds))} on {tested} of {folds} folds (seed i tests fold i modulo {folds})",
                f"Take at most {folds} seeds in a row, set `folds` to as many as seeds, or `rotate_folds` to false.",
            )  # fmt: skip


def _check_repeats(seeds, folds):
    """Refuse repeats of which one lacks folds: recordings would not be tested equally often."""
    repeats = Counter(seed // folds for seed in seeds)
    if len(repeats) > 1 and set(repeats.values()) != {folds}:
        raise SettingsError(
            "parameter seeds", f"whole repeats of {folds} folds, or a part of one", f"{', '.join(map(str, seeds))}",
            f"Take seeds 0 to {folds - 1}, or 0 to {2 * folds - 1}.",
        )  # fmt: skip
