"""WFDB headers: what header(5) allows is parsed, what cannot be is refused by file and line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.wfdb_header import parse_header
from ecgrepro.errors import InputError

PLAIN = (
    "100 2 360 650000\n100.dat 212 200 11 1024 995 -22131 0 MLII\n100.dat 212 200 11 1024 1011 20052 0 V5\n"
)


def parsed(text):
    return parse_header(text, "100.hea")


def one_lead(record="100 1 360 650", signal="100.dat 16"):
    return parsed(f"{record}\n{signal}\n")


def refused(text, match):
    with pytest.raises(InputError, match=match) as caught:
        parsed(text)
    assert caught.value.where.startswith("100.hea")


def test_every_field_has_its_place():
    header = parsed(
        "r_1 1 360.5/90(-3.5) 650000 10:20:30.5 01/02/1990\n"
        "# comment\n x.dat 16x2:7+512 200.5(-12)/uV 12 -1 2 -3 4 lead of the chest \n#  <age>: 81 # \n"
    )
    assert (header.record_name, header.fs, header.counter_frequency, header.base_counter) == (
        "r_1",
        360.5,
        90,
        -3.5,
    )
    assert (header.n_samples, header.base_time, header.base_date) == (650_000, "10:20:30.5", "01/02/1990")
    assert header.comments == ("comment", "<age>: 81")
    (line,) = header.signals
    assert (line.file, line.format, line.samples_per_frame, line.skew, line.byte_offset) == (
        "x.dat",
        16,
        2,
        7,
        512,
    )
    assert (line.gain, line.baseline, line.units, line.resolution, line.zero) == (200.5, -12, "uV", 12, -1)
    assert (line.first_value, line.checksum, line.block_size, line.description) == (
        2,
        -3,
        4,
        "lead of the chest",
    )
    assert header.leads == ("lead of the chest",)


def test_what_a_header_leaves_out_is_header_5s_default():
    header = parsed("100 2\n100.dat 16\n100.dat 16")
    assert (header.fs, header.n_samples, header.counter_frequency, header.base_time) == (
        250.0,
        None,
        None,
        "",
    )
    line = header.signals[0]
    assert (line.samples_per_frame, line.skew, line.byte_offset, line.gain, line.units) == (
        1,
        0,
        0,
        200.0,
        "mV",
    )
    assert (line.baseline, line.checksum, line.first_value, line.description) == (0, None, None, "")
    assert header.leads == ("lead 0", "lead 1")
    assert one_lead("100 1 360 0").n_samples is None


@pytest.mark.parametrize(
    ("signal", "gain", "baseline", "units"),
    [
        ("x.dat 212 0 12 0", 200.0, 0, "mV"),
        ("x.dat 16 200 11 1024", 200.0, 1024, "mV"),
        ("x.dat 16 200(1000) 11 1024", 200.0, 1000, "mV"),
        ("x.mat 16+24 1000/mv 16 0", 1000.0, 0, "mv"),
        ("x.dat 16 1000.0(0)/mV", 1000.0, 0, "mV"),
        ("x.dat 16 7.4e1/mV", 74.0, 0, "mV"),
        ("x.dat 16 .5(-12200)/uV", 0.5, -12200, "uV"),
    ],
)
def test_gain_baseline_and_units(signal, gain, baseline, units):
    (line,) = one_lead(signal=signal).signals
    assert (line.gain, line.baseline, line.units) == (gain, baseline, units)


@pytest.mark.parametrize(
    ("record", "time", "date"),
    [
        ("E00001 1 500 5000 05-May-2020 14:50:55", "14:50:55", "05-May-2020"),
        ("A00001 1 300 9000 05:05:15 1/05/2000 ", "05:05:15", "1/05/2000"),
        ("A00001 1 300 9000 05:05:15", "05:05:15", ""),
        ("A00001 1 300 9000 01/02/1990", "", "01/02/1990"),
    ],
)
def test_time_and_date_stand_in_either_order(record, time, date):
    header = one_lead(record)
    assert (header.base_time, header.base_date) == (time, date)


@pytest.mark.parametrize("end", ["\n", "\r\n", " \r\n", "\t\n\n", "\r"])
def test_blanks_and_line_ends_do_not_matter(end):
    text = "  118e00 2 360\t650000\n118e00.dat 16 200 11 0 -167 29505 0 MLII\n118e00.dat 16 200 11 0 0 0 0 V1"
    header = parsed(text.replace("\n", end) + end)
    assert (header.record_name, header.n_samples, header.leads) == ("118e00", 650_000, ("MLII", "V1"))


RECORD_LINES = {
    "no rate": ("100 1 0 650", "sampling rate"),
    "a negative rate": ("100 1 -360 650", "sampling rate"),
    "an absurd rate": ("100 1 1e9 650", "sampling rate in Hz from 1.0 to 200,000.0"),
    "a rate beyond floats": ("100 1 1e999 650", "sampling rate"),
    "a rate that is no number": ("100 1 nan 650", "sampling rate"),
    "a negative length": ("100 1 360 -650", "samples from 0 to"),
    "an absurd length": ("100 1 360 99999999999", "samples from 0 to"),
    "a length of very many digits": ("100 1 360 " + "9" * 5000, "whole number"),
    "digits of another script": ("100 1 360 ٣٠٠", "whole number"),
    "no leads": ("100 0 360 650", "leads from 1 to 256"),
    "too many leads": ("100 100000 360 650", "leads from 1 to 256"),
    "more leads than lines": ("100 2 360 650", "2 lines of signals"),
    "several segments": ("100/3 1 360 650", "multi-segment"),
    "a name with a suffix": ("100.mat 1 360 650", "record name"),
    "a name in another folder": ("../100 1 360 650", "record name"),
    "no number of leads": ("100", "RECORD LEADS"),
    "neither time nor date": ("100 1 360 650 ECG", "base time"),
    "two times": ("100 1 360 650 1:2:3 4:5:6", "base time"),
    "more than a date": ("100 1 360 650 1:2:3 01/02/1990 x", "RECORD LEADS"),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORD_LINES)
def test_an_impossible_record_line_is_refused(name):
    line, match = RECORD_LINES[name]
    refused(f"# comment\n{line}\nx.dat 16\n", rf"100\.hea, line 2: .*{match}")


SIGNAL_LINES = {
    "an absurd gain": ("x.dat 16 1e12", "gain"),
    "a negative gain": ("x.dat 16 -200", "gain"),
    "a vanishing gain": ("x.dat 16 1e-9", "gain"),
    "a gain that is no number": ("x.dat 16 inf/mV", "gain"),
    "two points": ("x.dat 16 1.2.3/mV", "gain"),
    "an absurd baseline": ("x.dat 16 200(99999999999)", "baseline"),
    "a fraction as baseline": ("x.dat 16 200(1.5)", "gain as GAIN"),
    "another folder": ("../x.dat 16", "beside the header"),
    "another folder inside": ("sub/x.dat 16", "beside the header"),
    "an absolute path": ("/etc/passwd 16", "beside the header"),
    "a drive": ("C:x.dat 16", "beside the header"),
    "a backslash": ("..\\x.dat 16", "beside the header"),
    "a hidden file": (".x 16", "beside the header"),
    "no file": ("~ 0", "beside the header"),
    "an unknown format": ("x.dat 17", "WFDB formats 8, 16.* got format 17"),
    "a compressed format": ("x.dat 516", "not supported"),
    "no format": ("x.dat", "FILE FORMAT"),
    "a format of letters": ("x.dat sixteen", "WFDB format"),
    "no samples per frame": ("x.dat 16x0", "samples per frame"),
    "absurd samples per frame": ("x.dat 16x99999", "samples per frame"),
    "a name before its time": ("x.dat 16 200 ECG", "ADC resolution"),
    "an absurd resolution": ("x.dat 16 200 99", "ADC resolution"),
    "an absurd zero": ("x.dat 16 200 12 99999999999", "ADC zero"),
    "a fraction as checksum": ("x.dat 16 200 12 0 0 1.5", "checksum"),
    "an unreadable name": ("x.dat 16 200 12 0 0 0 0 MLII\0", "readable characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNAL_LINES)
def test_an_impossible_signal_line_is_refused(name):
    line, match = SIGNAL_LINES[name]
    refused(f"100 1 360 650\n{line}\n", rf"100\.hea, line 2: .*{match}")


def test_leads_have_names_of_their_own():
    refused(PLAIN.replace("V5", "MLII"), "line 3: .*name of its own.*'MLII' again")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_a_header_without_record_line_is_refused(text):
    refused(text, "no record line")


def test_more_lines_than_leads_are_refused():
    refused(PLAIN + "100.dat 212 200\n", "2 lines of signals.*got 3")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=200) | st.tuples(st.integers(0, len(PLAIN)), st.text(max_size=5)))
def test_any_text_is_a_header_or_refused(change):
    text = change if isinstance(change, str) else PLAIN[: change[0]] + change[1] + PLAIN[change[0] :]
    try:
        leads = parsed(text).leads
    except InputError as error:
        leads = (error.where,)
    assert leads
