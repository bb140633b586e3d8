"""Fingerprints of a corpus: complete, and the same after a way through a file."""

import numpy as np
import pytest

from ecgrepro.corpora.fingerprints import Fingerprints, fingerprint_corpus
from ecgrepro.corpora.signal_fingerprint import fingerprint_signal
from ecgrepro.corpora.synthetic import simulate_handheld
from ecgrepro.errors import InputError


@pytest.fixture
def corpus(make_corpus, make_record):
    records = [simulate_handheld(7, i) for i in range(3)]
    two_leads = np.column_stack([records[1].signal[:3000]] * 2)
    quiet = (np.arange(2000) // 200).astype(np.int16)[:, None]
    return make_corpus([records[0], make_record("two", signal=two_leads, fs=300.0), records[2],
                        make_record("quiet", signal=quiet)])  # fmt: skip


def test_windows_belong_to_their_records_and_leads(corpus):
    prints = fingerprint_corpus(corpus, progress=False)
    assert prints.name == "made"
    assert prints.lead_record.tolist() == [0, 1, 1, 2, 3]
    for record in range(4):
        wave, lead, time, _, vector = fingerprint_signal(corpus.signal(record), corpus.index.fs[record])
        leads = prints.record_leads(record)
        mine = np.isin(prints.window_lead, leads)
        np.testing.assert_array_equal(prints.window_lead[mine] - leads.start, lead)
        np.testing.assert_array_equal(prints.window_time[mine], time)
        np.testing.assert_array_equal(prints.window_vector[mine], vector)
        assert prints.record_wave(record).shape == wave.shape
    size = np.sqrt(np.mean(prints.record_wave(0).astype(np.float64) ** 2))
    assert size == pytest.approx(1, abs=1e-3)


def test_records_of_which_nothing_can_be_said_are_named(corpus):
    assert fingerprint_corpus(corpus, progress=False).not_comparable().tolist() == ["quiet"]


def test_they_survive_the_way_through_a_file(corpus, tmp_path):
    prints = fingerprint_corpus(corpus, "other name", progress=False)
    prints.save(tmp_path / "kept")
    again = Fingerprints.load(tmp_path / "kept")
    assert (again.name, again.source) == ("other name", corpus.fingerprint)
    for name in ("record_ids", "lead_names", "wave", "window_key", "window_vector"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prints, name))


@pytest.mark.parametrize(
    "damage", [lambda data: data[:300], lambda data: b"", lambda data: b"PK" + data[2:900]]
)
def test_a_damaged_file_is_named(corpus, tmp_path, damage):
    path = tmp_path / "kept.npz"
    fingerprint_corpus(corpus, progress=False).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"kept\.npz.*take the fingerprints again"):
        Fingerprints.load(path)


def test_fingerprints_of_another_version_are_refused(corpus, tmp_path, monkeypatch):
    fingerprint_corpus(corpus, progress=False).save(tmp_path / "kept")
    monkeypatch.setattr("ecgrepro.corpora.fingerprints.VERSION", 99)
    with pytest.raises(InputError, match="version 99"):
        Fingerprints.load(tmp_path / "kept")


def test_a_bar_is_shown_on_request(corpus, capsys):
    fingerprint_corpus(corpus)
    assert "fingerprint" in capsys.readouterr().err
