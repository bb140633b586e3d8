"""Dask's workers: those that are started on this machine, or those of a scheduler that runs already.

A trial has its worker to itself, because it seeds the whole process: so a worker has one thread of Dask, and as many of
the backend's as there are cores for it. Where the machine has NVIDIA GPUs, each worker sees one of them and no other.
Nothing here imports Keras: a worker reads this module before its environment is set.
"""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import dask
import distributed
from dask.system import CPU_COUNT
from dask.utils import parse_timedelta
from distributed import Client, Nanny, Scheduler, Security, SpecCluster, Worker
from distributed.comm import connect
from distributed.core import send_recv
from distributed.system import MEMORY_LIMIT

from ecgrepro.errors import SettingsError

#: Memory in bytes that one worker may need with both backend and data loaded; bounds the default number of workers.
MEMORY = 4 << 30
#: Seconds within which interrupted workers should have ended before they are killed: their trials have checkpoints.
CLOSING = 3


@contextmanager
def connected(scheduler=None, workers=None):
    """Yield a client of a running scheduler, or of workers that are started here and end with the block.

    Parameters
    ----------
    scheduler : str, optional
    workers : int, optional
        See `ecgrepro.training.runner.run`; to be started: one per GPU where there is one, otherwise one per core
        and per 4 GiB of memory.

    Raises
    ------
    SettingsError
        No answer from the scheduler, or fewer workers than asked for, within Dask's own
        ``distributed.comm.timeouts.connect`` (30 s).
    """
    if scheduler is None:
        with _started(workers) as client:
            yield client
    else:
        with _client(scheduler) as client:
            _await_workers(client, scheduler, workers or 1)
            yield client


def _client(scheduler):
    try:
        # Dask's own client would wait for ever for an address that takes connections and says nothing
        with ThreadPoolExecutor(1) as pool:  # a notebook has a loop of its own running in this thread
            kind, version = pool.submit(asyncio.run, _ask(scheduler)).result()
        if kind != "Scheduler":
            raise ValueError(f"that of a {kind}")
        _check_version(scheduler, version)
        return Client(scheduler, set_as_default=False)
    except SettingsError:
        raise
    except (OSError, ValueError) as error:
        got = f"{error}" or "nothing"
        raise SettingsError(
            f"scheduler {scheduler}", f"a scheduler's answer within {seconds_to_connect()}", got,
            "Start one with `dask scheduler` and give the address that it prints; wait longer with "
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=120s.",
        ) from error  # fmt: skip


async def _ask(address):
    """Ask a server of Dask's what it is, and of which version."""
    async with asyncio.timeout(parse_timedelta(seconds_to_connect())):
        comm = await connect(address, **Security().get_connection_args("client"))
        try:
            kind = (await send_recv(comm, op="identity", reply=True))["type"]
            return kind, (await send_recv(comm, op="versions", reply=True))["packages"]["distributed"]
        finally:
            comm.abort()


def _check_version(scheduler, version):
    """Refuse a scheduler of another release: its answers may be waited for in vain."""
    ours = distributed.__version__
    if version != ours:
        expected, got = f"distributed {ours}, as here", f"distributed {version}"
        raise SettingsError(
            f"scheduler {scheduler}", expected, got, "Install the same there and on its workers."
        )


def _await_workers(client, scheduler, workers):
    try:
        client.wait_for_workers(workers, timeout=seconds_to_connect())
    except TimeoutError as error:
        fix = f"Start them: `dask worker {scheduler} --nthreads 1` once per trial that shall run at a time."
        expected = f"{workers} within {seconds_to_connect()}"
        raise SettingsError(
            f"workers of scheduler {scheduler}", expected, str(len(client.nthreads())), fix
        ) from error


def seconds_to_connect():
    """Dask's time limit for connections, as its configuration has it: such as ``30s``."""
    return dask.config.get("distributed.comm.timeouts.connect")


@contextmanager
def _started(workers):
    """A scheduler in this process, workers beside it; they end with this process, even when it is killed."""
    environments = _environments(workers, gpus())
    specification = {
        number: {"cls": _Nanny, "options": _worker_options(environment)}
        for number, environment in enumerate(environments)
    }
    # any free port, or a second cluster on this machine would complain about the dashboard's
    local = {"host": "127.0.0.1", "protocol": "tcp://", "port": 0, "dashboard": False,
             "dashboard_address": "127.0.0.1:0"}  # fmt: skip
    scheduler = {"cls": Scheduler, "options": local}
    with (
        # Dask would set these in this process too before it starts a worker; a worker gets its own from its nanny
        _kept("PYTHONHASHSEED"),
        dask.config.set({"distributed.nanny.pre-spawn-environ": {}}),
        SpecCluster(specification, scheduler, silence_logs=logging.CRITICAL) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _kept(name):
    before = os.environ.get(name)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _worker_options(environment):
    # Dask's limits of memory would pause, spill or kill; the system's own suffice
    return {
        "nthreads": 1, "host": "127.0.0.1", "dashboard": False, "dashboard_address": None, "memory_limit": None,
        "env": environment, "worker_class": _Worker, "silence_logs": logging.CRITICAL,
    }  # fmt: skip


class _Nanny(Nanny):
    """Dask's guard of a worker, which starts another in place of a dead one."""

    async def kill(self, timeout=CLOSING, **how):
        """End the worker soon: a trial in its middle would not end by itself."""
        await super().kill(timeout=min(timeout, CLOSING), **how)


class _Worker(Worker):
    """A worker that leaves Ctrl-C to the process that started it."""

    def __init__(self, *given, **named):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().__init__(*given, **named)


def _environments(workers, gpus):
    """Environment variables of each worker: threads of every backend, and the GPU that is its own.

    A variable that is set already stays as it is.
    """
    if gpus and workers is not None and workers > len(gpus):
        fix = f"Give at most {len(gpus)}; with CUDA_VISIBLE_DEVICES='' they share the processor."
        raise SettingsError("workers", "one per GPU", f"{workers} for {len(gpus)}", fix)
    workers = workers or len(gpus) or max(1, min(CPU_COUNT, MEMORY_LIMIT // MEMORY))
    threads = str(max(1, CPU_COUNT // workers))
    # NPROC is what JAX's client for processors goes by (openxla/xla, `DefaultThreadPoolSize` in xla/pjrt/utils.cc)
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NPROC")
    common = {name: os.environ.get(name, threads) for name in names}
    return [common | ({"CUDA_VISIBLE_DEVICES": gpus[i]} if gpus else {}) for i in range(workers)]


def gpus():
    """Identifiers of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return found.stdout.split() if found.returncode == 0 else []
