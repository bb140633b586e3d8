"""Recipes: what a trial trains on, how, and for how long, as short literals that can be compared line by line."""

from dataclasses import asdict, dataclass

from ecgrepro.frames.af import AfInput
from ecgrepro.frames.graded_segments import GradedInput
from ecgrepro.frames.quality_mixture import MixtureInput


@dataclass(frozen=True)
class Adam:
    """Keras' Adam; pre-training as published uses beta_2 .98 and epsilon 1e-9, fine-tuning the defaults."""

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class Momentum:
    """Stochastic gradient descent with momentum (MATLAB's `sgdm` has this momentum, and .01 for a rate)."""

    learning_rate: float = 1e-4
    momentum: float = 0.9


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

    @property
    def candidates(self):
        """Frames to choose from: the one that follows, and the negatives."""
        return self.negatives + 1


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
    patients : int, optional
        Train on so many of the patients that are not held out; all of them if None. Who is held out and who is
        sampled then does not depend on the trial's seed, see `ecgrepro.training.parts.sampling_order`.
    sample : int
        Which of the disjoint samples of that size, from 0.
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
    patients: int | None = None
    sample: int = 0


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
        `high` for the last group and a tenth of it for all others. With `one_cycle` the highest.
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
        Cap, and epochs without progress after which training stops (published: 200, 50).
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
    stop : {"validation_loss", "training_accuracy"}
        What counts as progress: a lower validation loss, as the original is coded; or, as its paper says, a higher
        accuracy on the training records, here computed after every epoch by the net in inference mode.
    ties : {"first", "last"}
        Which of several epochs with the same best validation score is taken; Keras' `ModelCheckpoint` keeps the first.
    constants : {"all", "training"}
        What standardises recordings: `AfInput.mean` and `deviation`, published, of all records; or mean and deviation
        over the samples of this trial's training records.
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
    stop: str = "validation_loss"
    ties: str = "first"
    constants: str = "all"


@dataclass(frozen=True)
class QualityTraining:
    """Supervised training on five-second intervals of high and low signal quality (Huerta et al., CinC 2022).

    Tested is on every interval of CinC 2017 (`ecgrepro.frames.quality_intervals`), whatever is trained on: the last of
    a trial's corpora. The first are those of clean ECG and, before the test's, the noise that is mixed in; or the
    graded one.

    Attributes
    ----------
    input : MixtureInput or GradedInput
        What is learnt from in the place of the published private set, and how it becomes an input. Segments are
        drawn, and people held out, by the trial's seed.
    labels : float
        1.0: a design without a share of labels.
    batch_size, epochs : int
        Published: 32, 10.
    patience : int
        Longer than any training here: it never stops early, as published.
    select : {"macro_f1", "loss", "last"}
        The paper names no rule of selection: the last epoch.
    optimiser : Adam or Momentum
        Neither it nor the rate is published. The rate is that of MATLAB's example (`ecgrepro.frames.cwt`), which has
        momentum; with that and this rate, a net that does not start from ImageNet hardly moves in ten epochs.
    stop, ties, stages, groups, adapt_leads
        As in `FineTuning`.
    """

    input: MixtureInput | GradedInput = MixtureInput()
    labels: float = 1.0
    batch_size: int = 32
    epochs: int = 10
    patience: int = 1000
    select: str = "last"
    optimiser: Adam | Momentum = Adam(1e-4)
    stop: str = "validation_loss"
    ties: str = "first"
    stages: tuple = ()
    groups: tuple = (0,)
    adapt_leads: bool = False


#: Settings that came after the first results, and what all runs before had: at these they are left out of a
#: description, so that keys stay.
LATER = {"frozen_batch_normalisation": "inference", "transform": None, "copies": "exact", "stages": (), "groups": (0,),
         "adapt_leads": False, "padding": "left", "stop": "validation_loss", "ties": "first", "constants": "all",
         "patients": None, "sample": 0}  # fmt: skip


def describe_recipe(recipe):
    """Settings of a recipe as plain dicts and lists; see `LATER`."""
    described = without_later(asdict(recipe))
    if described.get("task") != "future":
        described.pop("future", None)
    return described


def without_later(described):
    """Leave out of a description, and of the dicts in it, what is as `LATER` has it."""
    return {
        name: without_later(value) if isinstance(value, dict) else value
        for name, value in described.items()
        if name not in LATER or value != LATER[name]
    }


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
