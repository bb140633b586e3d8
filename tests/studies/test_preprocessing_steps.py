"""The steps that are shown are the steps that are done."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.frames.af import AfInput, prepare
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.preprocessing_steps import draw_steps, preprocessing_steps, step_table


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "cinc2017")


@pytest.mark.parametrize("i", [0, 1, 2])
def test_the_last_step_is_what_the_net_is_given(corpus, i):
    steps = preprocessing_steps(corpus, i)
    given = prepare(corpus.millivolts(i)[:, 0], corpus.index.fs[i], AfInput())
    np.testing.assert_array_equal(steps[-1].values, given)
    # the steps before lead there and nowhere else
    n = len(steps[3].values)
    np.testing.assert_array_equal(given[-n:], steps[3].values.astype(np.float32))
    assert not given[:-n].any()


def test_other_settings_are_followed_and_of_a_long_recording_the_end_is_kept(corpus):
    how = AfInput(fs=125.0, length=512, mean=0.1, deviation=2.0, resampling="fft")
    steps = preprocessing_steps(corpus, 0, how)
    assert steps[3].fs == steps[4].fs == 125
    assert len(steps[3].values) > 512
    np.testing.assert_array_equal(steps[4].values, steps[3].values[-512:].astype(np.float32))
    assert "0.1" in steps[2].name


def test_the_first_steps_are_the_publishers_numbers_in_their_units(make_corpus, make_record):
    signal = np.random.default_rng(0).integers(-900, 900, (3000, 1)).astype(np.int16)
    corpus = make_corpus(
        [make_record("A1", signal=signal, fs=300.0, gain=np.array([250.0]), baseline=np.array([7.0]))]
    )
    published, millivolts, standardised = preprocessing_steps(corpus)[:3]
    assert published.values.dtype == np.int16
    np.testing.assert_array_equal(published.values, signal[:, 0])
    np.testing.assert_allclose(millivolts.values, (signal[:, 0] - 7) / 250)
    np.testing.assert_allclose(standardised.values * 0.2373 + 0.0075, millivolts.values)
    assert "7) / 250" in millivolts.name


def test_the_table_has_a_row_per_step(corpus):
    steps = preprocessing_steps(corpus)
    table = step_table(steps)
    assert list(table.order) == [1, 2, 3, 4, 5]
    assert list(table.unit) == ["ADC units", "mV", "1", "1", "1"]
    assert list(table.type) == ["int16", "float64", "float64", "float64", "float32"]
    assert list(table.Hz) == ["300", "300", "300", "250", "250"]
    assert table.samples.iloc[-1] == "16,384"
    assert table.seconds.iloc[-1] == "65.5"
    assert table["mean"][0] == pytest.approx(corpus.signal(0).mean())
    assert table["SD"][4] == pytest.approx(steps[4].values.astype(float).std())


def test_rows_are_drawn_in_order_and_in_line(corpus):
    steps = preprocessing_steps(corpus)
    made = draw_steps(steps, title="A title", synthetic=True)
    plt.close("all")
    left, right = made.axes[::2], made.axes[1::2]
    assert [ax.get_title("left")[0] for ax in left] == ["1", "2", "3", "4", "5"]
    for ax, step in zip(left, steps, strict=True):
        x, y = ax.lines[0].get_data()
        np.testing.assert_array_equal(y, step.values)
        assert x[-1] == pytest.approx(-1 / step.fs)
    assert left[0].get_xlim() == pytest.approx((-16_384 / 250, 0))
    assert len(right[0].lines[0].get_xdata()) > len(right[4].lines[0].get_xdata()) > 100
    assert made.get_suptitle() == "A title"
    assert WATERMARK in [text.get_text() for text in made.texts]
