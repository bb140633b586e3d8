"""MIT-BIH Noise Stress Test Database: three half-hour records of noise alone, twelve of an ECG with noise added.

Source: Moody GB, Muldrow WK, Mark RG, A noise stress test for arrhythmia detectors, Computers in Cardiology
11:381-384 (1984); PhysioNet nstdb 1.0.0. All at 360 Hz, 2 leads, 650,000 samples.

* ``bw``, ``em``, ``ma``: noise of electrodes on limbs where the ECG is not seen. Uncalibrated: the headers state
  gain 0, so the gain is WFDB's default, 200 ADC units per mV, as in the program that mixed them.
* ``118e24`` ... ``118e_6``, ``119e24`` ... ``119e_6``: records 118 and 119 of the MIT-BIH Arrhythmia Database with
  ``em`` at 24, 18, 12, 6, 0, -6 dB in minutes 5 to 7, 9 to 11 and so on; beats as in the originals.

The mixed records' headers still give the originals' baseline of 1,024, which the samples no longer have: in the five
clean minutes they are exactly 1,024 ADC units below the original's. `Reader` sets the baseline to 0, so that
millivolts agree with the original's; samples stay as published.
"""

import re
from dataclasses import replace

import numpy as np

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.mitbih_arrhythmia import WfdbBeatReader
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.wfdb_files import read_signal, record_names
from ecgrepro.errors import InputError

#: The noise records and what each mainly holds; ``em`` has much of the other two as well.
NOISE_KINDS = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle artefact"}
_MIXED = re.compile(r"(?P<patient>118|119)e(\d\d|_\d)$", re.ASCII)


class Reader(WfdbBeatReader):
    """Reads the published folder, or a part of it.

    Noise records have their kind (``bw``, ``em``, ``ma``) as label, no beats and patient ``"unknown"``: the publisher
    speaks of active volunteers and does not say whether one person wore all three. Mixed records have no label, and
    the patient of the MIT-BIH Arrhythmia record they were made from (`patients_from` of the card).

    Parameters
    ----------
    source : str or Path

    Raises
    ------
    InputError
        A folder without such records or with others, from `units`; a damaged record, from `read`.
    """

    def units(self):
        names = record_names(self.source)
        others = [name for name in names if name not in NOISE_KINDS and not _MIXED.match(name)]
        if others:
            raise InputError(self.source, "records bw, em, ma, 118e24 ... 118e_6, 119e24 ... 119e_6 alone",
                             f"{len(others)} others ({', '.join(others[:3])})",
                             "Give the folder that holds this database's files and no others.")  # fmt: skip
        return names

    def patient(self, unit):
        match = _MIXED.match(unit)
        return match["patient"] if match else "unknown"

    def read(self, unit):
        if unit in NOISE_KINDS:
            fields = read_signal(self.source / unit)
            del fields["comments"]
            return [Record(unit, "unknown", label=unit, **fields)]
        (record,) = super().read(unit)
        return [replace(record, baseline=np.zeros_like(record.baseline))]


DATA_SET = DataSet(
    name="nstdb",
    title="MIT-BIH Noise Stress Test Database",
    url="https://physionet.org/content/nstdb/1.0.0/",
    licence="Open Data Commons Attribution License 1.0 (confirm at the source)",
    non_commercial=False,
    layout="a folder with bw, em, ma (.hea, .dat) and 118e24 ... 119e_6 (.hea, .dat, .atr)",
    facts="15 records, 30 min, 360 Hz, 2 leads: 3 of noise alone, 12 of two people's ECG with noise added.",
    reader=Reader,
    classes="noise bw, em, ma; beats in the mixed records",
    records=15,
    patients_from="mitbih_arrhythmia",
)
