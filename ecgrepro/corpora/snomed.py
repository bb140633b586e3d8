"""SNOMED CT codes of the Challenge 2020/2021: their names, their published counts, and what PTB-XL calls them.

Sources: the tables `dx_mapping_scored.csv` and `dx_mapping_unscored.csv` of the Challenge's evaluation code (origin and
commits in `challenge_classes.csv` beside this file); for the 18 classes that PTB-XL and the Challenge share, the label
map of the CSC2541 project (github.com/xeon27/ecg-transfer-learning, `actualFineTune.py`, `load_data_set.py`).
"""

import csv
from importlib.resources import files
from typing import NamedTuple

from ecgrepro.errors import SettingsError

#: Classes of the China Physiological Signal Challenge 2018, as the first headers of 2020 name them, and their codes:
#: the table's CPSC column holds nine codes, one per class, with the names; PVC is "ventricular ectopics" there. Where
#: both releases of a header are at hand (A0003, A0005, A0010) they agree.
CPSC_CLASSES = {
    "Normal": "426783006",
    "AF": "164889003",
    "I-AVB": "270492004",
    "LBBB": "164909002",
    "RBBB": "59118001",
    "PAC": "284470004",
    "PVC": "164884008",
    "STD": "429622005",
    "STE": "164931005",
}


class ChallengeClass(NamedTuple):
    """One row of the Challenge's tables.

    Attributes
    ----------
    code, abbreviation, name : str
        SNOMED CT code; the Challenge's short and long names.
    scored : bool
        Scored in the Challenge 2021.
    counts : dict of str to int
        Data set to its number of recordings with the code, as published.
    """

    code: str
    abbreviation: str
    name: str
    scored: bool
    counts: dict


class SharedClass(NamedTuple):
    """One of the 18 classes that the CSC2541 project took for the same in PTB-XL and in the Georgia data.

    Attributes
    ----------
    statement : str
        PTB-XL's acronym, and the name of the class.
    code : str
        SNOMED CT code.
    doubt : str
        Why the two may not be the same; ``""`` where nothing speaks against it.
    """

    statement: str
    code: str
    doubt: str = ""


#: In alphabetical order of the statements, which is the order of the project's outputs. Each code's recordings in the
#: Challenge's copy of PTB-XL and in Georgia: `published_counts`.
SHARED_CLASSES = (
    SharedClass("1AVB", "270492004"),
    SharedClass("2AVB", "195042002"),
    SharedClass(
        "CLBBB", "164909002",
        "The code does not say that the block is complete; the Challenge 2021 scores it and 733534002 (complete left "
        "bundle branch block) as one diagnosis.",
    ),
    SharedClass(
        "CRBBB", "713427006",
        "Georgia has 28 recordings with it and 542 with 59118001 (right bundle branch block), which the Challenge "
        "scores as the same diagnosis: with the one code alone, most complete blocks are negatives.",
    ),
    SharedClass("ILBBB", "251120003"),
    SharedClass("IRBBB", "713426002"),
    SharedClass("ISCAN", "426434006"),
    SharedClass("ISCIN", "425419005"),
    SharedClass("ISCLA", "425623009"),
    SharedClass("IVCD", "698252002"),
    SharedClass("LAFB", "445118002"),
    SharedClass("LAO/LAE", "67741000119109"),
    SharedClass("LNGQT", "111975006"),
    SharedClass("LPFB", "445211001"),
    SharedClass(
        "LVH", "164873001",
        "In the Challenge's copy of PTB-XL the code probably stands for LVH or VCLVH (voltage criteria): recount.",
    ),
    SharedClass(
        "NDT", "428750005",
        "The code is an unspecific abnormality of ST or T. In the Challenge's copy of PTB-XL 381 recordings have it, "
        "fewer than the 501 with NDT among 6,144 rows of PTB-XL's own table alone: there NDT became another code.",
    ),
    SharedClass("RVH", "89792004"),
    SharedClass(
        "SEHYP", "266249003",
        "The code is ventricular hypertrophy of any place, the statement that of the septum.",
    ),
)  # fmt: skip


def _read():
    lines = files("ecgrepro.corpora").joinpath("challenge_classes.csv").read_text("utf-8").splitlines()
    rows = csv.reader(line for line in lines if not line.startswith("#"))
    sources = tuple(next(rows)[4:])
    return sources, {row[0]: _class(row, sources) for row in rows}


def _class(row, sources):
    counts = dict(zip(sources, map(int, row[4:]), strict=True))
    return ChallengeClass(*row[:3], row[3] == "1", counts)


#: Names of the data sets with published counts, and code to `ChallengeClass` (133).
SOURCES, CLASSES = _read()


def class_name(code):
    """The Challenge's name of a code; the code itself where its tables do not have it."""
    return CLASSES[code].name if code in CLASSES else code


def published_counts(source):
    """Number of recordings per code as published.

    Parameters
    ----------
    source : str
        One of `SOURCES`: `georgia`, `cpsc2018` ...

    Returns
    -------
    dict of str to int
        SNOMED CT code to recordings, codes without any left out.

    Raises
    ------
    SettingsError
        A source that the tables do not have.
    """
    if source not in SOURCES:
        raise SettingsError(
            "source", f"one of {', '.join(SOURCES)}", repr(source), "The Challenge publishes no others."
        )
    return {code: found.counts[source] for code, found in CLASSES.items() if found.counts[source]}
