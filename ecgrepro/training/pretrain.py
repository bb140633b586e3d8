"""Pre-training: one pass over frames of all training patients, judged on patients it never saw.

Source: Weimann & Conrad 2021 as coded (c255af5, `pretraining/`): sparse cross-entropy from logits, Adam, no schedule,
no selection; the last weights are kept, and those at chosen shares of the pass.
"""

import hashlib
import math

import keras
import pandas as pd

from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.frames.sampler import FrameSampler
from ecgrepro.frames.tasks import make_task
from ecgrepro.models.future_prediction import extractor, forward_flops, future_prediction
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint, cost
from ecgrepro.training.device_corpus import frames_source, is_resident
from ecgrepro.training.parts import choose_patients
from ecgrepro.training.run_record import metered, run_record
from ecgrepro.training.seeds import derive, make_deterministic
from ecgrepro.training.start import build_net
from ecgrepro.training.steps import Steps
from ecgrepro.training.workspace import optimiser

#: Steps between two rows of the history, which is also where a killed run resumes.
BLOCK = 50
#: Patients of a sample that a run record names one by one; of a larger sample it holds a hash.
NAMED = 125


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
        A description that cannot be followed, such as batches larger than a pass, told before the first step.
    """
    trial.check()
    make_deterministic(trial.seed)
    train, held_out = samplers(trial, workspace)
    model = build_pretraining_model(trial, len(train.task.classes))
    keep = {share: math.ceil(share * train.n_steps) for share in trial.recipe.checkpoints}
    run = _resume(trial, store, model, keep)
    steps = Steps(model, frames_source(train))
    while run["step"] < train.n_steps:
        _block(trial, store, steps, train.n_steps, run, keep)
        report(f"step {run['step']}/{train.n_steps}, loss {run['history'][-1]['loss']:.3f}")
    record = _record(trial, steps, train, held_out, run) | (notes or {})
    store.commit(trial, run["history"], predict_held_out(trial, model, held_out), record)


def samplers(trial, workspace):
    """Samplers of the training and of the held-out patients of a trial; no patient is in both."""
    recipe, task = trial.recipe, task_of(trial.recipe)
    streams = workspace.streams([name for name, _ in trial.corpora], recipe.fs, task.kind)
    inside, outside = choose_patients(trial, streams.table, reach(recipe, task))
    common = {"length": recipe.length, "batch_size": recipe.batch_size, "mean": recipe.mean,
              "deviation": recipe.deviation, "shuffle_patients": recipe.shuffle_patients}  # fmt: skip
    train = FrameSampler(streams, task, patients=inside, frames_per_patient=recipe.frames_per_patient,
                         seed=derive(trial.seed, "sampler"), **common)  # fmt: skip
    held_out = FrameSampler(streams, task, patients=outside, frames_per_patient=recipe.held_out_frames,
                            seed=derive(trial.seed, "held_out"), **common)  # fmt: skip
    return train, held_out


def task_of(recipe):
    """Make the task of a `Pretraining`, see `ecgrepro.frames.tasks`."""
    future = {"context": recipe.future.context, "candidates": recipe.future.candidates}
    return make_task(recipe.task, recipe.fs, **(future if recipe.task == "future" else {}))


def reach(recipe, task):
    """Samples that lie one after another in an example of a task; a recording that gives one has more."""
    return recipe.length * getattr(task, "span", 1)


def build_pretraining_model(trial, n_classes):
    """Build and compile the net of a pre-training trial."""
    recipe = trial.recipe
    if recipe.task == "future":
        future = recipe.future
        model = future_prediction(
            trial.model, recipe.length, context=future.context, candidates=future.candidates, layers=future.layers,
            heads=future.heads, width=trial.width, precision=trial.precision,
        )  # fmt: skip
    else:
        model = build_net(trial, (recipe.length, 1), n_classes)
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


def _block(trial, store, steps, n_steps, run, keep):
    """Train up to the next row of the history, and save."""
    stop = min(run["step"] + BLOCK, n_steps, *(at for at in keep.values() if at > run["step"]))
    with metered(run):
        loss = steps.train(range(run["step"], stop))
    run["step"] = stop
    run["history"].append({"step": stop, "frames": stop * trial.recipe.batch_size, "loss": loss})
    for share in (share for share, at in keep.items() if at == stop):
        checkpoint.save_extractor(store.weights(trial.key, share), extractor(steps.model), HEAD)
    checkpoint.save(store.checkpoint(trial), run, state=checkpoint.state(steps.model))


def _record(trial, steps, train, held_out, run):
    frames = run["step"] * trial.recipe.batch_size
    return run_record(run["seconds"], run["cpu_seconds"], frames, flops=cost.training_flops(forward_flops(steps.model)),
                      precision=trial.precision, energy_joules=run.get("energy_joules"), resumed=run["resumed"],
                      parameters=steps.model.count_params(), on_device=is_resident(steps.source),
                      weights_sha256=checkpoint.digest(steps.model), patients=len(train.patients),
                      held_out_patients=held_out.patients, **_sampled(trial, train.patients))  # fmt: skip


def _sampled(trial, patients):
    """Who was trained on, where not all were that are not held out."""
    if trial.recipe.patients is None:
        return {}
    if len(patients) <= NAMED:
        return {"sampled_patients": patients}
    return {"sampled_patients_sha256": hashlib.sha256("\n".join(patients).encode()).hexdigest()}


def predict_held_out(trial, model, sampler):
    """Logits of the held-out patients' frames, as a table of predictions.

    The record id of a frame is ``corpus/record/lead/first sample``.
    """
    parts = []
    logits_of = Steps(model, frames_source(sampler)).predict(range(sampler.n_steps))
    for step, logits in enumerate(logits_of):
        rows, starts = sampler.places(step)
        labels = sampler.labels(rows, starts)
        # an example of several frames goes by its first
        rows, starts = (places.reshape(len(places), -1)[:, 0] for places in (rows, starts))
        table = sampler.streams.table.iloc[rows]
        ids = [
            f"{r.corpus}/{r.record_id}/{r.lead}/{start}"
            for r, start in zip(table.itertuples(), starts, strict=True)
        ]
        parts.append(pd.DataFrame({"record_id": ids, "label": labels}).join(pd.DataFrame(logits)))
    # two draws can hit the same frame
    table = pd.concat(parts, ignore_index=True).drop_duplicates("record_id")
    logits = table.drop(columns=["record_id", "label"]).to_numpy()
    return prediction_table(
        table.record_id, table.label, logits, part="test", fold=trial.fold, seed=trial.seed
    )
