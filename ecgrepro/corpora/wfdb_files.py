"""Reading WFDB signal and annotation files, with errors a person can act on.

Formats 16 and 212 with all leads in one signal file, which is what every data set here ships, are decoded at once with
NumPy; anything else goes through the `wfdb` package. Both give the same samples. Nothing is allocated on the word
of a header alone: the size of the signal file has to confirm it first.
"""

from functools import partial
from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.corpora.wfdb_annotations import OwnCodesError, decode_annotations
from ecgrepro.corpora.wfdb_header import parse_header
from ecgrepro.corpora.wfdb_samples import (
    RECORD,
    check_mat_preamble,
    check_size,
    checksums,
    file_size,
    read_samples,
    read_whole,
    stored_values,
    unreadable,
)
from ecgrepro.errors import InputError, SettingsError

#: Headers and annotation files larger than this are refused (bytes): a week of annotated beats takes about 2 MiB.
LARGEST_HEADER, LARGEST_ANNOTATION = 2**20, 2**22
ANNOTATION = "a readable WFDB annotation file"
#: Units that a lead may have, in lower case, and how many of them a millivolt is.
UNITS_PER_MILLIVOLT = {
    "mv": 1.0,
    "uv": 1000.0,
    "\N{MICRO SIGN}v": 1000.0,
    "\N{GREEK SMALL LETTER MU}v": 1000.0,
}


def read_header(path, repair=None):
    """Read and parse the header of a WFDB record.

    Parameters
    ----------
    path : str or Path
        Record path without suffix.
    repair : callable, optional
        From the header's text to the text to parse, to mend known errors of a publication.

    Returns
    -------
    wfdb_header.Header

    Raises
    ------
    InputError
        A missing or unreadable file, one that is no header of this record, a value that cannot be (`parse_header`).
    """
    file = _with(path, "hea")
    text = read_whole(file, LARGEST_HEADER, RECORD).decode("utf-8", "replace")
    header = parse_header(repair(text) if repair else text, file)
    if header.record_name != Path(path).name:
        raise InputError(file, f"the header of record {Path(path).name}", f"that of record {header.record_name}",
                         "Give the file its own name back, or fetch it again.")  # fmt: skip
    return header


def read_signal(path, *, repair=None, start=0, stop=None):
    """Read one WFDB record in ADC units and check it against its header.

    Parameters
    ----------
    path : str or Path
        Record path without suffix.
    repair : callable, optional
        From the header's text to the text to parse, to mend known errors of a publication.
    start, stop : int
        Only the samples of ``[start, stop)``; the rest of the file is not read. Formats 16 and 212 in one file.

    Returns
    -------
    dict
        ``signal`` int16 (n_samples, n_leads), ``gain`` float64 (n_leads,) in ADC units per mV, ``baseline``
        float64 (n_leads,), ``fs`` in Hz, ``leads`` tuple of str, ``comments`` list of str. Samples equal those of
        ``wfdb.rdrecord(physical=False)``, the format's value for a missing sample included (signal(5): -32,768 in
        format 16, -2,048 in format 212). A gain per microvolt is given per millivolt, a thousand times as large.

    Raises
    ------
    InputError
        A missing or unreadable file; a signal file shorter than its header says, or longer by more than its
        format's padding; a `.mat` file that is no int16 matrix of leads x samples; a checksum that disagrees (not
        checked where `start` and `stop` leave samples out); samples beyond int16; units other than mV and uV.
    SettingsError
        `start` and `stop` outside the record, or given for another format.
    """
    path, header = Path(path), read_header(path, repair)
    gain = np.array([_gain_per_millivolt(path, line) for line in header.signals])
    read = _read_plain if _is_plain(header) else _read_with_wfdb
    signal = read(path, header, repair, start, stop)
    return {
        "signal": signal,
        "gain": gain,
        "baseline": np.array([line.baseline for line in header.signals], np.float64),
        "fs": header.fs,
        "leads": header.leads,
        "comments": list(header.comments),
    }


def _gain_per_millivolt(path, line):
    factor = UNITS_PER_MILLIVOLT.get(line.units.lower())
    if factor is None:
        raise InputError(
            _with(path, "hea"), "leads in mV", line.units[:80],
            "Convert the header's gains to ADC units per mV.",
        )  # fmt: skip
    return line.gain * factor


def _is_plain(header):
    first = header.signals[0]
    plain = first.format in (16, 212) and first.samples_per_frame == 1 and first.skew == 0
    return plain and len({_layout(line) for line in header.signals}) == 1


def _layout(line):
    return line.file, line.format, line.byte_offset, line.samples_per_frame, line.skew


def _read_plain(path, header, repair, start, stop):
    first, n_leads = header.signals[0], len(header.signals)
    file, n_samples = path.with_name(first.file), _confirmed_length(path, header)
    if file.suffix == ".mat":
        check_mat_preamble(file, n_leads, n_samples, first.byte_offset)
    stop = n_samples if stop is None else stop
    if not 0 <= start < stop <= n_samples:
        raise SettingsError(path, f"0 <= start < stop <= {n_samples:,}", f"{start:,} and {stop:,}",
                            "Ask for samples that the record has.")  # fmt: skip
    signal = read_samples(file, first.format, first.byte_offset, start * n_leads, stop * n_leads)
    signal = signal.reshape(-1, n_leads)
    if len(signal) == n_samples:
        _check_checksums(path, header, checksums(signal))
    return signal


def _confirmed_length(path, header):
    """Samples of a lead: what the header says and the file's size confirms, or what the size alone says."""
    first, n_leads = header.signals[0], len(header.signals)
    file, n_samples = path.with_name(first.file), header.n_samples
    if n_samples is None:
        n_samples = stored_values(first.format, file_size(file, RECORD) - first.byte_offset) // n_leads
    check_size(file, first.format, first.byte_offset, n_samples * n_leads)
    return n_samples


def _check_checksums(path, header, computed):
    stated = [None if line.checksum is None else line.checksum & 0xFFFF for line in header.signals]
    computed = [int(value) for value in computed]
    if any(value not in (None, mine) for value, mine in zip(stated, computed, strict=True)):
        raise InputError(
            _with(path, "hea"), f"the header's checksums {stated}", f"{computed} from the signal file",
            "Header and signal disagree: fetch the record again.",
        )  # fmt: skip


def _read_with_wfdb(path, header, repair, start, stop):
    if (start, stop) != (0, None):
        raise SettingsError(path, "format 16 or 212 in one signal file, to read a part of it", "another layout",
                            "Read the whole record.")  # fmt: skip
    _check_for_wfdb(path, header, repair)
    read = partial(wfdb.rdrecord, str(path), physical=False, return_res=32)
    try:
        signal = stored = read().d_signal
        if any(line.skew or line.samples_per_frame > 1 for line in header.signals):
            # header(5)'s checksum is that of the samples as stored, before leads are aligned and frames averaged
            stored = read(smooth_frames=False, ignore_skew=True).e_d_signal
    except Exception as error:  # wfdb raises bare ValueError, IndexError and OSError for damaged files
        raise unreadable(path, RECORD, f"{type(error).__name__}: {error}") from error
    leads = stored.T if stored is signal else stored
    _check_checksums(path, header, [int(lead.sum(dtype=np.int64)) & 0xFFFF for lead in leads])
    if signal.min() < -32768 or signal.max() > 32767:
        raise unreadable(path, "samples of 16 bits", f"samples from {signal.min():,} to {signal.max():,}")
    return np.ascontiguousarray(signal, np.int16)


def _check_for_wfdb(path, header, repair):
    """Confirm what `wfdb` is going to allocate, and that the header it reads is the one that was parsed."""
    if repair and read_header(path) != header:
        raise unreadable(
            path, "format 16 or 212 in one signal file where a header is repaired", "another layout"
        )
    if header.n_samples is None or max(line.skew for line in header.signals) >= header.n_samples:
        raise unreadable(_with(path, "hea"), "a length, and skews below it", f"length {header.n_samples}")
    for name in {line.file for line in header.signals}:
        lines = [line for line in header.signals if line.file == name]
        if len({(line.format, line.byte_offset) for line in lines}) > 1:
            raise unreadable(_with(path, "hea"), f"one format and byte offset for all of {name}", "several")
        n_values = header.n_samples * sum(line.samples_per_frame for line in lines)
        check_size(path.with_name(name), lines[0].format, lines[0].byte_offset, n_values)


def _with(path, suffix):
    # a record's name may hold a dot, which `with_suffix` would cut
    return Path(f"{path}.{suffix}")


def read_events(path, extension="atr", *, n_samples=None):
    """Read one WFDB annotation file.

    Parameters
    ----------
    path : str or Path
        Record path without suffix.
    extension : str
    n_samples : int, optional
        Length of the record's signal: annotations outside ``[0, n_samples]`` are refused (a span may end where the
        signal does).

    Returns
    -------
    samples : int64 array, (n_annotations,)
        0-based.
    symbols, notes : lists of str, (n_annotations,)
        Annotation codes; notes without padding, ``""`` where there is none.

    Raises
    ------
    InputError
        A missing, unreadable, damaged or absurdly large file; an annotation outside the signal.
    """
    file = _with(path, extension)
    data = read_whole(file, LARGEST_ANNOTATION, ANNOTATION)
    try:
        samples, symbols, notes = _decode(path, extension, data)
    except Exception as error:  # wfdb raises bare ValueError, IndexError and KeyError for damaged files
        raise InputError(file, ANNOTATION, f"{type(error).__name__}: {error}", "Fetch it again.") from error
    last = np.inf if n_samples is None else n_samples
    outside = samples[(samples < 0) | (samples > last)]
    if len(outside):
        raise InputError(
            file, f"annotations from sample 0 to {last:,}", f"{len(outside):,} outside, the first at {outside[0]:,}",
            "The annotation belongs to another signal or is damaged: fetch both again.",
        )  # fmt: skip
    return samples, symbols, notes


def _decode(path, extension, data):
    try:
        return decode_annotations(data)
    except OwnCodesError:
        annotation = wfdb.rdann(str(path), extension)
    notes = [(note or "").strip("\0 ") for note in annotation.aux_note]
    return np.asarray(annotation.sample, np.int64), list(map(str, annotation.symbol)), notes


def beats_from_symbols(samples, symbols, classes):
    """Keep the annotations that are beats: positions int64 (n_beats,), classes int8 (n_beats,).

    Parameters
    ----------
    samples : int64 array, (n_annotations,)
    symbols : list of str, (n_annotations,)
    classes : dict of str to int
        Annotation code to index in `BEAT_CLASSES`; codes not in it are no beats.
    """
    keep = np.array([symbol in classes for symbol in symbols], bool)
    beats = np.array([classes[symbol] for symbol in symbols if symbol in classes], np.int8)
    return samples[keep], beats


def record_names(folder):
    """Sorted names of the records of a folder, whether the header or the signal is there.

    A record that lacks one of the two is named too, so that reading it says so; `InputError` where there are none.
    """
    folder = Path(folder)
    files = folder.glob("[!.]*") if folder.is_dir() else ()
    names = sorted({path.stem for path in files if path.suffix in (".hea", ".dat")})
    if not names:
        raise InputError(
            folder, "a folder with WFDB records (.hea, .dat)",
            "no such folder" if not folder.is_dir() else "no record in it",
            "Give the folder that holds the publisher's files.",
        )  # fmt: skip
    return names
