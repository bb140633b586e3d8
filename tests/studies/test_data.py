import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.studies import data as study


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "cinc2017")


def read_labels(published, revision):
    rows = (published / "cinc2017" / f"REFERENCE-{revision}.csv").read_text().split()
    return dict(row.split(",") for row in rows)


def test_counts_are_those_of_the_label_files(corpus, published):
    counts = study.count_cinc2017(corpus, published / "cinc2017")
    for revision in ("v2", "v3"):
        labels = read_labels(published, revision)
        assert counts[revision] == {name: list(labels.values()).count(name) for name in CLASSES}
    v2, v3 = (read_labels(published, revision) for revision in ("v2", "v3"))
    assert counts["changed"]["v2_v3"] == sum(v2[record] != v3[record] for record in v3) > 0
    assert set(counts["changed"]) == {"v0_v2", "v0_v3", "v2_v3"}


def test_segments_are_whole_intervals_and_inherit_the_noisy_label(corpus, published):
    counts = study.count_cinc2017(corpus, published / "cinc2017")["segments_5s"]
    lengths = corpus.index.set_index("record_id").n_samples // 1500
    noisy = [record for record, label in read_labels(published, "v3").items() if label == "~"]
    assert counts["v3"]["total"] == lengths.sum()
    assert counts["v3"]["low"] == lengths[noisy].sum()
    assert counts["v3"]["high"] + counts["v3"]["low"] == counts["v3"]["total"]


def test_copies_of_a_signal_are_found(corpora, published, tmp_path):
    shutil.copytree(corpora / "cinc2017", tmp_path / "cinc2017")
    copied = Corpus(tmp_path / "cinc2017")
    assert study.count_cinc2017(copied, published / "cinc2017")["duplicates"] == []
    copied.index.loc[5, "sha256"] = copied.index.sha256[2]
    names = copied.index.record_id
    assert study.count_cinc2017(copied, published / "cinc2017")["duplicates"] == [[names[2], names[5]]]


def test_lengths_are_counted_by_class_and_second(corpus):
    table = study.lengths(corpus)
    assert table.recordings.sum() == len(corpus)
    row = table.iloc[0]
    seconds = (corpus.index.n_samples / corpus.index.fs).astype(int)
    assert row.recordings == ((corpus.index.label == row.label) & (seconds == row.seconds)).sum()


def test_without_committed_counts_there_are_none(home):
    assert study.committed_counts() is None


def test_offsets_are_between_annotation_and_peak(corpora):
    table = study.annotation_offsets(Corpus(corpora / "icentia11k"), window=0.1)
    assert table.milliseconds.is_monotonic_increasing
    assert table.milliseconds.abs().max() <= 100
    assert (table.beats > 0).all()
    assert table.beats.sum() > 20


def test_offsets_find_a_shifted_annotation(make_corpus, make_record):
    """A signal of spikes exactly 12 ms (3 samples at 250 Hz) behind each annotation."""
    signal = np.random.default_rng(0).integers(-5, 5, (5000, 1)).astype(np.int16)
    beats = np.arange(100, 4900, 200)
    signal[beats + 3] = 900
    events = {"beat_positions": beats, "beat_classes": np.ones(len(beats), np.int8)}
    table = study.annotation_offsets(make_corpus([make_record("r", signal=signal, fs=250.0, **events)]))
    assert table.to_numpy().tolist() == [[12.0, len(beats)]]


def test_tables_are_drawn(corpus):
    table = study.lengths(corpus)
    labels = study.draw_lengths(table).axes[0].get_legend_handles_labels()[1]
    assert labels[0].startswith(f"N ({(corpus.index.label == 'N').sum()};")
    offsets = pd.DataFrame({"milliseconds": [-4.0, 0.0], "beats": [3, 9]})
    assert len(study.draw_offsets(offsets).axes[0].patches) == 2
