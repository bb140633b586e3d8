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
from ecgrepro.frames.tasks import TASKS
from ecgrepro.frames.transforms import TRANSFORMS

#: Beginning of an `initialisation` by the published AlexNet.
IMAGENET = "imagenet:"
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
class FuturePrediction:
    """Contrastive predictive coding as published (Weimann & Conrad 2021, c255af5).

    Attributes
    ----------
    context : int
        Frames that are known.
    negatives : int
        Frames that do not follow, among which the one that does is to be found.
    layers, heads : int
        Of the transformer that reads the context.
    """

    context: int = 8
    negatives: int = 1
    layers: int = 3
    heads: int = 8


@dataclass(frozen=True)
class Pretraining:
    """One pass over the patients of one or more corpora (Weimann & Conrad 2021, c255af5).

    Attributes
    ----------
    task : {"beat", "rhythm", "heart_rate", "future"}
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
    future : FuturePrediction
        Of the task of that name alone.
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
    future: FuturePrediction = FuturePrediction()


@dataclass(frozen=True)
class Stage:
    """A stretch of training, see `ecgrepro.training.unfreezing`.

    Attributes
    ----------
    epochs : int
    freeze_depth : int
        Learnable layers frozen from the input on; a negative one counts from the end, as in `freezing.freeze`.
    learning_rate : float or tuple of (low or None, high)
        A number for all groups of layers; a geometric series from the first group to the last; or, without a low one,
        `high` for the last group and a third of it for all others. With `one_cycle` the highest.
    one_cycle : bool
        Whether learning rate and momentum run through one cycle, or stay.
    """

    epochs: int
    freeze_depth: int
    learning_rate: float | tuple
    one_cycle: bool = True


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
    select : {"macro_f1", "loss", "last"}
        What picks the checkpoint on the validation records: the class report's and the original's default. Or
        nothing does, and the last epoch is taken (CSC2541).
    copies : {"near", "exact"}
        Which copies of a recording stay on its side of a split: see `ecgrepro.frames.af.recording_groups`. The original
        lets copies fall on both sides.
    stages : tuple of Stage
        Gradual unfreezing or one-cycle training, in the place of `optimiser` and `Trial.freeze_depth`; `epochs` is
        then their sum.
    groups : tuple of int
        First learnable layers of the groups that a stage's learning rates are for.
    adapt_leads : bool
        Fit a pre-trained first convolution to the number of leads here.
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
    stages: tuple = ()
    groups: tuple = (0,)
    adapt_leads: bool = False


#: Settings that came after the first results, and what all runs before had: at these they are left out of a
#: description, so that keys stay.
LATER = {"frozen_batch_normalisation": "inference", "transform": None, "copies": "exact", "stages": (), "groups": (0,),
         "adapt_leads": False}  # fmt: skip


def describe_recipe(recipe):
    """Settings of a recipe as plain dicts and lists; see `LATER`."""
    described = _without_later(asdict(recipe))
    if described.get("task") != "future":
        described.pop("future", None)
    return described


def _without_later(described):
    return {name: value for name, value in described.items() if name not in LATER or value != LATER[name]}


@dataclass(frozen=True)
class Transform:
    """What the net is shown instead of the signal.

    Attributes
    ----------
    kind : str
        Name in `ecgrepro.frames.transforms.TRANSFORMS`.
    settings : tuple of (name, value)
        Arguments of that layer which differ from its defaults, sorted by name.
    """

    kind: str
    settings: tuple = ()


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
        ``"random"``; ``"KEY@SHARE"``: the pre-training trial and the share of its pass; or ``"imagenet:SHA1"``: the
        published AlexNet, by the SHA-1 of the local file (`ecgrepro.models.caffe_weights`).
    freeze_depth : int
        Learnable layers frozen from the input on; negative ones count from the end (-1: all but the head). See
        `ecgrepro.training.freezing`.
    frozen_batch_normalisation : {"inference", "training"}
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
    recipe: Pretraining | FineTuning
    precision: str = "float32"
    initialisation: str = "random"
    freeze_depth: int = 0
    version: int = field(default=RECIPE)
    frozen_batch_normalisation: str = "inference"
    transform: Transform | None = None

    def to_dict(self):
        """Description as plain dicts and lists, with the recipe's kind under ``stage``."""
        described = asdict(self) | {"recipe": describe_recipe(self.recipe), "stage": self.stage}
        return _without_later(described)

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
    modes = ("inference", "training")
    mode = trial.frozen_batch_normalisation
    yield "frozen_batch_normalisation", mode, " or ".join(modes), mode in modes
    kind, start = trial.transform and trial.transform.kind, trial.initialisation
    known = start == "random" or "@" in start or (start.startswith(IMAGENET) and trial.model == "alexnet")
    yield "initialisation", start, "random, KEY@SHARE, or imagenet:SHA1 for alexnet", known
    yield "transform", kind, f"one of {', '.join(TRANSFORMS)}", kind is None or kind in TRANSFORMS
    yield "batch_size", trial.recipe.batch_size, "at least 1", trial.recipe.batch_size >= 1


def _pretraining_demands(trial, recipe):
    shares = recipe.checkpoints
    in_range = bool(shares) and all(0 < share <= 1 for share in shares)
    yield "task", recipe.task, f"one of {', '.join(TASKS)}", recipe.task in TASKS
    yield "freeze_depth", trial.freeze_depth, "0 in pre-training", trial.freeze_depth == 0
    yield "checkpoints", shares, "shares above 0, at most 1", in_range
    yield "held_out", recipe.held_out, "a share between 0 and 1", 0 < recipe.held_out < 1


def _fine_tuning_demands(trial, recipe):
    names = [name for name, _ in trial.corpora]
    yield "corpora", names, "cinc2017", names == ["cinc2017"]
    staged = sum(stage.epochs for stage in recipe.stages) or recipe.epochs
    yield "select", recipe.select, "macro_f1, loss or last", recipe.select in ("macro_f1", "loss", "last")
    yield "epochs", recipe.epochs, f"{staged}, those of the stages", recipe.epochs == staged
    yield "copies", recipe.copies, "near or exact", recipe.copies in ("near", "exact")
    yield "labels", recipe.labels, "a share above 0, at most 1", 0 < recipe.labels <= 1
    yield "fold", trial.fold, f"0 to {recipe.folds - 1}", 0 <= trial.fold < recipe.folds
    yield "epochs", recipe.epochs, "at least 1", recipe.epochs >= 1
    yield "patience", recipe.patience, "at least 1", recipe.patience >= 1
