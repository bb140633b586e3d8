"""MIT-BIH Arrhythmia Database: 48 half-hour two-lead recordings, 360 Hz, beats and rhythms.

Source: Moody GB, Mark RG, IEEE Eng Med Biol 20(3):45-50 (2001); PhysioNet mitdb 1.0.0 (ODC-By 1.0).
"""

from pathlib import Path

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.wfdb_files import beats_from_symbols, read_events, read_signal, record_names

UNDEFINED, NORMAL, PAC, ABERRATED, PVC = range(5)

#: PhysioBank annotation codes to Icentia11k's five classes. Supraventricular and junctional premature beats
#: go with PAC, ventricular escape with PVC, as in the AAMI classes S and V (ANSI/AAMI EC57); aberrated
#: atrial beats keep the class of their own that Icentia11k has; fusion, paced, unclassifiable beats and
#: ventricular flutter waves are undefined.
BEAT_CODES = {
    **dict.fromkeys("NLRejnB", NORMAL),
    **dict.fromkeys("AJS", PAC),
    "a": ABERRATED,
    **dict.fromkeys("VE", PVC),
    **dict.fromkeys("Q/fF!?", UNDEFINED),
}


class WfdbBeatReader:
    """Reads a folder of WFDB records with beat annotations at the R peak.

    Parameters
    ----------
    source : str or Path
        Folder with `.hea`, `.dat` and `.atr` files.

    Raises
    ------
    InputError
        A folder without such files, from `units`; a damaged record, from `read`.
    """

    extension = "atr"

    def __init__(self, source):
        self.source = Path(source)
        self.options = {}

    def units(self):
        return record_names(self.source)

    def size(self):
        # format 212 packs two samples into three bytes; int16 needs four
        return sum(path.stat().st_size for path in self.source.glob("*.dat")) * 4 // 3

    def patient(self, unit):
        """Patient of a record; ``"unknown"`` where the publisher names none."""
        return "unknown"

    def read(self, unit):
        """Read one recording; rhythm spans are not kept, since the beat task does not use them."""
        fields = read_signal(self.source / unit)
        del fields["comments"]
        n_samples = len(fields["signal"])
        samples, symbols, _ = read_events(self.source / unit, self.extension, n_samples=n_samples)
        positions, classes = beats_from_symbols(samples, symbols, BEAT_CODES)
        return [Record(unit, self.patient(unit), beat_positions=positions, beat_classes=classes, **fields)]


class Reader(WfdbBeatReader):
    """MIT-BIH Arrhythmia: every record a patient, but 201 and 202, which are one man's."""

    def patient(self, unit):
        return "201" if unit == "202" else unit


DATA_SET = DataSet(
    name="mitbih_arrhythmia",
    title="MIT-BIH Arrhythmia Database",
    url="https://physionet.org/content/mitdb/1.0.0/",
    licence="Open Data Commons Attribution License 1.0",
    non_commercial=False,
    layout="a folder with NNN.hea, NNN.dat (format 212) and NNN.atr",
    facts="48 records of 47 people, 30 min, 360 Hz, 2 leads; beats annotated at the R peak.",
    reader=Reader,
    classes="beats: normal, PAC, aberrated, PVC, undefined",
    records=48,
)
