"""Exact copies, down to one lead of several, and the groups that copies form."""

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora.duplicates import COLUMNS, duplicate_groups, exact_duplicates


class Signals:
    """A corpus of recordings that ingest would leave out."""

    def __init__(self, index, signals):
        self.index, self.signal = index, signals.__getitem__

    def __len__(self):
        return len(self.index)


@pytest.fixture
def signals():
    return np.random.default_rng(0).integers(-900, 900, (5, 400, 3)).astype(np.int16)


def test_copies_of_whole_records_and_of_single_leads_are_found(make_corpus, make_record, signals):
    first = make_corpus([make_record("a", signal=signals[0]), make_record("b", signal=signals[1]),
                         make_record("c", signal=signals[0])], "first")  # fmt: skip
    second = make_corpus([make_record("x", signal=signals[2]),
                          make_record("one lead", signal=signals[1][:, [2]], leads=("V9",)),
                          make_record("turned", signal=signals[0][:, ::-1])], "second")  # fmt: skip
    found = exact_duplicates({"first": first, "second": second}, progress=False)
    assert tuple(found.columns) == COLUMNS
    assert list(found.itertuples(index=False, name=None)) == [
        ("first", "a", "lead 0", "first", "c", "lead 0", 3),
        ("first", "b", "lead 2", "second", "one lead", "V9", 1),
        ("first", "a", "lead 2", "second", "turned", "lead 0", 3),
    ]


def test_without_copies_the_table_is_empty(make_corpus, make_record, signals):
    corpus = make_corpus([make_record(str(i), signal=signals[i]) for i in range(5)])
    assert exact_duplicates({"made": corpus}, progress=False).shape == (0, len(COLUMNS))


def test_leads_that_are_equal_within_a_record_count_once(make_corpus, make_record, signals):
    twice = np.repeat(signals[0][:, :1], 2, axis=1)
    corpus = make_corpus([make_record("a", signal=twice), make_record("b", signal=twice)])
    found = exact_duplicates({"made": corpus}, progress=False)
    assert found[["record_a", "record_b", "n_leads"]].to_numpy().tolist() == [["a", "b", 1]]


def test_leads_without_movement_are_no_copies(signals):
    flat = signals[:2].copy()
    flat[:, :, 1] = 7
    index = pd.DataFrame({"record_id": ["a", "b"], "leads": [["I", "II", "III"]] * 2})
    assert exact_duplicates({"made": Signals(index, flat)}, progress=False).empty


def test_groups_are_what_pairs_link():
    assert duplicate_groups([(4, 1), (1, 6), (2, 3)], 7).tolist() == [0, 1, 2, 2, 1, 5, 1]


def test_without_pairs_everyone_is_alone():
    assert duplicate_groups([], 3).tolist() == [0, 1, 2]
