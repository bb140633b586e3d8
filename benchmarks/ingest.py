"""Seconds and memory to ingest CinC 2017.

    python benchmarks/ingest.py FOLDER      # FOLDER as `ecgrepro data show cinc2017` describes it

Prints records, seconds and peak memory. Targets for the 8,528 real records: 90 s, 1 GiB.
"""

import resource
import sys
import tempfile
import time

from ecgrepro.corpora.ingest import ingest


def main(source):
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        corpus = ingest("cinc2017", source, f"{folder}/cinc2017", progress=False)
        taken = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(corpus):,} records in {taken:.1f} s (target 90), peak memory {peak:,.0f} MiB (target 1,024)")


if __name__ == "__main__":
    main(sys.argv[1])
