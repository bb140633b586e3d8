"""What tests do in a second process. Nothing here imports Keras unless it must: that would take seconds."""

import os
import time

from tests.training import tiny


def resample(corpora, work, done):
    """Open streams at another rate, and tell how many samples they have and how many lie in their shards."""
    streams = tiny.open_workspace(corpora, work).streams(["icentia11k"], 125.0, 5)
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


def run_talking(corpora, folder):
    """Run the pre-training of the fixture `finished` and what stems from it; print a line per checkpoint."""
    from ecgrepro.training import pretrain, runner

    pretrain.BLOCK = tiny.BLOCK
    runner.RUN = {stage: talk(stage) for stage in runner.RUN}
    workspace = tiny.open_workspace(corpora, folder / "work")
    parent = tiny.pretraining(workspace)
    trials = [parent, tiny.fine_tuning(workspace, parent=parent)]
    runner.run(trials, tiny.open_store(folder), workspace, progress=False)
