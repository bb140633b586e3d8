"""Recordings that are in there twice to the last bit, and what duplicates of any kind mean for a split."""

import hashlib
import sys

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

COLUMNS = ("corpus_a", "record_a", "lead_a", "corpus_b", "record_b", "lead_b", "n_leads")


def exact_duplicates(corpora, *, progress=True):
    """Find the pairs of records that share a lead, sample by sample in ADC units.

    Leads are compared one by one, so that a copy of one lead of twelve is found. Leads without movement are left out:
    they are the same everywhere.

    Parameters
    ----------
    corpora : dict of str to Corpus
        By the name to give them in the table.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    DataFrame, (n_pairs, len(COLUMNS))
        corpus_a, record_a, lead_a, corpus_b, record_b, lead_b: str, the first lead they share; a comes first in the
        order given, or within one corpus. n_leads: how many they share; where that is all of both and in the same
        order, the two have one `sha256` in their indexes. Of k equal recordings the first is paired with the others:
        k - 1 rows.
    """
    first, pairs, total = {}, {}, sum(len(corpus) for corpus in corpora.values())
    with tqdm(total=total, desc="hash leads", unit="record", disable=not progress, file=sys.stderr) as bar:
        for name, corpus in corpora.items():
            for i, row in enumerate(corpus.index.itertuples()):
                for digest, lead in _hashes(corpus.signal(i), row.leads):
                    place = (name, row.record_id, lead)
                    other = first.setdefault(digest, place)
                    if other[:2] != place[:2]:
                        pairs.setdefault((other[:2], place[:2]), []).append((other[2], lead))
                bar.update()
    rows = [(*a, leads[0][0], *b, leads[0][1], len(leads)) for (a, b), leads in pairs.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _hashes(signal, leads):
    """Yield (digest, lead name) of every lead that moves, a digest once."""
    seen = set()
    for values, lead in zip(signal.T, leads, strict=True):
        digest = hashlib.blake2b(np.ascontiguousarray(values), digest_size=16).digest()
        if digest not in seen and values.min() != values.max():
            seen.add(digest)
            yield digest, lead


def duplicate_groups(pairs, n):
    """Group records that are linked by pairs, for a split that keeps them on one side.

    Parameters
    ----------
    pairs : int array, (n_pairs, 2)
        Positions of records that hold the same recording.
    n : int
        Number of records.

    Returns
    -------
    int64 array, (n,)
        Position of the first record of each record's group: its own where it has no duplicate.
    """
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, group = connected_components(links, directed=False)
    _, first = np.unique(group, return_index=True)
    return first[group]
