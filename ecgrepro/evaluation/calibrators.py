"""Calibrators: fitted on validation logits, applied to test logits, for multi-label and single-label nets alike.

    calibrator = make_calibrator("platt").fit(validation_logits, validation_labels)
    probabilities = calibrator.transform(test_logits)

Any logits of the same classes in the same order may be transformed, so that a calibrator fitted on one data set is
carried over to another by the very same call.

Single-label nets: `none`, `temperature` and `prevalence` stay within the softmax. All others treat each class against
the rest, starting from the log-odds of its softmax probability, and divide each record's probabilities by their sum
(Zadrozny & Elkan 2002, doi:10.1145/775047.775151). After that division no class is exactly calibrated any
more, not even on validation records, and the class of the largest probability may change.
"""

import numpy as np
from scipy import special

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.binary_calibrators import (
    beta_map,
    identity_map,
    isotonic_map,
    platt_map,
    temperature_map,
)
from ecgrepro.evaluation.calibration_inputs import (
    CLIP,
    MIN_PER_CLASS,
    check_logits,
    class_log_odds,
    clip_probabilities,
    countable_classes,
    indicators,
    is_multi_class,
)
from ecgrepro.evaluation.temperature_scaling import fit_temperature, project_temperature


class Calibrator:
    """No calibration, and what all calibrators have in common.

    Parameters
    ----------
    minimum : int
        Fewest positives, and fewest negatives, from which a class is calibrated.
    too_few : {"skip", "refuse"}
        A class with fewer keeps the net's own probabilities, with a note; or an error is raised.
    allow_probabilities : bool
        See `calibration_inputs.check_logits`.

    Attributes
    ----------
    multi_class : bool
        Whether fitted on class indices; before `fit`, as all below, absent.
    n_classes, n_records : int
        Of the validation part.
    parameters : dict
        What was fitted, for tables; per class a list with None where a class was skipped.
    notes : tuple of str
        What was done other than usual. Show them.
    """

    def __init__(self, *, minimum=MIN_PER_CLASS, too_few="skip", allow_probabilities=False):
        if too_few not in ("skip", "refuse"):
            raise SettingsError("too_few", "'skip' or 'refuse'", repr(too_few), "'skip' leaves a note.")
        if minimum < 1:
            fix = f"Leave it at {MIN_PER_CLASS}."
            raise SettingsError("minimum", "1 or more", repr(minimum), fix)
        self.minimum, self.too_few, self.allow_probabilities = minimum, too_few, allow_probabilities

    def fit(self, logits, labels):
        """Fit on validation records and return the calibrator itself.

        Parameters
        ----------
        logits : array, (n_records, n_classes)
        labels : integer array (n_records,) of class indices, or array (n_records, n_classes) of zeros and ones

        Raises
        ------
        InputError
            As `calibration_inputs.check_logits` and `calibration_inputs.indicators`; for too few positives or
            negatives where these are to be refused.
        """
        logits = check_logits(logits, allow_probabilities=self.allow_probabilities)
        targets = indicators(labels, logits.shape)
        self.multi_class = is_multi_class(labels)
        self.n_records, self.n_classes = logits.shape
        self.parameters, self.notes = {}, ()
        self._fit(logits, targets)
        return self

    def transform(self, logits):
        """Return probabilities, float64 (n_records, n_classes); single-label rows sum to one.

        Parameters
        ----------
        logits : array, (n_records, n_classes)
            Of any records, with the classes of `fit` in the same order.

        Raises
        ------
        InputError
            Before `fit`, for another number of classes, and as `calibration_inputs.check_logits`.
        """
        if not hasattr(self, "n_classes"):
            fix = "Call fit with the validation part first."
            raise InputError("calibrator", "a fitted one", "one without validation records", fix)
        logits = check_logits(logits, allow_probabilities=self.allow_probabilities)
        if logits.shape[1] != self.n_classes:
            fix = "Carry a calibrator over to the same classes in the same order."
            got = f"{logits.shape[1]} columns"
            raise InputError("logits", f"{self.n_classes} classes, as fitted", got, fix)
        return self._transform(logits)

    def _fit(self, logits, targets):
        pass

    def _transform(self, logits):
        return special.softmax(logits, axis=1) if self.multi_class else special.expit(logits)

    def _countable(self, targets):
        """Return which classes may be calibrated; note, or refuse, the others."""
        counted, notes = countable_classes(targets, self.minimum)
        if notes and self.too_few == "refuse":
            fix = "Fit on more validation records, or leave these classes as they are: too_few='skip'."
            expected = f"{self.minimum} positives and negatives of each class"
            raise InputError("validation records", expected, "; ".join(notes), fix)
        return counted, notes


class TemperatureCalibrator(Calibrator):
    """One temperature for all classes (`temperature_scaling.fit_temperature`).

    All classes take part, those with few records too: they share what the others settle. Where no class has
    enough, the temperature stays 1, with a note, or is refused.
    """

    def _fit(self, logits, targets):
        self.parameters = {"temperature": 1.0}
        if countable_classes(targets, self.minimum)[0].any():
            self.parameters["temperature"], self.notes = fit_temperature(
                logits, targets, multi_class=self.multi_class
            )
            return
        _, notes = self._countable(targets)
        self.notes = tuple(f"{note}: the temperature stays 1" for note in notes)

    def _transform(self, logits):
        return super()._transform(logits / self.parameters["temperature"])


class ProjectTemperatureCalibrator(TemperatureCalibrator):
    """The temperature of the CSC2541 project's program, for multi-label nets alone; no minimum applies.

    See `temperature_scaling.project_temperature` for what it does, X-27 for why nobody should use it.
    """

    def _fit(self, logits, targets):
        if self.multi_class:
            fix = "Use 'temperature' for a softmax."
            raise InputError("labels", "multi-label zeros and ones", "class indices", fix)
        found = project_temperature(logits, targets)
        self.parameters = {"temperature": found.temperature}
        self.notes = (f"stopped after {found.n_iterations} iterations at a slope of {found.gradient:.2g}",)
        if found.temperature < 0:
            self.notes += (f"temperature {found.temperature:.3g} reverses the order of all scores",)


class ClassCalibrator(Calibrator):
    """A map of its own for each class; subclasses name it.

    Classes with too few positives or negatives keep the net's own probability.
    """

    fit_map = None

    def _fit(self, logits, targets):
        counted, notes = self._countable(targets)
        scores = class_log_odds(logits, multi_class=self.multi_class)
        self._maps = [
            type(self).fit_map(scores[:, k], targets[:, k]) if counted[k] else identity_map()
            for k in range(self.n_classes)
        ]
        self.notes = tuple(f"{note}: left uncalibrated" for note in notes)
        self.notes += tuple(
            f"class {k}: {note}" for k, fitted in enumerate(self._maps) for note in fitted.notes
        )
        names = {name: None for fitted in self._maps for name in fitted.parameters}
        self.parameters = {name: [fitted.parameters.get(name) for fitted in self._maps] for name in names}

    def _transform(self, logits):
        scores = class_log_odds(logits, multi_class=self.multi_class)
        columns = [fitted(scores[:, k]) for k, fitted in enumerate(self._maps)]
        probabilities = np.stack(columns, axis=1)
        if not self.multi_class:
            return probabilities
        # a record that every class denies beyond float64 would else be divided by 0
        probabilities = np.maximum(probabilities, np.finfo(np.float64).tiny)
        return probabilities / probabilities.sum(axis=1, keepdims=True)


class ClassTemperatureCalibrator(ClassCalibrator):
    """A temperature for each class (`binary_calibrators.temperature_map`)."""

    fit_map = staticmethod(temperature_map)


class PlattCalibrator(ClassCalibrator):
    """Platt scaling of each class (`binary_calibrators.platt_map`)."""

    fit_map = staticmethod(platt_map)


class IsotonicCalibrator(ClassCalibrator):
    """Isotonic regression of each class (`binary_calibrators.isotonic_map`)."""

    fit_map = staticmethod(isotonic_map)


class BetaCalibrator(ClassCalibrator):
    """Beta calibration of each class (`binary_calibrators.beta_map`)."""

    fit_map = staticmethod(beta_map)


class PrevalenceCalibrator(Calibrator):
    """The control that ignores the net: every record gets the classes' shares among the validation records.

    Shares of exactly 0 or 1 are moved to `calibration_inputs.CLIP` or 1 less it, with a note; no minimum applies.
    """

    def _fit(self, logits, targets):
        shares, n_moved = clip_probabilities(targets.mean(axis=0))
        if n_moved:
            self.notes = (f"{n_moved} classes of no or only positives: their shares were moved by {CLIP:g}",)
        self.parameters = {"prevalence": (shares / shares.sum() if self.multi_class else shares).tolist()}

    def _transform(self, logits):
        return np.tile(np.array(self.parameters["prevalence"]), (len(logits), 1))


#: Every calibrator by name.
CALIBRATORS = {
    "none": Calibrator,
    "temperature": TemperatureCalibrator,
    "temperature_per_class": ClassTemperatureCalibrator,
    "platt": PlattCalibrator,
    "isotonic": IsotonicCalibrator,
    "beta": BetaCalibrator,
    "project_temperature": ProjectTemperatureCalibrator,
    "prevalence": PrevalenceCalibrator,
}


def make_calibrator(name, **settings):
    """Return an unfitted calibrator of `CALIBRATORS`; settings are those of `Calibrator`.

    Raises
    ------
    SettingsError
        For an unknown name or an impossible setting.
    """
    if name not in CALIBRATORS:
        fix = "'none' is the net as it is."
        raise SettingsError("calibrator", f"one of {', '.join(CALIBRATORS)}", repr(name), fix)
    return CALIBRATORS[name](**settings)
