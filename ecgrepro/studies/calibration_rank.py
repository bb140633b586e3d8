"""The control of the `calibration` study: one positive temperature must leave every class's ROC area as it is.

True of multi-label nets, whose classes are each a monotone map of their own logit, and of a softmax of two classes. In
a softmax of more classes a temperature moves the records of a class past one another, and no such control exists.
"""

from dataclasses import dataclass

from ecgrepro.errors import InputError
from ecgrepro.evaluation.macro_auc_comparison import PairedMacroAUC, paired_macro_auc_difference
from ecgrepro.evaluation.predictions import is_multi_label, logit_columns
from ecgrepro.studies.calibration import PAIRS, PredictionSet, class_names, fitted
from ecgrepro.studies.designs import stacked
from ecgrepro.studies.evidence_areas import ALL, patients


@dataclass(frozen=True, eq=False)
class RankControl:
    """Macro AUC after one temperature, and before.

    Attributes
    ----------
    place : tuple of str
        Study and arm whose predictions these are.
    runs : list of dict
        Their results by seed.
    difference : PairedMacroAUC
        After minus before; ``per_seed`` has ``first``, after, and ``second``, before.
    """

    place: tuple
    runs: list
    difference: PairedMacroAUC

    @property
    def after(self):
        """Mean over seeds of the macro AUC with the temperature of each seed's validation records."""
        return float(self.difference.per_seed["first"].mean())

    @property
    def before(self):
        """Mean over seeds of the macro AUC of the net as it is."""
        return float(self.difference.per_seed["second"].mean())


def rank_control(study, scale, *, arm=None, level=0.95, seed=2017, n_resamples=2000):
    """Compare the macro AUC of a committed multi-label set before and after one temperature.

    Parameters
    ----------
    study : str
        Study whose predictions are taken.
    scale : str
    arm : str, optional
        The first committed random start among `calibration.PAIRS` unless given, Georgia before PTB-XL.
    level, seed, n_resamples
        Of the interval over seeds and records.

    Returns
    -------
    RankControl or None
        None where no such set is committed. All classes with positives and negatives count.

    Raises
    ------
    InputError
        For predictions of one class per record.
    """
    of_study = [pair.random for pair in reversed(PAIRS) if pair.random.study == study]
    listed = [PredictionSet(arm, study, arm)] if arm else of_study
    found = next(((one, runs) for one in listed if (runs := one.runs(scale))), None)
    if found is None:
        return None
    one, runs = found
    table = stacked(runs)
    if not is_multi_label(table):
        fix = "A softmax may change a class's order: ask a multi-label study."
        raise InputError("rank control", "multi-label predictions", f"one class per record, {study}", fix)
    how = {"level": level, "seed": seed, "n_resamples": n_resamples, "clusters": patients(runs)}
    made = paired_macro_auc_difference(
        with_temperature(table), table, class_names(runs), minimum_positives=ALL, **how
    )
    return RankControl((study, one.arm), runs, made)


def with_temperature(table):
    """Return predictions with the logits of each seed divided by the temperature of its validation records.

    Rounded to float32 like all logits of a table: two that differ in the last digit alone may become equal.
    """
    found = {seed: one.parameters["temperature"] for seed, one in fitted(table, "temperature").items()}
    columns = logit_columns(table)
    scaled = table[columns].astype("float64").div(table["seed"].map(found), axis=0).astype("float32")
    return table.assign(**{name: scaled[name] for name in columns})
