"""What an epoch of a frozen AlexNet costs once its features are kept, against the fastest step with nothing frozen.

    python benchmarks/freezing.py      # a few minutes, 5 GB of memory

Full width, images of 227 x 227 x 3, batches of 32. All arms take as many batches per epoch, so the ratio of steps is
the ratio of epochs after the first, which also computes the features. The reference is the faster of the project's own
step and Keras' `train_on_batch`. Arms take turns, round by round, and the ratio is the median over rounds. Targets:
five layers frozen at least 5 times cheaper, seven at least 20 times. Dropout stands before fc6 and fc7, so these are
computed anew in every epoch although they are frozen; the arm without dropout, where the head alone is left, is
another net.

The publication names no optimiser: SGD with momentum and Adam are both measured. With Adam a good part of the step is
the update of fc6 and fc7, which no cache saves.
"""

import tempfile
import time

import keras
import numpy as np
import report

from ecgrepro.models.alexnet import alexnet
from ecgrepro.training.device_corpus import records_source
from ecgrepro.training.feature_cache import cached_features
from ecgrepro.training.freezing import cut, freeze
from ecgrepro.training.recipe import Adam
from ecgrepro.training.seeds import make_deterministic
from ecgrepro.training.steps import Steps
from ecgrepro.training.workspace import optimiser

SHAPE, BATCH, STEPS, ROUNDS = (227, 227, 3), 32, 4, 5
OPTIMISERS = {
    "SGD with momentum": lambda: keras.optimizers.SGD(1e-4, momentum=0.9),
    "Adam": lambda: optimiser(Adam(learning_rate=1e-4)),
}
TARGETS = {5: 5, 7: 20}


class Arm:
    """A net of some depth frozen, with the inputs or the features it trains on."""

    def __init__(self, images, labels, depth, make_optimiser, folder, dropout=0.5):
        net, rows = alexnet(SHAPE, 2, dropout=dropout), images
        freeze(net, depth)
        net.compile(make_optimiser(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        net.optimizer.build(net.trainable_variables)
        if depth:
            prefix, net = cut(net)
            rows = cached_features(
                prefix, images, key="benchmark", folder=folder, batch_size=BATCH, progress=False
            )
        self.net, self.rows, self.labels = net, rows, labels
        self.steps = Steps(net, records_source(rows, labels))
        self.batches = np.arange(len(labels)).reshape(-1, BATCH)

    def ours(self):
        self.steps.train(self.batches)

    def keras(self):
        for batch in self.batches:
            self.net.train_on_batch(self.rows[batch], self.labels[batch])


def measure(runs):
    """Seconds per step of each run, round by round: dict of name to array."""
    times = {name: [] for name in runs}
    for round_ in range(ROUNDS + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if round_:  # the first compiles
                times[name].append((time.perf_counter() - began) / STEPS)
    return {name: np.array(taken) for name, taken in times.items()}


def compare(name, images, labels, folder):
    """Rows for one optimiser."""
    arms = {depth: Arm(images, labels, depth, OPTIMISERS[name], folder) for depth in (0, *TARGETS)}
    head = Arm(images, labels, 7, OPTIMISERS[name], folder, dropout=0.0)
    runs = {
        "uncached, ours": arms[0].ours,
        "uncached, Keras": arms[0].keras,
        "head": head.ours,
        "head, Keras": head.keras,
    }
    times = measure(runs | {depth: arms[depth].ours for depth in TARGETS})
    reference = min((times["uncached, ours"], times["uncached, Keras"]), key=np.median)
    against = "the fastest uncached step with nothing frozen"
    for depth, target in TARGETS.items():
        note = f"{np.median(times[depth]):.3f} s against {np.median(reference):.3f} s a step"
        yield report.row(f"AlexNet, {name}, first {depth} layers frozen, features kept, against {against}",
                         np.median(reference / times[depth]), "times", target, note=note)  # fmt: skip
    yield report.row(f"AlexNet without dropout, {name}, first 7 layers frozen, against {against}",
                     np.median(reference / times["head"]), "times",
                     note="another net: only the head is left")  # fmt: skip
    yield report.row(f"Step of a head alone, {name}, against Keras' train_on_batch",
                     np.median(times["head, Keras"] / times["head"]), "times",
                     note=f"{1e3 * np.median(times['head']):.2f} ms a step")  # fmt: skip


def main():
    make_deterministic(0)  # as a trial does
    rng = np.random.default_rng(0)
    images = rng.standard_normal((STEPS * BATCH, *SHAPE), np.float32)
    labels = rng.integers(2, size=len(images)).astype(np.int32)
    rows = []
    for name in OPTIMISERS:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(name, images, labels, folder)
    report.write("freezing", rows)


if __name__ == "__main__":
    main()
