"""How surely a recording that is there twice is found, how often two different ones are taken for one, and how fast.

    python benchmarks/near_duplicates.py CORPUS...            # folders of ingested corpora; minutes
    python benchmarks/near_duplicates.py CORPUS... --pictures DIR    # and draws every pair found, to be looked at

First all corpora are searched as they are: pairs found by pair of corpora, out of how many, seconds, peak memory, and
the time that sets of full size would take. Then changed copies of real recordings are planted and searched for among
all recordings: recall per change, with Wilson's 95 % interval, in each of two halves of the records (by a hash of the
name): a limit changed with one half in view is measured on the other. `tolerance` shows how far the next false alarms
are: pairs found beyond those found at 1.

Pairs of one data set are not known to be different people, nor are those across data sets, but for what their
publishers say; every pair found has to be looked at. Where none is found among n pairs of different recordings, the
rate of false alarms is below 3 / n with 95 % confidence (rule of three).
"""

import argparse
import hashlib
import resource
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.signal import butter, resample_poly, sosfiltfilt
from statsmodels.stats.proportion import proportion_confint
from threadpoolctl import threadpool_limits

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.duplicate_candidates import find_candidates, gather_windows, looked_up
from ecgrepro.corpora.fingerprints import fingerprint_corpus
from ecgrepro.corpora.near_duplicates import near_duplicates

#: Changes planted: crop to s, resampling to Hz, gain with offset, polarity, band-pass to 0.5 to 35 Hz, quantisation to
#: so many levels, white noise at a signal-to-noise ratio in dB, so many leads in any order.
CHANGES = {
    "none": {},
    "crop to 10 s": {"crop": 10}, "crop to 6 s": {"crop": 6}, "crop to 5 s": {"crop": 5},
    "100 Hz": {"fs": 100}, "125 Hz": {"fs": 125}, "128 Hz": {"fs": 128}, "250 Hz": {"fs": 250},
    "300 Hz": {"fs": 300}, "360 Hz": {"fs": 360}, "500 Hz": {"fs": 500},
    "gain and offset": {"gain": True}, "polarity": {"flip": True}, "one lead": {"leads": 1},
    "leads in another order": {"leads": 99}, "filtered": {"band": True}, "64 levels": {"levels": 64},
    "noise 20 dB": {"noise": 20}, "noise 15 dB": {"noise": 15}, "noise 10 dB": {"noise": 10},
    "all, 30 s": {"crop": 30, "fs": 125, "gain": True, "flip": True, "levels": 256, "noise": 20, "leads": 1},
    "all, 10 s": {"crop": 10, "fs": 125, "gain": True, "flip": True, "levels": 256, "noise": 20, "leads": 1},
    "all, 5 s": {"crop": 5, "fs": 125, "gain": True, "flip": True, "levels": 256, "noise": 20, "leads": 1},
}  # fmt: skip
PLANTED_PER_CORPUS = 50
#: s; of longer recordings a piece of this length is copied.
LONGEST_COPY = 60
TOLERANCES = (1.0, 1.5, 2.0, 3.0)
#: Leads x seconds of PTB-XL and the Challenge's training sets: 21,799 and 43,101 recordings, about 10 and 12 s.
FULL_SIZE = 12 * (21_799 * 10 + 43_101 * 12)


def half(record_id):
    return "ab"[hashlib.blake2b(record_id.encode()).digest()[0] % 2]


def plant(signal, fs, rng, crop=None, fs_new=None, gain=False, flip=False, band=False, levels=None, noise=None,
          leads=None):  # fmt: skip
    """A changed copy: int16 (n_samples, n_leads) and its rate."""
    x = signal.astype(np.float64)
    n = round(min(crop or LONGEST_COPY, LONGEST_COPY) * fs)
    start = rng.integers(0, max(1, len(x) - n))
    x = x[start : start + n]
    if leads:
        x = x[:, rng.permutation(x.shape[1])[:leads]]
    if band:
        x = sosfiltfilt(butter(2, [0.5, 35], "bandpass", fs=fs, output="sos"), x, axis=0)
    if fs_new and fs_new != fs:
        ratio = Fraction(fs_new / fs).limit_denominator(1000)
        x, fs = resample_poly(x, ratio.numerator, ratio.denominator, axis=0, padtype="line"), float(fs_new)
    if noise is not None:
        x = x + rng.normal(size=x.shape) * x.std(axis=0) * 10 ** (-noise / 20)
    if levels:
        step = np.maximum(np.ptp(x, axis=0) / levels, 1e-9)
        x = np.rint(x / step) * step
    x = -x if flip else x
    x = x * rng.uniform(0.3, 3) + rng.uniform(-300, 300) if gain else x
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16), fs


def planted_corpus(corpora):
    """Copies of all changes, and of which record each is: stand-in for a Corpus, DataFrame."""
    rng, signals, rows = np.random.default_rng(0), [], []
    for name, corpus in corpora.items():
        for i in rng.choice(len(corpus), min(PLANTED_PER_CORPUS, len(corpus)), replace=False):
            for change, options in CHANGES.items():
                options = {"fs_new" if key == "fs" else key: value for key, value in options.items()}
                signal, fs = plant(corpus.signal(i), corpus.index.fs.iloc[i], rng, **options)
                signals.append(signal)
                rows.append((f"copy {len(rows)}", fs, [str(k) for k in range(signal.shape[1])], name,
                             corpus.index.record_id.iloc[i], change))  # fmt: skip
    table = pd.DataFrame(rows, columns=["record_id", "fs", "leads", "corpus", "source", "change"])
    return SimpleNamespace(index=table, signal=signals.__getitem__, fingerprint="planted",
                           path=Path("planted")), table  # fmt: skip


def search_all(corpora):
    """Search the corpora as they are; print pairs and cost. Returns fingerprints and pairs."""
    began = time.perf_counter()
    prints = [fingerprint_corpus(corpus, name) for name, corpus in corpora.items()]
    taken = {"fingerprints": time.perf_counter() - began}
    began = time.perf_counter()
    windows = gather_windows(prints)
    with threadpool_limits(1, user_api="blas"):
        find_candidates(windows)
    taken["candidates"] = time.perf_counter() - began
    began = time.perf_counter()
    pairs = near_duplicates(prints)
    taken["comparison"] = time.perf_counter() - began - taken["candidates"]
    print_found(prints, pairs)
    print_cost(prints, windows, taken)
    return prints, pairs


def print_found(prints, pairs):
    sizes = {one.name: len(one.record_ids) for one in prints}
    print("\npairs of recordings compared, and found to be the same")
    for i, a in enumerate(sizes):
        for b in list(sizes)[i:]:
            n = sizes[a] * (sizes[a] - 1) // 2 if a == b else sizes[a] * sizes[b]
            found = int(((pairs.corpus_a == a) & (pairs.corpus_b == b)).sum())
            bound = f"; rate of false alarms below {3 / max(n, 1):.1e}" if not found else ""
            print(f"  {a} - {b}: {n:,} pairs, {found} found{bound}")
    for one in prints:
        missing = one.not_comparable()
        print(
            f"  {one.name}: {len(missing)} of {len(one.record_ids):,} not comparable {' '.join(missing[:5])}"
        )


def print_cost(prints, windows, taken):
    seconds = sum(len(one.wave) for one in prints) / 100
    lookups = len(looked_up(windows))
    growth = FULL_SIZE / seconds
    # 24 windows of each of the full set's recordings are looked up
    compared = growth * 24 * 64_900 / lookups
    hours = (
        taken["fingerprints"] * growth + taken["candidates"] * compared + taken["comparison"] * compared
    ) / 3600
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{', '.join(f'{what} {spent:.1f} s' for what, spent in taken.items())}; peak memory {peak:,.0f} MiB; "
          f"{len(windows.key):,} windows of {seconds / 3600:,.0f} h of leads, {lookups:,} looked up")  # fmt: skip
    print(f"PTB-XL and the Challenge's training sets whole ({FULL_SIZE / 3600:,.0f} h of leads), by these rates: "
          f"{hours:.1f} h, {sum(one.wave.nbytes + one.window_vector.nbytes for one in prints) * growth / 2**30:.1f} "
          "GiB of fingerprints")  # fmt: skip


def measure_tolerance(prints, pairs):
    """Print what larger tolerances find beyond the pairs already found, by half of both records."""
    known = set(zip(pairs.record_a, pairs.record_b, strict=True))
    print("\ntolerance: further pairs, both records in half a; both in b; one in each")
    for tolerance in TOLERANCES[1:]:
        more = near_duplicates(prints, tolerance=tolerance, progress=False)
        halves = ["".join(sorted(half(a) + half(b))) for a, b in zip(more.record_a, more.record_b, strict=True)
                  if (a, b) not in known]  # fmt: skip
        print(
            f"  {tolerance}: " + "; ".join(str(halves.count(which)) for which in ("aa", "bb", "ab")),
            flush=True,
        )


def measure_recall(corpora, prints, pairs):
    """Print the share of planted copies found, per change and half, and pairs with a recording that is another."""
    planted, table = planted_corpus(corpora)
    copies = fingerprint_corpus(planted, "planted", progress=False)
    for tolerance in TOLERANCES[:2]:
        found = near_duplicates([*prints, copies], tolerance=tolerance)
        found = found[(found.corpus_b == "planted") & (found.corpus_a != "planted")]
        rows = table.set_index("record_id").loc[found.record_b]
        is_source = (rows.corpus.to_numpy() == found.corpus_a) & (rows.source.to_numpy() == found.record_a)
        hit = table.record_id.isin(found.record_b[is_source])
        print(
            f"\nplanted copies found at tolerance {tolerance}, halves a and b, the latter with a 95 % interval"
        )
        for change in CHANGES:
            parts = [hit[(table.change == change) & (table.source.map(half) == which)] for which in "ab"]
            low, high = proportion_confint(parts[1].sum(), len(parts[1]), method="wilson")
            print(f"  {change:<24} a {parts[0].sum():>4}/{len(parts[0])}   b {parts[1].sum():>4}/{len(parts[1])} "
                  f"= {parts[1].mean():.3f} [{low:.3f}, {high:.3f}]")  # fmt: skip
        print_strangers(found[~is_source], rows[~is_source.to_numpy()], pairs)
        if tolerance == 1:
            print(
                "  by corpus: "
                + ", ".join(f"{name} {share:.3f}" for name, share in hit.groupby(table.corpus).mean().items())
            )


def print_strangers(found, rows, pairs):
    """Print pairs of a copy and a record that is not its source, nor found to be the same as its source."""
    same = {frozenset(pair) for pair in zip(pairs.record_a, pairs.record_b, strict=True)}
    strange = [f"{a} - {b} ({change})" for a, b, change in zip(found.record_a, rows.source, rows.change, strict=True)
               if a != b and frozenset([a, b]) not in same]  # fmt: skip
    print(f"  pairs with another recording: {len(strange)} {'; '.join(strange[:8])}")


def draw(corpora, pairs, folder):
    """Draw each pair found, aligned, as a picture: the first of two lines thick, the other one thin."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for number, pair in enumerate(pairs.itertuples()):
        figure, axes = pyplot.subplots(figsize=(20, 4))
        begin = max(0.0, pair.offset_s)
        for side, offset, width in (("a", 0, 2.0), ("b", pair.offset_s, 0.8)):
            corpus = corpora[getattr(pair, f"corpus_{side}")]
            i = int(np.flatnonzero(corpus.index.record_id == getattr(pair, f"record_{side}"))[0])
            lead = list(corpus.index.leads.iloc[i]).index(getattr(pair, f"lead_{side}"))
            values = corpus.signal(i)[:, lead] * (np.sign(pair.correlation) if side == "b" else 1.0)
            seconds = np.arange(len(values)) / corpus.index.fs.iloc[i] + offset
            shown = (seconds >= begin) & (seconds < begin + min(pair.overlap_s, 20))
            values = values[shown] - np.median(values[shown])
            axes.plot(seconds[shown], values / np.std(values), linewidth=width)
        axes.set_title(f"{pair.corpus_a} {pair.record_a} {pair.lead_a} - {pair.corpus_b} {pair.record_b} "
                       f"{pair.lead_b}: {pair.correlation:.4f} over {pair.stretch_s:.0f} s")  # fmt: skip
        figure.savefig(folder / f"{number:05d}.png")
        pyplot.close(figure)


def main(paths, pictures):
    corpora = {Path(path).name: Corpus(path) for path in paths}
    prints, pairs = search_all(corpora)
    measure_tolerance(prints, pairs)
    measure_recall(corpora, prints, pairs)
    if pictures:
        draw(corpora, pairs, Path(pictures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="+")
    parser.add_argument("--pictures")
    options = parser.parse_args()
    main(options.corpora, options.pictures)
