"""The Challenge's real recordings: read as wfdb reads them, and proof of the gains that are mended."""

import os
import random
import shutil

import numpy as np
import pytest
import wfdb

from ecgrepro.corpora import challenge
from ecgrepro.corpora.quality import check_record
from tests.corpora.challenge_folder import LEADS


@pytest.mark.parametrize(
    ("name", "count", "repairs"),
    [
        ("georgia", 74, {"record name": 44, "date and time": 54, "gain": 3, "repeated code": 1}),
        ("challenge_ptbxl", 39, {"date and time": 39, "gain": 2, "unit": 37}),
        ("cpsc2018", 155, {"date and time": 155, "class name": 140}),
    ],
)
def test_the_real_records_are_those_that_wfdb_reads(real, tmp_path, name, count, repairs):
    reader = challenge.Reader(name, real("challenge2020"))
    assert (len(reader.units()), reader.repairs) == (count, repairs)
    records = [check_record(reader.read(unit)[0]) for unit in reader.units()]
    assert all(record.leads == LEADS and set(record.gain) == {1000.0} and record.codes for record in records)
    for record in random.Random(0).sample(records, 20):
        np.testing.assert_array_equal(record.signal, wfdb_signal(reader, record.record_id, tmp_path))


def wfdb_signal(reader, unit, place):
    """Samples as the wfdb package gives them, once the record line bears the record's name."""
    path = next(reader.source.rglob(f"{unit}.hea"))
    (place / path.name).write_text(path.read_text().replace(f"{unit}.mat 12", f"{unit} 12", 1))
    shutil.copy(path.with_suffix(".mat"), place)
    return wfdb.rdrecord(os.fspath(place / unit), physical=False, return_res=16).d_signal


def test_two_of_georgias_recordings_are_one(real):
    reader = challenge.Reader("georgia", real("challenge2020"))
    copies = [reader.read(unit)[0].signal for unit in ("E07509", "E07510")]
    np.testing.assert_array_equal(*copies)


def recorded(record):
    """The eight leads of which the others are computed: int64 (n_samples, 8)."""
    return record.signal[:, [0, 1, 6, 7, 8, 9, 10, 11]].astype(np.int64)


def test_georgias_headers_of_either_gain_hold_the_same_unit(real):
    reader = challenge.Reader("georgia", real("challenge2020"))
    for unit in reader.units():
        values = recorded(reader.read(unit)[0])
        # steps of 4.88 microvolts, cut to whole microvolts: so the unit is the microvolt, 1000 to the millivolt
        np.testing.assert_array_equal(values, np.trunc(np.rint(values / 4.88) * 4.88))


def test_a_header_of_200_per_millivolt_holds_ptb_xls_own_amplitudes(real):
    (record,) = challenge.Reader("challenge_ptbxl", real("challenge2020")).read("HR00599")
    own = wfdb.rdrecord(os.fspath(real("ptbxl") / "records100" / "00000" / "00599_lr")).p_signal
    # every fifth of a mean over five samples: a coarse 100 Hz version is enough to tell 1 from 5
    ours = record.millivolts().reshape(-1, 5, 12).mean(axis=1)
    spread = [np.percentile(signal, 99, axis=0) - np.percentile(signal, 1, axis=0) for signal in (ours, own)]
    np.testing.assert_allclose(spread[0], spread[1], rtol=0.15)


def test_the_challenges_ptb_xl_is_ptb_xl(real):
    reader = challenge.Reader("challenge_ptbxl", real("challenge2020"))
    both = [unit for unit in reader.units() if int(unit[2:]) <= 500]
    assert len(both) == 10
    for unit in both:
        own = real("ptbxl") / "records500" / "00000" / f"{int(unit[2:]):05d}_hr"
        own = wfdb.rdrecord(os.fspath(own), physical=False, return_res=16)
        np.testing.assert_array_equal(reader.read(unit)[0].signal, own.d_signal)
        assert set(own.adc_gain) == {1000.0}
