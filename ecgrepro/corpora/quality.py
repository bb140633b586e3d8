"""Checks every record passes before it enters a corpus; a failed check quarantines it with its reason."""

import numpy as np

from ecgrepro.errors import InputError

#: Largest tolerated share of samples that sit on the record's own lowest or highest value.
CLIPPED_SHARE = 0.5
#: Largest tolerated share of samples on the rails of int16.
RAIL_SHARE = 0.05


def check_record(record):
    """Raise `InputError` where a record's signal cannot be used; return the record otherwise.

    Refused: an empty or non-int16 signal (a float one that holds NaN), another number of lead names, gains or
    baselines than leads, gains or a sampling rate that are not positive, a lead that is flat or clipped
    (more than `CLIPPED_SHARE` of its samples on its extremes, or `RAIL_SHARE` on int16's rails),
    events outside the signal or out of order.
    """
    signal = record.signal
    _check_signal(record.record_id, signal)
    _check_header(record)
    for lead, name in enumerate(record.leads):
        _check_clipping(record.record_id, name, signal[:, lead])
    _check_events(record.record_id, record.beat_positions, len(signal), "beat")
    _check_events(record.record_id, record.rhythm_positions, len(signal), "rhythm")
    _check_events(record.record_id, record.quality_positions, len(signal), "quality")
    return record


def _check_signal(record_id, signal):
    if signal.dtype != np.int16 or signal.ndim != 2 or 0 in signal.shape:
        unusable = np.count_nonzero(~np.isfinite(signal))
        raise InputError(
            record_id,
            "an int16 signal of shape (n_samples, n_leads) with at least one sample",
            f"{signal.dtype} {signal.shape}" + (f", {unusable} samples NaN or infinite" if unusable else ""),
            "The file is empty or damaged: fetch it again.",
        )


def _check_header(record):
    n_leads = record.signal.shape[1]
    if not len(record.leads) == len(record.gain) == len(record.baseline) == n_leads:
        raise InputError(
            record.record_id,
            f"a name, a gain and a baseline for each of {n_leads} leads",
            f"{len(record.leads)}, {len(record.gain)} and {len(record.baseline)}",
            "Compare the header with the publisher's copy.",
        )
    rates = np.array([record.fs, *record.gain])
    if not (np.isfinite(rates) & (rates > 0)).all() or not np.isfinite(record.baseline).all():
        raise InputError(
            record.record_id,
            "a positive sampling rate, and a positive gain in ADC units per millivolt for every lead",
            f"{record.fs:g} Hz, gains {record.gain.tolist()}, baselines {record.baseline.tolist()}",
            "Compare the header with the publisher's copy.",
        )


def _check_clipping(record_id, lead, samples):
    low, high = samples.min(), samples.max()
    clipped = np.count_nonzero((samples == low) | (samples == high)) / len(samples)
    rails = np.count_nonzero((samples == -32768) | (samples == 32767)) / len(samples)
    if clipped > CLIPPED_SHARE or rails > RAIL_SHARE:
        kind = "flat" if low == high else "saturated"
        raise InputError(
            record_id,
            f"a lead {lead} with at most {CLIPPED_SHARE:.0%} of its samples on its extremes "
            f"and {RAIL_SHARE:.0%} on the int16 rails",
            f"a {kind} signal ({clipped:.0%} on its extremes, {rails:.0%} on the rails)",
            "The record is left out; look at it before you use it elsewhere.",
        )


def _check_events(record_id, positions, n_samples, kind):
    if len(positions) == 0:
        return
    if positions[0] < 0 or positions[-1] > n_samples or (np.diff(positions) < 0).any():
        raise InputError(
            record_id,
            f"{kind} positions in ascending order within 0 and {n_samples}",
            f"positions from {positions.min()} to {positions.max()}",
            "The annotation belongs to another signal or is damaged.",
        )
