"""What a supervised trial learns from and is judged by: recordings for AF, intervals for signal quality."""

from dataclasses import dataclass, replace

import numpy as np

from ecgrepro.corpora import cinc2017
from ecgrepro.frames import quality_intervals
from ecgrepro.frames.af import class_indices, prepare_corpus, recording_groups, standardising_constants
from ecgrepro.frames.graded_segments import GradedInput, prepare_segments
from ecgrepro.frames.noise import PARTS
from ecgrepro.frames.quality_intervals import prepare_intervals
from ecgrepro.frames.quality_mixture import prepare_mixture
from ecgrepro.training.parts import split
from ecgrepro.training.recipe import QualityTraining


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs in memory or on disk, and what is known of each.

    Attributes
    ----------
    inputs : float32 array or memmap, (n_rows, length, 1)
    labels : int32 array, (n_rows,)
    ids : object array, (n_rows,)
        Record or interval, as predictions name it.
    key : str
        Names the content of the inputs: rows of one key are the same.
    """

    inputs: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    key: str


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
        Entries of the run record: what standardises the inputs, the label revision, the kinds of noise.
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


def examples_of(trial, workspace):
    """Make the examples of a supervised trial.

    Parameters
    ----------
    trial : Trial
        Of a `FineTuning` or a `QualityTraining`.
    workspace : Workspace

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
    return (_of_quality if isinstance(trial.recipe, QualityTraining) else _of_af)(trial, workspace)


def _of_af(trial, workspace):
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


def _of_quality(trial, workspace):
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
