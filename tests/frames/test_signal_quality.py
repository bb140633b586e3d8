"""The indices measure what they say, stay finite, and the baseline on them learns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from ecgrepro.errors import InputError
from ecgrepro.frames.signal_quality import CHUNK, INDICES, index_classifier, quality_indices

TIME = np.arange(1250) / 250


def sine(frequency, height=1.0):
    return height * np.sin(2 * np.pi * frequency * TIME)


def test_moments_are_those_of_scipy():
    values = np.random.default_rng(0).gamma(2.0, 1.0, (5, 1250))
    found = quality_indices(values)
    np.testing.assert_allclose(found.kSQI, stats.kurtosis(values, axis=1, fisher=False))
    np.testing.assert_allclose(found.sSQI, stats.skew(values, axis=1))


@pytest.mark.parametrize(
    ("frequencies", "expected"), [((10,), 1.0), ((30,), 0.0), ((10, 30), 0.5), ((2, 10), 1.0)]
)
def test_psqi_is_the_share_of_the_qrs_band(frequencies, expected):
    found = quality_indices(sum(map(sine, frequencies))[None])
    assert found.pSQI[0] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("frequencies", "expected"), [((10,), 1.0), ((0.4,), 0.0), ((0.4, 10), 0.5), ((10, 60), 1.0)]
)
def test_bassqi_falls_with_power_below_one_hertz(frequencies, expected):
    found = quality_indices(sum(map(sine, frequencies))[None] + 3.0)
    assert found.basSQI[0] == pytest.approx(expected, abs=0.06)


def test_fsqi_is_the_flat_share():
    values = sine(10)
    values[625:] = values[625]
    assert quality_indices(values[None]).fSQI[0] == pytest.approx(0.5, abs=0.01)


def test_all_but_fsqi_keep_when_the_offset_changes_and_fsqi_too():
    values = np.random.default_rng(0).normal(0, 0.2, (3, 1250))
    np.testing.assert_allclose(quality_indices(values + 7), quality_indices(values), rtol=1e-6)


def test_of_a_flat_line_fsqi_is_one_and_all_others_zero():
    found = quality_indices(np.full((2, 1250), 0.1, np.float32))
    assert found.loc[0].to_dict() == {name: float(name == "fSQI") for name in INDICES}


def test_rows_do_not_depend_on_what_they_are_measured_with():
    values = np.random.default_rng(0).normal(size=(CHUNK + 3, 250)).astype(np.float32)
    found = quality_indices(values)
    assert (found.shape, set(found.dtypes)) == ((CHUNK + 3, 6), {np.dtype(np.float64)})
    np.testing.assert_allclose(found.iloc[CHUNK:], quality_indices(values[CHUNK:]), rtol=1e-9, atol=1e-9)
    assert quality_indices(values[:0]).shape == (0, 6)


@settings(max_examples=40, deadline=None)
@given(npst.arrays(np.float32, (2, 300), elements=st.floats(-1e4, 1e4, width=32)))
def test_indices_are_always_finite(values):
    found = quality_indices(values)
    assert np.isfinite(found.to_numpy()).all()
    shares = found[["pSQI", "basSQI", "fSQI", "bSQI"]].to_numpy()
    assert shares.min() >= -1e-9
    assert shares.max() <= 1 + 1e-9


def test_what_is_not_finite_is_refused():
    with pytest.raises(InputError, match="1 of them not finite"):
        quality_indices(np.where(np.arange(1250) == 4, np.nan, sine(3))[None])
    with pytest.raises(InputError, match="n_intervals, n_samples"):
        quality_indices(sine(3))


def test_the_baseline_tells_beats_from_noise():
    rng = np.random.default_rng(0)
    beats = np.exp(-0.5 * (((np.arange(1250) - rng.integers(0, 200, (60, 1))) % 200 - 100) / 4) ** 2)
    noise = rng.normal(0, 0.4, (60, 1250))
    inputs, labels = (
        np.concatenate([beats + 0.02 * rng.normal(size=beats.shape), noise]),
        np.repeat([0, 1], 60),
    )
    model = index_classifier().fit(quality_indices(inputs[::2]), labels[::2])
    assert (model.predict(quality_indices(inputs[1::2])) == labels[1::2]).all()
