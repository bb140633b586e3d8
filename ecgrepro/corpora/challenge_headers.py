"""Headers of the Challenge 2020/2021: errors of the published ones mended, diagnoses read.

Mended, each under the name by which `Reader.repairs` counts it:

* ``record name``: the record line begins ``E07500.mat 12 500 5000``, which no WFDB reader takes;
* ``date and time``: the record line ends ``05-May-2020 14:50:55``, the two in the wrong order and form for WFDB. It is
  the moment at which a source's headers were made, not that of the recording: it is left out;
* ``gain``: the first headers of some sources gave another gain than the 1000 ADC units per mV that they have since
  August 2020, and copies of the old ones go round. `FALSE_GAINS` names the two that can be proved. The samples never
  changed: E00001's old and new headers have the same checksums; under either header the leads that Georgia recorded
  are whole steps of 4.88 uV, cut to whole uV; HR00599 under 200/mV has the amplitudes of PTB-XL's recording 599, whose
  header says 1000/mV. Only a header of which all leads have exactly that source's false gain is mended. Any other gain
  is taken at its word within `GAINS`, and refused outside: users report 2,000,000/mV in PTB's first headers and
  306,000/mV in some of St Petersburg, of which no copy was at hand to prove what their samples are;
* ``unit``: ``1000/mv`` for mV, which WFDB's own readers take for another unit.
"""

import re

from ecgrepro.corpora.snomed import CPSC_CLASSES
from ecgrepro.errors import InputError

#: ADC units per mV, in every header since August 2020.
TRUE_GAIN = "1000"
#: Data set to the gain that its first headers gave.
FALSE_GAINS = {"georgia": 4880.0, "challenge_ptbxl": 200.0}
#: Lowest and highest gain that is believed, in ADC units per mV: steps of at most 0.1 mV, room for at least 1 mV.
GAINS = (10.0, 32_767.0)
_NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
#: Name in lower case to name of the twelve leads in the standard order.
LEADS = {name.lower(): name for name in _NAMES}

_RECORD_LINE = re.compile(
    r"(\w{1,20})(\.mat)?[ \t]+(\d{1,2}[ \t]+\S{1,20}[ \t]+\d{1,7})([ \t]+\S.*)?\s*$", re.ASCII
)
_DATE_AND_TIME = re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}[ \t]+[\d:]+\s*$", re.ASCII)
#: File and format, gain, baseline, unit, the rest.
_SIGNAL_LINE = re.compile(
    r"(\S+[ \t]+\S+[ \t]+)(\d{1,9}(?:\.\d{0,9})?)(\(-?\d+\))?(/m[vV])?([ \t].*|)$", re.ASCII
)
_DIAGNOSES = re.compile(r"Dx\s*:(.*)", re.ASCII)
_CODE = re.compile(r"\d{6,18}$", re.ASCII)
_NO_DIAGNOSIS = ("unknown", "nan", "none")


def mend_header(text, unit, source):
    """Mend what is known to be wrong in published headers.

    Parameters
    ----------
    text : str
        The header.
    unit : str
        Name of the record's files.
    source : str
        Data set, which tells the gain to mend.

    Returns
    -------
    text : str
        The header in WFDB's form; the same text where nothing was wrong.
    mended : tuple of str
        What was mended, of the four that this module's first lines name.

    Raises
    ------
    InputError
        No record line with 1 to 12 leads of less than ten million samples; a line per lead missing, in another form,
        with a gain outside `GAINS`, or with another record's signal file.
    """
    first, *lines = text.split("\n")
    n_leads, first, mended = _mend_record_line(first, unit)
    found = [_SIGNAL_LINE.match(line) for line in lines[:n_leads]]
    usable = [
        match for match in found if match and match[1].split()[0] == f"{unit}.mat" and _believed(match[2])
    ]
    if len(usable) < n_leads:
        raise InputError(f"{unit}.hea", f"a line `{unit}.mat 16+24 GAIN/mV ...` for each of {n_leads} leads, with "
                         f"gains from {GAINS[0]:g} to {GAINS[1]:g}", repr("\n".join(lines[:n_leads])[:120]),
                         "Take the header of the latest release.")  # fmt: skip
    signals, more = _mend_signal_lines(usable, FALSE_GAINS.get(source))
    return "\n".join([first, *signals, *lines[n_leads:]]), (*mended, *more)


def _believed(gain):
    return GAINS[0] <= float(gain) <= GAINS[1]


def _mend_record_line(line, unit):
    match = _RECORD_LINE.match(line)
    if not match or match[1] != unit or not 1 <= int(match[3].split()[0]) <= len(LEADS):
        raise InputError(f"{unit}.hea", f"a first line `{unit} LEADS RATE SAMPLES` with 1 to {len(LEADS)} leads",
                         repr(line[:80]), "Fetch the header again.")  # fmt: skip
    end = match[4] or ""
    dated = bool(_DATE_AND_TIME.match(end.strip()))
    mended = ["record name"] * bool(match[2]) + ["date and time"] * dated
    return int(match[3].split()[0]), f"{unit} {match[3]}{'' if dated else end}", mended


def _mend_signal_lines(found, false_gain):
    false = all(float(match[2]) == false_gain for match in found)
    lines = [
        f"{match[1]}{TRUE_GAIN if false else match[2]}{match[3] or ''}{'/mV' if match[4] else ''}{match[5]}"
        for match in found
    ]
    return lines, ["gain"] * false + ["unit"] * any(match[4] == "/mv" for match in found)


def read_codes(comments, path):
    """Read a header's diagnoses.

    Parameters
    ----------
    comments : sequence of str
        Of the header, without the ``#`` and the blanks around: one is ``Dx: ...``.
    path : str or Path
        Named in the error.

    Returns
    -------
    codes : tuple of str
        SNOMED CT codes in the published order, each once; ``()`` where there is no such line or nothing in it: hidden
        test data are shipped so, and a recording without labels is still one to pre-train on.
    found : tuple of str
        What was not simply a list of codes: ``class name`` (the CPSC's, translated by `CPSC_CLASSES`), ``empty code``
        (``1,,2`` or ``1,``, as in JS03287 and JS00344), ``repeated code`` (628 recordings of Georgia).

    Raises
    ------
    InputError
        Two such lines, or something in it that is neither a SNOMED CT code nor one of the nine class names.
    """
    matches = [match for match in map(_DIAGNOSES.match, comments) if match]
    published = matches[0][1].split(",") if matches else []
    parts = [part.strip() for part in published if part.strip()]
    if not parts or (len(parts) == 1 and parts[0].lower() in _NO_DIAGNOSIS):
        parts = published = []
    codes = [CPSC_CLASSES.get(part, part) for part in parts]
    others = [code for code in codes if not _CODE.match(code)]
    if len(matches) > 1 or others:
        raise InputError(path, "one line `#Dx:` with SNOMED CT codes or classes of the CPSC",
                         f"{len(matches)} lines, {len(others)} others {[other[:20] for other in others[:3]]}",
                         "Fetch the header again.")  # fmt: skip
    found = {"class name": codes != parts, "empty code": len(parts) < len(published),
             "repeated code": len(set(codes)) < len(codes)}  # fmt: skip
    return tuple(dict.fromkeys(codes)), tuple(name for name, is_so in found.items() if is_so)
