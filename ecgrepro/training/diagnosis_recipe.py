"""Recipe of training on diagnoses, and what nets of every recipe are shown."""

from dataclasses import dataclass

from ecgrepro.frames.diagnosis_input import DiagnosisInput
from ecgrepro.training.diagnosis_parts import SPLITS
from ecgrepro.training.recipe import Adam, Pretraining, Stage

#: Where the window lies that is trained on.
CROPS = ("random", "centre")


@dataclass(frozen=True)
class DiagnosisTraining:
    """Supervised training on the diagnoses of twelve-lead recordings (Strodthoff et al. 2021; CSC2541, 0e7bb14).

    Attributes
    ----------
    input : DiagnosisInput
    split : str
        Who is trained on and tested: a name in `ecgrepro.training.diagnosis_parts.SPLITS`.
    fold_seed : int
        Of the folds that no publisher made.
    permuted_labels : bool
        Give every recording the labels of another: a control (`ecgrepro.frames.loader_artefacts.permuted_labels`).
    validate_on : {"validation", "test"}
        The project judged on the fold that it had handed over for validation.
    labels : float
        Share of the training recordings that is used; a smaller one lies within a larger one.
    window, stride : int
        Samples of what the net is shown, and between two windows of a recording that is tested (published: 2.5 and
        1.25 s).
    crops : {"random", "centre"}
    aggregate : {"max", "mean"}
        See `ecgrepro.training.windows.Windows`.
    batch_size, epochs : int
        Published: 128, 50.
    patience : int
        Longer than any training here: it never stops early, as published.
    select : {"macro_auc", "loss", "last"}
        Published: the last epoch.
    stages : tuple of Stage
        Published: one cycle of all epochs at .01, see `ecgrepro.training.unfreezing`.
    checkpoints : tuple of float
        (1.0,) where others start from its weights.
    optimiser, groups, stop, ties, adapt_leads
        As in `FineTuning`.
    """

    input: DiagnosisInput = DiagnosisInput()
    split: str = "official"
    fold_seed: int = 2017
    permuted_labels: bool = False
    validate_on: str = "validation"
    labels: float = 1.0
    window: int = 250
    stride: int = 125
    crops: str = "random"
    aggregate: str = "max"
    batch_size: int = 128
    epochs: int = 50
    patience: int = 1000
    select: str = "last"
    optimiser: Adam = Adam()
    stages: tuple = (Stage(50, 0, 1e-2),)
    groups: tuple = (0,)
    checkpoints: tuple = ()
    stop: str = "validation_loss"
    ties: str = "first"
    adapt_leads: bool = False

    @property
    def folds(self):
        """Test folds that its split has."""
        return SPLITS[self.split].folds


def input_shape(recipe):
    """Shape of what a net of a recipe is shown, (samples, leads)."""
    if isinstance(recipe, DiagnosisTraining):
        return recipe.window, recipe.input.n_leads
    length = recipe.length if isinstance(recipe, Pretraining) else recipe.input.length
    return length, 1
