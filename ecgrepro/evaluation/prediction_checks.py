"""What a table of predictions must look like: its columns, and the checks behind `predictions.validate_predictions`."""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError

#: What a row can belong to. Training records leave no predictions.
PARTS = ("validation", "test")


def logit_columns(table):
    """Return the table's columns ``logit_0 .. logit_{n_classes - 1}`` in class order."""
    return _numbered(table, "logit")


def label_columns(table):
    """Return ``["label"]``, or of a multi-label table ``label_0 .. label_{n_classes - 1}`` in class order."""
    return _numbered(table, "label") or ["label"]


def _numbered(table, name):
    count = sum(str(column).startswith(f"{name}_") for column in table.columns)
    return [f"{name}_{index}" for index in range(count)]


def key_columns(table):
    """Return all columns but the logits, in the order of the contract."""
    return ["record_id", "part", *label_columns(table), "fold", "seed"]


def check_columns(table, where):
    """Raise InputError unless the columns are those of one of the two forms and there is a row."""
    labels, scores = label_columns(table), logit_columns(table)
    wanted, several = [*key_columns(table), *scores], labels != ["label"]
    enough = len(labels) == len(scores) if several else len(scores) >= 2
    if set(wanted) != set(table.columns) or len(wanted) != table.shape[1] or not enough:
        got, fix = f"columns {list(table.columns)}", "Write it with write_predictions."
        raise InputError(where, _expected_columns(table, several), got, fix)
    if not len(table):
        raise InputError(where, "at least one record", "an empty table", "Run the trial again.")


def _expected_columns(table, several):
    if several and "label" in table.columns:
        return "either column label or columns label_0, label_1 and so on, not both"
    label = "label_0, label_1 and so on (one per logit)" if several else "label"
    return f"columns record_id, part, {label}, fold, seed, logit_0, logit_1 and so on without a gap"


def check_strings(table, where):
    """Raise InputError for an id that is no string or empty, or an unknown part."""
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


def check_integers(table, where):
    """Raise InputError for labels, folds or seeds that are no integers or out of range."""
    labels = label_columns(table)
    # an only label is a class, several are 0 or 1 each
    limit = len(logit_columns(table)) if labels == ["label"] else 2
    for column, end in (*((name, limit) for name in labels), ("fold", 2**31), ("seed", 2**63)):
        _check_integers(table[column], end, where)


def _check_integers(column, limit, where):
    expected = f"{column.name} to be integers from 0 to {limit - 1}"
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        raise InputError(where, expected, f"dtype {column.dtype}", "Convert the column without loss.")
    if column.min() < 0 or column.max() >= limit:
        got = f"values from {column.min()} to {column.max()}"
        raise InputError(where, expected, got, "Check the class order and the number of logits.")


def check_logits(table, where):
    """Raise InputError for logits that are not finite."""
    finite = np.isfinite(table[logit_columns(table)].to_numpy(np.float32)).all(axis=1)
    if not finite.all():
        first = table["record_id"][~finite].iloc[0]
        got = f"{(~finite).sum()} records with NaN or infinite ones, first {first!r}"
        raise InputError(where, "finite logits", got, "The training diverged: lower the learning rate.")


def check_records(table, where):
    """Raise InputError for a record twice within one seed and part, or with two labels."""
    twice = table.duplicated(["seed", "part", "record_id"])
    if twice.any():
        row = table[twice].iloc[0]
        got = f"{twice.sum()} repetitions, first {row['record_id']!r} (seed {row['seed']}, {row['part']})"
        raise InputError(where, "each record once within a seed and part", got, "Do not stack a trial twice.")
    labelled = table.drop_duplicates(["record_id", *label_columns(table)])["record_id"]
    if labelled.duplicated().any():
        first = labelled[labelled.duplicated()].iloc[0]
        got = f"several for {labelled.duplicated().sum()} records, first {first!r}"
        raise InputError(where, "one label per record", got, "Do not mix label revisions.")
