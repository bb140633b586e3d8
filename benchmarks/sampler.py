"""Frames per second of the sampler, beside memcpy in the same run.

    python benchmarks/sampler.py            # about a minute, 450 MB of memory and disk

Prints labelled int16 frames per second in one process, the bytes of these frames as a share of what memcpy moves in
the same run, and how many standardised float32 frames reach the backend's tensors through the real path
(`FrameSampler.batch`, then a tensor). Targets: 100,000; 20 %; 50,000, for frames of 4,096 samples.
"""

import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from ecgrepro.corpora.corpus_writer import CorpusWriter
from ecgrepro.corpora.record import Record
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.sampler import FrameSampler, Streams

LENGTH, BATCH, PATIENTS, SEGMENTS, SAMPLES = 4096, 512, 4, 50, 1_048_577


def make_corpus(folder):
    """Write a corpus of Icentia11k's shape: patients x segments of noise with a beat every 200 samples."""
    rng = np.random.default_rng(0)
    with CorpusWriter(
        Path(folder) / "corpus", {"data_set": "benchmark", "options": {}, "source": "none"}
    ) as writer:
        for patient in range(PATIENTS):
            records = [_segment(f"{patient}_{segment}", str(patient), rng) for segment in range(SEGMENTS)]
            writer.add(str(patient), records)
        return writer.finish()


def _segment(name, patient, rng):
    positions = np.arange(200, SAMPLES, 200)
    classes = rng.choice(5, len(positions), p=(0.2, 0.7, 0.05, 0.01, 0.04)).astype(np.int8)
    signal = rng.integers(-999, 999, (SAMPLES, 1), np.int16)
    gain, baseline = np.full(1, 74.0), np.zeros(1)
    return Record(
        name, patient, signal, gain, baseline, 250.0, ("ecg",), beat_positions=positions, beat_classes=classes
    )


def rate(draw, n_batches, rounds=5):
    """Median frames per second of `draw(step)` over some rounds, after one that is not counted."""
    rates = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        for step in range(n_batches):
            draw(step)
        rates.append(n_batches * BATCH / (time.perf_counter() - began))
    return float(np.median(rates[1:]))


def main():
    with tempfile.TemporaryDirectory() as folder:
        sampler = FrameSampler(Streams([make_corpus(folder)], 5), BeatTask(), length=LENGTH, batch_size=BATCH,
                               frames_per_patient=16_384, seed=0)  # fmt: skip
        places = [sampler.places(step) for step in range(sampler.n_steps)]
        n_batches = min(len(places), 100)
        source = np.random.default_rng(0).integers(-999, 999, (n_batches * BATCH, LENGTH), np.int16)
        target = np.zeros_like(source)
        parts = np.array_split(np.arange(len(source)), n_batches)

        def labelled(step):
            rows, starts = sampler.places(step)
            sampler.gather(rows, starts), sampler.labels(rows, starts)

        def delivered(step):
            frames, labels = sampler.batch(step)
            keras.ops.convert_to_tensor(frames), keras.ops.convert_to_tensor(labels)

        copied = rate(lambda step: np.copyto(target[parts[step][0] : parts[step][-1] + 1],
                                             source[parts[step][0] : parts[step][-1] + 1]), n_batches)  # fmt: skip
        drawn = rate(labelled, n_batches)
        tensors = rate(delivered, n_batches)
    print(f"labelled int16 frames of {LENGTH}: {drawn:,.0f}/s (target 100,000)")
    print(f"share of memcpy ({copied * LENGTH * 2 / 1e9:.1f} GB/s): {drawn / copied:.0%} (target 20 %)")
    print(
        f"standardised float32 frames in {keras.backend.backend()} tensors: {tensors:,.0f}/s (target 50,000)"
    )


if __name__ == "__main__":
    main()
