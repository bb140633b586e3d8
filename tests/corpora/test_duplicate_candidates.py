"""Candidates: every pair of records with like windows, at most a few of each, whatever the order."""

import numpy as np
import pytest

from ecgrepro.corpora.duplicate_candidates import (
    COSINE,
    GUESSES,
    KEY_REACH,
    Windows,
    find_candidates,
    looked_up,
)
from ecgrepro.corpora.signal_fingerprint import DIMENSIONS


def made(record, key, vector, time=None, lead=None):
    """Windows with these fields, sorted by key; all of lead 0 and one a second unless given."""
    order = np.argsort(key, kind="stable")
    n = len(order)
    record, lead, time, key = (
        np.asarray(values)[order]
        for values in (
            record,
            np.zeros(n, np.int64) if lead is None else lead,
            np.arange(n) if time is None else time,
            key,
        )
    )
    return Windows(record, lead, time.astype(np.float32), key.astype(np.float32),
                   vector[order].astype(np.float16), int(record.max()) + 1)  # fmt: skip


def unit_vectors(rng, n):
    vector = rng.normal(size=(n, DIMENSIONS))
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def test_it_finds_what_a_plain_comparison_finds(monkeypatch):
    monkeypatch.setattr("ecgrepro.corpora.duplicate_candidates.GUESSES", 10**6)
    monkeypatch.setattr("ecgrepro.corpora.duplicate_candidates._LOOKED_UP_BLOCK", 17)
    monkeypatch.setattr("ecgrepro.corpora.duplicate_candidates._STORED_BLOCK", 13)
    rng = np.random.default_rng(0)
    centres = unit_vectors(rng, 12)
    vector = centres[rng.integers(0, 12, 300)] * rng.choice([-1, 1], (300, 1)) + 0.02 * unit_vectors(rng, 300)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    windows = made(rng.integers(0, 40, 300), rng.uniform(0.5, 0.6, 300), vector)
    a, b = find_candidates(windows, progress=False)
    cosine = np.abs(windows.vector.astype(np.float32) @ windows.vector.astype(np.float32).T)
    near = np.abs(windows.key[:, None] - windows.key) <= np.float32(KEY_REACH)
    first = windows.record[:, None] < windows.record
    expected = set(zip(*np.nonzero((cosine > COSINE) & near & first), strict=True))
    found = list(zip(a, b, strict=True))
    # a block compares a little beyond the reach, and with few windows per record both sides are looked up
    assert expected <= set(found)
    assert len(expected) > 100
    assert all(cosine[pair] > COSINE and first[pair] for pair in found)
    assert all(abs(windows.key[i] - windows.key[j]) < 0.1 for i, j in found)


def test_the_best_guesses_of_a_pair_are_kept_best_first():
    rng = np.random.default_rng(1)
    base = unit_vectors(rng, 1)
    steps = np.array([0.0, 0.02, 0.05, 0.1, 0.15])[:, None]
    vector = np.concatenate([base, base + steps * unit_vectors(rng, 5)])
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    windows = made([1, 0, 0, 0, 0, 0], np.full(6, 0.8), vector)
    a, b = find_candidates(windows, progress=False)
    assert a.tolist() == [1, 2, 3][:GUESSES]
    assert b.tolist() == [0] * GUESSES


def test_windows_of_one_record_are_no_candidates():
    vector = np.repeat(unit_vectors(np.random.default_rng(2), 1), 50, axis=0)
    assert len(find_candidates(made([3] * 50, np.full(50, 0.8), vector), progress=False)[0]) == 0


def test_no_windows_at_all_give_no_candidates():
    none = Windows(*(np.empty(0, kind) for kind in (int, int, np.float32, np.float32)),
                   np.empty((0, DIMENSIONS), np.float16), 5)  # fmt: skip
    assert [len(part) for part in find_candidates(none, progress=False)] == [0, 0]


@pytest.mark.parametrize(("seconds", "expected"), [(30, 24), (1800, 180)])
def test_windows_are_looked_up_evenly_over_leads_and_time(seconds, expected):
    time = np.tile(np.arange(0, seconds, 0.5) + 0.5, 2)
    lead = np.repeat([0, 1], len(time) // 2)
    rng = np.random.default_rng(3)
    windows = made(
        np.zeros(len(time), np.int64), rng.random(len(time)), unit_vectors(rng, len(time)), time, lead
    )
    chosen = looked_up(windows)
    assert len(chosen) == expected
    assert (np.diff(chosen) > 0).all()
    for one in (0, 1):
        times = np.sort(windows.time[chosen][windows.lead[chosen] == one])
        assert len(times) == expected // 2
        assert np.diff(times).max() < 2.2 * seconds / expected + 1


def test_records_with_few_windows_are_looked_up_whole():
    windows = made([0] * 5 + [2] * 3, np.linspace(0.5, 1, 8), unit_vectors(np.random.default_rng(4), 8))
    assert looked_up(windows).tolist() == list(range(8))
