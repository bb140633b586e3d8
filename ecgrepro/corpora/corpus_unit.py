"""What one unit of a data set adds to a corpus: checked records as rows, bytes and events, ready to be appended.

Pure and without a file of its own, so that several processes can do it side by side.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from ecgrepro.corpora.corpus import EVENTS
from ecgrepro.corpora.quality import check_record
from ecgrepro.errors import InputError


@dataclass
class CorpusUnit:
    """One unit, ready to be appended.

    Attributes
    ----------
    name : str
    rows : list of dict
        What the index says of each record, its place in the corpus left out.
    signals : list of bytes
        int16, lead after lead.
    events : list of dict
        Per record, kind of event to (positions int64, classes int8).
    quarantined : dict of str to str
        Record, or the unit itself, to the reason why it is left out.
    """

    name: str
    rows: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    events: list = field(default_factory=list)
    quarantined: dict = field(default_factory=dict)


def read_unit(reader, name):
    """Read and check one unit: a `CorpusUnit`; what is damaged in it is quarantined with its reason."""
    try:
        return corpus_unit(name, reader.read(name))
    except InputError as error:
        return CorpusUnit(name, quarantined={name: str(error)})


def corpus_unit(name, records):
    """Turn Records into a `CorpusUnit`; those that `check_record` refuses are quarantined."""
    unit = CorpusUnit(name)
    for record in records:
        try:
            check_record(record)
        except InputError as error:
            unit.quarantined[record.record_id] = str(error)
            continue
        data = np.ascontiguousarray(record.signal.T).tobytes()
        unit.rows.append(_row(name, record, hashlib.sha256(data).hexdigest()))
        unit.signals.append(data)
        unit.events.append({kind: _events(record, prefix) for kind, prefix in EVENTS.items()})
    return unit


def _row(unit, record, sha256):
    return {
        "record_id": record.record_id, "unit": unit, "patient_id": record.patient_id, "label": record.label,
        "codes": list(record.codes), "fold": int(record.fold), "fs": float(record.fs),
        "n_samples": record.signal.shape[0], "n_leads": record.signal.shape[1], "leads": list(record.leads),
        "gain": record.gain.tolist(), "baseline": record.baseline.tolist(), "sha256": sha256,
    }  # fmt: skip


def _events(record, prefix):
    positions, classes = getattr(record, f"{prefix}_positions"), getattr(record, f"{prefix}_classes")
    return np.asarray(positions, np.int64), np.asarray(classes, np.int8)
