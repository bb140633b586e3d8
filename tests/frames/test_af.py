"""The AF task's input: rate, scale, padding and the prepared array on disk."""

from collections import namedtuple

import numpy as np
import pytest

from ecgrepro.corpora import ingest as ingest_module
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.frames import af
from ecgrepro.frames.af import (
    AfInput,
    class_indices,
    prepare,
    prepare_corpus,
    recording_groups,
    standardising_constants,
)
from ecgrepro.frames.resample import resample


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "cinc2017")


def test_the_defaults_are_the_published_values():
    how = AfInput()
    assert (how.fs, how.length, how.mean, how.deviation) == (250.0, 16_384, 0.0075, 0.2373)
    assert (how.resampling, how.padding) == ("polyphase", "left")


def test_a_short_recording_is_padded_with_zeros_on_the_left():
    values = np.random.default_rng(0).normal(0.2, 0.3, 9000)
    found = prepare(values, 300.0, AfInput())
    assert (found.dtype, found.shape) == (np.float32, (16_384,))
    assert (found[: 16_384 - 7500] == 0).all()
    expected = resample((values - 0.0075) / 0.2373, 300, 250)
    np.testing.assert_allclose(found[-7500:], expected, rtol=1e-6)


def test_a_short_recording_may_be_padded_on_the_right_instead():
    values = np.random.default_rng(0).normal(0.2, 0.3, 9000)
    left, right = (prepare(values, 300.0, AfInput(padding=side)) for side in ("left", "right"))
    np.testing.assert_array_equal(right[:7500], left[-7500:])
    assert (right[7500:] == 0).all()


def test_another_side_is_refused():
    with pytest.raises(SettingsError, match="padding: expected left or right; got 'both'"):
        prepare(np.zeros(10), 300.0, AfInput(padding="both"))


@pytest.mark.parametrize("padding", ["left", "right"])
def test_of_a_long_recording_the_last_samples_are_kept(padding):
    values = np.random.default_rng(1).normal(size=300 * 70)
    found = prepare(values, 300.0, AfInput(padding=padding))
    np.testing.assert_allclose(found, resample((values - 0.0075) / 0.2373, 300, 250)[-16_384:], rtol=1e-6)


@pytest.mark.parametrize("padding", ["left", "right"])
def test_a_recording_of_exactly_the_length_is_neither_padded_nor_cut(padding):
    values = np.random.default_rng(2).normal(size=64)
    how = AfInput(length=64, mean=0.0, deviation=1.0, padding=padding)
    np.testing.assert_allclose(prepare(values, 250.0, how), values, rtol=1e-6)


def test_the_constants_are_millivolts():
    found = prepare(np.full(100, 0.0075 + 0.2373), 250.0, AfInput(length=100))
    np.testing.assert_allclose(found, 1.0, rtol=1e-6)


@pytest.mark.parametrize(("fs", "length", "resampling"), [(125.0, 4096, "polyphase"), (250.0, 16_384, "fft"),
                                                          (300.0, 2048, "polyphase")])  # fmt: skip
def test_any_rate_and_length_will_do(corpus, fs, length, resampling):
    how = AfInput(fs=fs, length=length, resampling=resampling)
    values = corpus.millivolts(5)[:, 0]
    expected = resample((values - how.mean) / how.deviation, 300, fs, resampling)[-length:]
    found = prepare(values, 300.0, how)
    np.testing.assert_allclose(found[length - len(expected) :], expected, rtol=1e-5, atol=1e-6)
    assert (found[: length - len(expected)] == 0).all()


def test_a_corpus_is_prepared_record_by_record(corpus, tmp_path):
    how = AfInput(fs=125.0, length=4096)
    inputs, labels = prepare_corpus(corpus, how, tmp_path, progress=False)
    assert (inputs.dtype, inputs.shape, isinstance(inputs, np.memmap)) == (np.float32, (80, 4096), True)
    for i in (0, 41, 79):
        np.testing.assert_array_equal(inputs[i], prepare(corpus.millivolts(i)[:, 0], 300.0, how))
    assert (labels.dtype, labels.shape) == (np.int32, (80,))
    assert [CLASSES[label] for label in labels] == corpus.index.label.tolist()


def test_what_was_prepared_is_not_prepared_again(corpus, tmp_path, monkeypatch):
    how = AfInput(fs=50.0, length=128)
    first, _ = prepare_corpus(corpus, how, tmp_path / "cache", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(af, "prepare", None)
        again, _ = prepare_corpus(corpus, how, tmp_path / "cache", progress=False)
    np.testing.assert_array_equal(first, again)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    for other in (AfInput(fs=50.0, length=129), AfInput(fs=50.0, length=128, padding="right")):
        prepare_corpus(corpus, other, tmp_path / "cache", progress=False)
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_without_a_folder_the_same_is_prepared_in_memory(corpus, tmp_path):
    how = AfInput(fs=50.0, length=128)
    kept, labels = prepare_corpus(corpus, how, tmp_path, progress=False)
    inputs, same_labels = prepare_corpus(corpus, how, None, progress=False)
    assert (type(inputs), inputs.dtype) == (np.ndarray, np.float32)
    np.testing.assert_array_equal(inputs, kept)
    np.testing.assert_array_equal(same_labels, labels)


def test_constants_are_those_of_all_samples_of_the_records_asked_for(corpus):
    chosen = [3, 17, 60, 61]
    values = np.concatenate([corpus.millivolts(i)[:, 0] for i in chosen])
    mean, deviation = standardising_constants(corpus, chosen)
    np.testing.assert_allclose([mean, deviation], [values.mean(), values.std()], rtol=1e-9, atol=1e-12)
    assert standardising_constants(corpus, chosen[::-1]) == (mean, deviation)
    assert standardising_constants(corpus, [3, 17, 60]) != (mean, deviation)


def test_an_interrupted_preparation_leaves_nothing(corpus, tmp_path, monkeypatch):
    calls = []

    def stop(*arguments):
        calls.append(arguments)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return prepare(*arguments)

    how = AfInput(fs=50.0, length=128)
    with monkeypatch.context() as patch:
        patch.setattr(af, "prepare", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare_corpus(corpus, how, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []
    inputs, _ = prepare_corpus(corpus, how, tmp_path, progress=False)
    assert np.abs(inputs[:, -1]).min() > 0


def test_too_little_space_is_told_before_anything_is_written(corpus, tmp_path, monkeypatch):
    usage = namedtuple("Usage", "total used free")(1, 1, 1000)
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskError, match="MB free"):
        prepare_corpus(corpus, AfInput(), tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_another_corpus_is_refused_before_anything_is_written(corpora, tmp_path):
    other = Corpus(corpora / "icentia11k")
    with pytest.raises(InputError, match="Ingest cinc2017"):
        class_indices(other)
    with pytest.raises(InputError, match="Ingest cinc2017"):
        prepare_corpus(other, AfInput(), tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copies(make_corpus, make_record):
    same = make_record("A00227")
    records = [same, make_record("A01176", signal=same.signal), make_record("A01925"), make_record("A03032")]
    return make_corpus([*records, make_record("A00001")], "cinc2017")


def test_changed_copies_share_a_group_where_they_are_there(copies):
    assert recording_groups(copies).tolist() == ["record A00227"] * 3 + ["record A03032", "record A00001"]


def test_exact_copies_alone_share_a_group_where_asked_for(copies):
    found = recording_groups(copies, "exact").tolist()
    assert found == ["record A00227", "record A00227", "record A01925", "record A03032", "record A00001"]
