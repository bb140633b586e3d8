"""One label rule for PTB-XL's statements and for SNOMED CT codes."""

import numpy as np
import pytest

from ecgrepro.corpora.scp_statements import STATEMENTS, SUPERCLASS_ONLY
from ecgrepro.corpora.snomed import CLASSES, SHARED_CLASSES, published_counts
from ecgrepro.errors import InputError
from ecgrepro.frames.shared_diagnosis import SharedDiagnosisTask

ORDER = ("1AVB", "2AVB", "CLBBB", "CRBBB", "ILBBB", "IRBBB", "ISCAN", "ISCIN", "ISCLA", "IVCD", "LAFB", "LAO/LAE",
         "LNGQT", "LPFB", "LVH", "NDT", "RVH", "SEHYP")  # fmt: skip


def test_the_classes_are_the_projects_outputs():
    assert SharedDiagnosisTask().classes == ORDER
    assert SharedDiagnosisTask(doubtful=False).classes == (
        "1AVB", "2AVB", "ILBBB", "IRBBB", "ISCAN", "ISCIN", "ISCLA", "IVCD", "LAFB", "LAO/LAE", "LNGQT", "LPFB", "RVH",
    )  # fmt: skip


@pytest.mark.parametrize("doubtful", [True, False])
def test_both_vocabularies_give_the_same_column(doubtful):
    task = SharedDiagnosisTask(doubtful)
    kept = [shared for shared in SHARED_CLASSES if shared.statement in task.classes]
    for vocabulary in ("statement", "code"):
        found, known = task.labels([(getattr(shared, vocabulary),) for shared in kept])
        np.testing.assert_array_equal(found, np.eye(len(kept)))
        assert known.all()
    assert (found.dtype, known.dtype) == (np.float32, bool)


def test_several_diagnoses_are_several_ones_and_the_others_are_left():
    found, known = SharedDiagnosisTask().labels(
        [("NORM", "SR", "LVH", "1AVB", "LVH"), ["426783006", "445211001"]]
    )
    assert [[ORDER[i] for i in row.nonzero()[0]] for row in found] == [["1AVB", "LVH"], ["LPFB"]]
    assert known.all()


@pytest.mark.parametrize(
    ("negatives", "expected"), [(False, [False, False, False, False]), (True, [True, True, False, False])]
)
def test_recordings_without_any_of_the_classes(negatives, expected):
    codes = [("NORM", "SR"), ("426783006",), (), (f"{SUPERCLASS_ONLY}CD",)]
    found, known = SharedDiagnosisTask(negatives=negatives).labels(codes)
    assert known.tolist() == expected
    assert not found.any()


def test_what_only_a_doubtful_class_has_is_left_out_with_it():
    codes = [("266249003",), ("266249003", "89792004")]
    assert SharedDiagnosisTask().labels(codes)[1].tolist() == [True, True]
    found, known = SharedDiagnosisTask(doubtful=False).labels(codes)
    assert known.tolist() == [False, True]
    assert found.sum() == 1


def test_no_other_code_or_statement_is_a_class():
    shared = {name for row in SHARED_CLASSES for name in (row.statement, row.code)}
    others = [(name,) for name in (*STATEMENTS, *CLASSES) if name not in shared]
    assert len(others) == 71 + 133 - 36
    found, known = SharedDiagnosisTask().labels(others)
    assert not found.any()
    assert not known.any()


def test_georgias_published_counts_come_back():
    counts = published_counts("georgia")
    codes = [(code,) for code, number in counts.items() for _ in range(number)]
    found, known = SharedDiagnosisTask().labels(codes)
    assert found.sum(axis=0).tolist() == [769, 23, 231, 28, 86, 407, 281, 451, 903, 203, 180, 870, 1391, 25, 1232, 1883,
                                          86, 71]  # fmt: skip
    assert known.sum() == found.sum() == 9_120


def test_one_text_in_place_of_codes_is_refused():
    with pytest.raises(InputError, match="a sequence of codes"):
        SharedDiagnosisTask().labels(["164873001"])


def test_no_recordings_give_no_labels():
    found, known = SharedDiagnosisTask().labels([])
    assert (found.shape, known.shape) == ((0, 18), (0,))
