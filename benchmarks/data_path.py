"""Labelled frames per second, the documents' way and ours, beside what the training step consumes.

    python benchmarks/data_path.py      # three minutes, 1.5 GB of disk, 3 GB of memory

Both read the same synthetic recordings of Icentia11k's shape: patients of 50 segments of 1,048,577 samples. The
reference goes the way of the published programs (Weimann & Conrad 2021, class report 2024), written anew from the
description of what they do: a Python generator loads one patient's gzip pickles, draws a segment and a start, labels
and standardises frame by frame, and `tf.data.Dataset.from_generator` shuffles and batches. Its shuffle buffer holds two
patients' frames instead of sixteen (the same work per frame, less memory), and nothing is fetched ahead, so that it
works in its own turn alone. Ours draws whole batches from the ingested memory map and ends at the backend's tensors, as
the reference does; with an accelerator it is measured too as trials go there, from a corpus that lies on the device.
Arms take turns, ratios are medians over rounds; that both give the same frames and labels is checked.

Targets, for frames of 4,096 samples: at least 25 times the reference; at least 5 times what the training step of the
full 1-D ResNet-18 consumes; at most 8 GB of memory.
"""

import gzip
import pickle
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import report

from ecgrepro.corpora.icentia11k import GAIN
from ecgrepro.corpora.ingest import ingest
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.sampler import FrameSampler, Streams
from ecgrepro.studies.machine import training_step
from ecgrepro.studies.published_runs import TrainedNet
from ecgrepro.training import cost, device
from ecgrepro.training.device_corpus import DeviceFrames
from ecgrepro.training.seeds import make_deterministic

LENGTH, BATCH, FRAMES_PER_PATIENT = 4096, 512, 4096
PATIENTS, SEGMENTS, SAMPLES = 4, 50, 1_048_577
#: Batches of a round: the reference's are one patient's frames, i.e. one patient's loading.
REFERENCE_BATCHES, OUR_BATCHES, ROUNDS = FRAMES_PER_PATIENT // BATCH, 64, 5
MEAN, DEVIATION = 0.0018, 1.3711
NET = TrainedNet("resnet18", (LENGTH, 1), 5, batch_size=BATCH)


def write_recordings(folder):
    """Write the torrent layout of Icentia11k: a wave with noise, a beat about every 200 samples."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(SAMPLES)
    wave = 60 * np.sin(time_axis / 31) + 30 * np.sin(time_axis / 977) + rng.normal(0, 6, SAMPLES)
    for patient in range(PATIENTS):
        shifts = rng.integers(SAMPLES, size=SEGMENTS)
        signals = np.stack([np.rint(np.roll(wave, shift)) / GAIN for shift in shifts]).astype(np.float32)
        _dump(folder / f"{patient:05d}_batched.pkl.gz", signals)
        _dump(folder / f"{patient:05d}_batched_lbls.pkl.gz", [_labels(rng) for _ in range(SEGMENTS)])


def _labels(rng):
    beats = np.cumsum(rng.integers(150, 250, SAMPLES // 250))
    classes = rng.choice(5, len(beats), p=(0.05, 0.88, 0.03, 0.01, 0.03))
    rhythms = [np.empty(0, np.int64)] * 6
    rhythms[3] = beats  # sinus rhythm
    return {"btype": [beats[classes == kind] for kind in range(5)], "rtype": rhythms}


def _dump(path, value):
    with gzip.open(path, "wb", compresslevel=6) as file:
        pickle.dump(value, file, protocol=4)


def load_patient(folder, patient):
    """Signals (segments, samples), and for each segment the ends of its beats, ascending, with their classes."""
    with gzip.open(folder / f"{patient:05d}_batched.pkl.gz") as file:
        signals = pickle.load(file)
    with gzip.open(folder / f"{patient:05d}_batched_lbls.pkl.gz") as file:
        labels = pickle.load(file)
    beats = []
    for segment in labels:
        positions = np.concatenate(segment["btype"])
        classes = np.repeat(np.arange(5), [len(part) for part in segment["btype"]])
        order = np.argsort(positions, kind="stable")
        beats.append((positions[order], classes[order]))
    return signals, beats


def reference_label(positions, classes, start, stop):
    """Most frequent of PAC, aberrated and PVC among a frame's complete beats, else of undefined and normal."""
    first, last = np.searchsorted(positions, start, "left") + 1, np.searchsorted(positions, stop, "right")
    counts = np.bincount(classes[first:last], minlength=5)
    return 2 + counts[2:].argmax() if counts[2:].any() else counts[:2].argmax()


def reference_frames(folder):
    """Yield (frame, label) for ever, patient after patient."""
    rng = np.random.default_rng(1)
    while True:
        for patient in rng.permutation(PATIENTS):
            signals, beats = load_patient(folder, patient)
            for _ in range(FRAMES_PER_PATIENT):
                segment, start = rng.integers(len(signals)), rng.integers(SAMPLES - LENGTH)
                label = reference_label(*beats[segment], start, start + LENGTH)
                yield ((signals[segment, start : start + LENGTH] - MEAN) / DEVIATION)[:, None], label


def reference_batches(folder):
    """The generator behind tf.data: an iterator over (frames, labels) of tensors."""
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # the other backend's
    signature = (tf.TensorSpec((LENGTH, 1), tf.float32), tf.TensorSpec((), tf.int32))
    frames = tf.data.Dataset.from_generator(lambda: reference_frames(folder), output_signature=signature)
    return iter(frames.shuffle(2 * FRAMES_PER_PATIENT).batch(BATCH))


def check_equal(folder, sampler):
    """Whether both ways give the same labels and, within float32, the same frames."""
    rows, starts = sampler.places(0)
    frames, labels = sampler.batch(0)
    records = sampler.streams.table.record_id.to_numpy()[rows]
    patient = int(records[0][1:6])
    signals, beats = load_patient(folder, patient)
    compared = 0
    for record, start, frame, label in zip(records, starts, frames, labels, strict=True):
        if int(record[1:6]) == patient:
            segment = int(record[8:])
            expected = (signals[segment, start : start + LENGTH] - MEAN) / DEVIATION
            assert label == reference_label(*beats[segment], start, start + LENGTH)
            assert np.abs(frame[:, 0] - expected).max() < 1e-5
            compared += 1
    assert compared > BATCH / PATIENTS / 2
    return compared


def host_path(sampler):
    """A function that brings the step-th batch from the memory map to tensors."""

    def deliver(step):
        frames, labels = sampler.batch(step)
        return keras.ops.convert_to_tensor(frames), keras.ops.convert_to_tensor(labels)

    return deliver


def device_path(sampler):
    """The same from a corpus on the device, cut out by a compiled function."""
    source = DeviceFrames(sampler)
    if keras.backend.backend() == "jax":
        import jax

        fetch = jax.jit(source.fetch)
    else:
        import tensorflow as tf

        fetch = tf.function(source.fetch, jit_compile=device.use_xla())
    return lambda step: fetch(source.arrays, *map(keras.ops.convert_to_tensor, source.host(step)))


def rate(draw, n_batches, n_steps):
    """Frames per second of `draw(step)`, the last batch waited for."""
    began = time.perf_counter()
    for step in range(n_batches):
        frames, _ = draw(step % n_steps)
    keras.ops.convert_to_numpy(frames[0, 0])
    return n_batches * BATCH / (time.perf_counter() - began)


def measure(folder, sampler):
    """Frames per second of every arm, one figure per round: dict of name to list."""
    batches = reference_batches(folder)
    arms = {"reference": lambda step: next(batches), "host": host_path(sampler)}
    if cost.accelerators():
        arms["device"] = device_path(sampler)
    rates = {name: [] for name in arms}
    for round_ in range(ROUNDS + 1):
        for name, draw in arms.items():
            n_batches = REFERENCE_BATCHES if name == "reference" else OUR_BATCHES
            found = rate(draw, n_batches, sampler.n_steps)
            if round_:  # the first fills the buffer and compiles
                rates[name].append(found)
    return {name: np.array(values) for name, values in rates.items()}


def rows_of(rates, compared, steps):
    """Rows of the report; `steps` are measured training steps."""
    rows = [report.row(f"{name} path, frames of {LENGTH:,} samples", np.median(found), "frames/s")
            for name, found in rates.items()]  # fmt: skip
    ours = [name for name in rates if name != "reference"]
    for name in ours:
        what = f"{name} path over a per-frame generator through tf.data, reading gzip pickles"
        note = f"the same labels and frames in {compared} places" if name == "host" else ""
        rows.append(report.row(what, np.median(rates[name] / rates["reference"]), "times", 25, note=note))
    path = ours[-1]  # the one that trials take on this machine
    for step in steps:
        what = f"{path} path over the training step of the 1-D ResNet-18, {step['precision']}"
        note = f"the step takes {step['frames_per_second']:,.4g} frames/s, batch {step['batch_size']}"
        rows.append(
            report.row(what, np.median(rates[path]) / step["frames_per_second"], "times", 5, note=note)
        )
    if path == "host":
        print("device-resident path: no accelerator here, so it is not measured", file=sys.stderr)
    memory = cost.peak_memory_mb() * (1 << 20) / 1e9
    return [*rows, report.row("resident memory at most", memory, "GB", 8, bound="at most")]


def main():
    make_deterministic(0)
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "published"
        published.mkdir()
        print(
            f"writing and ingesting {PATIENTS} patients of {SEGMENTS} segments", file=sys.stderr, flush=True
        )
        write_recordings(published)
        corpus = ingest("icentia11k", published, Path(folder) / "corpus", progress=False)
        sampler = FrameSampler(Streams([corpus], 5), BeatTask(), length=LENGTH, batch_size=BATCH,
                               frames_per_patient=4 * FRAMES_PER_PATIENT, seed=0, mean=MEAN,
                               deviation=DEVIATION)  # fmt: skip
        compared = check_equal(published, sampler)
        print("arms take turns", file=sys.stderr, flush=True)
        rates = measure(published, sampler)
    steps = [training_step(NET, precision, seconds=6) for precision in ("float32", "mixed_bfloat16")]
    report.write("data_path", rows_of(rates, compared, steps))


if __name__ == "__main__":
    main()
