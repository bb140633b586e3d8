"""The future prediction task: a context, the frame behind it, and negatives from anywhere in the block of patients."""

import numpy as np
import pytest

from ecgrepro.corpora import corpus_writer
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import SettingsError
from ecgrepro.frames.future import FutureTask
from ecgrepro.frames.sampler import FrameSampler, Streams

LENGTH = 256


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "icentia11k")


@pytest.fixture(scope="module")
def streams(corpus):
    return Streams([corpus], kind=None)


def sampler(streams, task=None, **settings):
    settings = {
        "length": LENGTH,
        "batch_size": 16,
        "frames_per_patient": 32,
        "seed": 3,
        "shuffle_patients": 4,
    } | settings
    return FrameSampler(streams, task or FutureTask(), **settings)


def passes(made):
    """Stream rows, starts and labels of a whole pass."""
    places = [made.places(step) for step in range(made.n_steps)]
    rows, starts = (np.concatenate(column) for column in zip(*places, strict=True))
    return rows, starts, made.labels(rows, starts)


def candidates(values, labels):
    """Split the candidates of every example into the following one (n,) and the negatives (n, candidates - 1)."""
    choices, n = values[:, 8:], np.arange(len(values))
    negative = np.ones(choices.shape, bool)
    negative[n, labels] = False
    return choices[n, labels], choices[negative].reshape(len(values), -1)


def test_the_defaults_are_the_published_values():
    task = FutureTask()
    assert (task.context, task.candidates, len(task.classes)) == (8, 2, 2)


def test_batches_have_the_promised_form(streams):
    made = sampler(streams)
    frames, labels = made.batch(0)
    assert (frames.dtype, frames.shape) == (np.float32, (16, 10, LENGTH, 1))
    assert (labels.dtype, labels.shape) == (np.int32, (16,))
    rows, starts = made.places(0)
    assert (rows.dtype, rows.shape, starts.dtype, starts.shape) == (np.int64, (16, 10), np.int64, (16, 10))
    assert made.gather(rows, starts).dtype == np.int16


def test_the_labelled_candidate_is_what_comes_after_the_context(corpus, streams):
    made = sampler(streams, mean=0.1, deviation=0.7)
    rows, starts = made.places(2)
    frames, labels = made.batch(2)
    for row, start, example, label in zip(rows[:, 0], starts[:, 0], frames, labels, strict=True):
        signal = (corpus.millivolts(row)[start : start + 9 * LENGTH, 0] - 0.1) / 0.7
        found = np.concatenate([*example[:8, :, 0], example[8 + label, :, 0]])
        np.testing.assert_allclose(found, signal, rtol=1e-5, atol=1e-5)


def test_frames_lie_wholly_in_their_recordings(streams):
    for length in (LENGTH, 1800):  # of the latter, nine fill almost all of a recording
        rows, starts, _ = passes(sampler(streams, length=length))
        assert starts.min() >= 0
        assert (starts + length <= streams.table.n_samples.to_numpy()[rows]).all()


def test_the_label_is_no_hint(streams):
    task = FutureTask(candidates=3)
    _, _, labels = passes(sampler(streams, task, frames_per_patient=1000))
    assert np.abs(np.bincount(labels, minlength=3) / len(labels) - 1 / 3).max() < 0.02


def test_negatives_come_from_all_recordings_of_the_block_and_no_others(streams):
    made = sampler(streams, frames_per_patient=3000, shuffle_patients=3, batch_size=9000)
    groups = streams.table.group.to_numpy()
    for step in range(2):
        rows, starts = made.places(step)
        following, negatives = candidates(rows, made.labels(rows, starts))
        assert (following == rows[:, 0]).all()
        assert set(groups[negatives[:, 0]]) == set(groups[rows[:, 0]])
        assert len(set(groups[rows[:, 0]])) == 3
        assert np.abs(np.unique(negatives, return_counts=True)[1] / len(negatives) - 1 / 6).max() < 0.02


def test_negatives_start_anywhere_in_their_recordings(streams):
    rows, starts, labels = passes(sampler(streams, frames_per_patient=2000))
    room = streams.table.n_samples.to_numpy()[candidates(rows, labels)[1]] - LENGTH
    negatives = candidates(starts, labels)[1]
    assert (negatives < room).all()
    counts, _ = np.histogram(negatives / room, 10, (0, 1))
    assert np.abs(counts / len(negatives) - 0.1).max() < 0.01


def test_every_patient_gives_the_same_number_of_contexts(streams):
    made = sampler(streams)
    rows, _, _ = passes(made)
    assert streams.table.group.iloc[rows[:, 0]].value_counts().to_dict() == dict.fromkeys(made.patients, 32)


def test_patients_left_out_give_no_negatives_either(streams):
    chosen = ["icentia11k patient 00001", "icentia11k patient 00004"]
    rows, _, _ = passes(sampler(streams, patients=chosen))
    assert set(streams.table.group.iloc[rows.ravel()]) == set(chosen)


def test_a_step_is_the_same_whenever_it_is_asked_for(streams):
    made = sampler(streams, batch_size=24)
    forward = [made.batch(step) for step in range(made.n_steps)]
    for step in (7, 0, 3, 7):
        for other in (made, sampler(streams, batch_size=24)):
            for found, expected in zip(other.batch(step), forward[step], strict=True):
                np.testing.assert_array_equal(found, expected)


def test_examples_do_not_depend_on_the_batch_but_on_the_seed(streams):
    expected = passes(sampler(streams, batch_size=1))
    for found, values in zip(passes(sampler(streams, batch_size=96)), expected, strict=True):
        np.testing.assert_array_equal(found, values)
    assert (passes(sampler(streams, seed=4))[1] != expected[1]).mean() > 0.9


def test_examples_reach_over_shards_and_leads(make_corpus, make_record, monkeypatch):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 1500)
    rng = np.random.default_rng(0)
    records = [make_record(name, signal=rng.integers(-900, 900, (500, 2)).astype(np.int16)) for name in "abc"]
    corpus = make_corpus(records)
    assert len(corpus.shards) > 1
    made = sampler(Streams([corpus], kind=None), length=50)
    rows, starts = made.places(0)
    for row, start, frame in zip(rows.ravel(), starts.ravel(), made.batch(0)[0].reshape(-1, 50), strict=True):
        expected = corpus.millivolts(row // 2)[start : start + 50, row % 2]
        np.testing.assert_allclose(frame, expected, rtol=1e-5, atol=1e-5)


def test_recordings_without_room_for_context_and_future_are_left_out(make_corpus, make_record):
    streams = Streams(
        [make_corpus([make_record("a", n_samples=900), make_record("b", n_samples=901)])], kind=None
    )
    made = sampler(streams, length=100)
    assert set(passes(made)[0].ravel()) == {1}
    with pytest.raises(SettingsError, match=r"got 101 samples x 9, longest recording 901"):
        sampler(streams, length=101)


@pytest.mark.parametrize("settings", [{"context": 0}, {"candidates": 1}])
def test_examples_that_ask_nothing_are_refused(settings):
    with pytest.raises(SettingsError, match="a context of 1 frame and 2 candidates at least"):
        FutureTask(**settings)


def test_of_two_candidates_that_are_one_frame_the_first_is_the_label():
    starts = np.array([[*range(0, 900, 100), 800], [*range(0, 800, 100), 5, 800]])
    found = FutureTask().labels(None, starts, 100)
    assert (found.dtype, found.tolist()) == (np.int32, [0, 1])
