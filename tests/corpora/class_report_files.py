"""Files as the class report's authors published them, with fabricated runs."""

import gzip
import pickle

import numpy as np

from ecgrepro.corpora.class_report import HISTORIES, PREDICTIONS, RUNS

#: The published order of the classes.
PUBLISHED_CLASSES = ["A", "N", "O", "~"]
SEEDS = (10, 20, 30)
ARMS = ("random", "1", "20")


def fabricated_runs(skills, seeds=SEEDS, n_records=80):
    """A dictionary as in `predictions_all.pkl`: arms of a seed err on nested sets of recordings, by their skill."""
    labels = np.random.default_rng(2024).choice(4, n_records, p=[0.2, 0.5, 0.2, 0.1])
    labels[:4] = range(4)
    runs = {}
    for arm, skill in skills.items():
        for seed in seeds:
            rng = np.random.default_rng(seed)
            answers = np.where(rng.random(n_records) < skill, labels, (labels + 1) % 4)
            scores = 3.0 * np.eye(4)[answers] + rng.normal(size=(n_records, 4)) * 0.3
            probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            runs[f"{arm}_{seed}"] = {"y_true": np.eye(4, dtype=np.int64)[labels], "y_prob": probabilities,
                                     "classes": list(PUBLISHED_CLASSES)}  # fmt: skip
    return runs


def history_lines(last_epochs):
    """Lines of `history_all.csv`: (arm, seed) to the index of the last epoch."""
    lines = ["epoch,acc,f1,loss,val_acc,val_loss,weight_type,seed"]
    for (arm, seed), last in last_epochs.items():
        lines += [f"{epoch},0.5,0.4,{1 / (epoch + 1)},0.6,0.9,{arm},{seed}" for epoch in range(last + 1)]
    return lines


def write_published(folder, net="1-D", runs=None, lines=None):
    """Write one net's folder of runs; returns it."""
    place = folder / RUNS[net]
    place.mkdir(parents=True, exist_ok=True)
    if runs is not None:
        with gzip.open(place / PREDICTIONS, "wb") as file:
            pickle.dump(runs, file, protocol=4)
    if lines is not None:
        (place / HISTORIES).write_text("\n".join(lines) + "\n")
    return place
