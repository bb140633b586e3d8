"""What this machine does in a second: training steps, matrix products, the sampler, the disk.

Each measurement takes seconds and says what it found; `ecgrepro bench` runs them all.
"""

import gc
import math
import os
import shutil
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from keras import ops

from ecgrepro.corpora.corpus_writer import CorpusWriter
from ecgrepro.corpora.record import Record
from ecgrepro.errors import SettingsError
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.sampler import FrameSampler, Streams
from ecgrepro.models.flops import flops
from ecgrepro.training import cost
from ecgrepro.training.recipe import Adam
from ecgrepro.training.steps import Steps
from ecgrepro.training.workspace import optimiser

#: Bounds of a measured batch on a processor, which gains nothing from larger ones: frames, and bytes of all layers'
#: outputs, so that a laptop's memory is enough.
BATCH_ON_PROCESSOR, OUTPUTS_ON_PROCESSOR = 16, 400e6
#: Frames and batch of the measured sampler (published: 4,096 samples, batches of 512).
SAMPLER = {"length": 4096, "batch_size": 512}


class ResidentBatch:
    """A source whose one batch lies on the device already, so that the step alone is measured.

    Parameters
    ----------
    inputs : float32 array, (batch, ...)
    labels : int32 array, (batch,)
    """

    def __init__(self, inputs, labels):
        self.arrays, self._labels = (ops.convert_to_tensor(inputs),), labels

    def host(self, _):
        return (self._labels,)

    @staticmethod
    def fetch(arrays, labels):
        return arrays[0], labels


def training_step(net, precision, seconds=2.0):
    """Measure forward and backward of a net, as a trial runs them.

    Parameters
    ----------
    net : TrainedNet
    precision : {"float32", "mixed_bfloat16"}
    seconds : float
        Time for what is counted; compiling comes before.

    Returns
    -------
    dict
        ``net`` (in words), ``precision``, ``batch_size``, ``frames_per_second`` (median of three), ``flops`` (of one
        forward pass over one frame), ``share_of_peak``.

    Raises
    ------
    SettingsError
        Not even one frame fits into the device's memory.
    """
    model = _compiled(net, precision)
    batch_size = _batch_size(net, model)
    while True:
        try:
            speed = _speed(model, net, batch_size, seconds)
            break
        except SettingsError:  # the device is too small for the batch
            if batch_size == 1:
                raise
            batch_size //= 2
            model = _compiled(
                net, precision
            )  # on JAX the state of the other was given to the step that failed
    forward = flops(model)
    peak, _ = cost.device_peak(precision)
    del model
    keras.backend.clear_session()
    gc.collect()
    return {"net": str(net), "precision": precision, "batch_size": batch_size, "frames_per_second": _rounded(speed),
            "flops": forward, "share_of_peak": _rounded(cost.training_flops(forward) * speed / peak)}  # fmt: skip


def _batch_size(net, model):
    """Frames of a measured batch: the trial's on an accelerator."""
    if cost.accelerators():
        return net.batch_size
    frame = 4 * sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    return max(1, min(net.batch_size, BATCH_ON_PROCESSOR, int(OUTPUTS_ON_PROCESSOR // frame)))


def _compiled(net, precision):
    model = net.build(precision)
    model.compile(optimiser(Adam()), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model


def _speed(model, net, batch_size, seconds):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((batch_size, *net.shape), np.float32)
    labels = rng.integers(net.outputs, size=batch_size, dtype=np.int32)
    steps = Steps(model, ResidentBatch(inputs, labels))
    steps.train(range(1))  # compiles
    began = time.perf_counter()
    steps.train(range(1))
    n_steps = int(np.clip(seconds / 3 / (time.perf_counter() - began), 1, 1000))
    return batch_size / np.median([_seconds(lambda: steps.train(range(n_steps))) / n_steps for _ in range(3)])


def sampler_speed(seconds=2.0, patients=2, segments=8, samples=1_048_577):
    """Frames per second of `FrameSampler.batch` on a corpus of noise (32 MB): labelled, standardised float32."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus_of_noise(Path(folder) / "corpus", patients, segments, samples)
        sampler = FrameSampler(
            Streams([corpus], 5), BeatTask(), frames_per_patient=16_384, seed=0, shuffle_patients=patients, **SAMPLER
        )  # fmt: skip
        sampler.batch(0)
        began, step = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            sampler.batch(step % sampler.n_steps)
            step += 1
        return _rounded(step * sampler.batch_size / (time.perf_counter() - began))


def _corpus_of_noise(folder, patients, segments, samples):
    rng = np.random.default_rng(0)
    signal = rng.integers(-999, 999, (samples, 1), np.int16)
    beats = np.arange(200, samples, 200)
    classes = rng.integers(5, size=len(beats), dtype=np.int8)
    about = {"data_set": "noise", "options": {}, "source": "none"}
    with CorpusWriter(folder, about) as writer:
        for patient in range(patients):
            records = [
                Record(
                    f"{patient}_{segment}", str(patient), np.roll(signal, segment + 50 * patient), np.full(1, 74.0),
                    np.zeros(1), 250.0, ("ecg",), beat_positions=beats, beat_classes=classes,
                )
                for segment in range(segments)
            ]  # fmt: skip
            writer.add(str(patient), records)
        return writer.finish()


def disk_speed(folder, megabytes=256):
    """Write a file, read it back, delete it.

    Parameters
    ----------
    folder : str or Path
        On the disk that is measured; made where missing.
    megabytes : int
        Of 10^6 bytes.

    Returns
    -------
    dict
        ``write_MB_s`` (until the disk has it), ``read_MB_s`` (the file's pages are given back to the system first,
        where it can be told to), ``free_GB``.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    block = np.random.default_rng(0).bytes(1_000_000)
    with tempfile.NamedTemporaryFile(dir=folder) as file:

        def write():
            for _ in range(megabytes):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())

        def read():
            with open(file.name, "rb", buffering=0) as again:
                while again.read(len(block)):
                    pass

        written = _seconds(write)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return {"write_MB_s": _rounded(megabytes / written), "read_MB_s": _rounded(megabytes / _seconds(read)),
                "free_GB": _rounded(shutil.disk_usage(folder).free / 1e9)}  # fmt: skip


def _seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _rounded(value):
    return float(f"{value:.4g}")
