"""The 18 diagnoses that PTB-XL and the Challenge 2020/2021 share: one label rule for both vocabularies.

Source: the CSC2541 project (github.com/xeon27/ecg-transfer-learning, 0e7bb14), which fine-tuned a PTB-XL model on the
Georgia data with these classes, and used the recordings that have at least one of them. Which of the 18 equivalences
are doubtful, and why, is told in `ecgrepro.corpora.snomed.SHARED_CLASSES`.
"""

import numpy as np

from ecgrepro.corpora.scp_statements import STATEMENTS
from ecgrepro.corpora.snomed import SHARED_CLASSES
from ecgrepro.errors import InputError


class SharedDiagnosisTask:
    """Multi-hot labels from PTB-XL's statements and from SNOMED CT codes alike.

    Parameters
    ----------
    doubtful : bool
        Keep the classes whose equivalence is doubtful: 18 classes with them, 13 without.
    negatives : bool
        Keep recordings that have none of the classes, as negatives of all. The project left them out, as the PTB-XL
        benchmark does in its tasks: that is the default.

    Attributes
    ----------
    name : str
    classes : tuple of str
        PTB-XL's acronyms in alphabetical order.
    """

    name = "shared_diagnosis"

    def __init__(self, doubtful=True, negatives=False):
        kept = [shared for shared in SHARED_CLASSES if doubtful or not shared.doubt]
        self.classes = tuple(shared.statement for shared in kept)
        self.negatives = negatives
        self._column = {shared.statement: i for i, shared in enumerate(kept)}
        self._column |= {shared.code: i for i, shared in enumerate(kept)}

    def labels(self, codes):
        """Label recordings.

        Parameters
        ----------
        codes : sequence of sequences of str, (n,)
            Statements of each recording, as `Record.codes` has them; both vocabularies may occur.

        Returns
        -------
        multi_hot : float32 array, (n, n_classes)
            1 where the recording is of the class.
        known : bool array, (n,)
            False where nothing says which of the classes a recording has, and, but with `negatives`, where it has none.

        Raises
        ------
        InputError
            One text in place of a sequence of codes.
        """
        multi_hot, known = np.zeros((len(codes), len(self.classes)), np.float32), np.zeros(len(codes), bool)
        for row, record in enumerate(codes):
            if isinstance(record, str):
                raise InputError("codes", "a sequence of codes for each recording", repr(record), "Split it.")
            columns = [self._column[code] for code in record if code in self._column]
            multi_hot[row, columns] = 1
            known[row] = bool(columns) or (self.negatives and any(map(_is_statement, record)))
        return multi_hot, known


def _is_statement(code):
    # not so what stands for a PTB-XL recording of which only the superclasses are known
    return code in STATEMENTS or code.isdecimal()
