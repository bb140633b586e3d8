"""Published header errors are mended, each by a stated rule, and nothing else is touched."""

import pytest

from ecgrepro.corpora.challenge_headers import mend_header, read_codes
from ecgrepro.errors import InputError


def comments(dx):
    return ["Age: 56", *dx.split("\n"), "Rx: Unknown"]


def header(first="E00001 2 500 300", gains=("1000/mV", "1000/mV"), leads=("I", "II")):
    lines = [f"E00001.mat 16+24 {gain} 16 0 5 -7 0 {lead}" for gain, lead in zip(gains, leads, strict=True)]
    return "\n".join([first, *lines, "#Age: 56", "#Dx: 426783006", ""])


def mend(text, source="georgia"):
    return mend_header(text, "E00001", source)


@pytest.mark.parametrize("gain", ["1000/mV", "1000.0(0)/mV", "500/mV", "1000", "250.5(-12)/mV"])
def test_a_header_without_errors_stays_as_it_is(gain):
    text = header(gains=(gain, gain))
    assert mend(text) == (text, ())


@pytest.mark.parametrize(
    ("first", "expected", "mended"),
    [
        ("E00001.mat 2 500 300", "E00001 2 500 300", ("record name",)),
        ("E00001 2 500 300 05-May-2020 14:50:55", "E00001 2 500 300", ("date and time",)),
        ("E00001.mat 2 500 300 12-May-2020 12:33:59", "E00001 2 500 300", ("record name", "date and time")),
        ("E00001 2 500 300 14:50:55 05/05/2020", "E00001 2 500 300 14:50:55 05/05/2020", ()),
    ],
)
def test_the_record_line_is_mended(first, expected, mended):
    assert mend(header(first)) == (header(expected), mended)


@pytest.mark.parametrize(
    ("source", "gain", "expected", "mended"),
    [
        ("georgia", "4880/mV", "1000/mV", ("gain",)),
        ("georgia", "4880.0(0)/mV", "1000(0)/mV", ("gain",)),
        ("challenge_ptbxl", "200/mV", "1000/mV", ("gain",)),
        ("challenge_ptbxl", "1000/mv", "1000/mV", ("unit",)),
        ("challenge_ptbxl", "200/mv", "1000/mV", ("gain", "unit")),
        # another source's false gain may be a true one
        ("georgia", "200/mV", "200/mV", ()),
        ("challenge_ptbxl", "4880/mV", "4880/mV", ()),
        ("cpsc2018", "4880/mV", "4880/mV", ()),
    ],
)
def test_gains_and_units_are_mended(source, gain, expected, mended):
    assert mend(header(gains=(gain, gain)), source) == (header(gains=(expected, expected)), mended)


def test_one_lead_of_a_false_gain_is_not_the_published_error():
    text = header(gains=("4880/mV", "1000/mV"))
    assert mend(text) == (text, ())


@pytest.mark.parametrize(
    "gain", ["0/mV", "2000000/mV", "306000/mV", "1/mV", "-1000/mV", "nan/mV", "1e3/mV", "x", "/mV"]
)
def test_an_impossible_gain_is_told(gain):
    with pytest.raises(InputError, match=r"E00001\.hea: expected a line .* gains from 10 to 32767"):
        mend(header(gains=("1000/mV", gain)))


@pytest.mark.parametrize("first", ["", "E00002 2 500 300", "E00001", "E00001 2 500", "E00001 0 500 300",
                                   "E00001 13 500 300", "E00001 2 500 -300", "E00001 2 500 99999999",
                                   "E00001 2 500 1e3", "E00001/2 2 500 300"])  # fmt: skip
def test_an_impossible_record_line_is_told(first):
    with pytest.raises(InputError, match=r"E00001\.hea: expected a first line `E00001 LEADS RATE SAMPLES`"):
        mend(header(first))


@pytest.mark.parametrize("file", ["E00002.mat", "../E00001.mat", "/etc/passwd", "E00001.dat", ""])
def test_another_signal_file_is_told(file):
    with pytest.raises(InputError, match=r"E00001\.hea: expected a line `E00001\.mat"):
        mend(header().replace("E00001.mat", file, 1))


def test_a_missing_lead_is_told():
    with pytest.raises(InputError, match="for each of 3 leads"):
        mend(header("E00001 3 500 300"))


@pytest.mark.parametrize(
    ("dx", "codes", "found"),
    [
        ("Dx: 426783006", ("426783006",), ()),
        ("Dx : 253352002,427084000", ("253352002", "427084000"), ()),
        ("Dx:  427084000 , 253352002 ", ("427084000", "253352002"), ()),
        ("Dx: 251146004,284470004,284470004", ("251146004", "284470004"), ("repeated code",)),
        ("Dx: 426783006,", ("426783006",), ("empty code",)),
        ("Dx: 426783006,,59118001", ("426783006", "59118001"), ("empty code",)),
        ("Dx: AF,RBBB", ("164889003", "59118001"), ("class name",)),
        ("Dx: AF,164889003", ("164889003",), ("class name", "repeated code")),
        ("Dx: 251238007", ("251238007",), ()),  # in no table of the Challenge, but reported of its JS records
        ("Dx: 67741000119109", ("67741000119109",), ()),
        ("Dx:", (), ()),
        ("Dx: Unknown", (), ()),
        ("Dx: NaN", (), ()),
        ("Rx: 426783006", (), ()),
    ],
)
def test_diagnoses_are_read(dx, codes, found):
    assert read_codes(comments(dx), "E00001") == (codes, found)


def test_a_lone_comma_is_an_empty_code_and_no_diagnosis():
    assert read_codes(comments("Dx: ,"), "E00001")[0] == ()


@pytest.mark.parametrize("dx", ["Dx: sinus rhythm", "Dx: 12", "Dx: 426783006;59118001", "Dx: Unknown,AF", "Dx: af",
                                "Dx: 4267830061234567890", "Dx: 426783006\nDx: 59118001"])  # fmt: skip
def test_other_diagnoses_are_told(dx):
    with pytest.raises(InputError, match="E00001: expected one line `#Dx:`"):
        read_codes(comments(dx), "E00001")


CPSC = {"Normal": "426783006", "AF": "164889003", "I-AVB": "270492004", "LBBB": "164909002", "RBBB": "59118001",
        "PAC": "284470004", "PVC": "164884008", "STD": "429622005", "STE": "164931005"}  # fmt: skip


@pytest.mark.parametrize("name", CPSC)
def test_the_nine_classes_of_the_cpsc_become_codes(name):
    assert read_codes(comments(f"Dx: {name}"), "E00001") == ((CPSC[name],), ("class name",))
