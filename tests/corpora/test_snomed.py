"""The Challenge's published counts, and the 18 classes shared with PTB-XL."""

import ast
import csv

import pytest

from ecgrepro.corpora import challenge, snomed
from ecgrepro.corpora.scp_statements import STATEMENTS
from ecgrepro.corpora.snomed import CLASSES, CPSC_CLASSES, SHARED_CLASSES, class_name, published_counts
from ecgrepro.errors import SettingsError

#: Statement to recordings in the Challenge's PTB-XL and in Georgia, as the CSC2541 project's slides give them.
SLIDES = {
    "1AVB": (797, 769), "2AVB": (14, 23), "CLBBB": (536, 231), "CRBBB": (542, 28), "ILBBB": (77, 86),
    "IRBBB": (1118, 407), "ISCAN": (44, 281), "ISCIN": (219, 451), "ISCLA": (142, 903), "IVCD": (789, 203),
    "LAFB": (1626, 180), "LAO/LAE": (427, 870), "LNGQT": (118, 1391), "LPFB": (177, 25), "LVH": (2359, 1232),
    "NDT": (381, 1883), "RVH": (126, 86), "SEHYP": (30, 71),
}  # fmt: skip


def test_the_shared_classes_have_the_slides_counts():
    ptbxl, georgia = published_counts("challenge_ptbxl"), published_counts("georgia")
    found = {shared.statement: (ptbxl[shared.code], georgia[shared.code]) for shared in SHARED_CLASSES}
    assert found == SLIDES
    assert list(found) == sorted(found)


def test_every_shared_class_is_a_diagnostic_statement_of_ptb_xl():
    assert all(STATEMENTS[shared.statement].diagnostic for shared in SHARED_CLASSES)
    assert len({shared.code for shared in SHARED_CLASSES}) == 18


def test_doubtful_classes_say_why():
    doubtful = {shared.statement: shared.doubt for shared in SHARED_CLASSES if shared.doubt}
    assert set(doubtful) == {"CLBBB", "CRBBB", "LVH", "NDT", "SEHYP"}
    georgia = published_counts("georgia")
    assert f"{georgia['713427006']} recordings" in doubtful["CRBBB"]
    assert f"{georgia['59118001']} with" in doubtful["CRBBB"]


def test_ndt_is_another_code_in_the_challenge(real):
    with (real("ptbxl") / "ptbxl_database_partial.csv").open(newline="") as file:
        rows = [ast.literal_eval(row["scp_codes"]) for row in csv.DictReader(file)]
    assert (len(rows), sum("NDT" in row for row in rows)) == (6144, 501)
    assert published_counts("challenge_ptbxl")["428750005"] == 381
    # the classes whose every recording is among those rows have the published number
    for statement in ("1AVB", "CLBBB", "CRBBB"):
        assert sum(statement in row for row in rows) == SLIDES[statement][0]


def test_the_cpsc_column_holds_the_nine_classes():
    counts = published_counts("cpsc2018")
    assert set(counts) == set(CPSC_CLASSES.values())
    assert (counts["426783006"], counts["164884008"], counts["164931005"]) == (918, 700, 220)
    assert class_name(CPSC_CLASSES["PVC"]) == "ventricular ectopics"


@pytest.mark.parametrize(
    ("source", "classes", "statements"),
    [
        ("cpsc2018", 9, 7_359),
        ("cpsc2018_extra", 72, 6_058),
        ("st_petersburg", 37, 229),
        ("ptb", 17, 590),
        ("challenge_ptbxl", 50, 56_129),
        ("georgia", 67, 23_478),
        ("chapman_shaoxing", 54, 18_844),
        ("ningbo", 80, 69_130),
    ],
)
def test_published_counts_are_whole(source, classes, statements):
    counts = published_counts(source)
    assert (len(counts), sum(counts.values())) == (classes, statements)
    assert max(counts.values()) <= challenge.SOURCES[source].records


def test_every_source_has_its_column():
    assert set(snomed.SOURCES) == set(challenge.SOURCES)
    assert (len(CLASSES), sum(found.scored for found in CLASSES.values())) == (133, 30)


def test_an_unknown_source_is_refused():
    with pytest.raises(SettingsError, match="georgia"):
        published_counts("ptbxl")


def test_a_code_has_a_name_or_is_its_own():
    assert class_name("426783006") == "sinus rhythm"
    assert class_name("251238007") == "251238007"


def test_the_table_is_the_publishers(real):
    found = {}
    for kind in ("scored", "unscored"):
        path = real("challenge2020") / "evaluation" / "2021" / f"dx_mapping_{kind}.csv"
        with path.open(newline="") as file:
            found |= {row["SNOMEDCTCode"]: (row, kind == "scored") for row in csv.DictReader(file)}
    columns = {"cpsc2018": "CPSC", "cpsc2018_extra": "CPSC_Extra", "st_petersburg": "StPetersburg", "ptb": "PTB",
               "challenge_ptbxl": "PTB_XL", "georgia": "Georgia", "chapman_shaoxing": "Chapman_Shaoxing",
               "ningbo": "Ningbo"}  # fmt: skip
    assert set(found) == set(CLASSES)
    for code, (row, scored) in found.items():
        ours = CLASSES[code]
        assert (ours.abbreviation, ours.name, ours.scored) == (
            row["Abbreviation"],
            " ".join(row["Dx"].split()),
            scored,
        )
        assert ours.counts == {name: int(row[column]) for name, column in columns.items()}
        assert sum(ours.counts.values()) == int(row["Total"])


def test_the_tables_of_2020_give_the_same_numbers(real):
    columns = {"cpsc2018": "CPSC", "cpsc2018_extra": "CPSC-Extra", "st_petersburg": "StPetersburg", "ptb": "PTB",
               "challenge_ptbxl": "PTB-XL", "georgia": "Georgia"}  # fmt: skip
    rows = 0
    for kind in ("scored", "unscored"):
        with (real("challenge2020") / "evaluation" / "2020" / f"dx_mapping_{kind}.csv").open(
            newline=""
        ) as file:
            for row in csv.DictReader(file):
                counts = CLASSES[row["SNOMED CT Code"]].counts
                assert all(counts[name] == int(row[column]) for name, column in columns.items())
                rows += 1
    assert rows == 111
