"""Pre-training: one pass over frames of all training patients, judged on patients it never saw.

Source: Weimann & Conrad 2021 as coded (c255af5, `pretraining/`): sparse cross-entropy from logits, Adam, no schedule,
no selection; the last weights are kept, and those at chosen shares of the pass.
"""

import math
import time

import keras
import numpy as np
import pandas as pd

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.sampler import FrameSampler
from ecgrepro.models.catalogue import build
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint, steps
from ecgrepro.training.parts import split_patients
from ecgrepro.training.run_record import run_record
from ecgrepro.training.seeds import derive, make_deterministic
from ecgrepro.training.workspace import optimiser

#: Steps between two rows of the history, which is also where a killed run resumes.
BLOCK = 50


def pretrain(trial, store, workspace, report=lambda text: None, notes=None):
    """Run a pre-training trial to its end and commit its results.

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
        A description that cannot be followed, such as batches larger than a pass.
    """
    trial.check()
    make_deterministic(trial.seed)
    train, held_out = samplers(trial, workspace)
    model = build_pretraining_model(trial, len(train.task.classes))
    keep = {share: math.ceil(share * train.n_steps) for share in trial.recipe.checkpoints}
    run = _resume(trial, store, model, keep)
    while run["step"] < train.n_steps:
        _block(trial, store, model, train, run, keep)
        report(f"step {run['step']}/{train.n_steps}, loss {run['history'][-1]['loss']:.3f}")
    frames = run["step"] * trial.recipe.batch_size
    record = run_record(run["seconds"], run["cpu_seconds"], frames, resumed=run["resumed"],
                        parameters=model.count_params(), patients=len(train.patients),
                        held_out_patients=held_out.patients, **(notes or {}))  # fmt: skip
    store.commit(trial, run["history"], predict_held_out(trial, model, held_out), record)


def samplers(trial, workspace):
    """Samplers of the training and of the held-out patients of a trial; no patient is in both."""
    recipe = trial.recipe
    task = BeatTask()
    streams = workspace.streams([name for name, _ in trial.corpora], recipe.fs, len(task.classes))
    inside, outside = split_patients(streams.table, recipe.held_out, derive(trial.seed, "held_out"))
    common = {"length": recipe.length, "batch_size": recipe.batch_size, "mean": recipe.mean,
              "deviation": recipe.deviation, "shuffle_patients": recipe.shuffle_patients}  # fmt: skip
    train = FrameSampler(streams, task, patients=inside, frames_per_patient=recipe.frames_per_patient,
                         seed=derive(trial.seed, "sampler"), **common)  # fmt: skip
    held_out = FrameSampler(streams, task, patients=outside, frames_per_patient=recipe.held_out_frames,
                            seed=derive(trial.seed, "held_out"), **common)  # fmt: skip
    for sampler in (train, held_out):
        if not sampler.n_steps:
            got = f"{recipe.batch_size} of {sampler.n_frames}"
            raise SettingsError(f"{trial}, batch_size", "at most the frames of one pass", got,
                                "Take smaller batches, or more frames per patient.")  # fmt: skip
    return train, held_out


def build_pretraining_model(trial, n_classes):
    """Build and compile the net of a pre-training trial."""
    recipe = trial.recipe
    model = build(trial.model, recipe.length, n_classes, width=trial.width, precision=trial.precision)
    model.compile(optimiser(recipe.optimiser), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model


def _resume(trial, store, model, keep):
    found = checkpoint.load(store.checkpoint(trial))
    if found is None or _lacks_weights(trial, store, keep, found[0]["step"]):
        return {"step": 0, "history": [], "seconds": 0.0, "cpu_seconds": 0.0, "resumed": 0}
    progress, groups = found
    checkpoint.restore(model, groups["state"])
    return progress | {"resumed": progress["resumed"] + 1}


def _lacks_weights(trial, store, keep, step):
    """Whether weights that were kept before `step` have been deleted since: then only a new pass brings them."""
    return any(at <= step and not store.weights(trial.key, share).exists() for share, at in keep.items())


def _block(trial, store, model, train, run, keep):
    """Train up to the next row of the history, and save."""
    began, cpu = time.perf_counter(), time.process_time()
    stop = min(run["step"] + BLOCK, train.n_steps, *(at for at in keep.values() if at > run["step"]))
    loss = steps.train(model, (train.batch(step) for step in range(run["step"], stop)))
    run["step"] = stop
    run["seconds"] += time.perf_counter() - began
    run["cpu_seconds"] += time.process_time() - cpu
    run["history"].append({"step": stop, "frames": stop * trial.recipe.batch_size, "loss": loss})
    for share in (share for share, at in keep.items() if at == stop):
        checkpoint.save_extractor(store.weights(trial.key, share), model, HEAD)
    checkpoint.save(store.checkpoint(trial), run, state=checkpoint.state(model))


def predict_held_out(trial, model, sampler):
    """Logits of the held-out patients' frames, as a table of predictions.

    The record id of a frame is ``corpus/record/lead/first sample``.
    """
    parts = []
    for step in range(sampler.n_steps):
        rows, starts = sampler.places(step)
        frames, labels = sampler.batch(step)
        table = sampler.streams.table.iloc[rows]
        ids = [
            f"{r.corpus}/{r.record_id}/{r.lead}/{start}"
            for r, start in zip(table.itertuples(), starts, strict=True)
        ]
        logits = np.asarray(model.predict_on_batch(frames), np.float32)
        parts.append(pd.DataFrame({"record_id": ids, "label": labels}).join(pd.DataFrame(logits)))
    # two draws can hit the same frame
    table = pd.concat(parts, ignore_index=True).drop_duplicates("record_id")
    logits = table.drop(columns=["record_id", "label"]).to_numpy()
    return prediction_table(
        table.record_id, table.label, logits, part="test", fold=trial.fold, seed=trial.seed
    )
