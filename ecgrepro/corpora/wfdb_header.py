"""WFDB headers: what a `.hea` file says about a record and its leads, parsed strictly.

Source: header(5), WFDB Applications Guide (PhysioNet). Stricter than the guide where a value cannot be that of an
electrocardiogram (the bounds below), more tolerant where published headers depart from it: base date and time in
either order and in other forms (``05-May-2020 14:50:55``), any blanks around fields, either kind of line end.
"""

import re
from dataclasses import dataclass

from ecgrepro.errors import InputError

#: Sampling rates outside these bounds are refused; the fastest pacemaker-spike recordings reach 128 kHz.
SAMPLING_RATES = (1.0, 200_000.0)
#: Samples of a lead: a year at 300 Hz has 9.5e9.
LONGEST = 10_000_000_000
#: Leads of a record: body surface maps have up to 256.
MOST_LEADS = 256
#: ADC units per physical unit, whatever the unit.
GAINS = (1e-6, 1e9)
#: Largest magnitude of ADC values: 32 bits, the widest format.
LARGEST_ADC_VALUE = 2**31
#: Bits of an analogue-to-digital converter.
FINEST_RESOLUTION = 32
MOST_SAMPLES_PER_FRAME = 1000
#: signal(5)'s formats; 0 is a lead without samples, 508 to 524 are compressed with FLAC.
FORMATS = (8, 16, 24, 32, 61, 80, 160, 212, 310, 311)
UNSUPPORTED_FORMATS = (0, 508, 516, 524)
#: What header(5) gives a lead without gain, or with gain 0 ("uncalibrated"), and a record without sampling rate.
DEFAULT_GAIN, DEFAULT_RATE = 200.0, 250.0

_NUMBER = r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?"
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_RECORD = re.compile(r"(?P<name>[\w-]+)(?:/(?P<segments>\d+))?", re.ASCII)
_RATE = re.compile(rf"({_NUMBER})(?:/({_NUMBER}))?(?:\(({_NUMBER})\))?", re.ASCII)
_FILE = re.compile(r"(?!\.)[\w.+-]+", re.ASCII)
_FORMAT = re.compile(r"(\d{1,4})(?:x(\d{1,9}))?(?::(\d{1,9}))?(?:\+(\d{1,15}))?", re.ASCII)
_GAIN = re.compile(rf"({_NUMBER})(?:\(([+-]?\d{{1,18}})\))?(?:/(\S+))?", re.ASCII)
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_ADC_VALUES = (-LARGEST_ADC_VALUE, LARGEST_ADC_VALUE)
_INTEGER_FIELDS = ("ADC resolution", "ADC zero", "first value", "checksum", "block size")


@dataclass(frozen=True)
class SignalLine:
    """One signal specification line.

    Attributes
    ----------
    file : str
        Signal file beside the header.
    format : int
        One of signal(5)'s numbers.
    samples_per_frame, skew, byte_offset : int
        Samples of this lead in each frame; frames by which it is late; bytes before its file's first sample.
    gain : float
        ADC units per physical unit; `DEFAULT_GAIN` where the header gives none or 0.
    baseline : int
        ADC value of physical 0; the ADC zero where the header gives none.
    units : str
        As published; ``"mV"`` where the header gives none.
    resolution, zero : int
        Bits of the converter (0: not given); middle of its range (0 where not given).
    first_value, checksum, block_size : int or None
        None where the header gives none; the checksum is the sum of all samples modulo 65,536.
    description : str
        The lead's name, or ``""``.
    """

    file: str
    format: int
    samples_per_frame: int
    skew: int
    byte_offset: int
    gain: float
    baseline: int
    units: str
    resolution: int
    zero: int
    first_value: int | None
    checksum: int | None
    block_size: int | None
    description: str


@dataclass(frozen=True)
class Header:
    """A whole header.

    Attributes
    ----------
    record_name : str
    fs, counter_frequency, base_counter : float, float or None, float or None
        Frames per second in Hz; the others as header(5) defines them.
    n_samples : int or None
        Frames of the record; None where the header gives none or 0, that is, as many as the file holds.
    base_time, base_date : str
        As published, or ``""``.
    signals : tuple of SignalLine
    comments : tuple of str
        Without ``#`` and the blanks around.
    """

    record_name: str
    fs: float
    counter_frequency: float | None
    base_counter: float | None
    n_samples: int | None
    base_time: str
    base_date: str
    signals: tuple
    comments: tuple

    @property
    def leads(self):
        """Lead names, tuple of str (n_leads,); ``lead i`` where the header names none."""
        return tuple(line.description or f"lead {i}" for i, line in enumerate(self.signals))


class _Line:
    """A header line that can say where it stands and what was wrong with it."""

    def __init__(self, where, number, text):
        self.where, self.number, self.text = where, number, text

    def refuse(self, expected, got=None, fix="Fetch the header again."):
        got = repr(self.text[:120]) if got is None else got
        raise InputError(f"{self.where}, line {self.number}", expected, got, fix)

    def match(self, pattern, token, expected):
        return pattern.fullmatch(token) or self.refuse(expected, repr(token[:80]))

    def integer(self, token, what, lowest, highest):
        value = int(self.match(_INTEGER, token, f"{what}, a whole number")[0])
        return self.within(value, what, lowest, highest)

    def within(self, value, what, lowest, highest):
        if not lowest <= value <= highest:
            self.refuse(f"{what} from {lowest:,} to {highest:,}", f"{value:,}")
        return value


def parse_header(text, where):
    """Parse the text of a WFDB header.

    Parameters
    ----------
    text : str
    where : str or Path
        Named in errors.

    Returns
    -------
    Header

    Raises
    ------
    InputError
        Naming file and line: another form than header(5)'s; a multi-segment record; a value outside the bounds of
        this module; a format that is unknown or not supported; a lead named twice; a signal file outside the folder.
    """
    lines, comments = [], []
    for number, content in enumerate(_LINE_ENDS.split(text), 1):
        content = content.strip()
        if content.startswith("#"):
            comments.append(content.strip(" \t#"))
        elif content:
            lines.append(_Line(where, number, content))
    if not lines:
        raise InputError(where, "a WFDB header", "no record line", "Fetch the header again.")
    n_signals, record = _record_line(lines[0])
    if len(lines) - 1 != n_signals:
        lines[0].refuse(f"{n_signals} lines of signals after the record line", f"{len(lines) - 1}")
    signals = tuple(_signal_line(line) for line in lines[1:])
    header = Header(**record, signals=signals, comments=tuple(comments))
    _refuse_namesakes(header.leads, lines[1:])
    return header


def _record_line(line):
    tokens = line.text.split()
    name = line.match(_RECORD, tokens[0], "a record name of letters, digits, `_` and `-`")
    if name["segments"] is not None:
        line.refuse("a record of one segment", f"the multi-segment record {tokens[0][:80]}",
                    "Multi-segment records are not supported: give its segments one by one.")  # fmt: skip
    if not 2 <= len(tokens) <= 6:
        line.refuse("RECORD LEADS [RATE [SAMPLES [TIME [DATE]]]]")
    n_signals = line.integer(tokens[1], "leads", 1, MOST_LEADS)
    fs, counter_frequency, base_counter = _rate(line, tokens[2] if len(tokens) > 2 else f"{DEFAULT_RATE}")
    n_samples = line.integer(tokens[3], "samples", 0, LONGEST) if len(tokens) > 3 else 0
    base_time, base_date = _time_and_date(line, tokens[4:])
    return n_signals, {"record_name": name["name"], "fs": fs, "counter_frequency": counter_frequency,
                       "base_counter": base_counter, "n_samples": n_samples or None,
                       "base_time": base_time, "base_date": base_date}  # fmt: skip


def _rate(line, token):
    rate, *counter = line.match(_RATE, token, "a sampling rate in Hz").groups()
    fs = line.within(float(rate), "a sampling rate in Hz", *SAMPLING_RATES)
    return fs, *(None if value is None else float(value) for value in counter)


def _time_and_date(line, tokens):
    times = [token for token in tokens if ":" in token]
    dates = [token for token in tokens if ":" not in token and re.search("[/-]", token)]
    if len(times) + len(dates) != len(tokens) or len(times) > 1 or len(dates) > 1:
        line.refuse("a base time (HH:MM:SS) and a base date (DD/MM/YYYY)", repr(" ".join(tokens)[:80]))
    return "".join(times), "".join(dates)


def _signal_line(line):
    tokens = line.text.split(None, 8)
    if len(tokens) < 2:
        line.refuse("FILE FORMAT [GAIN [RESOLUTION [ZERO [FIRST [CHECKSUM [BLOCK [NAME]]]]]]]")
    file, layout, gain, *integers, description = tokens + [""] * (9 - len(tokens))
    line.match(_FILE, file, "a signal file beside the header (letters, digits, `_`, `.`, `+`, `-`)")
    if not description.isprintable():
        line.refuse("a lead name of readable characters", ascii(description[:80]))
    resolution, zero, first_value, checksum, block_size = _integers(line, integers)
    gain, baseline, units = _gain(line, gain)
    return SignalLine(
        file, *_layout(line, layout), gain, (zero or 0) if baseline is None else baseline, units,
        resolution or 0, zero or 0, first_value, checksum, block_size, description,
    )  # fmt: skip


def _layout(line, token):
    match = line.match(_FORMAT, token, "a WFDB format as FORMAT[xSAMPLES][:SKEW][+OFFSET]")
    number, samples_per_frame, skew, byte_offset = (int(value or 0) for value in match.groups())
    if number not in FORMATS:
        known = f"one of the WFDB formats {', '.join(map(str, FORMATS))}"
        line.refuse(known, f"format {number}{', not supported' if number in UNSUPPORTED_FORMATS else ''}")
    if match[2]:
        line.within(samples_per_frame, "samples per frame", 1, MOST_SAMPLES_PER_FRAME)
    return number, samples_per_frame or 1, skew, byte_offset


def _gain(line, token):
    if not token:
        return DEFAULT_GAIN, None, "mV"
    match = line.match(_GAIN, token, "a gain as GAIN[(BASELINE)][/UNITS]")
    gain = float(match[1]) or DEFAULT_GAIN
    line.within(gain, "a gain in ADC units per physical unit (0: not calibrated)", *GAINS)
    baseline = None if match[2] is None else line.integer(match[2], "a baseline", *_ADC_VALUES)
    return gain, baseline, match[3] or "mV"


def _integers(line, tokens):
    bounds = ((0, FINEST_RESOLUTION), _ADC_VALUES, _ADC_VALUES, _ADC_VALUES, (0, LONGEST))
    return [
        line.integer(token, name, *limits) if token else None
        for token, name, limits in zip(tokens, _INTEGER_FIELDS, bounds, strict=True)
    ]


def _refuse_namesakes(leads, lines):
    for place, lead in enumerate(leads):
        if lead in leads[:place]:
            lines[place].refuse("a name of its own for every lead", f"{lead[:80]!r} again")
