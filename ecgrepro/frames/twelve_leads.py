"""Twelve leads in one order and one unit, whatever the corpus.

PTB-XL writes AVR, the Challenge aVR, and a header may list its leads in any order. A net's first convolution sums over
leads by position: a swap of two would be no error to it, only a worse score.
"""

import numpy as np

from ecgrepro.corpora.challenge_headers import LEADS as _LEADS
from ecgrepro.errors import InputError
from ecgrepro.frames.signal_faults import INVALID, fill_missing

#: The standard order, which is that of PTB-XL's and of the Challenge's files.
LEADS = tuple(_LEADS.values())


def twelve_leads(corpus, i):
    """Give the twelve leads of a recording.

    Parameters
    ----------
    corpus : Corpus
    i : int
        Position of the recording.

    Returns
    -------
    float32 array, (n_samples, 12)
        In mV, in the order of `LEADS`; further leads are left out. All finite: samples that the file marks as missing
        are filled as `signal_faults.fill_missing` does.

    Raises
    ------
    InputError
        A lead that is not there or there twice; a gain or baseline that gives no finite mV.
    """
    row = corpus.index.iloc[i]
    order = lead_order(row.leads, row.record_id)
    adc = corpus.signal(i)[:, order]
    gain, baseline = np.asarray(row.gain)[order], np.asarray(row.baseline)[order]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (adc - baseline) / gain
    if not np.isfinite(values).all():
        raise InputError(f"{corpus.path}, record {row.record_id}", "a finite gain above 0 and a finite baseline",
                         f"gains {gain.tolist()}, baselines {baseline.tolist()}", "Ingest again.")  # fmt: skip
    missing = adc == INVALID
    for lead in np.flatnonzero(missing.any(axis=0)):
        values[:, lead] = fill_missing(np.where(missing[:, lead], np.nan, values[:, lead]))
    return values.astype(np.float32)


def lead_order(names, record_id="recording"):
    """Find the twelve leads among names of any case and order: int64 (12,), positions in `names`.

    Raises
    ------
    InputError
        A lead that is not there or there twice.
    """
    found = [name.strip().lower() for name in names]
    wrong = [lead for lead in LEADS if found.count(lead.lower()) != 1]
    if wrong:
        raise InputError(f"record {record_id}", f"the leads {', '.join(LEADS)}, each once",
                         f"{', '.join(names)[:200]} (not once: {', '.join(wrong)})",
                         "Use a corpus of 12-lead recordings, such as ptbxl or georgia.")  # fmt: skip
    return np.array([found.index(lead.lower()) for lead in LEADS])
