"""The six label tasks of PTB-XL: from SCP-ECG statements to multi-hot labels.

Source: Strodthoff N et al., Deep learning for ECG analysis: benchmarks and insights from PTB-XL, IEEE J Biomed Health
Inform 25:1519 (2021), Table I; as coded in helme/ecg_ptbxl_benchmarking, code/utils/utils.py
(`compute_label_aggregations`, `select_data`): every statement counts whatever its likelihood, and records without any
label of the task are dropped.
"""

import numpy as np

from ecgrepro.corpora.scp_statements import STATEMENTS, SUPERCLASS_ONLY, SUPERCLASSES
from ecgrepro.errors import InputError, SettingsError

#: Task to the class that a statement stands for in it, ``""`` where it stands for none.
_RULES = {
    "all": lambda statement: statement.code,
    "diagnostic": lambda statement: statement.code if statement.diagnostic else "",
    "subdiagnostic": lambda statement: statement.subclass if statement.diagnostic else "",
    "superdiagnostic": lambda statement: statement.superclass if statement.diagnostic else "",
    "form": lambda statement: statement.code if statement.form else "",
    "rhythm": lambda statement: statement.code if statement.rhythm else "",
}
#: Names of the tasks, in the order of the benchmark's table; 71, 44, 23, 5, 19 and 12 classes.
TASKS = tuple(_RULES)


class DiagnosisTask:
    """One of the benchmark's label tasks.

    Parameters
    ----------
    name : {"all", "diagnostic", "subdiagnostic", "superdiagnostic", "form", "rhythm"}

    Attributes
    ----------
    name : str
    classes : tuple of str
        In alphabetical order (of code points), which is the benchmark's: scikit-learn's `MultiLabelBinarizer` sorts.

    Raises
    ------
    SettingsError
        Another name.
    """

    def __init__(self, name):
        if name not in _RULES:
            raise SettingsError("task", f"one of {', '.join(TASKS)}", repr(name), "Choose one of them.")
        self.name = name
        class_of = {code: _RULES[name](statement) for code, statement in STATEMENTS.items()}
        # where only the superclasses are known, the other tasks know nothing
        for superclass in ("", *SUPERCLASSES):
            class_of[SUPERCLASS_ONLY + superclass] = superclass if name == "superdiagnostic" else ""
        self.classes = tuple(sorted(set(class_of.values()) - {""}))
        self._column = {
            code: self.classes.index(found) if found else None for code, found in class_of.items()
        }

    def labels(self, codes):
        """Label recordings.

        Parameters
        ----------
        codes : sequence of sequences of str, (n,)
            Statements of each recording, as `Record.codes` has them.

        Returns
        -------
        multi_hot : float32 array, (n, n_classes)
            1 where the recording is of the class.
        known : bool array, (n,)
            False where no statement is of this task, or the statements are not known: the benchmark leaves such
            recordings out (411 of PTB-XL 1.0.3 have no superclass).

        Raises
        ------
        InputError
            A code that is none of the 71 statements.
        """
        pairs = [(row, code) for row, record in enumerate(codes) for code in record]
        unknown = sorted({code for _, code in pairs} - set(self._column))
        if unknown:
            raise InputError("codes", "SCP-ECG statements of PTB-XL", f"{len(unknown)} others {unknown[:3]}",
                             "Give the codes of a ptbxl corpus.")  # fmt: skip
        multi_hot = np.zeros((len(codes), len(self.classes)), np.float32)
        for row, code in pairs:
            if (column := self._column[code]) is not None:
                multi_hot[row, column] = 1
        return multi_hot, multi_hot.any(axis=1)
