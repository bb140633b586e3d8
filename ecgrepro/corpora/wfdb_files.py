"""Reading WFDB signal and annotation files through the `wfdb` package, with errors a person can act on."""

from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.errors import InputError


def read_signal(path):
    """Read one WFDB record in ADC units and check it against its header.

    Parameters
    ----------
    path : Path
        Record path without suffix.

    Returns
    -------
    dict
        ``signal`` int16 (n_samples, n_leads), ``gain`` float64 (n_leads,) in ADC units per mV, ``baseline``
        float64 (n_leads,), ``fs`` in Hz, ``leads`` tuple of str, ``comments`` list of str.

    Raises
    ------
    InputError
        A missing or unreadable file, a signal shorter than its header says, a checksum that disagrees, a unit
        other than mV.
    """
    path = Path(path)
    try:
        record = wfdb.rdrecord(str(path), physical=False, return_res=16)
    except Exception as error:  # wfdb raises bare ValueError, IndexError and OSError for damaged files
        raise InputError(
            path, "a readable WFDB record (.hea and signal file)", f"{type(error).__name__}: {error}",
            "Fetch the record again; header and signal must come from the same release.",
        ) from error  # fmt: skip
    _check_checksum(path, record)
    _check_units(path, record.units)
    return {
        "signal": np.ascontiguousarray(record.d_signal, np.int16),
        "gain": np.asarray(record.adc_gain, np.float64),
        "baseline": np.asarray(record.baseline, np.float64),
        "fs": float(record.fs),
        "leads": tuple(name or f"lead {i}" for i, name in enumerate(record.sig_name or [""] * record.n_sig)),
        "comments": list(record.comments),
    }


def _check_checksum(path, record):
    computed = [int(value) for value in record.d_signal.astype(np.int64).sum(axis=0) & 0xFFFF]
    stated = [None if value is None else int(value) & 0xFFFF for value in record.checksum]
    if any(value is not None and value != mine for value, mine in zip(stated, computed, strict=True)):
        raise InputError(
            path.with_suffix(".hea"),
            f"the header's checksums {stated}",
            f"{computed} from the signal file",
            "Header and signal disagree: fetch the record again.",
        )


def _check_units(path, units):
    others = sorted(set(units or []) - {"mV"})
    if others:
        raise InputError(
            path.with_suffix(".hea"), "leads in mV", ", ".join(others),
            "Convert the header's gains to ADC units per mV.",
        )  # fmt: skip


def read_events(path, extension="atr"):
    """Read one WFDB annotation file.

    Parameters
    ----------
    path : str or Path
        Record path without suffix.
    extension : str

    Returns
    -------
    samples : int64 array, (n_annotations,)
        0-based.
    symbols, notes : lists of str, (n_annotations,)
        Annotation codes; notes without padding, ``""`` where there is none.

    Raises
    ------
    InputError
        A missing, unreadable or truncated file.
    """
    try:
        annotation = wfdb.rdann(str(path), extension)
        if Path(f"{path}.{extension}").read_bytes()[-2:] != b"\0\0":
            raise EOFError("the two zero bytes that end it are missing")
    except Exception as error:
        raise InputError(
            f"{path}.{extension}", "a readable WFDB annotation file", f"{type(error).__name__}: {error}",
            "Fetch the annotation again.",
        ) from error  # fmt: skip
    notes = [(note or "").strip("\0 ") for note in annotation.aux_note]
    return np.asarray(annotation.sample, np.int64), list(annotation.symbol), notes


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
