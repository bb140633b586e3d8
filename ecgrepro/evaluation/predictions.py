"""The table of predictions that every trial leaves, and its Parquet file.

One row per record: what the net answered (logits), what was right (label), in which part, fold
and seed. Tables of several seeds are stacked with `combine_predictions`; every number of a study
page can be computed from such tables alone.
"""

import contextlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ecgrepro.errors import DiskError, InputError

#: What a row can belong to. Training records leave no predictions.
PARTS = ("validation", "test")
_KEYS = ("record_id", "part", "label", "fold", "seed")
_DTYPES = {"label": np.int8, "fold": np.int32, "seed": np.int64}


def logit_columns(table):
    """Return the table's columns ``logit_0 .. logit_{n_classes - 1}`` in class order."""
    n_logits = sum(str(column).startswith("logit_") for column in table.columns)
    return [f"logit_{index}" for index in range(n_logits)]


def logits(table):
    """Return the table's logits, float32 (n_records, n_classes)."""
    return table[logit_columns(table)].to_numpy(np.float32)


def predicted_classes(table):
    """Return the class of the largest logit, int64 (n_records,); the lowest index wins a tie."""
    return logits(table).argmax(axis=1)


def prediction_table(record_ids, labels, logits, *, part, fold, seed):
    """Build one trial's table of one part.

    Parameters
    ----------
    record_ids : sequence of str, (n_records,)
    labels : integer array, (n_records,)
        Class indices.
    logits : float array, (n_records, n_classes)
        Unnormalised scores in class order.
    part : {"validation", "test"}
    fold, seed : int
        Test fold and seed of the trial, not negative.

    Returns
    -------
    pandas.DataFrame
        Columns record_id (str), part (str), label (int8), fold (int32), seed (int64),
        logit_0 .. logit_{n_classes - 1} (float32).

    Raises
    ------
    InputError
        Where `validate_predictions` would, or when the three arrays differ in length.
    """
    logits, record_ids, labels = np.asarray(logits), list(record_ids), np.asarray(labels)
    if logits.ndim != 2 or not len(record_ids) == len(labels) == len(logits):
        got = f"{len(record_ids)} record ids, {labels.shape} labels, {logits.shape} logits"
        raise InputError(
            "predictions", "one label and one row of logits per record", got, "Align the arrays."
        )
    keys = {"record_id": record_ids, "part": part, "label": labels, "fold": fold, "seed": seed}
    scores = {f"logit_{index}": column for index, column in enumerate(logits.T)}
    return validate_predictions(pd.DataFrame(keys | scores))


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
        A copy in column order record_id, part, label, fold, seed, logit_0, logit_1, ...

    Raises
    ------
    InputError
        For missing or unknown columns, an empty table, an unknown part, integers of another type
        or out of range, logits that are not finite, a record twice within one seed and part, or a
        record with two labels.
    """
    _check_columns(table, where)
    _check_strings(table, where)
    for column, limit in (("label", len(logit_columns(table))), ("fold", 2**31), ("seed", 2**63)):
        _check_integers(table[column], limit, where)
    table = _with_dtypes(table)
    _check_logits(table, where)
    _check_records(table, where)
    return table


def _check_columns(table, where):
    wanted = [*_KEYS, *logit_columns(table)]
    if set(wanted) != set(table.columns) or len(wanted) != table.shape[1] or len(wanted) < len(_KEYS) + 2:
        expected = f"columns {', '.join(_KEYS)}, logit_0, logit_1 and so on without a gap"
        raise InputError(
            where, expected, f"columns {list(table.columns)}", "Write it with write_predictions."
        )
    if not len(table):
        raise InputError(where, "at least one record", "an empty table", "Run the trial again.")


def _check_strings(table, where):
    plain = _are_names(table["record_id"])
    bad_ids = [] if plain else [v for v in table["record_id"] if not isinstance(v, str) or not v]
    if bad_ids:
        got = f"{len(bad_ids)} others, first {bad_ids[0]!r}"
        raise InputError(where, "record_id to be non-empty strings", got, "Convert the ids to str.")
    unknown = set(table["part"].unique()) - set(PARTS)
    if unknown:
        got = ", ".join(sorted(map(repr, unknown)))
        raise InputError(where, f"part to be one of {PARTS}", got, "Name the part of each row.")


def _are_names(ids):
    """Return whether all are surely strings and none is empty, without a look at each of half a million in Python."""
    kind = pd.api.types.infer_dtype(ids.unique(), skipna=False)
    return kind == "string" and not ids.isna().any() and not (ids == "").any()


def _check_integers(column, limit, where):
    expected = f"{column.name} to be integers from 0 to {limit - 1}"
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        raise InputError(where, expected, f"dtype {column.dtype}", "Convert the column without loss.")
    if column.min() < 0 or column.max() >= limit:
        got = f"values from {column.min()} to {column.max()}"
        raise InputError(where, expected, got, "Check the class order and the number of logits.")


def _with_dtypes(table):
    scores = logit_columns(table)
    # A float64 logit beyond float32 becomes infinite here and is refused by _check_logits.
    with np.errstate(over="ignore"):
        return (
            table[[*_KEYS, *scores]]
            .astype(_DTYPES | dict.fromkeys(scores, np.float32))
            .reset_index(drop=True)
        )


def _check_logits(table, where):
    finite = np.isfinite(logits(table)).all(axis=1)
    if not finite.all():
        first = table["record_id"][~finite].iloc[0]
        got = f"{(~finite).sum()} records with NaN or infinite ones, first {first!r}"
        raise InputError(where, "finite logits", got, "The training diverged: lower the learning rate.")


def _check_records(table, where):
    twice = table.duplicated(["seed", "part", "record_id"])
    if twice.any():
        row = table[twice].iloc[0]
        got = f"{twice.sum()} repetitions, first {row['record_id']!r} (seed {row['seed']}, {row['part']})"
        raise InputError(where, "each record once within a seed and part", got, "Do not stack a trial twice.")
    labelled = table.drop_duplicates(["record_id", "label"])["record_id"]
    if labelled.duplicated().any():
        first = labelled[labelled.duplicated()].iloc[0]
        got = f"several for {labelled.duplicated().sum()} records, first {first!r}"
        raise InputError(where, "one label per record", got, "Do not mix label revisions.")


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
    """How columns are written: byte by byte for logits and by what is new in an id, each is half as large so."""
    split = dict.fromkeys(logit_columns(table), "BYTE_STREAM_SPLIT")
    repeated = [column for column in _KEYS if column != "record_id"]
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
