"""A training step of the full-width ResNet-18 against the plainest Keras model of the same net, in the same run.

    python benchmarks/training_step.py      # a few minutes

The reference is written with `keras.layers` alone (Keras' own batch normalisation, strided 1x1 shortcuts) and
trained by `train_on_batch`; ours goes through the trainer's own compiled step. Arms take turns, round by round, and
the ratio is the median over rounds. Targets: at least 1.2 in float32; at least 3 in bfloat16 where the processor has
AMX. Beside them stands what share of a large matrix product's speed, measured in the same run, each arm reaches: a
net that is near it cannot become faster by another order of its operations.
"""

import time
from pathlib import Path

import keras
import numpy as np
import report

from ecgrepro.models.catalogue import flops
from ecgrepro.models.resnet1d import FILTERS, KERNELS, resnet1d
from ecgrepro.training.cost import matmul_peak, training_flops
from ecgrepro.training.device_corpus import HostRecords
from ecgrepro.training.seeds import make_deterministic
from ecgrepro.training.steps import Steps

LENGTH, BATCH, STEPS, ROUNDS = 4096, 32, 2, 5
PLAIN = "plain Keras, float32"


def plain_resnet18(length, n_outputs):
    """ResNet-18 with nothing but Keras' own layers."""
    layers = keras.layers

    def conv(x, filters, kernel, stride):
        x = layers.Conv1D(filters, kernel, stride, "same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    inputs = keras.Input((length, 1))
    x = layers.MaxPooling1D(3, 2, "same")(layers.ReLU()(conv(inputs, FILTERS[0], 7, 2)))
    for stage, filters in enumerate(FILTERS):
        for block in range(2):
            stride = 2 if stage and not block else 1
            shortcut = conv(x, filters, 1, stride) if stride > 1 else x
            y = conv(layers.ReLU()(conv(x, filters, KERNELS[stage], stride)), filters, KERNELS[stage], 1)
            x = layers.ReLU()(layers.add([y, shortcut]))
    return keras.Model(inputs, layers.Dense(n_outputs)(layers.GlobalAveragePooling1D()(x)))


def compiled(model):
    model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model


def seconds(train, steps=STEPS):
    """Seconds per training step."""
    began = time.perf_counter()
    train(steps)
    return (time.perf_counter() - began) / steps


def keras_own(model, frames, labels):
    return lambda steps: [model.train_on_batch(frames, labels) for _ in range(steps)]


def our_own(model, frames, labels):
    compiled_steps = Steps(model, HostRecords(frames, labels))
    return lambda steps: compiled_steps.train([np.arange(len(frames))] * steps)


def has_amx():
    info = Path("/proc/cpuinfo")
    return info.exists() and "amx_bf16" in info.read_text()


def main():
    make_deterministic(0)  # as a trial does
    rng = np.random.default_rng(0)
    frames, labels = rng.standard_normal((BATCH, LENGTH, 1), np.float32), rng.integers(5, size=BATCH)
    models = {
        PLAIN: compiled(plain_resnet18(LENGTH, 5)),
        "ours, float32": compiled(resnet1d(LENGTH, 5)),
        "ours, bfloat16": compiled(resnet1d(LENGTH, 5, precision="mixed_bfloat16")),
    }
    assert len({model.count_params() for model in models.values()}) == 1, "the arms are not the same net"
    arms = {
        name: (keras_own if name == PLAIN else our_own)(model, frames, labels)
        for name, model in models.items()
    }
    times = {name: [] for name in models}
    for round_ in range(ROUNDS + 1):
        for name, train in arms.items():
            taken = seconds(train)
            if round_:  # the first compiles
                times[name].append(taken)
    report.write("training_step", rows(times, training_flops(flops(models["ours, float32"]))))


def rows(times, operations):
    """Ratios against plain Keras, and each arm's share of the measured peak of its arithmetic."""
    reference, found = np.array(times[PLAIN]), []
    aims = {
        "ours, float32": (1.2, ""),
        "ours, bfloat16": (3.0, "" if has_amx() else "no AMX: the target is not for it"),
    }
    for name, (target, note) in aims.items():
        ratio = float(np.median(reference / np.array(times[name])))
        found.append(
            report.row(f"training step, {name}, against plain Keras", ratio, "times", target, note=note)
        )
    for name, taken in times.items():
        speed = BATCH / float(np.median(taken))
        share = 100 * speed * operations / matmul_peak("bfloat16" if "bfloat16" in name else "float32")
        found.append(report.row(f"training step, {name}", speed, "frames/s"))
        found.append(report.row(f"training step, {name}: share of a matrix product's speed", share, "%"))
    return found


if __name__ == "__main__":
    main()
