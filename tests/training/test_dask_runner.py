import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from multiprocessing import resource_tracker
from types import SimpleNamespace

import dask
import distributed
import numpy as np
import psutil
import pytest
from dask.system import CPU_COUNT

from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.training import dask_cluster, dask_runner, runner
from ecgrepro.training.dask_cluster import connected
from ecgrepro.training.dask_worker import FREE_TOKEN, NO_TOKEN, _call
from ecgrepro.training.runner import run
from ecgrepro.training.store import locked
from tests.training import children, kills, tiny


@pytest.fixture(scope="module")
def address():
    """Address of a scheduler with two workers, whose trial processes serve all tests of this file."""
    with connected(workers=2) as client:
        yield client.scheduler.address


@pytest.fixture
def train(monkeypatch):
    """A function that sets what stands in for training."""
    monkeypatch.setattr(runner, "WAIT", 0.05)
    return lambda function: monkeypatch.setattr(runner, "RUN", dict.fromkeys(runner.RUN, function))


@pytest.fixture
def fake(train, tmp_path):
    train(children.pretend)
    return tiny.open_store(tmp_path)


def log(store):
    return [line.split() for line in (store.work / "log").read_text().splitlines()]


def there(trials, store, workspace, address, **more):
    run(trials, store, workspace, runner="dask", scheduler=address, progress=False, **more)


def test_both_workers_run_each_trial_once_parents_first(fake, workspace, address, train):
    train(children.pretend_slowly)
    trials = children.many(workspace)
    there(trials, fake, workspace, address)
    order = [key for key, _ in log(fake)]
    assert sorted(order) == sorted(trial.key for trial in trials)
    assert all(order.index(t.parent) < order.index(t.key) for t in trials if t.parent)
    assert len({pid for _, pid in log(fake)}) == 2
    assert all(fake.has(trial) for trial in trials)


def test_nothing_is_left_beside_what_this_process_would_leave(fake, workspace, address, tmp_path):
    trials = children.many(workspace)[-2:]
    there(trials, fake, workspace, address)
    here = tiny.open_store(tmp_path / "here")
    run(trials, here, workspace, progress=False)
    left = {path.relative_to(fake.work) for path in fake.work.rglob("*")}
    expected = {path.relative_to(here.work) for path in here.work.rglob("*")}
    assert {path.name for path in left - expected} == {"drivers.lock"}


def test_what_exists_is_not_run_again_and_starts_no_worker(fake, workspace, address, monkeypatch):
    trials = children.many(workspace)[-2:]
    there(trials, fake, workspace, address)
    monkeypatch.setattr(dask_runner, "connected", lambda *given: pytest.fail("workers were asked for"))
    there(trials, fake, workspace, address)
    assert len(log(fake)) == 2


def test_notes_reach_the_run_record(fake, workspace, address):
    trial = tiny.fine_tuning(workspace)
    there([trial], fake, workspace, address, annotate=lambda trial: {"rules": trial.seed})
    assert fake.results_of(trial.key)["run"]["rules"] == 0


def test_a_trial_that_another_process_holds_is_waited_for(fake, workspace, address):
    trial, other = tiny.fine_tuning(workspace), tiny.fine_tuning(workspace, seed=1)
    seen = []
    with fake.lock(trial) as mine:
        assert mine
        thread = threading.Thread(target=there, args=([trial, other], fake, workspace, address))
        thread.start()
        while not fake.has(other) and thread.is_alive():  # the one that is held keeps nobody from the other
            time.sleep(0.02)
        seen.append(fake.has(trial))
    thread.join(60)
    assert seen == [False]
    assert sorted(key for key, _ in log(fake)) == sorted((trial.key, other.key))


def test_the_bar_says_what_each_worker_does(fake, workspace, address, capsys, train):
    train(children.pretend_slowly)
    trials = [tiny.fine_tuning(workspace, seed=seed) for seed in range(3)]
    run(trials, fake, workspace, runner="dask", scheduler=address)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "2 workers" in shown
    assert trials[0].key in shown


def test_an_error_of_ours_passes_through(fake, workspace, address, train):
    train(children.fail_with_ours)
    with pytest.raises(DiskError, match=r"^somewhere: expected room; got none. Make some.$"):
        there([tiny.fine_tuning(workspace)], fake, workspace, address)


def test_another_error_keeps_its_message_and_its_traceback(fake, workspace, address, train):
    train(children.fail_with_another)
    with pytest.raises(RuntimeError, match="Unreadable: this and that") as caught:
        there([tiny.fine_tuning(workspace)], fake, workspace, address)
    assert "in fail_with_another" in "".join(caught.value.__notes__)


def test_dask_draws_nothing_from_the_generator_that_initial_weights_come_from(
    fake, workspace, address, tmp_path, train
):
    train(children.draw)
    trial = tiny.fine_tuning(workspace)
    there([trial], fake, workspace, address)
    here = tiny.open_store(tmp_path / "here")
    run([trial], here, workspace, progress=False)
    ours, theirs = (store.results_of(trial.key)["run"]["draws"] for store in (fake, here))
    assert ours == theirs


def test_workers_share_the_cores_and_leave_this_process_as_it_was(fake, workspace, address, train):
    train(children.tell_environment)
    trial = tiny.fine_tuning(workspace)
    there([trial], fake, workspace, address)
    found = fake.results_of(trial.key)["run"]
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", str(max(1, CPU_COUNT // 2)))
    assert found["TF_NUM_INTRAOP_THREADS"] == threads


@pytest.mark.parametrize("name", ["numpy", "backend", "commit"])
def test_a_worker_with_another_package_is_refused(fake, workspace, address, monkeypatch, name):
    theirs = dict(dask_runner.packages())
    monkeypatch.setattr(dask_runner, "packages", lambda: tuple((theirs | {name: "0.1"}).items()))
    words = f"worker tcp://.*packages: expected {name} 0.1, as here; got {name} {theirs[name] or 'unknown'}"
    with pytest.raises(SettingsError, match=words):
        there([tiny.fine_tuning(workspace)], fake, workspace, address)
    assert not fake.results.exists()


@pytest.fixture
def another_host(monkeypatch):
    """A driver that finds nothing amiss with what it sees itself."""
    monkeypatch.setattr(runner, "check_all", lambda *arguments: None)


@pytest.mark.usefixtures("another_host")
def test_a_worker_that_cannot_find_a_corpus_is_refused(fake, workspace, address, tmp_path):
    lacking = tiny.open_workspace(tmp_path / "nowhere", tmp_path / "work")
    with pytest.raises(InputError, match="worker tcp://.*nowhere/cinc2017: expected an ingested corpus"):
        there([tiny.fine_tuning(workspace)], fake, lacking, address)


@pytest.mark.usefixtures("another_host")
def test_a_worker_with_another_corpus_is_refused(fake, workspace, address):
    trial = replace(tiny.fine_tuning(workspace), corpora=(("cinc2017", "c0ffee"),))
    with pytest.raises(InputError, match="worker tcp://.*corpus cinc2017: expected content c0ffee"):
        there([trial], fake, workspace, address)


def test_a_worker_sees_whether_the_driver_shares_folder_and_locks(tmp_path):
    assert _call(b"", tmp_path / "token", print) == (NO_TOKEN, b"")
    (tmp_path / "token").touch()
    assert _call(b"", tmp_path / "token", print) == (FREE_TOKEN, b"")
    for kind, words in ((NO_TOKEN, "expected the driver's folder"), (FREE_TOKEN, "got no lock")):
        with pytest.raises(SettingsError, match=f"worker tcp://a:1: .*{words}"):
            dask_runner._open((kind, b"", "tcp://a:1"), tmp_path / "token")


def test_a_worker_without_the_package_is_refused(tmp_path):
    demands = SimpleNamespace(packages=(("commit", "abc"),))
    error = ModuleNotFoundError("No module named 'ecgrepro'")
    with pytest.raises(SettingsError, match="worker a: expected ecgrepro of commit abc.*No module named"):
        dask_runner._check_answer("a", error, tmp_path, demands)


def test_a_worker_of_many_threads_is_refused():
    with pytest.raises(SettingsError, match="worker a: expected 1 thread.*got 4.*--nthreads 1"):
        dask_runner._check_threads("a", 4)


def test_a_scheduler_that_does_not_answer_is_named(fake, workspace):
    soon = {"distributed.comm.timeouts.connect": "1s"}
    with socket.create_server(("127.0.0.1", 0)) as silent, dask.config.set(soon):
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        words = f"scheduler {address}: expected a scheduler's answer within 1s; .*dask scheduler.*TIMEOUTS__CONNECT"
        with pytest.raises(SettingsError, match=words):
            there([tiny.fine_tuning(workspace)], fake, workspace, address)


def test_an_address_that_is_none_is_refused(fake, workspace):
    with pytest.raises(SettingsError, match="scheduler carrier-pigeon://roof: expected a scheduler's answer"):
        there([tiny.fine_tuning(workspace)], fake, workspace, "carrier-pigeon://roof")


def test_an_address_of_something_else_is_refused(fake, workspace, address):
    with connected(address) as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(SettingsError, match=f"scheduler {worker}: .* got that of a _?Worker"):
        there([tiny.fine_tuning(workspace)], fake, workspace, worker)


def test_a_scheduler_of_another_release_is_refused(fake, workspace, address, monkeypatch):
    theirs = distributed.__version__
    monkeypatch.setattr(distributed, "__version__", "1.2.3")
    with pytest.raises(
        SettingsError, match=f"{address}: expected distributed 1.2.3, as here; got .* {theirs}"
    ):
        there([tiny.fine_tuning(workspace)], fake, workspace, address)


def test_too_few_workers_are_not_waited_for_for_ever(fake, workspace, address):
    words = "workers of scheduler .*: expected 3 within 1s; got 2. Start"
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(SettingsError, match=words),
    ):
        there([tiny.fine_tuning(workspace)], fake, workspace, address, workers=3)


def test_a_trial_that_kills_its_process_is_held_to_blame(fake, workspace, address, train, monkeypatch):
    # last of those that use these workers: the next would wait for another process to start
    train(children.die)
    monkeypatch.setattr(dask_runner, "DEATHS", 1)
    with pytest.raises(SettingsError, match="1 that died with it, the last: exit status 3. .* fewer workers"):
        there([tiny.fine_tuning(workspace)], fake, workspace, address)


def test_workers_of_a_scheduler_let_go_of_the_trials_of_a_driver_that_was_killed(
    corpora, workspace, address, tmp_path
):
    store, trials = tiny.open_store(tmp_path), kills.trials_of(workspace, 1)
    driver = kills.start_driver(corpora, tmp_path, 1, train="endless", scheduler=address)
    assert kills.await_checkpoint(store, trials)
    with store.lock(trials[0]) as mine:
        assert not mine
    driver.kill()
    driver.wait()
    with locked(store.work / trials[0].key / "lock"):  # pytest's time limit ends what waits for ever
        assert store.checkpoint(trials[0]).exists()


def test_each_worker_gets_a_gpu_of_its_own():
    environments = dask_cluster._environments(None, ["GPU-a", "GPU-b"])
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments] == ["GPU-a", "GPU-b"]
    with pytest.raises(SettingsError, match="workers: expected one per GPU; got 3 for 2"):
        dask_cluster._environments(3, ["GPU-a", "GPU-b"])
    assert "CUDA_VISIBLE_DEVICES" not in dask_cluster._environments(1, [])[0]


def test_gpus_are_those_that_this_process_may_use(monkeypatch, tmp_path):
    for value, expected in (("0,2", ["0", "2"]), ("", []), ("-1", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert dask_cluster.gpus() == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dask_cluster.gpus() == []
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU-1\necho GPU-2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert dask_cluster.gpus() == ["GPU-1", "GPU-2"]


def test_threads_are_shared_unless_they_are_set(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert dask_cluster._environments(1, [])[0]["TF_NUM_INTRAOP_THREADS"] == str(CPU_COUNT)
    assert dask_cluster._environments(CPU_COUNT, [])[0]["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert dask_cluster._environments(1, [])[0]["TF_NUM_INTRAOP_THREADS"] == "7"


def test_workers_of_one_machine_share_the_memory_for_features(workspace):
    shared = dask_runner._share(workspace, ["tcp://a:1", "tcp://a:2", "tcp://b:1"])
    assert shared.feature_memory == workspace.feature_memory // 2


def test_longest_trials_are_first_and_pretraining_before_all(workspace):
    tuned = [tiny.fine_tuning(workspace, labels=share) for share in (0.2, 1.0)]
    parents = [tiny.pretraining(workspace, frames_per_patient=frames) for frames in (64, 256)]
    assert dask_runner.in_order([*tuned, *parents]) == [*reversed(parents), *reversed(tuned)]


def environment():
    """Variables of this process, but for the one that Dask leaves with its first worker."""
    return {name: value for name, value in os.environ.items() if name != "__DASK_PARENT_PID"}


@pytest.fixture
def _ctrl_c():
    """Ctrl-C as in a terminal: a shell has what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_an_interrupt_ends_workers_at_once_and_loses_nothing(train, workspace, tmp_path):
    train(children.wait_for_ever)
    store, trial = tiny.open_store(tmp_path), tiny.fine_tuning(workspace)
    before = environment()

    def interrupt():
        kills.await_checkpoint(store, [trial])
        os.kill(os.getpid(), signal.SIGINT)

    resource_tracker.ensure_running()  # Python's own, which stays
    others = set(psutil.Process().children(recursive=True))
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run([trial], store, workspace, runner="dask", workers=1, progress=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = set(psutil.Process().children(recursive=True)) - others
    left = psutil.wait_procs(ours, timeout=5)[1]
    assert [p.cmdline() for p in left] == []
    assert environment() == before
    assert store.checkpoint(trial).exists()
    with store.lock(trial) as mine:
        assert mine


def test_an_interrupt_that_python_drops_ends_it_too(monkeypatch):
    def dropped(number, frame):
        return None

    monkeypatch.setattr(signal, "default_int_handler", dropped)
    before = signal.signal(signal.SIGINT, dropped)
    try:
        with dask_runner._interrupts() as pressed:
            driver = dask_runner._Driver(*[None] * 7)
            driver._hand_out = lambda waiting: os.kill(os.getpid(), signal.SIGINT)
            driver._take_back = lambda: None
            driver._is_done = lambda trial: False
            driver.bar = SimpleNamespace(update=lambda n: None)
            monkeypatch.setattr(dask_runner, "in_order", list)
            with pytest.raises(KeyboardInterrupt):
                driver.run(["trial"], pressed)
        assert signal.getsignal(signal.SIGINT) is dropped
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def killed(corpora, workspace, finished, tmp_path_factory):
    """The trials of `finished`, begun by a driver that is killed and ended by another, one of whose workers is."""
    folder = tmp_path_factory.mktemp("killed")
    seed = int(os.environ.get("ECGREPRO_TEST_SEED", time.time_ns() % 2**31))
    print(f"ECGREPRO_TEST_SEED={seed}")  # pytest shows it where a test fails
    rng = np.random.default_rng(seed)
    store = tiny.open_store(folder)
    trials = list(finished.trials.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "RUN", kills.functions())
        patch.setattr(runner, "WAIT", 0.2)
        threads = os.environ.get("TF_NUM_INTRAOP_THREADS", str(CPU_COUNT))
        for name in (
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ):  # sums depend on them in the last bit
            patch.setenv(name, threads)
        with kills.Watch(store, trials) as watch:
            driver = kills.start_driver(corpora, folder, 5, workers=1)
            assert kills.await_checkpoint(store, kills.trials_of(workspace, 5))
            survivors = kills.kill_driver(driver)
            deaths = []
            killer = threading.Thread(target=kill_some, args=(store, trials, rng, deaths))
            killer.start()
            run(trials, store, workspace, runner="dask", workers=2, progress=False)
            killer.join()
    return SimpleNamespace(trials=trials, store=store, watch=watch, survivors=survivors, deaths=deaths)


def kill_some(store, trials, rng, deaths):
    """Kill a worker of this process, or its trial process, while a trial runs."""
    assert kills.await_checkpoint(store, trials)
    time.sleep(rng.uniform(0, 0.1))
    deaths.append(kills.kill_one(os.getpid(), rng.choice(list(kills.SIGNS)), rng))


def test_workers_do_not_outlive_a_driver_that_was_killed(killed):
    assert killed.survivors == []


def test_after_kills_every_result_is_there_once_and_the_same(killed, finished):
    assert killed.deaths == [True]
    assert set(killed.watch.first) == set(killed.trials)
    assert killed.watch.twice == set()
    assert kills.unlike(killed.trials, killed.store, finished.store) == []


def test_a_resumed_trial_says_so(killed):
    assert sum(killed.store.results_of(trial.key)["run"]["resumed"] for trial in killed.trials) > 0


def test_without_dask_it_says_what_to_install(fake, workspace, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "ecgrepro.training.dask_runner")
    monkeypatch.delitem(sys.modules, "ecgrepro.training.dask_cluster")
    with pytest.raises(SettingsError, match="runner dask: expected the package distributed.*pip install"):
        there([tiny.fine_tuning(workspace)], fake, workspace, "tcp://nobody:1")
