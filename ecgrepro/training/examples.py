"""What a supervised trial learns from and is judged by: recordings for AF and diagnoses, intervals for quality."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ecgrepro.corpora import cinc2017
from ecgrepro.errors import SettingsError
from ecgrepro.frames import quality_intervals
from ecgrepro.frames.af import class_indices, prepare_corpus, recording_groups, standardising_constants
from ecgrepro.frames.diagnosis_input import prepare_recordings, recorded_samples, scaler_constants
from ecgrepro.frames.graded_segments import GradedInput, prepare_segments
from ecgrepro.frames.noise import PARTS
from ecgrepro.frames.quality_intervals import prepare_intervals
from ecgrepro.frames.quality_mixture import prepare_mixture
from ecgrepro.training.diagnosis_parts import diagnosed
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.parts import split
from ecgrepro.training.recipe import QualityTraining
from ecgrepro.training.windows import Windows


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs in memory or on disk, and what is known of each.

    Attributes
    ----------
    inputs : float32 array or memmap, (n_rows, length, n_leads)
    labels : int32 array, (n_rows,); or int8, (n_rows, n_classes)
        Class; or of each diagnosis whether the recording has it.
    ids : object array, (n_rows,)
        Record or interval, as predictions name it.
    key : str
        Names the content of the inputs: rows of one key are the same.
    windows : Windows, optional
        Where inputs are cut.
    """

    inputs: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    key: str
    windows: Windows | None = None


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows of a trial by part.

    Attributes
    ----------
    known : Rows
        With those for training and validation.
    unseen : Rows
        With those for the test; the same object as `known` where one corpus is split.
    train, validation, test : int array
        Positions, of the first two in `known`, of the test in `unseen`; ascending.
    classes : tuple of str
    scores : tuple of str
        Metrics of the validation records, besides the loss: names of `ecgrepro.evaluation.metrics`.
    notes : dict
        Entries of the run record: what standardises the inputs, the label revision, the kinds of noise; of diagnoses
        the positives of each class by part.
    """

    known: Rows
    unseen: Rows
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    classes: tuple
    scores: tuple
    notes: dict

    @property
    def sizes(self):
        """Number of rows of each part: dict."""
        return {part: len(getattr(self, part)) for part in ("train", "validation", "test")}

    def part(self, name):
        """Rows and positions of the part "validation" or "test"."""
        return (self.unseen if name == "test" else self.known), getattr(self, name)


def examples_of(trial, workspace, start=None):
    """Make the examples of a supervised trial.

    Parameters
    ----------
    trial : Trial
        Of a `FineTuning`, a `QualityTraining` or a `DiagnosisTraining`.
    workspace : Workspace
    start : dict, optional
        Run record of the trial whose weights it starts from, where it standardises as that one did.

    Returns
    -------
    Examples

    Raises
    ------
    SettingsError
        Too few records, people or segments for what the recipe asks for.
    InputError
        A corpus that is missing or of another kind.
    """
    make = {QualityTraining: _of_quality, DiagnosisTraining: _of_diagnosis}.get(type(trial.recipe), _of_af)
    return make(trial, workspace, start)


def _of_af(trial, workspace, start=None):
    """Recordings of CinC 2017, of which a fold is tested.

    With constants of the training records the inputs are in memory alone: they are this split's, and would fill the
    disk split by split.
    """
    ((name, _),) = trial.corpora
    corpus, how = workspace.corpus(name), trial.recipe.input
    labels = class_indices(corpus)
    parts = split(trial, labels, recording_groups(corpus, trial.recipe.copies))
    if trial.recipe.constants == "all":
        inputs = workspace.af(name, how)[0]
    else:
        mean, deviation = standardising_constants(corpus, parts.train)
        how = replace(how, mean=mean, deviation=deviation)
        inputs, _ = prepare_corpus(corpus, how, None, progress=False)
    # the constants are in the key: features of frozen layers must be told from those of another split
    rows = Rows(inputs[..., None], labels, corpus.index.record_id.to_numpy(), f"{trial.corpora} {how}")
    notes = {"standardised_with": {"mean": how.mean, "deviation": how.deviation}} | _label_revision(corpus)
    return Examples(rows, rows, parts.train, parts.validation, parts.test, cinc2017.CLASSES,
                    ("macro_f1", "challenge_f1"), notes)  # fmt: skip


def _label_revision(corpus):
    revision = corpus.manifest.get("options", {}).get("labels")
    return {"label_revision": revision} if revision else {}


def _of_quality(trial, workspace, start=None):
    """Segments drawn for this seed, and every interval of CinC 2017 for the test."""
    how, test = trial.recipe.input, workspace.corpus(trial.corpora[-1][0])
    drawn = [_segments(trial, workspace, part) for part in PARTS]
    inputs, labels = (np.concatenate([part[i] for part in drawn]) for i in range(2))
    ids = np.concatenate([part[2].record_id.to_numpy(object) for part in drawn])
    known = Rows(inputs[..., None], labels, ids, f"{trial.corpora} {how} {trial.seed}")
    tested, index = prepare_intervals(test, how.interval, workspace.work / "prepared", progress=False)
    unseen = Rows(tested[..., None], index.label.to_numpy(np.int32), index.record_id.to_numpy(object),
                  f"{trial.corpora[-1]} {how.interval}")  # fmt: skip
    n_train, places = len(drawn[0][0]), np.arange(len(inputs))
    # of several kinds of noise a copy of the database may lack one
    kinds = {"noise": sorted(set(drawn[0][2].noise) - {""})} if "noise" in drawn[0][2] else {}
    scores, notes = ("macro_f1", "balanced_accuracy"), _label_revision(test) | kinds
    return Examples(known, unseen, places[:n_train], places[n_train:], np.arange(len(tested)),
                    quality_intervals.CLASSES, scores, notes)  # fmt: skip


def _segments(trial, workspace, part):
    """Inputs, labels and index of a part that is drawn."""
    how, cache = trial.recipe.input, workspace.work / "prepared"
    learnt = [workspace.corpus(name) for name, _ in trial.corpora[:-1]]
    if isinstance(how, GradedInput):
        return prepare_segments(*learnt, how, trial.seed, part, cache)
    return prepare_mixture(learnt[:-1], learnt[-1], how, trial.seed, part, cache)


def _of_diagnosis(trial, workspace, start=None):
    """Recordings of twelve leads, cut into windows where a step asks for them."""
    ((name, _),), recipe = trial.corpora, trial.recipe
    corpus, how = workspace.corpus(name), recipe.input
    found = diagnosed(trial, corpus)
    inputs = prepare_recordings(corpus, how, workspace.work / "prepared", progress=False)
    # of all recordings, in the corpus' order: the prepared ones are never copied
    labels = np.zeros((len(corpus), len(found.classes)), np.int8)
    labels[found.positions] = found.labels
    train, validation, test = (found.positions[rows] for rows in found.parts)
    mean, deviation = _constants(trial, inputs, train, start)
    windows = Windows(recipe.window, how.length, recipe.stride, recorded_samples(corpus, how), recipe.crops,
                      recipe.aggregate, mean, deviation)  # fmt: skip
    rows = Rows(inputs, labels, corpus.index.record_id.to_numpy(), f"{trial.corpora} {how}", windows)
    notes = {"standardised_with": {"mean": mean, "deviation": deviation}, "classes": list(found.classes),
             "drawn_together": _of_one_patient(rows.ids[test], found.groups[found.parts.test]),
             "positives": found.positives}  # fmt: skip
    return Examples(rows, rows, train, validation, test, found.classes, ("macro_auc",), notes)


def unscored_classes(examples):
    """Diagnoses that all or none of the validation records have, so that their macro AUC leaves them out.

    Returns
    -------
    list of str
        Empty where a record has exactly one class.
    """
    labels = examples.known.labels[examples.validation]
    if labels.ndim == 1:
        return []
    same = labels.min(axis=0) == labels.max(axis=0)
    return [name for name, left_out in zip(examples.classes, same, strict=True) if left_out]


def _constants(trial, inputs, train, start):
    """Mean and deviation of the training recordings, or of those that the weights come from."""
    if trial.recipe.input.scaler != "start":
        return scaler_constants(inputs, train, trial.recipe.input.scaler)
    if "standardised_with" not in (start or {}):
        raise SettingsError(f"{trial}, scaler", "a start from training on diagnoses, with constants of its own",
                            trial.initialisation, "Take scaler training.")  # fmt: skip
    return tuple(start["standardised_with"][name] for name in ("mean", "deviation"))


def _of_one_patient(ids, groups):
    """Tested recordings that share a patient with another, by patient: lists of record ids."""
    table = pd.Series(ids).groupby(np.asarray(groups, str)).agg(list)
    return [together for together in table if len(together) > 1]
