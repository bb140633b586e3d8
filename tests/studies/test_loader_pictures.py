"""The loader's artefact as a picture: what stands in the place of lead II, and that no recording is committed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from ecgrepro.errors import InputError
from ecgrepro.frames.twelve_leads import LEADS
from ecgrepro.studies import loader_pictures
from ecgrepro.studies.ecg_paper import GAIN
from ecgrepro.studies.figures import WATERMARK, Note

FS = 120.0


@pytest.fixture
def recording():
    """Lead k holds k tenths of a millivolt, with a small beat every second."""
    values = np.tile(np.arange(12) / 10, (round(10 * FS), 1))
    values[:: round(FS)] += 0.05
    return values


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def traces(made):
    return [line for line in made.axes[0].get_lines() if len(line.get_xdata()) == round(10 * FS)]


def test_the_lower_strip_is_all_leads_in_turn(recording):
    made = loader_pictures.draw_loader(recording, FS, title="made up")
    _, lower = traces(made)
    levels = lower.get_ydata().reshape(12, -1)
    steps = np.diff(np.median(levels, axis=1)) / GAIN
    assert steps == pytest.approx(np.full(11, 0.1))


def test_the_upper_strip_is_lead_ii(recording):
    recording[:, LEADS.index("II")] = np.sin(np.arange(len(recording)) / 20)
    upper, _ = traces(loader_pictures.draw_loader(recording, FS, title="made up"))
    lead = recording[:, LEADS.index("II")]
    assert np.diff(upper.get_ydata()) / GAIN == pytest.approx(np.diff(lead))


def test_every_stretch_names_its_lead_and_the_title_its_recording(recording):
    made = loader_pictures.draw_loader(recording, FS, title="made up", synthetic=True, notes=["from nowhere"])
    texts = [text.get_text() for text in made.axes[0].texts]
    assert [name for name in texts if name in LEADS and name != "II"] == [n for n in LEADS if n != "II"]
    assert {"made up", "from nowhere", "II, reshaped"} <= set(texts)
    assert WATERMARK in [text.get_text() for text in made.texts]


@pytest.mark.parametrize("shape", [(1200, 8), (600, 12), (1200,)])
def test_a_recording_that_cannot_be_shown_is_refused(shape):
    with pytest.raises(InputError, match="1200 samples of 12 leads"):
        loader_pictures.draw_loader(np.zeros(shape), FS, title="")


def test_the_picture_is_made_anew_from_the_published_files(published_all, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    assert isinstance(loader_pictures.committed_picture(), Note)
    path = loader_pictures.write_loader_picture(published_all / "challenge2021")
    with Image.open(path) as picture:
        assert picture.mode == "P"
    assert 'src="data:image/png;base64,' in loader_pictures.committed_picture()._repr_html_()


def test_the_committed_picture_is_small_and_names_its_licence():
    path = loader_pictures.picture_path()
    if not path.exists():
        pytest.skip("no picture is committed")
    assert path.stat().st_size < 100_000
    with Image.open(path) as picture:
        assert len(picture.getcolors()) <= 48
    assert "CC BY 4.0" in loader_pictures.committed_picture()._repr_html_()


def test_the_committed_picture_is_that_of_the_real_recording(real, tmp_path, monkeypatch):
    path = loader_pictures.picture_path()
    if not path.exists():
        pytest.skip("no picture is committed")
    source = real("challenge2020")
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    with Image.open(loader_pictures.write_loader_picture(source)) as anew, Image.open(path) as committed:
        assert anew.size == committed.size
        pixels = [np.asarray(picture.convert("L"), float) for picture in (anew, committed)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 2
