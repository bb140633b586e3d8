"""The six label tasks have the benchmark's classes, and records without a label of a task are marked."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from ecgrepro.corpora.ptbxl_tables import read_tables
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis import TASKS, DiagnosisTask

#: Strodthoff et al. 2021, Table I.
CLASSES = {"all": 71, "diagnostic": 44, "subdiagnostic": 23, "superdiagnostic": 5, "form": 19, "rhythm": 12}


def found(task, codes):
    """Names of the classes of one recording, and whether they are known."""
    (row,), (known,) = DiagnosisTask(task).labels([codes])
    return [name for name, value in zip(DiagnosisTask(task).classes, row, strict=True) if value], known


def test_the_classes_are_as_many_as_published():
    assert {name: len(DiagnosisTask(name).classes) for name in TASKS} == CLASSES
    assert list(CLASSES) == list(TASKS)


def test_the_classes_stand_in_the_benchmarks_order():
    assert DiagnosisTask("superdiagnostic").classes == ("CD", "HYP", "MI", "NORM", "STTC")
    for name in TASKS:
        classes = DiagnosisTask(name).classes
        assert list(classes) == MultiLabelBinarizer().fit([classes]).classes_.tolist()


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("all", ["ASMI", "IMI", "NDT", "PVC", "SR"]),
        ("diagnostic", ["ASMI", "IMI", "NDT"]),
        ("subdiagnostic", ["AMI", "IMI", "STTC"]),
        ("superdiagnostic", ["MI", "STTC"]),
        ("form", ["NDT", "PVC"]),
        ("rhythm", ["SR"]),
    ],
)
def test_statements_become_labels(task, expected):
    assert found(task, ("SR", "IMI", "PVC", "ASMI", "NDT")) == (expected, True)


def test_shapes_and_types():
    multi_hot, known = DiagnosisTask("rhythm").labels([["SR"], ["NORM"], []])
    assert (multi_hot.shape, multi_hot.dtype, known.dtype) == ((3, 12), np.float32, bool)
    assert known.tolist() == [True, False, False]
    assert multi_hot.sum(axis=1).tolist() == [1, 0, 0]
    assert DiagnosisTask("form").labels([])[0].shape == (0, 19)


def test_a_corpus_index_gives_the_codes():
    codes = pd.Series([["SR"], ["AFIB", "NORM"]])
    multi_hot, known = DiagnosisTask("rhythm").labels(codes)
    assert known.all()
    assert multi_hot[1, DiagnosisTask("rhythm").classes.index("AFIB")] == 1


def test_where_only_superclasses_are_known_the_other_tasks_know_nothing():
    codes = ("superdiagnostic:MI", "superdiagnostic:CD")
    assert found("superdiagnostic", codes) == (["CD", "MI"], True)
    assert [found(task, codes) for task in TASKS if task != "superdiagnostic"] == [([], False)] * 5
    assert [found(task, ("superdiagnostic:",)) for task in TASKS] == [([], False)] * 6


def test_an_unknown_task_is_refused():
    with pytest.raises(SettingsError, match="one of all, diagnostic"):
        DiagnosisTask("sub")


def test_codes_of_another_corpus_are_refused():
    with pytest.raises(InputError, match=r"1 others \['426783006'\]"):
        DiagnosisTask("all").labels([["SR"], ["426783006"]])


def test_the_real_labels_are_the_published_ones(real):
    rows, _ = read_tables(real("ptbxl"), "1.0.3")
    task = DiagnosisTask("superdiagnostic")
    table = pd.read_csv(real("ptbxl") / "superclass_labels_all_21799.csv", index_col="ecg_id")
    units = [f"{number:05d}" for number in table.index]
    multi_hot, known = task.labels([rows[unit].codes for unit in units])
    np.testing.assert_array_equal(multi_hot, table[list(task.classes)])
    assert len(units) - known.sum() == 411
    assert len(units) == 21_799
