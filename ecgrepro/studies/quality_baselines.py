"""Classic signal-quality indices with logistic regression: what a net of study `freezing` has to beat.

They are fitted to the training segments of a trial and judged on its validation segments and test intervals: the very
ones that the nets of that seed see (`ecgrepro.training.examples`). Of indices and classifier see
`ecgrepro.frames.signal_quality`.

The indices need mV: fSQI has its limit in mV/s, one QRS detector of bSQI a step in mV. Standardised inputs have lost
them and are refused. The same trial with `IntervalInput.standardised` turned off draws the same segments.

Next to the predictions stands how they were made::

    baselines/seed-0.parquet  validation and test, see `ecgrepro.evaluation.predictions`
    baselines/seed-0.json     corpora, input, coefficients, what indices and fit cost, where it ran
"""

import hashlib
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecgrepro import paths
from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.evaluation.predictions import (
    combine_predictions,
    prediction_table,
    read_predictions,
    write_predictions,
)
from ecgrepro.frames.kept_arrays import keep
from ecgrepro.frames.signal_quality import CHUNK, INDICES, index_classifier, quality_indices
from ecgrepro.studies.designs import STUDIES
from ecgrepro.studies.run import open_workspace
from ecgrepro.studies.scale import configure
from ecgrepro.training.examples import examples_of
from ecgrepro.training.recipe import QualityTraining, describe_recipe
from ecgrepro.training.run_record import git_commit, hardware, metered, versions

#: Bumped when the same segments would get other indices or other predictions.
VERSION = 1
#: Entries of the JSON file by which results are found again.
DESCRIBED = ("seed", "corpora", "input", "version")


def baseline(trial, workspace, folder, progress=True):
    """Fit and test the baseline of a trial's seed, unless that was done before.

    Parameters
    ----------
    trial : Trial
        Of a `QualityTraining`; its seed, corpora and `recipe.input` count, no net and no arm.
    workspace : Workspace
        The indices of the test intervals are kept in its working folder, for all seeds.
    folder : str or Path
        Gets ``seed-N.parquet`` and ``seed-N.json``; made where it does not exist. Both are made anew where one is
        missing, or the second tells of other corpora or another input.
    progress : bool
        Show a bar while indices are measured.

    Returns
    -------
    Path
        Of the predictions: two logits, 0 and the log odds of low quality. In training both classes are as frequent, so
        the odds are those of a balanced set, as a net's are.

    Raises
    ------
    SettingsError
        A trial of another recipe, or that cannot be run as described; standardised inputs; too low a sampling rate.
    InputError
        A corpus that is missing, or another than the trial was described with.
    DiskError
        Results that cannot be written; what was there before stays, and nothing else.
    """
    _check(trial, workspace)
    place, described = Path(folder) / f"seed-{trial.seed}.parquet", _description(trial)
    if not _is_there(place, described):
        table, found = _fit_and_test(trial, workspace, progress)
        _write(place, table, described | found)
    return place


def run_baselines(study, scale, *, data=None, progress=True, **overrides):
    """Do `baseline` for every seed of a study at a scale, and read what they left.

    Parameters
    ----------
    study : str
    scale : {"demo", "pilot", "colab", "paper"}
    data : str or Path, optional
        As in `ecgrepro.studies.run.run_study`.
    progress : bool
    overrides
        As in `ecgrepro.studies.scale.configure`. What is learnt with settings of one's own is kept in the working
        folder: the results of a scale are those of its design.

    Returns
    -------
    DataFrame
        See `read_baselines`.
    """
    declared, settings = STUDIES[study].SCALES[scale], configure(STUDIES[study].SCALES, scale, **overrides)
    workspace = open_workspace(settings, data)
    folder = committed(study, scale)
    if settings.fine_tuning.input != declared.fine_tuning.input:
        told = json.dumps(asdict(settings.fine_tuning.input)).encode()
        folder = paths.work() / "signal_quality" / hashlib.sha256(told).hexdigest()[:16]
    plain = {
        trial.seed: trial
        for trial in STUDIES[study].trials(settings, workspace)
        if trial.recipe == settings.fine_tuning and _learnt(trial) == settings.learnt
    }
    for trial in plain.values():
        baseline(trial, workspace, folder, progress)
    return read_baselines(folder)


def _learnt(trial):
    return tuple(name for name, _ in trial.corpora[:-1])


def committed(study, scale):
    """Folder of the baselines of a study's own design."""
    return paths.results(scale, study) / "signal_quality"


def read_baselines(folder):
    """Read what `baseline` left for all seeds.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    DataFrame or None
        Predictions by ascending seed, see `combine_predictions`; None where there are none, or no such folder.

    Raises
    ------
    InputError
        Seeds of different corpora or inputs, a file that holds something else; and where `combine_predictions` would.
    """
    found = sorted(
        ((told, place) for place in Path(folder).glob("seed-*.parquet") if (told := _told(place))),
        key=lambda pair: pair[0]["seed"],
    )
    kinds = {json.dumps([told[name] for name in DESCRIBED if name != "seed"]) for told, _ in found}
    if len(kinds) > 1:
        raise InputError(folder, "baselines of one input and the same corpora", f"{len(kinds)} kinds",
                         "Run the baseline of every seed again, or keep each kind in a folder of its own.")  # fmt: skip
    return combine_predictions(read_predictions(place) for _, place in found) if found else None


def _check(trial, workspace):
    if not isinstance(trial.recipe, QualityTraining):
        raise SettingsError(f"{trial}, recipe", "a QualityTraining", type(trial.recipe).__name__,
                            "Give a trial of signal quality.")  # fmt: skip
    trial.check()
    if trial.recipe.input.interval.standardised:
        raise SettingsError(f"{trial}, standardised", "intervals in mV, which the indices need", "standardised ones",
                            "Give the trial with standardised=False: it draws the same segments.")  # fmt: skip
    workspace.check(trial)


def _description(trial):
    """All that decides the predictions, as a JSON file has it."""
    values = trial.seed, trial.corpora, describe_recipe(trial.recipe)["input"], VERSION
    return json.loads(json.dumps(dict(zip(DESCRIBED, values, strict=True))))


def _told(place):
    """What stands next to predictions: dict, or None where it is missing or something else."""
    try:
        told = json.loads(place.with_suffix(".json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) and set(DESCRIBED) <= set(told) else None


def _is_there(place, described):
    told = _told(place) or {}
    return place.exists() and {name: told.get(name) for name in described} == described


def _fit_and_test(trial, workspace, progress):
    """Predictions of both parts, and what the JSON file says besides the description."""
    examples, indices, fit = examples_of(trial, workspace), _Indices(trial.recipe.input.fs, progress), {}
    known = indices.measure(examples.known.inputs, f"seed {trial.seed}")
    unseen = _test_indices(trial, workspace, examples.unseen, indices)
    with metered(fit):
        model = index_classifier().fit(_exact(known[examples.train]), examples.known.labels[examples.train])
    table = pd.concat([_predictions(trial, examples, model, part, values)
                       for part, values in (("validation", known), ("test", unseen))], ignore_index=True)  # fmt: skip
    cost = {"indices": _rounded(indices.cost) | {"intervals": indices.intervals}, "fit": _rounded(fit)}
    where = {"finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": git_commit(),
             "versions": versions(), "hardware": hardware()}  # fmt: skip
    return table, {"records": examples.sizes, "cost": cost} | _coefficients(model) | where | examples.notes


class _Indices:
    """Measures indices, and what that costs; intervals whose indices were kept are not counted."""

    def __init__(self, fs, progress):
        self.fs, self.progress, self.cost, self.intervals = fs, progress, {}, 0

    def measure(self, inputs, words):
        """Indices of inputs (n_intervals, n_samples, 1) in mV: float32 (n_intervals, len(INDICES))."""
        # without `disable` the bar follows tqdm's own variable TQDM_DISABLE
        hidden = {} if self.progress else {"disable": True}
        words, found = f"signal-quality indices, {words}", []
        with (
            metered(self.cost),
            tqdm(total=len(inputs), desc=words, unit="interval", file=sys.stderr, **hidden) as bar,
        ):
            for first in range(0, len(inputs), CHUNK):
                chunk = quality_indices(inputs[first : first + CHUNK, :, 0], self.fs)
                found.append(chunk.to_numpy(np.float32))
                bar.update(len(chunk))
        self.intervals += len(inputs)
        return np.concatenate(found)


def _test_indices(trial, workspace, rows, indices):
    """Indices of the test intervals, which no seed changes: measured once."""
    (_, fingerprint), interval = trial.corpora[-1], trial.recipe.input.interval

    def make():
        return indices.measure(rows.inputs, "test"), pd.DataFrame({"record_id": rows.ids})

    content = [fingerprint, asdict(interval), list(INDICES), VERSION]
    return keep(workspace.work / "prepared", "indices", content, make)[0]


def _predictions(trial, examples, model, part, values):
    rows, positions = examples.part(part)
    odds = model.decision_function(_exact(values[positions]))
    logits = np.stack([np.zeros_like(odds), odds], axis=1)
    return prediction_table(rows.ids[positions], rows.labels[positions], logits, part=part, fold=trial.fold,
                            seed=trial.seed)  # fmt: skip


def _exact(values):
    """In float64, or scikit-learn would fit in float32."""
    return np.asarray(values, np.float64)


def _rounded(cost):
    """Entries as `metered` leaves them, with three decimals; energy is None where no counter can be read."""
    return {name: None if value is None else round(value, 3) for name, value in cost.items()}


def _coefficients(model):
    """Log odds of low quality: the intercept, and what each index adds per standard deviation from its mean."""
    scaler, regression = model[0], model[-1]
    columns = {"coefficients": regression.coef_[0], "means": scaler.mean_, "deviations": scaler.scale_}
    by_name = {key: dict(zip(INDICES, values.tolist(), strict=True)) for key, values in columns.items()}
    return {"intercept": float(regression.intercept_[0])} | by_name


def _write(place, table, told):
    """Make both files appear; the JSON file last, for without it predictions do not count."""
    partial = place.with_name(f".{place.stem}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        write_predictions(partial / place.name, table)
        (partial / "told.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
        # else predictions of this input could stand for a moment beside the description of another
        place.with_suffix(".json").unlink(missing_ok=True)
        os.replace(partial / place.name, place)
        os.replace(partial / "told.json", place.with_suffix(".json"))
    except OSError as error:
        fix = "Make the folder, or free some space, and run it again."
        raise DiskError(place, "a folder with room for the predictions", str(error), fix) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
