"""Runs and hours of the publications, as their texts and programs state them: what `cost_projection` counts.

Numbers that nobody states are said to be assumed, in the row that uses them.
"""

from dataclasses import dataclass, field
from statistics import mean

from ecgrepro.models.catalogue import build

#: Mean index of the last epoch, counted from 0 and with the patience of 50, at 0, 1, 10, 20 and 100 (88) % of the
#: pre-training: class report 2024, tables 1 (1-D) and 3 (2-D).
LAST_EPOCHS = {"1-D": (71.0, 62.5, 56.2, 56.8, 57.0), "2-D": (60.9, 54.5, 60.4, 58.7, 56.2)}
PUBLISHED_PATIENCE = 50
#: Minutes per 1,000 patients of pre-training (4,096 frames each): class report 2024, comparison of both routes.
MINUTES_PER_1000_PATIENTS = {("1-D ResNet-18", "V100"): 76, ("2-D ResNet-18", "L4"): 149}


@dataclass(frozen=True)
class TrainedNet:
    """A net as trials train it.

    Attributes
    ----------
    model : str
        Name in `ecgrepro.models.catalogue.MODELS`.
    shape : tuple of int
        Of one input, without batch.
    outputs : int
        As good as nothing depends on it: nets that differ in it alone are taken for one.
    width : float
    batch_size : int
        Frames of a training step; likewise.
    """

    model: str
    shape: tuple
    outputs: int = field(compare=False)
    width: float = 1.0
    batch_size: int = field(default=64, compare=False)

    def __str__(self):
        width = f", width {self.width:g}" if self.width != 1 else ""
        return f"{self.model}{width}, {' x '.join(map(str, self.shape))}"

    def build(self, precision="float32"):
        """The net, with weights of no meaning."""
        return build(self.model, self.shape, self.outputs, width=self.width, precision=precision)


@dataclass(frozen=True)
class Work:
    """Trials of one kind.

    Attributes
    ----------
    study, scale, what : str
    net : TrainedNet
    trials : int
    frames : int
        That go forward and backward in all of them.
    assumption, source : str
    published_hours : float, optional
        What the publication took for them, on its own machine.
    published_machine : str
    """

    study: str
    scale: str
    what: str
    net: TrainedNet
    trials: int
    frames: int
    assumption: str = ""
    source: str = ""
    published_hours: float | None = None
    published_machine: str = ""


def published_epochs(dimension):
    """Epochs of a fine-tuning of the class report, on average over its sizes of pre-training."""
    return mean(LAST_EPOCHS[dimension]) + 1


def _fine_tuning_frames(trials, dimension):
    return round(trials * 6_395 * published_epochs(dimension))


FRAMES_4096 = TrainedNet("resnet18", (4096, 1), 5, batch_size=512)
IMAGES_4096 = TrainedNet("resnet18_2d", (128, 128, 1), 5, batch_size=512)
RECORDS_1D = TrainedNet("resnet18", (16_384, 1), 4, batch_size=128)
RECORDS_2D = TrainedNet("resnet18_2d", (128, 512, 1), 4, batch_size=128)

STOPPED = "epochs as published, {:.0f} on average"
#: The publications' own protocols, and their hours. The CSC2541 project tells none.
PUBLISHED_RUNS = (
    # Class report (736e4ab): all 11,000 patients in 88,000 steps of 512 frames; patients 0 to 2,047 in 16 x 1,024.
    # Hours of the report's "computational requirements" are those of the long runs.
    Work("pretrain_size", "paper", "1-D pre-training, all patients", FRAMES_4096, 1, 88_000 * 512,
         "one pass", "class report 2024 (736e4ab): 88,000 steps of 512", 14, "V100"),
    Work("pretrain_size", "paper", "1-D pre-training, 2,048 patients", FRAMES_4096, 1, 16 * 1024 * 512,
         "one pass", "class report 2024 (736e4ab): 16 x 1,024 steps of 512"),
    Work("pretrain_size", "paper", "1-D fine-tuning, 5 sizes x 10", RECORDS_1D, 50, _fine_tuning_frames(50, "1-D"),
         STOPPED.format(published_epochs("1-D")), "class report 2024 (736e4ab)", 21.2, "V100"),
    # The 2-D arms of the question of size are these too; they are counted once, here. 88 % are 9,681 patients.
    Work("spectrogram2d", "paper", "2-D pre-training, 9,681 patients", IMAGES_4096, 1, 9_681 * 4096,
         "one pass", "class report 2024 (736e4ab): patients 0 to 9,680", 24, "L4"),
    Work("spectrogram2d", "paper", "2-D pre-training, 2,048 patients", IMAGES_4096, 1, 16 * 1024 * 512,
         "one pass", "class report 2024 (736e4ab): 16 x 1,024 steps of 512"),
    Work("spectrogram2d", "paper", "2-D fine-tuning, 5 sizes x 10", RECORDS_2D, 50, _fine_tuning_frames(50, "2-D"),
         STOPPED.format(published_epochs("2-D")), "class report 2024 (736e4ab)", 14.2, "L4"),
)  # fmt: skip
