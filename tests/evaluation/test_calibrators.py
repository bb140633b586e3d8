import numpy as np
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.brier_score import brier_skill
from ecgrepro.evaluation.calibrators import CALIBRATORS, make_calibrator
from ecgrepro.evaluation.log_loss import log_loss

BOTH = pytest.mark.parametrize("multi_class", [False, True])


def predictions(multi_class, n=900, seed=0, sharpness=2.5):
    """Return float32 logits that are too sure by a factor, and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3)) * 1.5 - [0, 0.5, 1]
    if multi_class:
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    else:
        labels = (rng.random(logits.shape) < special.expit(logits)).astype(int)
    return (sharpness * logits).astype(np.float32), labels


def usable(multi_class):
    return [name for name in CALIBRATORS if not (multi_class and name == "project_temperature")]


@BOTH
def test_every_calibrator_makes_probabilities(multi_class):
    logits, labels = predictions(multi_class)
    test_logits, _ = predictions(multi_class, n=50, seed=1)
    for name in usable(multi_class):
        found = make_calibrator(name).fit(logits, labels).transform(test_logits)
        assert (found.dtype, found.shape) == (np.float64, (50, 3)), name
        assert ((found > 0) & (found < 1)).all(), name
        if multi_class:
            np.testing.assert_allclose(found.sum(axis=1), 1, err_msg=name)


@BOTH
def test_every_calibrator_mends_what_is_too_sure(multi_class):
    logits, labels = predictions(multi_class)
    test_logits, test_labels = predictions(multi_class, seed=1)
    losses = {
        name: log_loss(make_calibrator(name).fit(logits, labels).transform(test_logits), test_labels).value
        for name in usable(multi_class)
    }
    raw = losses.pop("none")
    known = losses.pop("prevalence")
    assert max(losses.values()) < min(raw, known) - 0.05, losses
    assert losses["temperature"] == pytest.approx(min(losses.values()), rel=0.02)


@BOTH
def test_none_is_the_net_itself(multi_class):
    logits, labels = predictions(multi_class)
    expected = special.softmax(logits, axis=1) if multi_class else special.expit(logits)
    np.testing.assert_allclose(
        make_calibrator("none").fit(logits, labels).transform(logits), expected, rtol=1e-5
    )


def test_one_temperature_leaves_every_multi_label_area_as_it_is():
    logits, labels = predictions(False)
    found = make_calibrator("temperature").fit(logits, labels)
    assert found.parameters["temperature"] == pytest.approx(2.5, rel=0.1)
    scaled = found.transform(logits)
    for column in range(3):
        before = roc_auc_score(labels[:, column], logits[:, column])
        assert roc_auc_score(labels[:, column], scaled[:, column]) == before


def test_one_temperature_leaves_the_softmax_answer_as_it_is():
    logits, labels = predictions(True)
    scaled = make_calibrator("temperature").fit(logits, labels).transform(logits)
    np.testing.assert_array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))


def test_the_projects_temperature_is_kept_apart_from_the_best():
    logits, labels = predictions(False)
    found = make_calibrator("project_temperature").fit(logits, labels)
    assert 1.5 < found.parameters["temperature"] < 2.5
    assert found.notes[0].startswith("stopped after 200 iterations")
    with pytest.raises(InputError, match="multi-label"):
        make_calibrator("project_temperature").fit(*predictions(True))


def test_a_negative_temperature_of_the_project_is_noted():
    found = make_calibrator("project_temperature").fit([[0.7], [-0.98], [-1.57]], np.zeros((3, 1), int))
    assert found.parameters["temperature"] < 0
    assert "reverses the order of all scores" in found.notes[1]


@BOTH
def test_prevalence_has_no_skill(multi_class):
    logits, labels = predictions(multi_class)
    found = make_calibrator("prevalence").fit(logits, labels).transform(logits)
    shares = np.bincount(labels) / 900 if multi_class else labels.mean(axis=0)
    np.testing.assert_allclose(found, np.tile(shares, (900, 1)))
    assert brier_skill(found, labels).mean == pytest.approx(0)


def test_prevalence_of_a_class_never_seen_is_not_zero_and_is_noted():
    found = make_calibrator("prevalence").fit(np.full((6, 3), 2.0), [0, 1] * 3)
    assert 0 < found.parameters["prevalence"][2] < 1e-6
    assert "1 classes of no or only positives" in found.notes[0]


@BOTH
@pytest.mark.parametrize("name", ["temperature_per_class", "platt", "isotonic", "beta"])
def test_a_class_with_too_few_positives_keeps_the_nets_probability_with_a_note(name, multi_class):
    logits, labels = predictions(multi_class)
    if multi_class:
        labels[np.flatnonzero(labels == 2)[9:]] = 0
    else:
        labels[np.flatnonzero(labels[:, 2])[9:], 2] = 0
    found = make_calibrator(name).fit(logits, labels)
    text = "class 2: 9 positives and 891 negatives, fewer than 10: left uncalibrated"
    assert found.notes[0] == text
    assert all(values[2] is None and values[0] is not None for values in found.parameters.values())
    if not multi_class:
        np.testing.assert_array_equal(
            found.transform(logits)[:, 2], special.expit(logits[:, 2].astype(float))
        )
    with pytest.raises(InputError, match="class 2: 9 positives and 891 negatives"):
        make_calibrator(name, too_few="refuse").fit(logits, labels)
    assert make_calibrator(name, minimum=9).fit(logits, labels).notes[:1] != (text,)


def test_a_temperature_needs_one_class_with_enough_records():
    logits, labels = predictions(False)
    few = make_calibrator("temperature").fit(logits[:12], labels[:12])
    assert few.parameters["temperature"] == 1
    assert len(few.notes) == 3
    assert few.notes[0].endswith("the temperature stays 1")
    with pytest.raises(InputError, match="10 positives and negatives"):
        make_calibrator("temperature", too_few="refuse").fit(logits[:12], labels[:12])


def test_notes_of_a_class_name_it():
    logits = np.linspace(-3, 3, 40)[:, None] * [1, 1]
    labels = np.column_stack([logits[:, 0] > 0, np.tile([0, 1], 20)]).astype(int)
    found = make_calibrator("platt").fit(logits, labels)
    assert found.notes == (
        "class 0: no positive and negative overlap: the targets were smoothed as by Platt (1999)",
    )


def test_one_against_the_rest_is_divided_by_the_sum():
    logits, labels = predictions(True)
    found = make_calibrator("platt").fit(logits, labels)
    softmax = special.softmax(logits.astype(np.float64), axis=1)
    slope, intercept = (np.array(found.parameters[name]) for name in ("slope", "intercept"))
    single = special.expit(slope * special.logit(softmax) + intercept)
    np.testing.assert_allclose(found.transform(logits), single / single.sum(axis=1, keepdims=True), rtol=1e-6)


@BOTH
def test_a_calibrator_is_carried_over_to_another_data_set(multi_class):
    first = predictions(multi_class, sharpness=2.5)
    second, labels = predictions(multi_class, seed=3, sharpness=5)
    carried = make_calibrator("temperature").fit(*first).transform(second)
    own = make_calibrator("temperature").fit(second, labels).transform(second)
    raw = make_calibrator("none").fit(*first).transform(second)
    losses = [log_loss(found, labels).value for found in (own, carried, raw)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] - 0.01


def test_saturated_logits_stay_usable():
    logits, labels = predictions(True)
    extreme = np.array([[900.0, 0, -900], [0, 0, 0], [-1e6, -1e6, 1e6]])
    for name in usable(True):
        found = make_calibrator(name).fit(logits, labels).transform(extreme)
        np.testing.assert_allclose(found.sum(axis=1), 1, err_msg=name)


@BOTH
def test_what_is_no_logits_is_refused_by_fit_and_transform(multi_class):
    logits, labels = predictions(multi_class)
    probabilities = make_calibrator("none").fit(logits, labels).transform(logits)
    for name in usable(multi_class):
        with pytest.raises(InputError, match="probabilities, it seems"):
            make_calibrator(name).fit(probabilities, labels)
        with pytest.raises(InputError, match="probabilities, it seems"):
            make_calibrator(name).fit(logits, labels).transform(probabilities)
        with pytest.raises(InputError, match="NaN or infinite"):
            make_calibrator(name).fit(np.where(logits > 3, np.inf, logits), labels)
    assert make_calibrator("none", allow_probabilities=True).fit(probabilities, labels).n_records == 900


def test_other_misuse_is_refused():
    logits, labels = predictions(True)
    with pytest.raises(InputError, match="Call fit"):
        make_calibrator("none").transform(logits)
    with pytest.raises(InputError, match="3 classes, as fitted; got 2 columns"):
        make_calibrator("none").fit(logits, labels).transform(logits[:, :2])
    with pytest.raises(SettingsError, match="platt"):
        make_calibrator("histogram")
    with pytest.raises(SettingsError, match="too_few"):
        make_calibrator("platt", too_few="ignore")
    with pytest.raises(SettingsError, match="minimum"):
        make_calibrator("platt", minimum=0)
