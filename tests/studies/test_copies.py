import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora.cinc2017 import COPIES
from ecgrepro.studies.copies import copies_table, draw_copies

NEAR = ["corpus_a", "record_a", "corpus_b", "record_b", "correlation"]


@pytest.fixture
def corpus(make_corpus, make_record):
    labels = {"A00227": "N", "A01176": "N", "A01925": "O", "A00124": "N", "A00001": "N"}
    return make_corpus([make_record(record, label=label) for record, label in labels.items()])


def test_a_group_is_told_with_its_labels_and_its_weakest_pair(corpus):
    pairs = [("c", "A00227", "c", "A01176", 1.0), ("c", "A00227", "c", "A01925", -0.97),
             ("c", "A00227", "d", "A01925", 0.5), ("c", "A00001", "c", "A01925", 0.6)]  # fmt: skip
    near = pd.DataFrame(pairs, columns=NEAR)
    table = copies_table(corpus, near)
    assert table.to_numpy().tolist() == [["A00227 N, A01176 N, A01925 O", "N 2, O 1", 0.97]]


def test_without_copies_the_table_keeps_its_columns(make_corpus, make_record):
    table = copies_table(make_corpus([make_record("A00001", label="N")]), pd.DataFrame(columns=NEAR))
    assert table.empty
    assert list(table) == ["recordings", "labels", "lowest correlation"]


def test_no_recording_is_in_two_groups():
    names = [record for group in COPIES for record in group]
    assert len(names) == len(set(names))


def test_a_trace_is_drawn_for_each_recording_that_is_there(corpus):
    (ax,) = draw_copies(corpus, seconds=2).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["A00227  N", "A01176  N", "A01925  O"]
    assert all(len(line.get_xdata()) == 200 for line in ax.lines)
    assert np.allclose(np.median(ax.lines[1].get_ydata()), -1.2)
