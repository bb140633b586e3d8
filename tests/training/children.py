"""What tests do in a second process. Nothing here imports Keras unless it must: that would take seconds."""

import os
import random
import time

from tests.training import tiny


def resample(corpora, work, done):
    """Open streams at another rate, and tell how many samples they have and how many lie in their shards."""
    streams = tiny.open_workspace(corpora, work).streams(["icentia11k"], 125.0)
    done.put([int(streams.table.n_samples.sum()), int(sum(len(shard) for shard in streams.shards))])


def pretend(trial, store, workspace, report, notes):
    """Stand in for training: leave weights and results, and write down who did it."""
    from tests.training.test_store import HISTORY, RUN, predictions

    report("a line")
    for share in getattr(trial.recipe, "checkpoints", ()):
        store.weights(trial.key, share).touch()
    with (store.work / "log").open("a") as log:
        log.write(f"{trial.key} {os.getpid()}\n")
    store.commit(trial, HISTORY, predictions(), RUN | notes)


def pretend_slowly(*given):
    time.sleep(0.1)
    pretend(*given)


def many(workspace):
    """Four pre-trainings, listed after what stems from them."""
    parents = [tiny.pretraining(workspace, seed=seed) for seed in range(4)]
    return [*(tiny.fine_tuning(workspace, seed=one.seed, parent=one) for one in parents), *parents]


def run_many(corpora, folder, barrier):
    from ecgrepro.training import runner

    runner.RUN = dict.fromkeys(runner.RUN, pretend_slowly)
    runner.WAIT = 0.05
    workspace = tiny.open_workspace(corpora, folder / "work")
    trials = many(workspace)
    barrier.wait(120)
    runner.run(trials, tiny.open_store(folder), workspace, progress=False)


def talk(stage):
    """Real training that says after every checkpoint where it stands."""
    from ecgrepro.training.finetune import finetune
    from ecgrepro.training.pretrain import pretrain

    def trained(trial, store, workspace, report, notes):
        train = pretrain if stage == "pretraining" else finetune
        train(trial, store, workspace, lambda line: print(stage, line, flush=True), notes)

    return trained


def talking_trials(workspace, kills=1):
    """The pre-training of the fixture `finished` and what stems from it, or ones long enough for so many kills."""
    if kills == 1:
        parent = tiny.pretraining(workspace)
        return [parent, tiny.fine_tuning(workspace, parent=parent)]
    parent = tiny.pretraining(workspace, frames_per_patient=26 * kills)
    return [parent, tiny.fine_tuning(workspace, parent=parent, epochs=2 * kills, patience=2 * kills)]


def run_talking(corpora, folder, kills="1"):
    """Run them; print a line per checkpoint."""
    from ecgrepro.training import pretrain, runner

    pretrain.BLOCK = tiny.BLOCK
    runner.RUN = {"frames": talk("pretraining"), "records": talk("fine-tuning")}
    workspace = tiny.open_workspace(corpora, folder / "work")
    trials = talking_trials(workspace, int(kills))
    runner.run(trials, tiny.open_store(folder), workspace, progress=False)


def pretrain_in_blocks(trial, store, workspace, report, notes):
    """Pre-train with a checkpoint every few steps, in whatever process this is called."""
    from ecgrepro.training import pretrain

    pretrain.BLOCK = tiny.BLOCK
    pretrain.pretrain(trial, store, workspace, report, notes)


def wait_for_ever(trial, store, workspace, report, notes):
    """Stand in for training that takes days: leave a checkpoint, and say so."""
    store.checkpoint(trial).touch()
    while True:
        report("still here")
        time.sleep(0.1)


def fail_with_ours(trial, store, workspace, report, notes):
    from ecgrepro.errors import DiskError

    raise DiskError("somewhere", "room", "none", "Make some.")


class Unreadable(Exception):
    """An exception that can be pickled and not be read again."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def fail_with_another(trial, store, workspace, report, notes):
    raise Unreadable("this", "that")


def die(trial, store, workspace, report, notes):
    os._exit(3)


def draw(trial, store, workspace, report, notes):
    """Write down what Python's global generator gives while time passes, as the building of a net would draw it."""
    from ecgrepro.training.seeds import make_deterministic

    make_deterministic(trial.seed)
    draws = []
    for _ in range(20):
        time.sleep(0.02)
        draws.append(random.randint(1, 10**9))
    pretend(trial, store, workspace, report, notes | {"draws": draws})


def tell_environment(trial, store, workspace, report, notes):
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    pretend(trial, store, workspace, report, notes | {name: os.environ.get(name) for name in names})


def tell_process(say):
    return os.getpid()
