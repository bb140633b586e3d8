"""Whether trials can be run on the corpora that are here, told before the first of them takes a step.

`Trial.check` looks at a description alone. Here the corpora are looked at as well: recording lengths, patients, labels
and marks, all of which stand in a corpus' index; no signal is read, and nothing is resampled. Nets are built only where
layers are frozen, to count them.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import class_indices, recording_groups
from ecgrepro.frames.graded_segments import GradedInput, draw_segments
from ecgrepro.frames.noise import PARTS
from ecgrepro.frames.quality_intervals import CLASSES as QUALITY
from ecgrepro.frames.quality_intervals import interval_index
from ecgrepro.frames.quality_mixture import draw_mixture
from ecgrepro.frames.splits import stratified_folds
from ecgrepro.training.diagnosis_parts import diagnosed
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining, input_shape
from ecgrepro.training.freezing import resolve
from ecgrepro.training.parts import choose_patients, divide
from ecgrepro.training.pretrain import reach, task_of
from ecgrepro.training.recipe import FineTuning, Pretraining, QualityTraining
from ecgrepro.training.start import build_net, stages


def check_all(trials, workspace):
    """Do `check_with` for every trial of a list."""
    for trial in dict.fromkeys(trials):
        check_with(trial, workspace)


def check_with(trial, workspace):
    """Refuse a trial that cannot be run.

    Parameters
    ----------
    trial : Trial
    workspace : Workspace

    Raises
    ------
    SettingsError
        A description that no run could follow; frames longer than the recordings; more patients than there are, or a
        sample beyond the last; a share of patients, records or labels that leaves none or too few of a class; batches
        larger than a pass; a task without its marks; more layers frozen than the net has. The parameter is named.
    InputError
        A corpus that is missing, or another than the trial was described with.
    """
    trial.check()
    workspace.check(trial)
    check = {Pretraining: _check_pretraining, FineTuning: _check_fine_tuning, QualityTraining: _check_quality,
             DiagnosisTraining: _check_diagnosis}  # fmt: skip
    check[type(trial.recipe)](trial, workspace)


def _check_pretraining(trial, workspace):
    recipe, names = trial.recipe, tuple(name for name, _ in trial.corpora)
    task = task_of(recipe)
    unmarked = [name for name in names if task.kind and not _n_marks(workspace.corpus(name), task.kind)]
    if unmarked:
        raise SettingsError(f"{trial}, task", f"{task.kind} marked in every corpus",
                            f"{recipe.task}, and none in {unmarked[0]}",
                            "Choose another task, or corpora that have them.")  # fmt: skip
    choose_patients(trial, _recordings(workspace, names, recipe.fs), reach(recipe, task))


def _n_marks(corpus, kind):
    positions, _ = getattr(corpus, kind)
    return len(positions)


@lru_cache(maxsize=8)
def _recordings(workspace, names, fs):
    """Recordings of corpora as `choose_patients` takes them, with as many samples as `Streams` at that rate has."""
    tables = []
    for corpus in map(workspace.corpus, names):
        data_set, index = corpus.manifest["data_set"], corpus.index
        n_samples = np.ceil(index.n_samples * fs / index.fs).astype(np.int64)
        groups = [f"{data_set} {group}" for group in corpus.groups()]
        tables.append(pd.DataFrame({"corpus": data_set, "group": groups, "n_samples": n_samples}))
    return pd.concat(tables, ignore_index=True)


def _check_fine_tuning(trial, workspace):
    recipe, ((name, _),) = trial.recipe, trial.corpora
    labels, groups = _labelled(workspace, name, recipe.copies)
    divide(trial, labels, groups, _folds(workspace, name, recipe.copies, recipe.folds, recipe.fold_seed))
    _check_depths_of(trial, CLASSES)


def _check_quality(trial, workspace):
    names, how = [name for name, _ in trial.corpora], trial.recipe.input
    interval_index(workspace.corpus(names[-1]), how.interval)
    for part in PARTS:
        _draw(workspace, tuple(names[:-1]), how, trial.seed, part)
    _check_depths_of(trial, QUALITY)


def _check_diagnosis(trial, workspace):
    ((name, _),) = trial.corpora
    _check_depths_of(trial, diagnosed(trial, workspace.corpus(name)).classes)


@lru_cache(maxsize=32)
def _draw(workspace, names, how, seed, part):
    """Draw a part, once for all arms of a seed."""
    learnt = [workspace.corpus(name) for name in names]
    if isinstance(how, GradedInput):
        return draw_segments(*learnt, how, seed, part)
    return draw_mixture(learnt[:-1], learnt[-1], how, seed, part)


def _check_depths_of(trial, classes):
    """Refuse a net that cannot be built for these inputs, and more layers frozen than it has."""
    depths = tuple(stage.freeze_depth for stage in stages(trial))
    if any(depths) or trial.transform:
        net = _Net(trial.model, trial.width, trial.precision, trial.transform)
        _check_depths(net, input_shape(trial.recipe), len(classes), depths)


@lru_cache(maxsize=8)
def _labelled(workspace, name, copies):
    return class_indices(workspace.corpus(name)), recording_groups(workspace.corpus(name), copies)


@lru_cache(maxsize=32)
def _folds(workspace, name, copies, n_folds, seed):
    return stratified_folds(*_labelled(workspace, name, copies), n_folds, seed)


class _Net(NamedTuple):
    """What `build_net` reads of a trial."""

    model: str
    width: float
    precision: str
    transform: object


@lru_cache(maxsize=32)
def _check_depths(net, shape, n_classes, depths):
    built = build_net(net, shape, n_classes)
    for depth in depths:
        resolve(built, depth)
