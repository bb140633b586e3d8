import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import DiskError, InputError
from ecgrepro.evaluation import predictions
from ecgrepro.evaluation.predictions import (
    combine_predictions,
    prediction_table,
    read_predictions,
    validate_predictions,
    write_predictions,
)


@pytest.fixture
def table():
    logits = np.array([[2, 1, 0, 0], [0, 0, 3, 0], [1, 1, 0, 0]], np.float32)
    return prediction_table(["A00001", "A00002", "A00003"], [0, 2, 1], logits, part="test", fold=2, seed=7)


def test_a_table_survives_the_file_unchanged(table, tmp_path):
    write_predictions(tmp_path / "predictions.parquet", table)
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "predictions.parquet"), table)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]


def test_the_file_takes_no_more_room_than_the_logits_themselves(tmp_path):
    logits = np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32)
    ids = [f"A{i // 6:05d}/{i % 6}" for i in range(len(logits))]
    large = prediction_table(ids, np.zeros(len(ids), int), logits, part="test", fold=0, seed=0)
    write_predictions(tmp_path / "predictions.parquet", large)
    assert (tmp_path / "predictions.parquet").stat().st_size < 1.1 * logits.nbytes
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "predictions.parquet"), large)


def test_a_folder_named_like_a_column_adds_none(table, tmp_path):
    path = tmp_path / "seed=3" / "predictions.parquet"
    path.parent.mkdir()
    write_predictions(path, table)
    assert set(read_predictions(path)["seed"]) == {7}


def test_columns_have_the_dtypes_of_the_contract(table):
    assert [str(table[name].dtype) for name in ("label", "fold", "seed")] == ["int8", "int32", "int64"]
    assert {str(table[name].dtype) for name in predictions.logit_columns(table)} == {"float32"}
    assert list(table.columns[:5]) == ["record_id", "part", "label", "fold", "seed"]


def test_more_than_ten_classes_keep_their_order():
    logits = np.eye(12, dtype=np.float32)
    table = prediction_table([f"R{i}" for i in range(12)], range(12), logits, part="test", fold=0, seed=0)
    assert predictions.predicted_classes(table).tolist() == list(range(12))


def test_the_lowest_class_wins_a_tie(table):
    assert predictions.predicted_classes(table).tolist() == [0, 2, 0]


def test_a_record_may_return_in_another_seed_or_part(table):
    combined = combine_predictions([table, table.assign(seed=8), table.assign(part="validation")])
    assert len(combined) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logit_1": np.nan}, "3 records with NaN or infinite ones, first 'A00001'"),
        ({"logit_1": np.float64(1e300)}, "NaN or infinite"),
        ({"label": 4}, "values from 4 to 4"),
        ({"label": -1}, "values from -1 to -1"),
        ({"label": 300}, "values from 300 to 300"),
        ({"label": 1.5}, "dtype float64"),
        ({"fold": -1}, "fold to be integers"),
        ({"part": "train"}, "'train'"),
        ({"record_id": "A00001"}, r"2 repetitions, first 'A00001' \(seed 7, test\)"),
        ({"record_id": 5}, "non-empty strings"),
        ({"record_id": ""}, "non-empty strings"),
        ({"probability": 0.5}, "probability"),
        ({"logit_5": 0.0}, "without a gap"),
    ],
)
def test_a_wrong_table_is_refused_and_not_written(table, change, message, tmp_path):
    with pytest.raises(InputError, match=message):
        write_predictions(tmp_path / "predictions.parquet", table.assign(**change))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [object, "category"])
def test_ids_may_be_strings_of_any_kind(table, dtype):
    other = validate_predictions(table.assign(record_id=table["record_id"].astype(dtype)))
    assert other["record_id"].tolist() == table["record_id"].tolist()


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_a_missing_id_is_refused(table, missing):
    ids = table["record_id"].astype(object)
    ids.iloc[1] = missing
    with pytest.raises(InputError, match="1 others"):
        validate_predictions(table.assign(record_id=ids))


def test_a_missing_column_is_named(table):
    with pytest.raises(InputError, match="expected columns record_id, part, label, fold, seed"):
        validate_predictions(table.drop(columns="seed"))


def test_an_empty_table_is_refused(table):
    with pytest.raises(InputError, match="an empty table"):
        validate_predictions(table.iloc[:0])


def test_two_labels_for_one_record_are_refused(table):
    other = table.assign(seed=8, label=np.array([0, 3, 1], np.int8))
    with pytest.raises(InputError, match="several for 1 records, first 'A00002'"):
        combine_predictions([table, other])


def test_combining_nothing_is_refused():
    with pytest.raises(InputError, match="at least one table"):
        combine_predictions([])


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(InputError, match="2 record ids"):
        prediction_table(["a", "b"], [0], np.zeros((2, 4)), part="test", fold=0, seed=0)


def test_a_missing_file_and_a_file_of_another_kind_are_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.parquet.*no such file"):
        read_predictions(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("not a table")
    with pytest.raises(InputError, match=r"text\.parquet: expected a Parquet file"):
        read_predictions(tmp_path / "text.parquet")


def test_a_truncated_file_is_refused(table, tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="Delete it and run the trial again"):
        read_predictions(path)


def test_a_folder_that_is_missing_is_a_disk_error(table, tmp_path):
    with pytest.raises(DiskError, match="Make the folder"):
        write_predictions(tmp_path / "absent" / "predictions.parquet", table)
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="Make the folder"):
        write_predictions(tmp_path / "file" / "predictions.parquet", table)


def test_a_failed_write_keeps_the_earlier_file(table, tmp_path, monkeypatch):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table)

    def fill_disk(_, partial, **__):
        partial.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(predictions.pq, "write_table", fill_disk)
    with pytest.raises(DiskError, match="No space left"):
        write_predictions(path, table.assign(seed=9))
    monkeypatch.undo()
    assert set(read_predictions(path)["seed"]) == {7}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def several():
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]])
    logits = np.arange(9, dtype=np.float32).reshape(3, 3)
    return prediction_table(["A", "B", "C"], labels, logits, part="test", fold=9, seed=4)


def test_a_multi_label_table_has_a_label_of_each_class(several):
    assert list(several.columns[:7]) == ["record_id", "part", "label_0", "label_1", "label_2", "fold", "seed"]
    assert {str(several[f"label_{index}"].dtype) for index in range(3)} == {"int8"}
    assert predictions.is_multi_label(several)
    assert predictions.labels(several).tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 1]]


def test_labels_of_one_class_per_record_are_one_column(table):
    assert not predictions.is_multi_label(table)
    assert predictions.labels(table).tolist() == [0, 2, 1]
    assert predictions.label_columns(table) == ["label"]


def test_a_multi_label_table_survives_the_file_unchanged(several, tmp_path):
    write_predictions(tmp_path / "predictions.parquet", several)
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "predictions.parquet"), several)


def test_booleans_are_labels_of_0_and_1(several):
    flags = predictions.labels(several).astype(bool)
    other = prediction_table("ABC", flags, predictions.logits(several), part="test", fold=9, seed=4)
    pd.testing.assert_frame_equal(other, several)


def test_the_labels_of_many_classes_take_a_bit_each_at_most(tmp_path):
    rng, shape = np.random.default_rng(0), (2198, 71)
    logits, labels = rng.normal(size=shape).astype(np.float32), rng.random(shape) < 0.05
    sizes = []
    for given in (np.zeros(shape, int), labels):
        made = prediction_table(map(str, range(len(given))), given, logits, part="test", fold=0, seed=0)
        write_predictions(tmp_path / "predictions.parquet", made)
        sizes.append((tmp_path / "predictions.parquet").stat().st_size)
    assert sizes[1] - sizes[0] < labels.size / 8
    assert sizes[0] < 1.15 * logits.nbytes


def test_more_than_ten_labels_keep_their_order():
    labels = np.eye(12, dtype=int)
    table = prediction_table([f"R{i}" for i in range(12)], labels, np.eye(12), part="test", fold=0, seed=0)
    assert (predictions.labels(validate_predictions(table[sorted(table.columns)])) == labels).all()


def test_a_reader_may_add_a_column_to_a_table_of_many_classes():
    labels = np.eye(71, dtype=int)
    table = prediction_table(map(str, range(71)), labels, np.eye(71), part="test", fold=0, seed=0)
    assert table.assign(group="a").shape == (71, 4 + 2 * 71 + 1)


def test_several_labels_have_no_one_answer(several):
    with pytest.raises(InputError, match="one class per record; got 3 labels of 0 or 1"):
        predictions.predicted_classes(several)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_1": 2}, "label_1 to be integers from 0 to 1; got values from 2 to 2"),
        ({"label_1": -1}, "values from -1 to -1"),
        ({"label_1": 0.5}, "dtype float64"),
        ({"label": 1}, "either column label or columns label_0, label_1 and so on, not both"),
        ({"label_3": 1}, r"label_0, label_1 and so on \(one per logit\)"),
        ({"logit_3": 1.0}, r"label_0, label_1 and so on \(one per logit\)"),
        ({"logit_2": np.inf}, "3 records with NaN or infinite"),
        ({"label_x": 1}, r"label_0, label_1 and so on \(one per logit\)"),
    ],
)
def test_a_wrong_multi_label_table_is_refused(several, change, message):
    with pytest.raises(InputError, match=message):
        validate_predictions(several.assign(**change))


def test_both_forms_do_not_stack(table, several):
    with pytest.raises(InputError, match="not both"):
        combine_predictions([table, several])


def test_a_record_with_other_labels_in_another_seed_is_refused(several):
    other = several.assign(seed=5, label_1=np.array([0, 1, 1], np.int8))
    with pytest.raises(InputError, match="several for 1 records, first 'B'"):
        combine_predictions([several, other])


def test_labels_and_logits_of_other_classes_are_refused():
    with pytest.raises(InputError, match=r"shapes \(2, 3\) and \(2, 4\)"):
        prediction_table("ab", np.zeros((2, 3), int), np.zeros((2, 4)), part="test", fold=0, seed=0)
