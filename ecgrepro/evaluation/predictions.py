"""The table of predictions that every trial leaves, and its Parquet file.

One row per record: what the net answered (logits), what was right (label), in which part, fold
and seed. A record has one class (column ``label``) or any number of them: a multi-label table has
``label_0 .. label_{n_classes - 1}`` instead, each 0 or 1. Tables of several seeds are stacked with
`combine_predictions`; every number of a study page can be computed from such tables alone.
"""

import contextlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ecgrepro.errors import DiskError, InputError
from ecgrepro.evaluation.prediction_checks import (
    check_columns,
    check_integers,
    check_logits,
    check_records,
    check_strings,
    key_columns,
    label_columns,
    logit_columns,
)


def logits(table):
    """Return the table's logits, float32 (n_records, n_classes)."""
    return table[logit_columns(table)].to_numpy(np.float32)


def is_multi_label(table):
    """Return whether each class of a record has a label of its own, 0 or 1."""
    return label_columns(table) != ["label"]


def labels(table):
    """Return the table's labels, int8: classes (n_records,), or, multi-label, 0 or 1 (n_records, n_classes)."""
    columns = label_columns(table)
    return table[columns].to_numpy(np.int8) if is_multi_label(table) else table["label"].to_numpy(np.int8)


def predicted_classes(table):
    """Return the class of the largest logit, int64 (n_records,); the lowest index wins a tie.

    Raises
    ------
    InputError
        For a multi-label table: there each class is answered for itself, and no class is "the" answer.
    """
    if is_multi_label(table):
        got = f"{len(label_columns(table))} labels of 0 or 1 per record"
        fix = "Judge the classes one by one, for instance with class_ranks.class_auc."
        raise InputError("predictions", "one class per record", got, fix)
    return logits(table).argmax(axis=1)


def prediction_table(record_ids, labels, logits, *, part, fold, seed):
    """Build one trial's table of one part.

    Parameters
    ----------
    record_ids : sequence of str, (n_records,)
    labels : integer array, (n_records,) or (n_records, n_classes)
        Class indices; or, for a multi-label table, 0 or 1 (or booleans) for each class.
    logits : float array, (n_records, n_classes)
        Unnormalised scores in class order.
    part : {"validation", "test"}
    fold, seed : int
        Test fold and seed of the trial, not negative.

    Returns
    -------
    pandas.DataFrame
        Columns record_id (str), part (str), label (int8), fold (int32), seed (int64),
        logit_0 .. logit_{n_classes - 1} (float32). A multi-label table has
        label_0 .. label_{n_classes - 1} (int8) in place of label.

    Raises
    ------
    InputError
        Where `validate_predictions` would, or when the three arrays differ in length, or labels
        and logits in the number of classes.
    """
    logits, record_ids, labels = np.asarray(logits), list(record_ids), np.asarray(labels)
    if logits.ndim != 2 or not len(record_ids) == len(labels) == len(logits):
        got = f"{len(record_ids)} record ids, {labels.shape} labels, {logits.shape} logits"
        raise InputError(
            "predictions", "one label and one row of logits per record", got, "Align the arrays."
        )
    keys = {
        "record_id": record_ids,
        "part": part,
        **_named_labels(labels, logits),
        "fold": fold,
        "seed": seed,
    }
    scores = {f"logit_{index}": column for index, column in enumerate(logits.T)}
    return validate_predictions(pd.DataFrame(keys | scores))


def _named_labels(labels, logits):
    """Return the columns of labels by name."""
    if labels.ndim == 1:
        return {"label": labels}
    if labels.shape != logits.shape:
        got, fix = f"shapes {labels.shape} and {logits.shape}", "Pass a label of every class."
        raise InputError("predictions", "multi-label labels of the logits' shape", got, fix)
    labels = labels.astype(np.int8) if labels.dtype == bool else labels
    return {f"label_{index}": column for index, column in enumerate(labels.T)}


def validate_predictions(table, where="predictions"):
    """Check a table and return it with the dtypes of the contract.

    Parameters
    ----------
    table : pandas.DataFrame
    where : str or path
        Named in the error.

    Returns
    -------
    pandas.DataFrame
        A copy in column order record_id, part, label (or label_0, label_1, ...), fold, seed,
        logit_0, logit_1, ...

    Raises
    ------
    InputError
        For missing or unknown columns, both forms of label or neither, another number of labels
        than of logits in the multi-label form, an empty table, an unknown part, integers of another
        type or out of range, logits that are not finite, a record twice within one seed and part,
        or a record with two labels (in the multi-label form: with two sets of them).
    """
    check_columns(table, where)
    check_strings(table, where)
    check_integers(table, where)
    table = _with_dtypes(table)
    check_logits(table, where)
    check_records(table, where)
    return table


def _with_dtypes(table):
    keys, scores = key_columns(table), logit_columns(table)
    dtypes = dict.fromkeys(label_columns(table), np.int8) | {"fold": np.int32, "seed": np.int64}
    # A float64 logit beyond float32 becomes infinite here and is refused by check_logits.
    with np.errstate(over="ignore"):
        table = table[[*keys, *scores]].astype(dtypes | dict.fromkeys(scores, np.float32))
    # The copy gathers the columns, each of which astype left by itself: over a hundred make pandas warn of every column
    # that a reader adds.
    return table.reset_index(drop=True).copy()


def combine_predictions(tables):
    """Stack the tables of several trials into one validated table.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        For example the trials of one arm, one per seed.

    Raises
    ------
    InputError
        For no table, or where `validate_predictions` would.
    """
    tables = list(tables)
    if not tables:
        raise InputError("predictions", "at least one table", "none", "Run the study's trials first.")
    return validate_predictions(pd.concat(tables, ignore_index=True))


def write_predictions(path, table):
    """Write a validated table as Parquet; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        Replaced where it exists. Its folder must exist.
    table : pandas.DataFrame

    Raises
    ------
    InputError
        Where `validate_predictions` would; nothing is written then.
    DiskError
        When the file cannot be written.
    """
    path = Path(path)
    arrow = pa.Table.from_pandas(validate_predictions(table, path), preserve_index=False)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        pq.write_table(arrow, partial, compression="zstd", **_encodings(table))
        os.replace(partial, path)
    except OSError as error:
        expected = "a folder with room for the predictions"
        raise DiskError(path, expected, str(error), "Make the folder, or free some space.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _encodings(table):
    """How columns are written: byte by byte for logits and by what is new in an id, each is half as large so.

    Labels of 0 and 1 take a bit each, or less, as indices into a dictionary of two values.
    """
    split = dict.fromkeys(logit_columns(table), "BYTE_STREAM_SPLIT")
    repeated = [column for column in key_columns(table) if column != "record_id"]
    return {"use_dictionary": repeated, "column_encoding": split | {"record_id": "DELTA_BYTE_ARRAY"}}


def read_predictions(path):
    """Read and validate a table that `write_predictions` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    pandas.DataFrame
        As `prediction_table` describes.

    Raises
    ------
    InputError
        When the file is missing, is no Parquet file, or holds something else.
    """
    expected = "a Parquet file of predictions"
    try:
        # Not read_table: it would take a folder called "seed=3" for a column.
        with pq.ParquetFile(path) as file:
            table = file.read().to_pandas()
    except FileNotFoundError as error:
        raise InputError(path, expected, "no such file", "Run the trial that leaves it.") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, expected, str(error), "Delete it and run the trial again.") from error
    return validate_predictions(table, path)
