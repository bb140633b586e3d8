"""Two steps of each stage on recordings written by a formula: what a trial's description means, in numbers.

If these values change, training behaves differently than before, and results in the store, found by the key of their
description, would be taken for results of the new behaviour. Then raise RECIPE in `ecgrepro/training/trial.py`, and
enter the new values here. A loss moves by less than one part in ten thousand between processors and between releases
of TensorFlow; what is tested here moves it by more.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ecgrepro.frames.af import AfInput, prepare_corpus
from ecgrepro.frames.sampler import Streams
from ecgrepro.training.finetune import finetune
from ecgrepro.training.pretrain import pretrain
from ecgrepro.training.recipe import FineTuning, Pretraining
from ecgrepro.training.trial import RECIPE, Trial
from tests.training import tiny

WHY = f"training gives other numbers than recipe {RECIPE} did: raise RECIPE in ecgrepro/training/trial.py"
CLASSES = ("N", "A", "O", "~")
PRETRAINING = [1.87553, 1.69484]
FINE_TUNING = [1.82699, 1.27470]
VALIDATION = [2.36688, 2.00136]


class Formula:
    """A corpus of sines and beats whose every number stands in this file."""

    def __init__(self, name, n_records, n_samples, fs):
        t = np.arange(n_samples)
        signals = [
            1000 * np.sin(t / (3 + i % 7)) + 400 * np.cos(t / (11 + i)) + 10 * i for i in range(n_records)
        ]
        beats = [np.arange(20 + i, n_samples, 23 + 2 * (i % 5)) for i in range(n_records)]
        stops = np.cumsum([len(part) for part in beats])
        self.path, self.manifest, self.fingerprint = name, {"data_set": name}, f"formula {name}"
        self.shards = [np.concatenate(signals).astype(np.int16)]
        self.beats = (
            np.concatenate(beats),
            np.concatenate([np.arange(len(b)) % 5 for b in beats]).astype(np.int8),
        )
        self.index = pd.DataFrame({
            "record_id": [f"{name}{i:02d}" for i in range(n_records)], "patient_id": "unknown",
            "label": [CLASSES[i % 4] for i in range(n_records)], "fs": fs, "n_samples": n_samples, "n_leads": 1,
            "leads": [["ECG"]] * n_records, "gain": [[200.0]] * n_records, "baseline": [[5.0]] * n_records, "shard": 0,
            "offset": n_samples * np.arange(n_records), "beats_start": [0, *stops[:-1]], "beats_stop": stops,
        })  # fmt: skip

    def __len__(self):
        return len(self.index)

    def groups(self, same=()):
        return self.index.record_id.to_numpy()

    def millivolts(self, i):
        row = self.index.iloc[i]
        return (self.shards[0][row.offset : row.offset + row.n_samples, None] - 5.0) / 200.0


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    holter, handheld = Formula("icentia11k", 12, 2000, 250.0), Formula("cinc2017", 40, 900, 300.0)
    workspace = SimpleNamespace(
        streams=lambda names, fs, kind: Streams([holter], kind=kind), corpus=lambda name: handheld,
        af=lambda name, how: prepare_corpus(handheld, how, folder, progress=False),
    )  # fmt: skip
    common = {"study": "tests", "scale": "demo", "seed": 1, "fold": 0, "model": "resnet18", "width": 0.125}
    recipe = Pretraining(length=256, frames_per_patient=4, batch_size=20, held_out=0.1, held_out_frames=24,
                         checkpoints=(0.5, 1.0))  # fmt: skip
    parent = Trial(arm="beat", corpora=(("icentia11k", "formula"),), recipe=recipe, **common)
    recipe = FineTuning(input=AfInput(length=512), folds=4, validation=0.2, batch_size=64, epochs=2)
    heir = Trial(arm="beat", corpora=(("cinc2017", "formula"),), recipe=recipe, initialisation=f"{parent.key}@1.0",
                 **common)  # fmt: skip
    store = tiny.open_store(folder)
    pretrain(parent, store, workspace)
    finetune(heir, store, workspace)
    return [store.results_of(trial.key)["history"] for trial in (parent, heir)]


def test_two_steps_of_pretraining_are_as_ever(histories):
    # the first loss stems from initialisation, sampler, labels and scaling; the second from the optimiser too
    np.testing.assert_allclose(histories[0].loss, PRETRAINING, rtol=1e-4, err_msg=WHY)


def test_two_epochs_of_one_step_of_fine_tuning_are_as_ever(histories):
    # besides: the weights handed over, split, resampling, padding, and the moving statistics
    np.testing.assert_allclose(histories[1].loss, FINE_TUNING, rtol=1e-4, err_msg=WHY)
    np.testing.assert_allclose(histories[1].val_loss, VALIDATION, rtol=1e-4, err_msg=WHY)
