"""Two detectors find what is there, and agree on it; on noise they do not."""

import numpy as np
import pytest

from ecgrepro.corpora.synthetic import simulate_handheld
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.qrs_agreement import agreement, energy_beats, length_beats
from ecgrepro.frames.resample import resample

FS = 250.0


def beats_at(places, heights=1.0, length=1250):
    """QRS-like spikes of 80 ms in mV with a T wave each: float64 (1, length)."""
    time, total = np.arange(length)[:, None], np.zeros(length)
    qrs = np.exp(-0.5 * ((time - places) / 4) ** 2) - 0.3 * np.exp(-0.5 * ((time - places - 9) / 4) ** 2)
    wave = 0.2 * np.exp(-0.5 * ((time - np.asarray(places) - 70) / 15) ** 2)
    return (total + ((qrs + wave) * heights).sum(axis=1))[None]


@pytest.mark.parametrize("detect", [energy_beats, length_beats])
@pytest.mark.parametrize("scale", [1.0, -1.0, 0.3])
def test_every_complex_is_found_once_near_its_middle(detect, scale):
    places = np.arange(100, 1200, 180)
    (found,) = detect(scale * beats_at(places) + 0.5, FS)
    assert len(np.flatnonzero(found)) == len(places)
    assert abs(np.flatnonzero(found) - places).max() <= 15


@pytest.mark.parametrize("detect", [energy_beats, length_beats])
def test_one_large_artefact_does_not_hide_the_other_complexes(detect):
    places = np.arange(100, 1200, 180)
    heights = np.where(np.arange(len(places)) == 0, 8.0, 1.0)
    assert np.count_nonzero(detect(beats_at(places, heights), FS)) == len(places)


@pytest.mark.parametrize("detect", [energy_beats, length_beats])
def test_a_flat_line_has_no_complex(detect):
    assert not detect(np.full((2, 1250), 0.1), FS).any()


def test_detectors_agree_on_simulated_beats_and_not_on_noise():
    record = next(r for r in (simulate_handheld(0, i) for i in range(20)) if r.label == "N")
    clean = resample(record.millivolts()[:, 0], 300, 250)[:5000].reshape(4, 1250)
    noise = np.random.default_rng(0).normal(size=(40, 1250))
    found = [agreement(energy_beats(x, FS), length_beats(x, FS), FS).mean() for x in (clean, noise)]
    assert found[0] > 0.95
    # both look at frequencies of QRS complexes, so that they share some peaks of noise too
    assert found[1] < 0.8


def test_agreement_is_matched_beats_of_all_beats():
    first, second = np.zeros((4, 1250), bool), np.zeros((4, 1250), bool)
    first[0, [100, 300, 500]] = True
    second[0, [137, 263, 538]] = True  # 37 samples are 148 ms, 38 are 152
    first[1, 100] = True
    second[2, 100] = True
    assert agreement(first, second, FS).tolist() == [2 / 4, 0, 0, 0]
    assert agreement(second, first, FS).tolist() == [2 / 4, 0, 0, 0]


def test_other_input_is_refused():
    for wrong in (np.zeros(1250), np.zeros((2, 249)), np.full((1, 1250), np.nan)):
        with pytest.raises(InputError, match="intervals"):
            energy_beats(wrong, FS)
    with pytest.raises(SettingsError, match="more than 40 Hz"):
        length_beats(np.zeros((1, 100)), 40)
