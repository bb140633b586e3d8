"""`Trial`: one training run, described so completely that its description names it.

Two trials with the same description are the same run; the hash of the canonical JSON is the trial's key. When
training behaviour changes, `RECIPE` must go up (a golden test of one step sees to it), so that results of an
older recipe are never taken for new ones.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import PADDING
from ecgrepro.frames.diagnosis_windows import AGGREGATES
from ecgrepro.frames.graded_segments import GradedInput
from ecgrepro.frames.resample import METHODS
from ecgrepro.frames.tasks import TASKS
from ecgrepro.frames.transforms import TRANSFORMS
from ecgrepro.models.catalogue import MODELS
from ecgrepro.training.diagnosis_parts import SPLITS
from ecgrepro.training.diagnosis_recipe import CROPS, DiagnosisTraining
from ecgrepro.training.freezing import BATCH_NORMALISATION
from ecgrepro.training.published_start import FORMS, IMAGENET, fits
from ecgrepro.training.recipe import (
    FineTuning,
    Pretraining,
    QualityTraining,
    Transform,
    describe_recipe,
    without_later,
)

#: Corpora that a fine-tuning can be of: CinC 2017, and the same with the labels of an earlier revision.
CINC2017 = ("cinc2017", "cinc2017_v2", "cinc2017_v0")
#: Twelve-lead corpora that diagnoses can be learnt from.
DIAGNOSED = ("ptbxl", "ptbxl_500hz", "georgia", "challenge_ptbxl")
#: Version of everything that turns a description into numbers.
RECIPE = 1


@dataclass(frozen=True)
class Trial:
    """One training run.

    Attributes
    ----------
    study, scale, arm : str
    seed : int
        Source of all randomness. Arms with the same seed share split, data order and head initialisation.
    fold : int
        Test fold; 0 for pre-training, whose test records are its held-out patients', and where a whole corpus is the
        test.
    corpora : tuple of (name, fingerprint)
        Of a fine-tuning one of `CINC2017`; of a `QualityTraining` those that it learns from, then one of `CINC2017`;
        of a `DiagnosisTraining` one of `DIAGNOSED`.
    model, width, precision
        See `ecgrepro.models`.
    recipe : Pretraining, FineTuning, QualityTraining or DiagnosisTraining
    initialisation : str
        ``"random"``; ``"KEY@SHARE"``: the pre-training trial and the share of its pass; or weights that others have
        published, by the digest of the local file: see `ecgrepro.training.published_start`.
    freeze_depth : int
        Learnable layers frozen from the input on; negative ones count from the end (-1: all but the head). See
        `ecgrepro.training.freezing`.
    frozen_batch_normalisation : {"inference", "training", "all"}
        Mode of the batch normalisation that belongs to frozen layers.
    transform : Transform, optional
        Layer between the signal and the net's first own layer.
    """

    study: str
    scale: str
    arm: str
    seed: int
    fold: int
    corpora: tuple
    model: str
    width: float
    recipe: Pretraining | FineTuning | QualityTraining | DiagnosisTraining
    precision: str = "float32"
    initialisation: str = "random"
    freeze_depth: int = 0
    version: int = field(default=RECIPE)
    frozen_batch_normalisation: str = "inference"
    transform: Transform | None = None

    def to_dict(self):
        """Description as plain dicts and lists, with the recipe's kind under ``stage``."""
        described = asdict(self) | {"recipe": describe_recipe(self.recipe), "stage": self.stage}
        return without_later(described)

    @property
    def stage(self):
        """Whether others start from its weights ("pretraining") or it is judged itself ("fine-tuning")."""
        source = self.training == "frames" or getattr(self.recipe, "checkpoints", ())
        return "pretraining" if source else "fine-tuning"

    @property
    def training(self):
        """What it is trained on: "frames" drawn from recordings, or whole "records"."""
        return "frames" if isinstance(self.recipe, Pretraining) else "records"

    @property
    def key(self):
        """First 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def parent(self):
        """Key of the pre-training trial this one stems from, or None."""
        return self.initialisation.split("@")[0] if "@" in self.initialisation else None

    @property
    def start(self):
        """(key of the pre-training trial, share of its pass) that this one stems from, or None."""
        if self.parent is None:
            return None
        key, share = self.initialisation.split("@")
        return key, float(share)

    def check(self):
        """Raise `SettingsError` unless a run can do what the description says."""
        demands = {Pretraining: _pretraining_demands, FineTuning: _fine_tuning_demands,
                   QualityTraining: _quality_demands,
                   DiagnosisTraining: _diagnosis_demands}[type(self.recipe)]  # fmt: skip
        for name, value, expected, holds in (*_demands(self), *demands(self, self.recipe)):
            if not holds:
                raise SettingsError(f"{self}, {name}", expected, repr(value), "Describe the trial anew.")

    def __str__(self):
        split = isinstance(self.recipe, FineTuning | DiagnosisTraining)
        part = f", fold {self.fold}, {self.recipe.labels:.0%} of labels" if split else ""
        return f"{self.study} {self.stage} {self.arm}, seed {self.seed}{part} [{self.key}]"


def _demands(trial):
    """Rows of (name, value, what is expected, whether it holds) for every trial."""
    yield "version", trial.version, f"{RECIPE}, the present recipe", trial.version == RECIPE
    mode = trial.frozen_batch_normalisation
    yield "frozen_batch_normalisation", mode, " or ".join(BATCH_NORMALISATION), mode in BATCH_NORMALISATION
    kind, start = trial.transform and trial.transform.kind, trial.initialisation
    known = start == "random" or _is_share(start) or fits(start, trial.model, trial.width)
    yield "initialisation", start, f"random, KEY@SHARE, {FORMS}", known
    yield "model", trial.model, f"one of {', '.join(MODELS)}", trial.model in MODELS
    yield "transform", kind, f"one of {', '.join(TRANSFORMS)}", kind is None or kind in TRANSFORMS
    yield "batch_size", trial.recipe.batch_size, "at least 1", trial.recipe.batch_size >= 1


def _is_share(start):
    """Whether an initialisation is ``KEY@SHARE``."""
    key, at, share = start.partition("@")
    return bool(key and at) and share.replace(".", "", 1).isdigit()


def _pretraining_demands(trial, recipe):
    shares = recipe.checkpoints
    in_range = bool(shares) and all(0 < share <= 1 for share in shares)
    yield "task", recipe.task, f"one of {', '.join(TASKS)}", recipe.task in TASKS
    unfrozen = trial.freeze_depth == 0 and trial.frozen_batch_normalisation == "inference"
    shown = recipe.task != "future" or trial.transform is None
    yield (
        "freeze_depth",
        trial.freeze_depth,
        "0 in pre-training, with nothing said of frozen layers",
        unfrozen,
    )
    yield "initialisation", trial.initialisation, "random in pre-training", trial.initialisation == "random"
    yield "fold", trial.fold, "0 in pre-training", trial.fold == 0
    yield "transform", trial.transform, "none in future prediction", shown
    yield "checkpoints", shares, "shares above 0, at most 1", in_range
    yield "held_out", recipe.held_out, "a share between 0 and 1", 0 < recipe.held_out < 1
    for name in ("length", "frames_per_patient", "held_out_frames", "shuffle_patients"):
        value = getattr(recipe, name)
        yield name, value, "a whole number of at least 1", _is_whole(value, 1)
    size, sample = recipe.patients, recipe.sample
    sized = size is None or _is_whole(size, 1)
    yield "patients", size, "a whole number of at least 1, or None for all", sized
    numbered = _is_whole(sample, 0) and (size is not None or sample == 0)
    yield "sample", sample, "a whole number from 0, and 0 where `patients` is None", numbered


def _is_whole(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _fine_tuning_demands(trial, recipe):
    names = [name for name, _ in trial.corpora]
    yield "corpora", names, f"one of {', '.join(CINC2017)}", len(names) == 1 and names[0] in CINC2017
    yield from _supervised_demands(trial, recipe)
    yield from _choices(recipe, {"copies": ("near", "exact"), "constants": ("all", "training")})
    for name, words in (("padding", PADDING), ("resampling", METHODS)):
        yield name, getattr(recipe.input, name), _either(words), getattr(recipe.input, name) in words
    yield "length", recipe.input.length, "a whole number of at least 1", _is_whole(recipe.input.length, 1)
    yield "folds", recipe.folds, "at least 2", recipe.folds >= 2
    yield "validation", recipe.validation, "a share between 0 and 1", 0 < recipe.validation < 1
    yield "labels", recipe.labels, "a share above 0, at most 1", 0 < recipe.labels <= 1
    yield "fold", trial.fold, f"0 to {recipe.folds - 1}", 0 <= trial.fold < recipe.folds


def _quality_demands(trial, recipe):
    learnt, how = len(trial.corpora) - 1, recipe.input
    graded = isinstance(how, GradedInput)
    wanted = "one that is graded" if graded else "those of clean ECG, then the noise"
    names = [name for name, _ in trial.corpora]
    in_order = (learnt == 1 if graded else learnt >= 2) and names[-1] in CINC2017
    yield "corpora", names, f"{wanted}, then one of {', '.join(CINC2017)}", in_order
    yield from _supervised_demands(trial, recipe)
    yield "labels", recipe.labels, "1.0: all segments are drawn to be used", recipe.labels == 1
    yield "fold", trial.fold, "0: all of the last corpus is tested", trial.fold == 0
    yield "held_out", how.held_out, "a share between 0 and 1", 0 < how.held_out < 1
    for name in ("per_class", "validation_per_class"):
        yield name, getattr(how, name), "a whole number of at least 1", _is_whole(getattr(how, name), 1)
    known, word = METHODS, how.interval.resampling
    yield "resampling", word, _either(known), word in known


def _diagnosis_demands(trial, recipe):
    names, how = [name for name, _ in trial.corpora], recipe.input
    yield "corpora", names, f"one of {', '.join(DIAGNOSED)}", len(names) == 1 and names[0] in DIAGNOSED
    yield from _supervised_demands(trial, recipe)
    yield from _choices(recipe, {"split": tuple(SPLITS), "validate_on": ("validation", "test"), "crops": CROPS,
                                 "aggregate": AGGREGATES, "checkpoints": ((), (1.0,)),
                                 "stop": ("validation_loss",)})  # fmt: skip
    yield "labels", recipe.labels, "a share above 0, at most 1", 0 < recipe.labels <= 1
    folds = SPLITS.get(recipe.split, SPLITS["official"]).folds
    yield "fold", trial.fold, f"0 to {folds - 1} of split {recipe.split}", 0 <= trial.fold < folds
    yield (
        "window",
        recipe.window,
        f"1 to {how.length} samples",
        _is_whole(recipe.window, 1) and recipe.window <= how.length,
    )
    yield "stride", recipe.stride, "a whole number of at least 1", _is_whole(recipe.stride, 1)
    yield "transform", trial.transform, "none: spectra are the input's", trial.transform is None


def _supervised_demands(trial, recipe):
    """Rows for what all supervised training has in common."""
    score = "macro_auc" if isinstance(recipe, DiagnosisTraining) else "macro_f1"
    yield from _choices(recipe, {"select": (score, "loss", "last"), "ties": ("first", "last"),
                                 "stop": ("validation_loss", "training_accuracy")})  # fmt: skip
    staged = sum(stage.epochs for stage in recipe.stages) or recipe.epochs
    yield "epochs", recipe.epochs, f"{staged}, those of the stages", recipe.epochs == staged
    patient = recipe.patience >= recipe.epochs and recipe.stop == "validation_loss"
    plain = (trial.freeze_depth, recipe.optimiser, patient) == (0, type(recipe)().optimiser, True)
    wanted = "freeze_depth 0, the default optimiser and stop, patience of all epochs: stages have their own"
    yield "stages", len(recipe.stages), wanted, plain or not recipe.stages
    yield "groups", recipe.groups, "(0,) without stages", bool(recipe.stages) or recipe.groups == (0,)
    frozen = trial.freeze_depth != 0 or bool(recipe.stages)
    mode = trial.frozen_batch_normalisation
    expected = "inference or all where nothing is frozen"
    yield "frozen_batch_normalisation", mode, expected, frozen or mode != "training"
    adapts = recipe.adapt_leads
    yield "adapt_leads", adapts, "False without a pre-training", bool(trial.parent) or not adapts
    images = trial.transform is None or "mean" in dict(trial.transform.settings)
    asked = "a `mean` where AlexNet starts from ImageNet (published: caffe_weights.IMAGE_MEAN)"
    yield "transform", trial.transform, asked, images or not trial.initialisation.startswith(IMAGENET)
    tied = recipe.ties == "first" or recipe.select != "last"
    yield "ties", recipe.ties, "first where the last epoch is taken anyway", tied
    yield "epochs", recipe.epochs, "at least 1", recipe.epochs >= 1
    yield "patience", recipe.patience, "at least 1", recipe.patience >= 1


def _choices(recipe, known):
    """Rows for the settings of a recipe that are one of some words."""
    for name, words in known.items():
        yield name, getattr(recipe, name), _either(words), getattr(recipe, name) in words


def _either(words):
    words = [str(word) for word in words]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
