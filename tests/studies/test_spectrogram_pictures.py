import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.frames.af import AfInput
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.spectrogram2d import LOG, SHOWN
from ecgrepro.studies.spectrogram_pictures import draw_spectrograms

HOW = AfInput(fs=125.0, length=1024)
SHADES = {"magnitude": SHOWN, "logarithm": LOG}


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "cinc2017")


@pytest.fixture
def drawn(corpus):
    made = draw_spectrograms(corpus, HOW, SHADES, synthetic=True)
    made.canvas.draw()
    yield made
    plt.close("all")


def test_every_class_has_its_signal_and_its_spectrograms(drawn):
    axes = np.array(drawn.axes).reshape(3, 4)
    for column in axes.T:
        (signal,) = column[0].lines
        assert len(signal.get_ydata()) == HOW.length
        for ax in column[1:]:
            (image,) = ax.images
            assert image.get_array().shape == (64, HOW.length // 16)
            assert image.get_extent() == [0, HOW.length / HOW.fs, 0, HOW.fs / 2]
    assert len({ax.get_title() for ax in axes[0]}) == 4
    assert [ax.get_ylabel() for ax in axes[1:, 0]] == ["magnitude\nHz", "logarithm\nHz"]


def test_the_spectrogram_is_that_of_the_signal_above_it(drawn):
    axes = np.array(drawn.axes).reshape(3, 4)
    for column in axes.T:
        signal, image = column[0].lines[0].get_ydata(), column[1].images[0].get_array()
        start = 16 * 40 - 64
        frame = signal[start : start + 128] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128))
        np.testing.assert_allclose(image[:, 40], np.abs(np.fft.rfft(frame))[1:65], rtol=1e-3, atol=1e-3)


def test_shades_are_those_of_all_recordings(drawn):
    for row in np.array(drawn.axes).reshape(3, 4)[1:]:
        assert len({ax.images[0].get_clim() for ax in row}) == 1


def test_only_synthetic_recordings_carry_the_mark(corpus, drawn):
    assert WATERMARK in [text.get_text() for text in drawn.texts]
    assert not draw_spectrograms(corpus, HOW, SHADES).texts
