"""Small WFDB records with known samples, and what the `wfdb` package reads of them."""

import numpy as np
import wfdb
from scipy.io import savemat

from ecgrepro.corpora.wfdb_files import read_signal


def write_record(folder, formats=("16", "16"), n_samples=1001, lowest=None, highest=None):
    """Write record ``r``: its path without suffix, and its signal int16 (n_samples, n_leads) with missing samples."""
    bits = {"80": 8, "212": 12}.get(formats[0], 16)
    # the lowest value is the format's mark of a missing sample
    lowest = -(2 ** (bits - 1)) if lowest is None else lowest
    highest = 2 ** (bits - 1) if highest is None else highest
    signal = np.random.default_rng(0).integers(lowest, highest, (n_samples, len(formats)))
    signal[5] = lowest
    n_leads, leads = len(formats), [f"V{i}" for i in range(len(formats))]
    wfdb.wrsamp("r", 250, ["mV"] * n_leads, leads, d_signal=signal, fmt=list(formats), adc_gain=[200.0] * n_leads,
                baseline=[7] * n_leads, write_dir=str(folder))  # fmt: skip
    return folder / "r", signal


def write_mat(folder, values, leads_by_samples, record="r"):
    """Write record ``r`` in the Challenge's layout with a `.mat` that holds `values`; the header speaks of others."""
    savemat(folder / "r.mat", {"val": values}, format="4")
    n_leads, n_samples = leads_by_samples.shape
    lines = [f"r.mat 16+24 1000/mV 16 0 0 {lead.sum(dtype=np.int64) & 65535} 0 V{i}"
             for i, lead in enumerate(leads_by_samples)]  # fmt: skip
    header = [f"{record} {n_leads} 500 {n_samples} 05-May-2020 14:50:55", *lines, "#Age: 56"]
    (folder / "r.hea").write_text("\n".join(header))
    return folder / "r"


def change_header(path, line, old, new):
    """Replace text in one line of a record's header, from 0."""
    header = path.with_suffix(".hea")
    lines = header.read_text().splitlines()
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    header.write_text("\n".join(lines) + "\n")


def same_as_wfdb(path):
    """Read a record, assert that `wfdb` reads the same, and return its signal."""
    fields, record = read_signal(path), wfdb.rdrecord(str(path), physical=False)
    assert (fields["signal"].dtype, fields["signal"].flags.c_contiguous) == (np.int16, True)
    np.testing.assert_array_equal(fields["signal"], record.d_signal)
    assert (fields["gain"].tolist(), fields["baseline"].tolist()) == (record.adc_gain, record.baseline)
    assert (fields["fs"], list(fields["leads"])) == (record.fs, record.sig_name)
    assert fields["comments"] == record.comments
    return fields["signal"]
