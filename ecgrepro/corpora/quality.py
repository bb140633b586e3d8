"""Checks every record passes before it enters a corpus; a failed check quarantines it with its reason."""

import numpy as np

from ecgrepro.errors import InputError

#: Largest tolerated share of samples that sit on the record's own lowest or highest value.
CLIPPED_SHARE = 0.5
#: Largest tolerated share of samples on the rails of int16.
RAIL_SHARE = 0.05


def check_record(record):
    """Raise `InputError` where a record's signal cannot be used; return the record otherwise.

    Refused: an empty or non-int16 signal, gains that are not positive, a lead that is flat or clipped
    (more than `CLIPPED_SHARE` of its samples on its extremes, or `RAIL_SHARE` on int16's rails),
    events outside the signal or out of order.
    """
    signal = record.signal
    if signal.dtype != np.int16 or signal.ndim != 2 or signal.shape[0] == 0:
        raise InputError(
            record.record_id,
            "an int16 signal of shape (n_samples, n_leads) with at least one sample",
            f"{signal.dtype} {signal.shape}",
            "The file is empty or damaged: fetch it again.",
        )
    _check_gain(record)
    for lead, name in enumerate(record.leads):
        _check_clipping(record.record_id, name, signal[:, lead])
    _check_events(record.record_id, record.beat_positions, len(signal), "beat")
    _check_events(record.record_id, record.rhythm_positions, len(signal), "rhythm")
    return record


def _check_gain(record):
    if not (np.isfinite(record.gain).all() and (record.gain > 0).all()):
        raise InputError(
            record.record_id,
            "a positive gain in ADC units per millivolt for every lead",
            str(record.gain.tolist()),
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
