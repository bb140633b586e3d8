"""Supervised training: to its own early stop, the selected checkpoint judged once on the records of the test.

Source: Weimann & Conrad 2021 as coded (c255af5, `finetuning/trainer.py`) and the class report (736e4ab), for AF on
CinC 2017; Huerta et al., CinC 2022, for signal quality; Strodthoff et al. 2021 and the CSC2541 project for diagnoses.
What is learnt from and tested on: `ecgrepro.training.examples`.
Departure: all randomness is seeded (the original seeds the split alone).

Where documents part, the recipe has both: the stopping rule, what picks the checkpoint and which of equals, the
standardising constants (`ecgrepro.training.recipe.FineTuning`).
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint, device
from ecgrepro.training.device_corpus import is_resident
from ecgrepro.training.diagnosis_recipe import input_shape
from ecgrepro.training.examples import examples_of, unscored_classes
from ecgrepro.training.freezing import cost
from ecgrepro.training.run_record import metered, run_record
from ecgrepro.training.seeds import derive, make_deterministic
from ecgrepro.training.start import begin_stage, make_steps, stages, start_model
from ecgrepro.training.unfreezing import stage_at
from ecgrepro.training.validation import RULES


def finetune(trial, store, workspace, report=lambda text: None, notes=None):
    """Run a fine-tuning trial to its end and commit its results.

    Parameters
    ----------
    trial : Trial
    store : TrialStore
    workspace : Workspace
    report : callable
        Takes one line on where the run stands.
    notes : dict, optional
        Further entries of the run record.

    Raises
    ------
    SettingsError
        A description that cannot be followed, or a pre-training whose weights are missing.
    """
    trial.check()
    make_deterministic(trial.seed)
    examples = examples_of(trial, workspace, _start_record(trial, store))
    if unscored := unscored_classes(examples):
        report(f"validation with all or none of {', '.join(unscored)}: not in its macro AUC")
    model = start_model(trial, store, input_shape(trial.recipe), len(examples.classes))
    net = _Net(trial, model, examples, workspace, report)
    run = _resume(trial, store, net)
    while not finished(run, trial.recipe):
        net.enter(len(run["history"]) + 1, run)
        _epoch(trial, store, net, examples, run)
        report(_line(run["history"][-1]))
    checkpoint.restore_weights(model, run["best"])
    net.enter(run["best_epoch"], run)
    record = _record(net, examples, run) | examples.notes | (notes or {})
    for share in getattr(trial.recipe, "checkpoints", ()):
        checkpoint.save_extractor(store.weights(trial.key, share), model, HEAD)
    store.commit(trial, run["history"], _predictions(trial, net, examples), record)


def _start_record(trial, store):
    """Run record of the trial that it starts from, where it standardises as that one did; else None."""
    asks = getattr(trial.recipe.input, "scaler", None) == "start" and trial.parent
    return store.results_of(trial.parent)["run"] if asks else None


def _line(row):
    accuracy = f", training accuracy {row['accuracy']:.3f}" if "accuracy" in row else ""
    told = {"val_macro_f1": "macro F1", "val_macro_auc": "macro AUC"}
    named = [f"{words} {row[name]:.3f}" for name, words in told.items() if name in row]
    scores = ", ".join([f"validation loss {row['val_loss']:.3f}", *named])
    return f"epoch {row['epoch']}, {scores}{accuracy}"


class _Net:
    """The net of a trial, and the compiled steps of the stage it is in."""

    def __init__(self, trial, model, examples, workspace, report):
        self.trial, self.model, self.examples = trial, model, examples
        self.steps_per_epoch = -(-len(examples.train) // trial.recipe.batch_size)
        self._workspace, self._report = workspace, report
        self.stage, self.steps, self.cost = None, None, None

    def compile(self, epoch):
        """Begin the stage of an epoch, unless it has begun: freeze, and take a new optimiser."""
        stage, _ = stage_at(stages(self.trial), epoch)
        if stage != self.stage:
            begin_stage(self.trial, self.model, stages(self.trial)[stage], self.steps_per_epoch)
            self.stage, self.steps = stage, None

    def enter(self, epoch, run):
        """Be ready for the steps of an epoch; what is computed beforehand goes into ``feature_seconds``."""
        self.compile(epoch)
        if self.steps is None:
            self.steps = make_steps(
                self.trial, self.model, self.examples.known, self._workspace, self._report
            )
            self.cost = cost(self.steps.model)
            for what, seconds in self.steps.kept.items():
                name = f"{what.removesuffix('s')}_seconds"
                run[name] = run.get(name, 0.0) + seconds

    @property
    def cached(self):
        """Whether features of frozen layers are read back."""
        return "features" in self.steps.kept

    def steps_for(self, rows):
        """Steps that predict rows; those of the test are seen once, so that features of frozen layers save nothing."""
        if rows is self.examples.known:
            return self.steps
        return make_steps(self.trial, self.model, rows, self._workspace, self._report, features=False)


def _resume(trial, store, net):
    found = checkpoint.load(store.checkpoint(trial))
    if found is None:
        begun = {"history": [], "best": None, "best_epoch": 0}
        return begun | {"seconds": 0.0, "cpu_seconds": 0.0, "resumed": 0}
    progress, groups = found
    net.compile(len(progress["history"]))
    checkpoint.restore(net.model, groups["state"])
    return progress | {"best": groups["best"], "resumed": progress["resumed"] + 1}


def finished(run, recipe):
    """Whether the cap is reached, or there was no progress for `recipe.patience` epochs.

    Progress is a lower validation loss or a higher training accuracy, as `recipe.stop` has it; equal is none.
    """
    sign, score = (-1, "val_loss") if recipe.stop == "validation_loss" else (1, "accuracy")
    scores = [sign * row[score] for row in run["history"]]
    if not scores:
        return False
    return len(scores) >= recipe.epochs or len(scores) - 1 - int(np.argmax(scores)) >= recipe.patience


def _epoch(trial, store, net, examples, run):
    epoch, labels = len(run["history"]) + 1, examples.known.labels
    with metered(run):
        loss = train_epoch(net.steps, examples.train, trial, epoch)
        operations = (net.cost["forward_flops"] + net.cost["backward_flops"]) * len(examples.train)
        run["operations"] = run.get("operations", 0) + operations
        row = {"epoch": epoch, "loss": loss} | validate(net.steps, examples)
        if trial.recipe.stop == "training_accuracy":
            row["accuracy"] = accuracy(net.steps, labels, examples.train)
        run["history"].append(row)
        if _is_best(run["history"], trial.recipe):
            run["best"], run["best_epoch"] = checkpoint.weights(net.model), epoch
    progress = {key: value for key, value in run.items() if key != "best"}
    checkpoint.save(store.checkpoint(trial), progress, state=checkpoint.state(net.model), best=run["best"])


def _is_best(history, recipe):
    """Whether the last epoch is taken over all before it; where nothing is selected, the last always is."""
    if recipe.select == "last":
        return True
    sign, score = (-1, "val_loss") if recipe.select == "loss" else (1, f"val_{recipe.select}")
    *before, last = [sign * row[score] for row in history]
    return not before or last > max(before) or (recipe.ties == "last" and last == max(before))


def train_epoch(steps, train, trial, epoch):
    """One pass over the training records in an order that depends on seed and epoch alone; mean loss.

    Of recordings that are cut, each gives one window, wherever the same generator draws it.
    """
    generator = np.random.default_rng([derive(trial.seed, "order"), epoch])
    order = steps.source.windows.drawn(generator.permutation(train), generator)
    size = trial.recipe.batch_size
    return steps.train(order[first : first + size] for first in range(0, len(order), size))


def predict(steps, positions, batch_size=256):
    """Logits of records: float32 (n_records, n_classes); of one that is cut, what its windows come to."""
    windows = steps.source.windows
    return windows.gathered(_predict(steps, windows.shown(positions), batch_size), positions)


def _predict(steps, rows, batch_size):
    # one shape for all batches: every other shape would compile the net once more
    filled = np.resize(rows, -(-len(rows) // batch_size) * batch_size)
    try:
        return np.concatenate(list(steps.predict(filled.reshape(-1, batch_size))))[: len(rows)]
    except Exception as error:  # what fits in training, backward and all, fits here in the end
        if batch_size == 1 or not device.out_of_memory(error):
            raise
    return _predict(steps, rows, batch_size // 2)


def validate(steps, examples):
    """Validation loss and scores of one epoch, as a row of the history."""
    labels, logits = examples.known.labels[examples.validation], predict(steps, examples.validation)
    loss, score = RULES[labels.ndim]
    scores = score(labels, logits, examples.scores)
    return {"val_loss": loss(labels, logits)} | {f"val_{name}": value for name, value in scores.items()}


def accuracy(steps, labels, positions):
    """Share of records whose class is found, by the net in inference mode."""
    return float(np.mean(predict(steps, positions).argmax(axis=1) == labels[positions]))


def _predictions(trial, net, examples):
    tables = []
    for part in ("validation", "test"):
        rows, positions = examples.part(part)
        logits = predict(net.steps_for(rows), positions)
        where = {"part": part, "fold": trial.fold, "seed": trial.seed}
        tables.append(prediction_table(rows.ids[positions], rows.labels[positions], logits, **where))
    return pd.concat(tables, ignore_index=True)


def _record(net, examples, run):
    trial = net.trial
    epochs = len(run["history"])
    frames = epochs * len(examples.train)
    return run_record(
        run["seconds"], run["cpu_seconds"], frames, flops=run.get("operations", 0) / frames, precision=trial.precision,
        energy_joules=run.get("energy_joules"), resumed=run["resumed"], epochs=epochs, best_epoch=run["best_epoch"],
        hit_epoch_cap=not finished(run, _without_cap(trial.recipe)), parameters=net.model.count_params(),
        trainable_parameters=net.cost["trainable_parameters"], cached_features=net.cached,
        feature_seconds=round(run.get("feature_seconds", 0.0), 1),
        picture_seconds=round(run.get("picture_seconds", 0.0), 1),
        on_device=is_resident(net.steps.source), weights_sha256=checkpoint.digest(net.model), records=examples.sizes,
    )  # fmt: skip


def _without_cap(recipe):
    return replace(recipe, epochs=10**9)
