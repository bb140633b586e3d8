"""The net of a trial: built, given the weights it starts from, frozen and compiled for a stage."""

import time

import keras

from ecgrepro.errors import DiskError, SettingsError
from ecgrepro.frames.transforms import make_transform
from ecgrepro.models.catalogue import build
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint, device
from ecgrepro.training.device_corpus import records_source
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.feature_cache import cached_features
from ecgrepro.training.freezing import cost, cut, cut_transform, freeze
from ecgrepro.training.published_start import is_published, load_published
from ecgrepro.training.recipe import Stage
from ecgrepro.training.steps import Steps
from ecgrepro.training.unfreezing import begin
from ecgrepro.training.windows import windows_source
from ecgrepro.training.workspace import optimiser

#: Features are kept where what follows them takes at most this share of the net's operations. Those of the first
#: layers are many times larger than the recordings and save little.
WORTH = 0.8
#: Transforms that cost a processor more than the net behind them. An accelerator draws their pictures as fast as it
#: would read them.
PICTURES = ("cwt",)
WORDS = {"features": "features of the frozen layers", "pictures": "pictures that the net is shown"}


def build_net(trial, shape, n_outputs):
    """Build the net of a trial for inputs of a shape, see `ecgrepro.models.catalogue.build`; its weights are random."""
    settings = {"width": trial.width, "precision": trial.precision}
    if trial.transform:
        settings["transform"] = make_transform(trial.transform.kind, **dict(trial.transform.settings))
    return build(trial.model, shape, n_outputs, **settings)


def start_model(trial, store, shape, n_outputs):
    """Build the net of a fine-tuning trial, with the weights it starts from.

    Raises
    ------
    SettingsError
        The weights are missing, or a local file is another than the trial was described with.
    InputError
        They are of another net.
    """
    model = build_net(trial, shape, n_outputs)
    if is_published(trial.initialisation):
        load_published(trial.initialisation, model)
    if trial.parent:
        path = store.weights(*trial.start)
        if not path.exists():
            raise SettingsError(trial, f"weights in {path}", "none", "Run the pre-training trial first.")
        checkpoint.load_extractor(path, model, HEAD, adapt_leads=trial.recipe.adapt_leads)
    return model


def stages(trial):
    """Stages of a fine-tuning trial: those of its recipe, or all of it as one."""
    recipe = trial.recipe
    return recipe.stages or (Stage(recipe.epochs, trial.freeze_depth, recipe.optimiser.learning_rate, False),)


def begin_stage(trial, model, stage, steps_per_epoch):
    """Freeze and compile a net for a stage; one without stages takes the recipe's own optimiser."""
    loss = loss_of(trial)
    mode = trial.frozen_batch_normalisation
    if trial.recipe.stages:
        begin(
            model,
            stage,
            loss,
            steps_per_epoch=steps_per_epoch,
            groups=trial.recipe.groups,
            batch_normalisation=mode,
        )
        return
    freeze(model, trial.freeze_depth, batch_normalisation=mode)
    model.compile(optimiser(trial.recipe.optimiser), loss)
    model.optimizer.build(model.trainable_variables)


def loss_of(trial):
    """Loss that a supervised trial is trained by: of several diagnoses, or none, each is a question of its own."""
    if isinstance(trial.recipe, DiagnosisTraining):
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_steps(trial, model, rows, workspace, report=lambda text: None, *, features=True):
    """Compiled steps of a net that a stage has begun for.

    Where the first layers are frozen and always compute the same, their features are computed once per recording and
    only what follows is trained; and where the net is shown pictures that are dear to draw (`PICTURES`), they are drawn
    once. Without room for either the whole net runs, with the same results.

    Parameters
    ----------
    trial : Trial
    model : keras.Model
    rows : ecgrepro.training.examples.Rows
    workspace : Workspace
    report : callable
    features : bool
        Whether features of frozen layers are worth keeping.

    Returns
    -------
    Steps
        With ``kept``, which has "features" and "pictures" where they are.
    """
    if rows.windows:  # another one in every epoch: nothing to keep
        return Steps(model, windows_source(rows.inputs, rows.labels, rows.windows))
    kept = _Kept(rows, workspace, report)
    dear = trial.transform is not None and trial.transform.kind in PICTURES
    if dear and device.accelerator_memory() is None:
        kept.keep("pictures", cut_transform(model), trial)
    if features:
        parts = cut(model, behind_transform=bool(kept.seconds))
        if parts and cost(parts[1])["forward_flops"] <= WORTH * cost(model)["forward_flops"]:
            kept.keep("features", parts, trial)
    return Steps(kept.net or model, records_source(kept.inputs, rows.labels), kept.seconds)


class _Kept:
    """Rows, and what has been computed of them once for all epochs where the workspace has room."""

    def __init__(self, rows, workspace, report):
        self.inputs, self.key, self.net, self.seconds = rows.inputs, rows.key, None, {}
        self._place, self._report = workspace, report

    def keep(self, what, parts, trial):
        """Put what the first of two parts of the net gives in the place of its inputs, for the second."""
        (prefix, tail), place, began = parts, self._place, time.perf_counter()
        try:
            self._report(f"computing the {WORDS[what]}")
            self.inputs = cached_features(prefix, self.inputs, key=self.key, folder=place.work / "features",
                                          memory_budget=place.feature_memory, disk_budget=place.feature_disk,
                                          progress=False)  # fmt: skip
        except DiskError as error:
            self._report(str(error))
            return
        # of a picture's features the key has to tell how it was drawn: the layers behind it no longer do
        self.net, self.key = tail, f"{self.key} {trial.transform}"
        self.seconds[what] = time.perf_counter() - began
