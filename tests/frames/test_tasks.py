"""Every pre-training task on synthetic Icentia11k, in both of its layouts, through reader, ingest and sampler."""

import numpy as np
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.record import RHYTHM_CLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.frames.sampler import FrameSampler, Streams
from ecgrepro.frames.tasks import TASKS, make_task

NULL, END, NOISE, NSR, AFIB, AFLUTTER = range(6)
CLASSES = {"beat": 5, "rhythm": 6, "heart_rate": 4, "future": 2}


@pytest.fixture(scope="module")
def layouts(corpora, published, tmp_path_factory):
    """The same recordings read from the PhysioNet and from the torrent layout."""
    folder = tmp_path_factory.mktemp("torrent") / "icentia11k"
    ingest("icentia11k", published / "icentia11k_torrent", folder, progress=False)
    return {"physionet": Corpus(corpora / "icentia11k"), "torrent": Corpus(folder)}


def sampler(corpus, name):
    task = make_task(name, 250.0)
    return FrameSampler(
        Streams([corpus], kind=task.kind), task, length=1024, batch_size=64, frames_per_patient=64, seed=5
    )


def labels(made):
    return np.concatenate([made.batch(step)[1] for step in range(made.n_steps)])


@pytest.mark.parametrize("layout", ["physionet", "torrent"])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_labels_the_frames_of_a_layout(layouts, layout, name):
    made = sampler(layouts[layout], name)
    assert made.task.name == name
    assert len(made.task.classes) == CLASSES[name]
    found = labels(made)
    assert (found.dtype, found.shape) == (np.int32, (6 * 64,))
    assert found.min() >= 0
    assert found.max() < len(made.task.classes)
    assert len(np.unique(found)) > 1


@pytest.mark.parametrize("name", ["beat", "heart_rate"])
def test_layouts_agree_where_beats_decide(layouts, name):
    first, second = (labels(sampler(layouts[layout], name)) for layout in ("physionet", "torrent"))
    np.testing.assert_array_equal(first, second)


def test_in_the_physionet_layout_end_and_noise_are_null(layouts):
    physionet, torrent = (labels(sampler(layouts[layout], "rhythm")) for layout in ("physionet", "torrent"))
    assert set(torrent) >= {NOISE, NSR}
    assert set(torrent) & {AFIB, AFLUTTER}
    assert set(physionet) <= {NULL, NSR, AFIB, AFLUTTER}
    assert set(physionet[np.isin(torrent, [NULL, END, NOISE])]) == {NULL}
    # a frame with a little noise in sinus rhythm is sinus with the torrent's marks, null with PhysioNet's
    changed = (torrent == NSR) & (physionet != NSR)
    assert set(physionet[changed]) == {NULL}


def test_rhythm_labels_are_those_of_the_recordings_own_marks(layouts):
    corpus = layouts["torrent"]
    made = sampler(corpus, "rhythm")
    rows, starts = made.places(0)
    for row, start, label in zip(rows, starts, made.labels(rows, starts), strict=True):
        positions, classes = corpus.events("rhythms", row)
        mark = np.searchsorted(positions, np.arange(start, start + 1024), "right")
        share = np.bincount(classes[mark.clip(max=len(classes) - 1)], minlength=6)
        group = [NULL, AFIB, AFLUTTER] if share[[NULL, AFIB, AFLUTTER]].any() else [END, NOISE, NSR]
        assert RHYTHM_CLASSES[label] == RHYTHM_CLASSES[group[share[group].argmax()]]


def test_heart_rate_labels_are_those_of_the_recordings_own_beats(layouts):
    corpus = layouts["physionet"]
    made = sampler(corpus, "heart_rate")
    rows, starts = made.places(0)
    for row, start, label in zip(rows, starts, made.labels(rows, starts), strict=True):
        positions, _ = corpus.events("beats", row)
        inside = positions[(positions >= start) & (positions <= start + 1024)][1:]
        rate = 60 / (np.diff(inside).mean() / 250) if len(inside) > 1 else None
        names = {"noise": rate is None, "bradycardia": rate and rate < 60, "tachycardia": rate and rate > 100}
        expected = next((name for name, holds in names.items() if holds), "normal")
        assert made.task.classes[label] == expected


def test_an_unknown_task_is_told():
    with pytest.raises(
        SettingsError, match="task: expected one of beat, rhythm, heart_rate, future; got 'cpc'"
    ):
        make_task("cpc", 250.0)
