"""The 71 SCP-ECG statements of PTB-XL, and what each of them says.

Source: `scp_statements.csv` of PTB-XL 1.0.3 (Wagner P et al., PTB-XL, a large publicly available electrocardiography
dataset, Scientific Data 7:154 (2020); physionet.org/content/ptb-xl/1.0.3/, CC BY 4.0). The table beside this file is
reduced to the columns that the label tasks of the benchmark use, so that they work without the publisher's folder.
"""

import csv
from importlib.resources import files
from typing import NamedTuple

#: The five diagnostic superclasses as the publisher lists them.
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
#: Opens what stands in place of statements where only the superclasses of a recording are known.
SUPERCLASS_ONLY = "superdiagnostic:"


class Statement(NamedTuple):
    """One SCP-ECG statement.

    Attributes
    ----------
    code : str
        The publisher's acronym.
    diagnostic, form, rhythm : bool
        Its kinds: at least one; four statements are both diagnostic and form.
    superclass, subclass : str
        Of a diagnostic statement; ``""`` else.
    """

    code: str
    diagnostic: bool
    form: bool
    rhythm: bool
    superclass: str
    subclass: str


def _read():
    lines = files("ecgrepro.corpora").joinpath("scp_statements.csv").read_text("utf-8").splitlines()
    rows = csv.reader(line for line in lines if not line.startswith("#"))
    next(rows)
    return {row[0]: Statement(row[0], *(flag == "1" for flag in row[1:4]), *row[4:]) for row in rows}


#: Acronym to `Statement`, in the publisher's order.
STATEMENTS = _read()


def superclasses(codes):
    """Superclasses of a recording's statements: a set of str, empty where none of them is diagnostic."""
    return {STATEMENTS[code].superclass for code in codes if STATEMENTS[code].diagnostic}


def superclass_codes(names):
    """What stands in place of the statements where only the superclasses are known.

    Parameters
    ----------
    names : iterable of str
        Of `SUPERCLASSES`; may be empty.

    Returns
    -------
    tuple of str
        ``("superdiagnostic:MI", ...)``, or ``("superdiagnostic:",)`` where the recording has no superclass.
    """
    return tuple(SUPERCLASS_ONLY + name for name in names) or (SUPERCLASS_ONLY,)
