"""A training step of the full-width ResNet-18 against the plainest Keras model of the same net, in the same run.

    python benchmarks/training_step.py      # a few minutes

The reference is written with `keras.layers` alone: Keras' own batch normalisation, strided 1x1 shortcuts. Arms take
turns, round by round, and the ratio is the median over rounds. Targets: at least 1.0 in float32; at least 1.6 in
bfloat16 where the processor has AMX.
"""

import time
from pathlib import Path

import keras
import numpy as np

from ecgrepro.models.resnet1d import FILTERS, KERNELS, resnet1d

LENGTH, BATCH, STEPS, ROUNDS = 4096, 32, 2, 5


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
    return model


def seconds(model, frames, labels, steps=STEPS):
    """Seconds per training step."""
    began = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(frames, labels)
    return (time.perf_counter() - began) / steps


def has_amx():
    info = Path("/proc/cpuinfo")
    return info.exists() and "amx_bf16" in info.read_text()


def main():
    rng = np.random.default_rng(0)
    frames, labels = rng.standard_normal((BATCH, LENGTH, 1), np.float32), rng.integers(5, size=BATCH)
    models = {
        "plain Keras float32": compiled(plain_resnet18(LENGTH, 5)),
        "ours float32": compiled(resnet1d(LENGTH, 5)),
        "ours bfloat16": compiled(resnet1d(LENGTH, 5, precision="mixed_bfloat16")),
    }
    assert len({model.count_params() for model in models.values()}) == 1, "the arms are not the same net"
    times = {name: [] for name in models}
    for round_ in range(ROUNDS + 1):
        for name, model in models.items():
            taken = seconds(model, frames, labels)
            if round_:  # the first compiles
                times[name].append(taken)
    reference = np.array(times["plain Keras float32"])
    for name, taken in times.items():
        ratio = np.median(reference / np.array(taken))
        print(f"{name:22} {BATCH / np.median(taken):6.1f} frames/s, {ratio:.2f} times plain Keras")
    print(
        "AMX:",
        "yes, target for bfloat16 1.6" if has_amx() else "not on this processor, so no target for bfloat16",
    )


if __name__ == "__main__":
    main()
