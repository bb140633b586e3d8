"""MIT-BIH Supraventricular Arrhythmia Database: 78 half-hour two-lead recordings, 128 Hz, beats.

Source: Greenwald SD, Improved detection and classification of arrhythmias in noise-corrupted
electrocardiograms using contextual information, PhD thesis, MIT (1990); PhysioNet svdb 1.0.0 (ODC-By 1.0).
Headers give a gain of 0 ("uncalibrated") for many records; WFDB's default of 200 ADC units per mV is used.
"""

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.mitbih_arrhythmia import WfdbBeatReader


class Reader(WfdbBeatReader):
    """SVDB: no patient ids are published, so every patient is ``"unknown"``."""


DATA_SET = DataSet(
    name="svdb",
    title="MIT-BIH Supraventricular Arrhythmia Database",
    url="https://physionet.org/content/svdb/1.0.0/",
    licence="Open Data Commons Attribution License 1.0",
    non_commercial=False,
    layout="a folder with NNN.hea, NNN.dat (format 212) and NNN.atr",
    facts="78 records, 30 min, 128 Hz, 2 leads; rich in premature atrial beats; no patient ids, no rhythms.",
    reader=Reader,
    classes="beats: normal, PAC, PVC, undefined",
    records=78,
)
