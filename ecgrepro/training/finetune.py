"""Fine-tuning on CinC 2017: trained to its own early stop, the selected checkpoint judged once on the test fold.

Source: Weimann & Conrad 2021 as coded (c255af5, `finetuning/trainer.py`) and the class report (736e4ab).
Departure: all randomness is seeded (the original seeds the split alone).
"""

import time
from dataclasses import fields, replace

import keras
import numpy as np
import pandas as pd

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.frames.af import recording_groups
from ecgrepro.models.catalogue import build
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint, steps
from ecgrepro.training.parts import split
from ecgrepro.training.run_record import run_record
from ecgrepro.training.seeds import derive, make_deterministic
from ecgrepro.training.workspace import optimiser

CORPUS = "cinc2017"


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
    inputs, labels = workspace.af(CORPUS, trial.recipe.input)
    parts = split(trial, labels, recording_groups(workspace.corpus(CORPUS), trial.recipe.copies))
    model = start_model(trial, store)
    run = _resume(trial, store, model)
    while not finished(run, trial.recipe):
        _epoch(trial, store, model, inputs, labels, parts, run)
        last = run["history"][-1]
        scores = f"validation loss {last['val_loss']:.3f}, macro F1 {last['val_macro_f1']:.3f}"
        report(f"epoch {last['epoch']}, {scores}")
    record = _record(trial, model, parts, run) | (notes or {})
    checkpoint.restore(model, run["best"])
    ids = workspace.corpus(CORPUS).index.record_id.to_numpy()
    store.commit(trial, run["history"], _predictions(trial, model, inputs, labels, ids, parts), record)


def start_model(trial, store):
    """Build and compile the net of a fine-tuning trial, with the weights it starts from."""
    recipe = trial.recipe
    model = build(
        trial.model, recipe.input.length, len(CLASSES), width=trial.width, precision=trial.precision
    )
    if trial.parent:
        path = store.weights(*trial.start)
        if not path.exists():
            raise SettingsError(trial, f"weights in {path}", "none", "Run the pre-training trial first.")
        checkpoint.load_extractor(path, model, HEAD)
    model.compile(optimiser(recipe.optimiser), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model


def _resume(trial, store, model):
    found = checkpoint.load(store.checkpoint(trial))
    if found is None:
        begun = {"history": [], "best": None, "best_epoch": 0}
        return begun | {"seconds": 0.0, "cpu_seconds": 0.0, "resumed": 0}
    progress, groups = found
    checkpoint.restore(model, groups["state"])
    return progress | {"best": groups["best"], "resumed": progress["resumed"] + 1}


def finished(run, recipe):
    """Whether the cap is reached, or the validation loss has not fallen for `recipe.patience` epochs."""
    losses = [row["val_loss"] for row in run["history"]]
    if not losses:
        return False
    return len(losses) >= recipe.epochs or len(losses) - 1 - int(np.argmin(losses)) >= recipe.patience


def _epoch(trial, store, model, inputs, labels, parts, run):
    began, cpu = time.perf_counter(), time.process_time()
    epoch = len(run["history"]) + 1
    loss = train_epoch(model, inputs, labels, parts.train, trial, epoch)
    row = {"epoch": epoch, "loss": loss} | validate(model, inputs, labels, parts.validation)
    run["history"].append(row)
    score = {"macro_f1": "val_macro_f1", "loss": "val_loss"}[trial.recipe.select]
    sign = -1 if trial.recipe.select == "loss" else 1
    scores = [sign * past[score] for past in run["history"]]
    if len(scores) == 1 or scores[-1] > max(scores[:-1]):
        run["best"], run["best_epoch"] = checkpoint.state(model), epoch
    run["seconds"] += time.perf_counter() - began
    run["cpu_seconds"] += time.process_time() - cpu
    progress = {key: value for key, value in run.items() if key != "best"}
    checkpoint.save(store.checkpoint(trial), progress, state=checkpoint.state(model), best=run["best"])


def train_epoch(model, inputs, labels, train, trial, epoch):
    """One pass over the training records in an order that depends on seed and epoch alone; mean loss."""
    order = np.random.default_rng([derive(trial.seed, "order"), epoch]).permutation(train)
    size = trial.recipe.batch_size
    batches = (order[first : first + size] for first in range(0, len(order), size))
    return steps.train(model, ((inputs[batch][..., None], labels[batch]) for batch in batches))


def predict(model, inputs, positions, batch_size=256):
    """Logits of records: float32 (n_records, n_classes)."""
    parts = []
    for first in range(0, len(positions), batch_size):
        part = positions[first : first + batch_size]
        # one shape for all batches: every other shape would compile the net once more
        filled = np.resize(part, batch_size)
        parts.append(np.asarray(model.predict_on_batch(inputs[filled][..., None]), np.float32)[: len(part)])
    return np.concatenate(parts)


def validate(model, inputs, labels, validation):
    """Validation loss and scores of one epoch, as a row of the history."""
    logits = predict(model, inputs, validation)
    matrix = metrics.confusion_matrix(labels[validation], logits.argmax(axis=1), len(CLASSES))
    return {"val_loss": float(metrics.cross_entropy(logits, labels[validation])),
            "val_macro_f1": float(metrics.macro_f1(matrix)),
            "val_challenge_f1": float(metrics.challenge_f1(matrix))}  # fmt: skip


def _predictions(trial, model, inputs, labels, ids, parts):
    tables = []
    for part in ("validation", "test"):
        positions = getattr(parts, part)
        logits = predict(model, inputs, positions)
        where = {"part": part, "fold": trial.fold, "seed": trial.seed}
        tables.append(prediction_table(ids[positions], labels[positions], logits, **where))
    return pd.concat(tables, ignore_index=True)


def _record(trial, model, parts, run):
    epochs = len(run["history"])
    records = {part.name: len(getattr(parts, part.name)) for part in fields(parts)}
    return run_record(
        run["seconds"], run["cpu_seconds"], epochs * len(parts.train), resumed=run["resumed"], epochs=epochs,
        best_epoch=run["best_epoch"], hit_epoch_cap=not finished(run, _without_cap(trial.recipe)),
        parameters=model.count_params(), records=records,
    )  # fmt: skip


def _without_cap(recipe):
    return replace(recipe, epochs=10**9)
