import multiprocessing
import shutil
from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.training import checkpoint, runner
from ecgrepro.training.runner import run
from tests.training import children, tiny


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Trials that take no time: what they would have done is written down in the order in which it happened."""
    monkeypatch.setattr(runner, "RUN", dict.fromkeys(runner.RUN, children.pretend))
    monkeypatch.setattr(runner, "WAIT", 0.05)
    return tiny.open_store(tmp_path)


def log(store):
    return [line.split()[0] for line in (store.work / "log").read_text().splitlines()]


@pytest.fixture
def listed(workspace):
    parent = tiny.pretraining(workspace)
    return [tiny.fine_tuning(workspace, parent=parent, share=0.5), tiny.fine_tuning(workspace), parent]


def test_parents_run_before_what_stems_from_them(fake, workspace, listed):
    run(listed, fake, workspace, progress=False)
    order = log(fake)
    assert sorted(order) == sorted(trial.key for trial in listed)
    assert order.index(listed[2].key) < order.index(listed[0].key)


def test_what_exists_is_not_run_again(fake, workspace, listed):
    run(listed, fake, workspace, progress=False)
    run(listed, fake, workspace, progress=False)
    assert len(log(fake)) == 3


def test_a_pretraining_is_run_again_when_only_its_weights_are_missing(fake, workspace, listed):
    run(listed[2:], fake, workspace, progress=False)
    path = fake.results / listed[2].key / "run.json"
    before = path.stat().st_mtime_ns
    fake.weights(listed[2].key, 0.5).unlink()
    run(listed, fake, workspace, progress=False)
    assert log(fake).count(listed[2].key) == 2
    assert path.stat().st_mtime_ns == before
    assert fake.has(listed[0])


def test_weights_that_nobody_needs_are_not_made_again(fake, workspace, listed):
    run(listed, fake, workspace, progress=False)
    fake.weights(listed[2].key, 0.5).unlink()
    run(listed, fake, workspace, progress=False)
    assert len(log(fake)) == 3


def test_what_a_run_record_shall_hold_beside_is_asked_for(fake, workspace, listed):
    run(listed[1:2], fake, workspace, progress=False, annotate=lambda trial: {"rules": trial.seed})
    assert fake.results_of(listed[1].key)["run"]["rules"] == 0


def test_orphans_are_refused_before_anything_runs(fake, workspace, listed):
    with pytest.raises(SettingsError, match="every pre-training among them"):
        run(listed[:2], fake, workspace, progress=False)
    assert not fake.work.exists()


def test_a_share_that_the_pretraining_does_not_keep_is_refused(fake, workspace, listed):
    # it would be waited for for ever
    heir = tiny.fine_tuning(workspace, parent=listed[2], share=0.25)
    with pytest.raises(SettingsError, match="keeping the share that is started from"):
        run([heir, listed[2]], fake, workspace, progress=False)


def test_a_net_of_another_width_than_its_pretraining_is_refused_before_the_others_run(
    fake, workspace, listed
):
    heir = replace(tiny.fine_tuning(workspace, parent=listed[2]), width=0.125)
    with pytest.raises(SettingsError, match="width: expected 0.0625, that of its pre-training; got 0.125"):
        run([heir, listed[2]], fake, workspace, progress=False)
    assert not fake.work.exists()


def test_a_trial_that_cannot_be_run_is_refused_before_the_others_run(fake, workspace, listed):
    with pytest.raises(SettingsError, match="frozen_batch_normalisation"):
        run([*listed, replace(listed[1], frozen_batch_normalisation="none")], fake, workspace, progress=False)
    assert not fake.work.exists()


def test_a_trial_of_other_recordings_is_refused(fake, workspace, listed):
    with pytest.raises(InputError, match="describe it again"):
        run([replace(listed[1], corpora=(("cinc2017", "c0ffee"),))], fake, workspace, progress=False)
    assert not fake.results.exists()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"runner": "there"}, "runner: expected one of here, dask; got 'there'"),
        ({"workers": 2}, "runner here: expected neither scheduler nor workers.*Ask for runner dask"),
        ({"scheduler": "tcp://a:1"}, "runner here: expected neither"),
        ({"runner": "dask", "workers": 0}, "workers: expected a whole number of at least 1; got 0"),
    ],
)
def test_a_place_to_run_that_makes_no_sense_is_refused(fake, workspace, listed, where, words):
    with pytest.raises(SettingsError, match=words):
        run(listed, fake, workspace, progress=False, **where)
    assert not fake.work.exists()


def test_a_trial_that_is_listed_twice_is_run_once(fake, workspace, listed):
    run([*listed, *listed], fake, workspace, progress=False)
    assert len(log(fake)) == 3


def test_the_bar_counts_trials_and_says_what_runs(fake, workspace, listed, capsys):
    run(listed, fake, workspace)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "a line" in shown
    assert listed[2].key in shown


def test_the_bar_can_be_turned_off(fake, workspace, listed, capsys):
    run(listed, fake, workspace, progress=False)
    assert capsys.readouterr().err == ""


def test_a_trial_finished_elsewhere_while_we_looked_is_not_run_again(fake, workspace, listed, monkeypatch):
    trial = listed[1]
    lock = fake.lock

    def slow(trial):  # the other process commits and lets go just before we get hold of the lock
        with lock(trial):
            children.pretend(trial, fake, workspace, lambda text: None, {})
        return lock(trial)

    monkeypatch.setattr(fake, "lock", slow)
    run([trial], fake, workspace, progress=False)
    assert log(fake) == [trial.key]


def test_two_processes_share_a_list(corpora, tmp_path, monkeypatch):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    other = context.Process(target=children.run_many, args=(corpora, tmp_path, barrier))
    other.start()
    monkeypatch.setattr(runner, "RUN", runner.RUN)  # put back afterwards
    monkeypatch.setattr(runner, "WAIT", runner.WAIT)
    children.run_many(corpora, tmp_path, barrier)
    other.join(120)
    assert other.exitcode == 0
    lines = [line.split() for line in (tmp_path / "trials" / "log").read_text().splitlines()]
    assert len(lines) == len({key for key, _ in lines}) == 8  # each trial once
    assert len({pid for _, pid in lines}) == 2  # by both


def test_real_trials_run_in_the_order_they_need(finished):
    assert all(finished.store.has(trial) for trial in finished.trials.values())
    left = {
        path.name
        for trial in finished.trials.values()
        for path in (finished.store.work / trial.key).iterdir()
    }
    assert left == {"lock", "extractor-0.48.npz", "extractor-0.5.npz", "extractor-1.npz"}


def test_running_real_trials_again_does_nothing(finished, workspace):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*.json")}
    run(list(finished.trials.values()), finished.store, workspace, progress=False)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*.json")} == before


def test_a_real_pretraining_whose_weights_are_lost_gives_them_again(
    finished, workspace, tmp_path, monkeypatch
):
    """Its committed results stay as they are, and a checkpoint of the whole pass does not stand in the way."""
    store = tiny.open_store(tmp_path)
    parent, heir = finished.trials["parent"], finished.trials["pretrained"]
    shutil.copytree(finished.store.results / parent.key, store.results / parent.key)
    done = {"step": 40, "history": [], "seconds": 9, "cpu_seconds": 9, "resumed": 0}
    checkpoint.save(store.checkpoint(parent), done, state=[np.zeros(1)])
    before = (store.results / parent.key / "run.json").stat().st_mtime_ns
    monkeypatch.setitem(runner.RUN, "records", children.pretend)
    run([parent, heir], store, workspace, progress=False)
    assert (store.results / parent.key / "run.json").stat().st_mtime_ns == before
    ours, theirs = (dict(np.load(one.weights(parent.key, 1.0))) for one in (store, finished.store))
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
    assert store.has(heir)
