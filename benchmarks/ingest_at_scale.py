"""What the ingest of all of Icentia11k would take: measured on generated patients, projected to 541,794 segments.

    python benchmarks/ingest_at_scale.py            # about two minutes and 3 GiB of disk, nothing is left behind

Writes patients in PhysioNet's layout (full segments of 1,048,577 samples), ingests one part and then twice as many in
fresh processes, with one reading process and with two, and prints seconds, bytes per second and peak memory of each.
Memory that does not grow from the one to the other is what *constant memory* means here. The generated segments are
copies of a few; for an ingest that makes no difference, it neither compresses nor remembers.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.synthetic_writers import SEGMENT_SAMPLES, holter_patients, write_icentia11k_wfdb

#: Published: segments, and annotated beats of all kinds (physionet.org/content/icentia11k-continuous-ecg/1.0).
SEGMENTS, BEATS = 541_794, 2_061_141_216 + 676_364_002 + 19_346_728 + 17_203_041


def write_patients(folder, patients, segments):
    """Fill `folder` with copies of one simulated patient's segments under the published names."""
    model = folder / "model"
    write_icentia11k_wfdb(model, holter_patients(1, 1, 2, SEGMENT_SAMPLES))
    for patient in range(patients):
        place = folder / "published" / f"p{patient // 1000:02d}" / f"p{patient:05d}"
        place.mkdir(parents=True)
        for segment in range(segments):
            old, new = f"p00000_s{segment % 2:02d}", f"p{patient:05d}_s{segment:02d}"
            for path in (model / "p00" / "p00000").glob(f"{old}.*"):
                data = path.read_bytes()
                data = data.replace(old.encode(), new.encode()) if path.suffix == ".hea" else data
                (place / f"{new}{path.suffix}").write_bytes(data)
    shutil.rmtree(model)
    return folder / "published"


def measure(source, out, patients, jobs):
    """Ingest in a fresh process: dict of seconds, peak MiB of that process and of its largest reader."""
    command = [sys.executable, __file__, "--child", source, out, str(patients), str(jobs)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(answer)


def child(source, out, patients, jobs):
    began = time.perf_counter()
    corpus = ingest("icentia11k", source, out, progress=False, jobs=int(jobs), patients=int(patients))
    seconds = time.perf_counter() - began
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    size = sum(path.stat().st_size for path in Path(out).iterdir())
    print(json.dumps({"segments": len(corpus), "seconds": seconds, "peak": peaks, "bytes": size}))


def main(patients, segments):
    with tempfile.TemporaryDirectory() as folder:
        print(f"writing {patients} patients of {segments} segments ...", flush=True)
        source = write_patients(Path(folder), patients, segments)
        for jobs in (1, 2):
            parts = []
            for part in (patients // 2, patients):
                parts.append(measure(str(source), f"{folder}/out", part, jobs))
                shutil.rmtree(f"{folder}/out")
                report(parts[-1], jobs)
            project(*parts, jobs)
        found_bytes = SEGMENTS * SEGMENT_SAMPLES * 2 + BEATS * 2 * 9
        print(f"all of Icentia11k as a corpus: {found_bytes / 1e12:.2f} TB "
              f"({SEGMENTS * SEGMENT_SAMPLES * 2 / 1e12:.2f} TB of signal; a position and a class for each of "
              f"{BEATS:,} beats and as many rhythm marks)")  # fmt: skip


def report(found, jobs):
    peaks = " and ".join(f"{peak:,.0f}" for peak in found["peak"][: 1 if jobs == 1 else 2])
    print(
        f"{jobs} reading: {found['segments']:>4} segments in {found['seconds']:5.1f} s, peak {peaks} MiB",
        flush=True,
    )


def project(part, whole, jobs):
    """Project from what the second half took, so that starting up does not count."""
    rate = (whole["segments"] - part["segments"]) / (whole["seconds"] - part["seconds"])
    print(f"{jobs} reading: {rate:.0f} segments/s, {rate * SEGMENT_SAMPLES * 2 / 1e6:,.0f} MB/s; "
          f"{SEGMENTS:,} segments: {SEGMENTS / rate / 3600:.1f} h", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
        parser.add_argument("--patients", type=int, default=24)
        parser.add_argument("--segments", type=int, default=20)
        main(**vars(parser.parse_args()))
