"""`Trial`: one training run, described so completely that its description names it.

Two trials with the same description are the same run; the hash of the canonical JSON is the trial's key. When
training behaviour changes, `RECIPE` must go up (a golden test of one step sees to it), so that results of an
older recipe are never taken for new ones.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput

#: Version of everything that turns a description into numbers.
RECIPE = 1


@dataclass(frozen=True)
class Adam:
    """Keras' Adam; pre-training as published uses beta_2 .98 and epsilon 1e-9, fine-tuning the defaults."""

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class Pretraining:
    """One pass over the patients of one or more corpora (Weimann & Conrad 2021, c255af5).

    Attributes
    ----------
    task : {"beat"}
    fs : float
        Sampling rate in Hz; corpora of another rate are resampled first.
    length : int
        Samples of a frame (published: 512, 2,048, 4,096 at 250 Hz).
    frames_per_patient : int
        Published: 4,096.
    batch_size : int
    shuffle_patients : int
        Patients whose frames are mixed (published: 16).
    held_out : float
        Share of the patients of each corpus that is never trained on (published: .05).
    held_out_frames : int
        Frames per held-out patient that judge the pre-trained net.
    checkpoints : tuple of float
        Shares of the pass after which the weights are kept.
    mean, deviation : float
        Standardising constants in mV (Icentia11k: .0018, 1.3711).
    """

    task: str = "beat"
    fs: float = 250.0
    length: int = 2048
    frames_per_patient: int = 4096
    batch_size: int = 32
    shuffle_patients: int = 16
    held_out: float = 0.05
    held_out_frames: int = 256
    checkpoints: tuple = (1.0,)
    mean: float = 0.0018
    deviation: float = 1.3711
    optimiser: Adam = Adam(beta_2=0.98, epsilon=1e-9)


@dataclass(frozen=True)
class FineTuning:
    """Supervised training on CinC 2017 (Weimann & Conrad 2021, c255af5; class report 736e4ab).

    Attributes
    ----------
    input : AfInput
    folds, fold_seed : int
        The test records are fold `Trial.fold` of so many stratified ones (published: one split of 20 %).
    validation : float
        Share of the other records (published: .0625) that selects the checkpoint.
    labels : float
        Share of the remaining training records that is used; as in the published `--subset`, the validation
        records stay.
    batch_size : int
        64 (README), 32 (argparse), 128 (class report).
    epochs, patience : int
        Cap, and epochs without a lower validation loss after which training stops (published: 200, 50).
    select : {"macro_f1", "loss"}
        What picks the checkpoint on the validation records: the class report's and the original's default.
    copies : {"near", "exact"}
        Which copies of a recording stay on its side of a split: see `ecgrepro.frames.af.recording_groups`. The original
        lets copies fall on both sides.
    """

    input: AfInput = AfInput()
    folds: int = 5
    fold_seed: int = 2017
    validation: float = 0.0625
    labels: float = 1.0
    batch_size: int = 64
    epochs: int = 200
    patience: int = 50
    select: str = "macro_f1"
    optimiser: Adam = Adam()
    copies: str = "near"


def describe_recipe(recipe):
    """Settings of a recipe as plain dicts and lists.

    One that was added later is left out at the value that all earlier runs had, so that their keys stay.
    """
    described = asdict(recipe)
    if described.get("copies") == "exact":
        del described["copies"]
    return described


@dataclass(frozen=True)
class Trial:
    """One training run.

    Attributes
    ----------
    study, scale, arm : str
    seed : int
        Source of all randomness. Arms with the same seed share split, data order and head initialisation.
    fold : int
        Test fold; 0 for pre-training, whose test records are its held-out patients'.
    corpora : tuple of (name, fingerprint)
    model, width, precision
        See `ecgrepro.models`.
    recipe : Pretraining or FineTuning
    initialisation : str
        ``"random"``, or ``"KEY@SHARE"``: the pre-training trial and the share of its pass.
    freeze_depth : int
        Learnable layers frozen from the input on; so far only 0 can be run.
    """

    study: str
    scale: str
    arm: str
    seed: int
    fold: int
    corpora: tuple
    model: str
    width: float
    recipe: Pretraining | FineTuning
    precision: str = "float32"
    initialisation: str = "random"
    freeze_depth: int = 0
    version: int = field(default=RECIPE)

    def to_dict(self):
        """Description as plain dicts and lists, with the recipe's kind under ``stage``."""
        return asdict(self) | {"recipe": describe_recipe(self.recipe), "stage": self.stage}

    @property
    def stage(self):
        return "pretraining" if isinstance(self.recipe, Pretraining) else "fine-tuning"

    @property
    def key(self):
        """First 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def parent(self):
        """Key of the pre-training trial this one stems from, or None."""
        return None if self.initialisation == "random" else self.initialisation.split("@")[0]

    @property
    def start(self):
        """(key of the pre-training trial, share of its pass) that this one stems from, or None."""
        if self.parent is None:
            return None
        key, share = self.initialisation.split("@")
        return key, float(share)

    def check(self):
        """Raise `SettingsError` unless a run can do what the description says."""
        demands = _pretraining_demands if self.stage == "pretraining" else _fine_tuning_demands
        for name, value, expected, holds in (*_demands(self), *demands(self, self.recipe)):
            if not holds:
                raise SettingsError(f"{self}, {name}", expected, repr(value), "Describe the trial anew.")

    def __str__(self):
        tuned = isinstance(self.recipe, FineTuning)
        part = f", fold {self.fold}, {self.recipe.labels:.0%} of labels" if tuned else ""
        return f"{self.study} {self.stage} {self.arm}, seed {self.seed}{part} [{self.key}]"


def _demands(trial):
    """Rows of (name, value, what is expected, whether it holds) for every trial."""
    yield "version", trial.version, f"{RECIPE}, the present recipe", trial.version == RECIPE
    yield "freeze_depth", trial.freeze_depth, "0; freezing is not there yet", trial.freeze_depth == 0
    yield "batch_size", trial.recipe.batch_size, "at least 1", trial.recipe.batch_size >= 1


def _pretraining_demands(trial, recipe):
    shares = recipe.checkpoints
    in_range = bool(shares) and all(0 < share <= 1 for share in shares)
    yield "task", recipe.task, "beat", recipe.task == "beat"
    yield "checkpoints", shares, "shares above 0, at most 1", in_range
    yield "held_out", recipe.held_out, "a share between 0 and 1", 0 < recipe.held_out < 1


def _fine_tuning_demands(trial, recipe):
    names = [name for name, _ in trial.corpora]
    yield "corpora", names, "cinc2017", names == ["cinc2017"]
    yield "select", recipe.select, "macro_f1 or loss", recipe.select in ("macro_f1", "loss")
    yield "copies", recipe.copies, "near or exact", recipe.copies in ("near", "exact")
    yield "labels", recipe.labels, "a share above 0, at most 1", 0 < recipe.labels <= 1
    yield "fold", trial.fold, f"0 to {recipe.folds - 1}", 0 <= trial.fold < recipe.folds
    yield "epochs", recipe.epochs, "at least 1", recipe.epochs >= 1
    yield "patience", recipe.patience, "at least 1", recipe.patience >= 1
