"""Windows of different recordings that look alike: the first, coarse look for recordings that are in there twice."""

import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

#: Windows per record that are looked up, or one per so many seconds where that is more.
LOOKED_UP, SECONDS_APART = 24, 10.0
#: s; how far apart the keys of two windows of one waveform lie at most.
KEY_REACH = 0.008
#: Least absolute cosine of their vectors.
COSINE = 0.975
#: Candidates kept of a pair of records, the best ones.
GUESSES = 3
#: Windows per block on either side: 2 MiB of cosines, which stay in the cache.
_LOOKED_UP_BLOCK, _STORED_BLOCK = 1024, 512


@dataclass(frozen=True)
class Windows:
    """The windows of several corpora as one, sorted by key.

    Attributes
    ----------
    record : int64 array, (n_windows,)
        Position among the records of all corpora one after another.
    lead : int64 array, (n_windows,)
        Number of the lead within its record.
    time, key : float32 arrays, (n_windows,)
        s.
    vector : float16 array, (n_windows, DIMENSIONS)
    n_records : int
        Of all corpora, with or without windows.
    """

    record: np.ndarray
    lead: np.ndarray
    time: np.ndarray
    key: np.ndarray
    vector: np.ndarray
    n_records: int


def gather_windows(fingerprints):
    """Gather the windows of a list of `Fingerprints` into `Windows`."""
    first_record = np.cumsum([0] + [len(one.record_ids) for one in fingerprints])
    records, leads = [], []
    for one, first in zip(fingerprints, first_record, strict=False):
        record = one.lead_record[one.window_lead]
        records.append(record + first)
        leads.append(one.window_lead - np.searchsorted(one.lead_record, record))
    key = np.concatenate([one.window_key for one in fingerprints])
    order = np.argsort(key, kind="stable")
    time = np.concatenate([one.window_time for one in fingerprints])
    vector = np.concatenate([one.window_vector for one in fingerprints])
    return Windows(np.concatenate(records)[order], np.concatenate(leads)[order], time[order], key[order],
                   vector[order], int(first_record[-1]))  # fmt: skip


def looked_up(windows):
    """Choose the windows to look up: int64 positions, ascending; evenly over each record's leads and time."""
    order = np.lexsort((windows.time, windows.lead, windows.record))
    counts = np.bincount(windows.record, minlength=windows.n_records)
    latest = np.zeros(windows.n_records)
    np.maximum.at(latest, windows.record, windows.time)
    wanted = np.minimum(counts, np.maximum(LOOKED_UP, latest / SECONDS_APART).astype(np.int64))
    starts = np.cumsum(counts) - counts
    rank = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    step = np.repeat(counts / np.maximum(wanted, 1), wanted)
    return np.sort(order[np.repeat(starts, wanted) + (rank * step).astype(np.int64)])


def find_candidates(windows, *, progress=True):
    """Find windows of different records that may be one waveform.

    Parameters
    ----------
    windows : Windows
    progress : bool
        Show a bar, whose estimate goes by the comparisons to be made, on standard error.

    Returns
    -------
    a, b : int64 arrays, (n_candidates,)
        Positions of windows; the record of a comes before the record of b. At most `GUESSES` of a pair of records,
        those of the greatest absolute cosine, pair by pair in ascending order and the best one first.
    """
    queries = looked_up(windows)
    low = np.searchsorted(windows.key, windows.key[queries] - np.float32(KEY_REACH), side="left")
    high = np.searchsorted(windows.key, windows.key[queries] + np.float32(KEY_REACH), side="right")
    best = tuple(np.empty(0, kind) for kind in (np.int64, np.int64, np.float32))
    with tqdm(total=int((high - low).sum()), desc="compare windows", unit="", unit_scale=True,
              disable=not progress, file=sys.stderr) as bar:  # fmt: skip
        for begin in range(0, len(queries), _LOOKED_UP_BLOCK):
            part = slice(begin, begin + _LOOKED_UP_BLOCK)
            found = list(_alike(windows, queries[part], low[part], high[part]))
            best = _best_guesses(windows, best, found)
            bar.update(int((high[part] - low[part]).sum()))
    return best[:2]


def _alike(windows, queries, low, high):
    """Yield (query, stored, absolute cosine) of like windows, one block of stored windows at a time."""
    vectors = windows.vector[queries].astype(np.float32)
    space = np.empty(
        len(queries) * _STORED_BLOCK, np.float32
    )  # allocating it anew took longer than filling it
    for first in range(low[0], high[-1], _STORED_BLOCK):
        last = min(first + _STORED_BLOCK, high[-1])
        # the reaches of sorted keys ascend: the queries that reach into this block are neighbours
        begin, end = np.searchsorted(high, first, side="right"), np.searchsorted(low, last, side="left")
        if begin >= end:
            continue
        cosine = space[: (end - begin) * (last - first)].reshape(end - begin, -1)
        np.matmul(vectors[begin:end], windows.vector[first:last].astype(np.float32).T, out=cosine)
        np.abs(cosine, out=cosine)
        query, stored = np.divmod(np.flatnonzero(cosine > COSINE), last - first)
        a, b = queries[begin + query], first + stored
        other = windows.record[a] != windows.record[b]
        yield a[other], b[other], cosine[query[other], stored[other]]


def _best_guesses(windows, best, found):
    a, b, cosine = (np.concatenate(parts) for parts in zip(best, *found, strict=True))
    swapped = windows.record[a] > windows.record[b]
    a, b = np.where(swapped, b, a), np.where(swapped, a, b)
    # a pair of windows that are both looked up is found from either side
    _, once = np.unique(a * len(windows.key) + b, return_index=True)
    a, b, cosine = a[once], b[once], cosine[once]
    pair = windows.record[a] * windows.n_records + windows.record[b]
    order = np.lexsort((-cosine, pair))
    pair = pair[order]
    is_first = np.append(True, pair[1:] != pair[:-1])[: len(pair)]
    rank = np.arange(len(pair)) - np.maximum.accumulate(np.where(is_first, np.arange(len(pair)), 0))
    order = order[rank < GUESSES]
    return a[order], b[order], cosine[order]
