"""Running trials on the workers of a Dask cluster: one trial at a time on each, results in the same store.

The workers are started here, or belong to a scheduler that runs elsewhere; those must see the store's and the
workspace's folders under the same paths, on a file system whose locks (flock) hold between machines. Both is checked
before anything runs, as are the versions of all packages that numbers depend on. Workers that join later are checked
with their first trial.

The driver hands a trial out when the weights it starts from are there and a worker is free: pre-training first, what
takes longest first. A trial that another process holds comes back and is tried again later; no worker waits for it.
Nothing travels but descriptions: weights, checkpoints and results lie in the store. Hence the death of a worker, or of
the driver, costs what came after the last checkpoints.
"""

import queue
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from distributed import KilledWorker
from distributed.comm import CommClosedError

from ecgrepro.errors import SettingsError
from ecgrepro.training.attempt import is_done, is_ready
from ecgrepro.training.dask_cluster import connected
from ecgrepro.training.dask_trial import Demands, Failure, examine, packages, run_trial
from ecgrepro.training.dask_worker import FREE_TOKEN, NO_TOKEN, driver_has_gone, hand_over, hand_over_now
from ecgrepro.training.store import TrialStore, locked
from ecgrepro.training.trial_process import DIED, STOPPED, pack, unpack

#: Processes that may die with a trial before it is held to blame.
DEATHS = 20
#: Seconds between two looks at the workers, and between two states of the bar.
LOOK = 1


def run_on_workers(
    waiting, trials, store, workspace, *, scheduler, workers, bar, annotate, train, wait
):  # fmt: skip
    """Run the trials that wait on Dask's workers; see `ecgrepro.training.runner.run`.

    Parameters
    ----------
    waiting : list of Trial
    trials : list of Trial
        Those that wait and those that are done.
    store : TrialStore
    workspace : Workspace
    scheduler : str or None
    workers : int or None
    bar : tqdm.tqdm
    annotate : callable
    train : dict
        The function that trains, by `Trial.training`.
    wait : float
        Seconds after which a trial that came back unfinished is tried again.
    """
    store, workspace = _absolute(store, workspace)
    corpora = tuple(dict.fromkeys(corpus for trial in waiting for corpus in trial.corpora))
    # the token goes first: workers end what they still do once it is free
    with connected(scheduler, workers) as client, _token(store.work) as token:
        demands = Demands(packages(), _share(workspace, client.nthreads()), corpora)
        _check_workers(client, demands, token)
        pack_trial = _Packer(trials, store, demands, annotate, train)
        driver = _Driver(client, trials, store, token, pack_trial, bar, wait)
        client.subscribe_topic(token.name, driver.note)
        with _interrupts() as pressed:
            driver.run(waiting, pressed)


def _absolute(store, workspace):
    """The same folders by absolute paths, and nothing opened: workers have other current folders."""
    store = TrialStore(store.results.absolute(), store.work.absolute())
    corpora = tuple((name, Path(path).absolute()) for name, path in workspace.corpora)
    return store, replace(workspace, corpora=corpora, work=Path(workspace.work).absolute(), _cache={})


def _share(workspace, workers):
    """Leave each worker its part of the memory for features, which is meant for a machine."""
    machines = Counter(worker.rsplit(":", 1)[0] for worker in workers)
    return replace(workspace, feature_memory=workspace.feature_memory // max(machines.values()), _cache={})


@contextmanager
def _interrupts():
    """Set an event at Ctrl-C, besides what is done at it anyway.

    Python drops a KeyboardInterrupt that is raised in a finaliser or in a callback of the garbage collector, of which
    Dask has several: the workers would then be waited for as if nobody had asked for an end.
    """
    pressed, before = threading.Event(), signal.getsignal(signal.SIGINT)
    # another handler knows what it does, and only the main thread may set one
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(number, frame):
        pressed.set()
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _token(folder):
    """Hold a new file in a folder locked, and clear away those whose holders have died."""
    token = folder / f"driver-{uuid4().hex}.lock"
    with ExitStack() as stack:
        with locked(folder / "drivers.lock"):  # or another driver might clear ours away before it is locked
            for old in folder.glob("driver-*.lock"):
                if driver_has_gone(old):
                    old.unlink(missing_ok=True)
            stack.enter_context(locked(token))
        stack.callback(token.unlink, missing_ok=True)
        yield token


def _check_workers(client, demands, token):
    """Refuse workers that would give other numbers or find other folders, before anything runs."""
    threads = client.nthreads()
    for worker in threads:
        _check_threads(worker, threads[worker])
    answers = client.run(
        hand_over_now, pack(examine, demands), token, workers=list(threads), on_error="return"
    )
    for worker, answer in answers.items():
        _check_answer(worker, answer, token, demands)


def _check_answer(worker, answer, token, demands):
    # one that died meanwhile is no fault: its successor is checked with its first trial
    if isinstance(answer, CommClosedError):
        return
    if isinstance(answer, Exception):
        commit = dict(demands.packages)["commit"]
        got, fix = f"{type(answer).__name__}: {answer}", "Install the same there, and start it again."
        raise SettingsError(f"worker {worker}", f"ecgrepro of commit {commit}, as here", got, fix)
    failure = None if answer[0] in (DIED, STOPPED) else _open(answer, token)
    if failure:
        raise failure.error(worker)


def _open(answer, token):
    """Return what a call on a worker returned, or raise what is wrong there."""
    kind, body, worker = answer
    if kind == NO_TOKEN:
        fix = (
            "Workers need the driver's folders under the same paths: mount them there, or start workers here."
        )
        raise SettingsError(f"worker {worker}", f"the driver's folder {token.parent}", "another or none", fix)
    if kind == FREE_TOKEN:
        fix = "Two workers might take the same trial: use a file system with such locks (flock), as NFS 4 is."
        expected = f"the lock that the driver holds in {token.parent}"
        raise SettingsError(f"worker {worker}", expected, "no lock", fix)
    return unpack(kind, body)


def _check_threads(worker, threads):
    if threads != 1:
        fix = "Start it with `--nthreads 1`, and as many workers as trials shall run at a time."
        raise SettingsError(
            f"worker {worker}", "1 thread: a trial seeds its whole process", str(threads), fix
        )


def in_order(trials):
    """Sort trials: pre-training first, what takes longest first."""
    return sorted(trials, key=lambda trial: (trial.stage != "pretraining", -_samples(trial)))


def _samples(trial):
    """Samples that pass through the net, per patient or per record: tells long trials of a kind from short ones."""
    recipe = trial.recipe
    if trial.training == "frames":
        return recipe.frames_per_patient * recipe.length
    return recipe.epochs * recipe.labels * recipe.input.length


class _Packer:
    """Makes a trial the call that is handed to a worker."""

    def __init__(self, trials, store, demands, annotate, train):
        self.trials, self.store, self.demands = trials, store, demands
        self.annotate, self.train = annotate, train

    def __call__(self, trial):
        heirs = [other for other in self.trials if other.parent == trial.key]
        train, notes = self.train[trial.training], self.annotate(trial)
        return pack(run_trial, train, trial, heirs, self.store, self.demands, notes)


class _Driver:
    """Hands trials out and takes them back until none waits."""

    def __init__(self, client, trials, store, token, pack_trial, bar, wait):
        self.client, self.trials, self.store, self.token = client, trials, store, token
        self.pack_trial, self.bar, self.wait = pack_trial, bar, wait
        self.running = {}  # future to trial
        self.returned = queue.SimpleQueue()
        self.again_at = {}  # trial to the moment before which it is left alone
        self.deaths = Counter()
        self.lines = {}  # name of a trial to what it said last

    def run(self, waiting, pressed):
        """Run until no trial waits, or until the event `pressed` is set."""
        waiting = in_order(waiting)
        while waiting:
            if pressed.is_set():
                raise KeyboardInterrupt
            self._hand_out(waiting)
            self._take_back()
            running = set(self.running.values())
            left = [trial for trial in waiting if trial in running or not self._is_done(trial)]
            self.bar.update(len(waiting) - len(left))
            waiting = left

    def _is_done(self, trial):
        return is_done(trial, self.trials, self.store)

    def _hand_out(self, waiting):
        workers = self._count_workers()
        running, now = set(self.running.values()), time.monotonic()
        for trial in waiting:
            if len(self.running) >= workers:
                break
            free = trial not in running and self.again_at.get(trial, 0) <= now
            if free and is_ready(trial, self.store):
                self._submit(trial)
        self._show(workers)

    def _count_workers(self):
        try:
            threads = self.client.nthreads()
        except OSError as error:
            raise self._scheduler_lost(error) from error
        for worker in threads:
            _check_threads(worker, threads[worker])
        return len(threads)

    def _submit(self, trial):
        key = f"{trial.stage}-{trial.key}-{uuid4().hex}"
        given = self.pack_trial(trial), self.token, str(trial)
        future = self.client.submit(hand_over, *given, key=key, pure=False)
        self.running[future] = trial
        future.add_done_callback(self.returned.put)

    def _take_back(self):
        """Wait a moment for a trial to come back, and see what became of it."""
        try:
            future = self.returned.get(timeout=LOOK)
        except queue.Empty:
            return
        trial = self.running.pop(future)
        self.lines.pop(str(trial), None)
        self.again_at[trial] = time.monotonic() + self.wait
        if future.status == "finished":
            self._judge(trial, future.result())
        elif isinstance(error := _error_of(future), KilledWorker):
            self._count_death(trial, str(error))
        elif future.status == "error":
            raise error
        else:
            raise self._scheduler_lost(future.status)

    def _judge(self, trial, answer):
        kind, body, worker = answer
        if kind == DIED:
            self._count_death(trial, f"exit status {body.decode()}")
        elif kind != STOPPED:
            outcome = _open(answer, self.token)
            if isinstance(outcome, Failure):
                raise outcome.error(worker)

    def _count_death(self, trial, how):
        self.again_at[trial] = 0
        self.deaths[trial] += 1
        if self.deaths[trial] >= DEATHS:
            got = f"{DEATHS} that died with it, the last: {how}"
            fix = "Was memory too small? Ask for fewer workers. It goes on from its checkpoint."
            raise SettingsError(trial, "a process that outlives it", got, fix)

    def _scheduler_lost(self, what):
        fix = "Start it and run again: what is finished stays, the others go on from their checkpoints."
        return SettingsError("scheduler", "answers until the end", f"{what}", fix)

    def note(self, event):
        """Keep the last line of each trial; called by Dask from a thread of its own."""
        _, said = event
        self.lines[said["name"]] = f"{said['worker']}: {said['name']} {said['line']}".strip()

    def _show(self, workers):
        names = [str(trial) for trial in self.running.values()]
        self.bar.set_description(f"{workers} workers", refresh=False)
        self.bar.set_postfix_str(" | ".join(self.lines.get(name, f"{name} starts") for name in names))


def _error_of(future):
    return future.exception() if future.status == "error" else None
