"""How near a fetch comes to the line's bandwidth, and what ten interruptions cost.

    python benchmarks/fetch.py              # 90 s; writes 2.5 GiB into the temporary folder, and clears it

A server of another process on this machine generates the files while it sends them.

* Eight files through a line of 50 MB/s, hashing and renaming included. Target: at least 95 % of the line.
* One file of 1 GiB whose connection is cut ten times, and again with the fetching process killed ten times. Target:
  whole, by SHA-256, and at most 1 % of its bytes sent twice.
* The same file without any limit, beside a plain copy loop of `requests` without checks, in the same run.
"""

import hashlib
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ecgrepro.corpora import http_transfer  # noqa: E402
from ecgrepro.corpora.downloads import DOWNLOADS, Download, File  # noqa: E402
from ecgrepro.corpora.fetch import fetch  # noqa: E402
from tests.corpora.loopback_server import Fault, LoopbackServer  # noqa: E402

BLOCK = 1 << 20
LINE = 50e6


class Generated:
    """A file of so many blocks of 1 MiB, each different, made when it is asked for; `seed` makes another file."""

    def __init__(self, blocks, seed=0):
        self.blocks, self.noise = blocks, hashlib.shake_256(str(seed).encode()).digest(BLOCK)

    def __len__(self):
        return self.blocks * BLOCK

    def __getitem__(self, part):
        data, place = b"", part.start
        while place < min(part.stop, len(self)):
            block, within = divmod(place, BLOCK)
            whole = block.to_bytes(8, "big") + self.noise[8:]
            data += whole[within : within + part.stop - place]
            place = block * BLOCK + BLOCK
        return data

    def sha256(self):
        digest = hashlib.sha256()
        for block in range(self.blocks):
            digest.update(self[block * BLOCK : (block + 1) * BLOCK])
        return digest.hexdigest()


def serve(pipe, files, faults, bandwidth):
    with LoopbackServer(files, bandwidth) as server:
        server.faults = faults
        pipe.send(server.address)
        pipe.recv()
        pipe.send(server.sent)


class Served:
    """A server in a process of its own, so that it does not share the interpreter; `sent` once it has ended."""

    def __init__(self, files, faults=None, bandwidth=None):
        self.pipe, end = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(end, files, faults or {}, bandwidth))

    def __enter__(self):
        self.process.start()
        self.address = self.pipe.recv()
        return self

    def __exit__(self, *_):
        self.pipe.send("end")
        self.sent = self.pipe.recv()
        self.process.join()


def fetch_all(files, folder, **served):
    """Fetch generated files by name; return seconds, bytes received, bytes sent."""
    with Served(files, **served) as server:
        register(server, files)
        began = time.perf_counter()
        done = fetch("bench", folder, progress=False)
        taken = time.perf_counter() - began
    return taken, done.received, server.sent


def register(server, files):
    entries = tuple(File(name, len(data), data.sha256(), exact=True) for name, data in files.items())
    DOWNLOADS["bench"] = Download("bench", "", "", "", mirrors=(server.address,), files=entries)


def fetch_killed(files, folder, kills):
    """Fetch one generated file with a process that is killed so many times; return bytes sent."""
    with Served(files) as server:
        register(server, files)
        ((name, data),) = files.items()
        part = folder / f"{name}.part"
        for kill in range(1, kills + 1):
            process = multiprocessing.Process(
                target=fetch, args=("bench", folder), kwargs={"progress": False}
            )
            process.start()
            while not part.exists() or part.stat().st_size < kill * len(data) // (kills + 1):
                time.sleep(0.005)
            process.kill()
            process.join()
        fetch("bench", folder, progress=False)
    return server.sent


def copy(files, folder):
    """Seconds of a loop that only writes what arrives."""
    with Served(files) as server, requests.get(server.address + "one", stream=True, timeout=30) as answer:
        began = time.perf_counter()
        with (folder / "copy").open("wb") as file:
            for data in answer.iter_content(1 << 18):
                file.write(data)
        return time.perf_counter() - began


def main():
    one, size = {"one": Generated(1_024)}, 1_024 * BLOCK
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        many = {f"{number}": Generated(48, number) for number in range(8)}
        taken, received, _ = fetch_all(many, folder / "many", bandwidth=LINE)
        rate = received / taken
        print(f"line of {LINE / 1e6:.0f} MB/s: {rate / 1e6:.1f} MB/s, {rate / LINE:.1%} of it (target 95 %)")
        http_transfer.BACKOFF = 0.01  # what is measured is bytes, not the waiting
        cuts = [Fault(cut=size // 11 + 12_345)] * 10
        taken, received, sent = fetch_all(one, folder / "cut", faults={"one": cuts})
        print(f"1 GiB, connection cut ten times: whole in {taken:.1f} s, {received / size - 1:.4%} received and "
              f"{sent / size - 1:.4%} sent twice (target 1 %)")  # fmt: skip
        sent = fetch_killed(one, folder / "killed", kills=10)
        print(f"1 GiB, process killed ten times: whole, {sent / size - 1:.4%} sent twice (target 1 %)")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        taken, received, _ = fetch_all(one, folder / "one")
        plain = copy(one, folder)
        print(f"without limit: {received / taken / 1e6:,.0f} MB/s with SHA-256, {taken / plain:.2f} times as long as a "
              f"plain copy ({plain:.1f} s)")  # fmt: skip


if __name__ == "__main__":
    main()
