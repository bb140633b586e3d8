"""What one trial trains: a net on inputs of a shape, so many frames, for so many epochs."""

from ecgrepro.corpora.aliases import data_set_of
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.frames.diagnosis import TASKS, DiagnosisTask
from ecgrepro.frames.quality_intervals import CINC2017_COUNTS
from ecgrepro.frames.quality_intervals import CLASSES as QUALITY
from ecgrepro.frames.shared_diagnosis import SharedDiagnosisTask
from ecgrepro.frames.transforms import make_transform
from ecgrepro.studies.published_runs import PUBLISHED_PATIENCE, TrainedNet, published_epochs
from ecgrepro.studies.run import DEMO
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining, input_shape
from ecgrepro.training.recipe import QualityTraining

#: Patients a data set offers to pre-training (publishers' counts); of SVDB every record counts as one.
PATIENTS = {"icentia11k": 11_000, "mitbih_arrhythmia": 47, "svdb": 78}
#: Variants of a net that take as many operations as it, nearly.
ALIKE = {
    "resnet18_masked": "resnet18",
    "resnet18_preactivation": "resnet18",
    "resnet18_2d_matched": "resnet18_2d",
}
#: Recordings of CinC 2017 (publisher's count).
RECORDINGS = 8_528
#: Recordings of twelve leads (publishers' counts), and those of PTB-XL that the pilot has.
DIAGNOSED = {"ptbxl": 21_799, "ptbxl_500hz": 21_799, "georgia": 10_344, "challenge_ptbxl": 21_837}
PART_OF_PTBXL = {"ptbxl": 975, "ptbxl_500hz": 500}
#: Share of the recordings that a split trains on.
TRAINED = {"official": 0.8, "project": 0.8, "nine tenths": 0.9, "fifths": 0.6}
#: Intervals of five seconds in a recording of the demo, about.
DEMO_INTERVALS = 6
#: A training step costs as much as so many tests of a frame: forward, and backward to weights and to inputs.
PASSES = 3


def kind(trial):
    """What makes one line of the projection: trials in the same words, of the same net."""
    recipe = trial.recipe
    if trial.training == "frames":
        what, length = (
            f"{recipe.task.replace('_', ' ')} pre-training, frames of {recipe.length:,}",
            recipe.length,
        )
        outputs = BEAT_CLASSES
    elif isinstance(recipe, QualityTraining):
        what, length, outputs = "training on signal quality", recipe.input.length, QUALITY
    elif isinstance(recipe, DiagnosisTraining):
        return _diagnosis_kind(trial)
    else:
        what, length, outputs = f"fine-tuning, {recipe.labels:.0%} of labels", recipe.input.length, CLASSES
    model = ALIKE.get(trial.model, trial.model)
    return what, TrainedNet(model, _shape(trial, length), len(outputs), trial.width, recipe.batch_size)


def _diagnosis_kind(trial):
    recipe, task = trial.recipe, trial.recipe.input.task
    classes = (DiagnosisTask(task) if task in TASKS else SharedDiagnosisTask()).classes
    stage = "pre-training" if trial.stage == "pretraining" else "training"
    what = f"{stage} on diagnoses, {recipe.labels:.0%} of labels"
    return what, TrainedNet(trial.model, input_shape(recipe), len(classes), trial.width, recipe.batch_size)


def _shape(trial, length):
    """Shape of what the net's first convolution is shown, without batch."""
    if trial.transform is None:
        return (length, 1)
    layer = make_transform(trial.transform.kind, **dict(trial.transform.settings))
    return tuple(layer.compute_output_shape((None, length, 1)))[1:]


def frames_of(trial, committed):
    recipe, demo = trial.recipe, trial.scale == "demo"
    if trial.training == "frames":
        counts = [DEMO["patients"] if demo else PATIENTS[data_set_of(name)] for name, _ in trial.corpora]
        trained = recipe.patients or sum(n - max(1, round(recipe.held_out * n)) for n in counts)
        of_one = recipe.future.context + recipe.future.candidates if recipe.task == "future" else 1
        return trained * recipe.frames_per_patient * of_one
    if isinstance(recipe, QualityTraining):
        tested = DEMO["records"] * DEMO_INTERVALS if demo else sum(CINC2017_COUNTS["v3"])
        return 2 * recipe.input.per_class * epochs(recipe, committed) + tested / PASSES
    if isinstance(recipe, DiagnosisTraining):
        ((name, _),) = trial.corpora
        known = {"demo": dict.fromkeys(DIAGNOSED, DEMO["records"]), "pilot": PART_OF_PTBXL}.get(
            trial.scale, DIAGNOSED
        )
        return known[name] * TRAINED[recipe.split] * recipe.labels * recipe.epochs
    records = DEMO["records"] if demo else RECORDINGS
    train = records * (1 - 1 / recipe.folds) * (1 - recipe.validation) * recipe.labels
    return train * epochs(recipe, committed)


def epochs(recipe, committed):
    """Epochs until early stopping: the mean of committed runs with as many labels, else as published.

    The class report's runs had their lowest validation loss, on average, as many epochs before the end as they were
    patient; with another patience it comes at the same epoch.
    """
    if recipe.labels in committed:
        return committed[recipe.labels]
    return min(recipe.epochs, published_epochs("1-D") - PUBLISHED_PATIENCE + recipe.patience)


def assumption(trial, committed):
    recipe = trial.recipe
    if trial.training == "frames":
        return "one pass"
    if isinstance(recipe, DiagnosisTraining):
        return f"{recipe.epochs} epochs, as published"
    count = epochs(recipe, committed)
    if recipe.labels in committed:
        return f"{count:.0f} epochs, the mean of our committed runs"
    return f"{count:.0f} epochs: " + (
        "the cap"
        if count == recipe.epochs
        else f"lowest loss at the class report's epoch, patience {recipe.patience}"
    )
