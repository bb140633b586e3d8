"""Do two splits that a study uses share a person, or one recording under two names?

Where a publisher names no patients the answer about persons is "unknown", never "none": two recordings of one person
under two names are the leak that no file can show.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from ecgrepro.corpora.ptbxl_tables import fold_group
from ecgrepro.corpora.registry import data_set
from ecgrepro.frames.af import class_indices, recording_groups
from ecgrepro.studies import resnet1d
from ecgrepro.studies.arms import corpora
from ecgrepro.training.parts import split, split_patients
from ecgrepro.training.recipe import Pretraining
from ecgrepro.training.seeds import derive

COLUMNS = (
    "study",
    "split",
    "recordings",
    "other split",
    "other recordings",
    "same recordings",
    "same patients",
)


@dataclass(frozen=True, eq=False)
class Split:
    """Recordings that are used together, for training, for validation or as a test.

    Attributes
    ----------
    name : str
    records : frozenset of (str, str)
        Data set and record id.
    patients : frozenset of (str, str)
        Publisher and patient id of the recordings that have one.
    nameless : int
        Recordings without a patient id.
    publishers : frozenset of str
        Publishers of the recordings: ids of two of them cannot be compared.
    """

    name: str
    records: frozenset
    patients: frozenset
    nameless: int
    publishers: frozenset


def make_split(name, *parts):
    """A `Split` of several corpora's records; `parts` are pairs of a Corpus and an int array of positions."""
    tables = [
        corpus.index.iloc[positions].assign(data_set=corpus.manifest["data_set"])
        for corpus, positions in parts
    ]
    rows = pd.concat(tables)
    publishers = rows.data_set.map(lambda name: data_set(name).patients_from)
    known = rows.patient_id != "unknown"
    return Split(
        name,
        frozenset(zip(rows.data_set, rows.record_id, strict=True)),
        frozenset(zip(publishers[known], rows.patient_id[known], strict=True)),
        int((~known).sum()),
        frozenset(publishers),
    )


def shared_recordings(first, second, twins):
    """Count the recordings of the second split that are in the first, under their own or another name.

    Parameters
    ----------
    first, second : Split
    twins : dict of (str, str) to set of (str, str)
        Recordings that are one, as `twins_of` gives them.
    """
    found = (not first.records.isdisjoint(twins.get(record, set()) | {record}) for record in second.records)
    return sum(found)


def twins_of(pairs):
    """From a table of pairs (``corpus_a``, ``record_a``, ``corpus_b``, ``record_b``) to what each recording equals."""
    twins = {}
    for a, b in zip(zip(pairs.corpus_a, pairs.record_a, strict=True), zip(pairs.corpus_b, pairs.record_b, strict=True),
                    strict=True):  # fmt: skip
        twins.setdefault(a, set()).add(b)
        twins.setdefault(b, set()).add(a)
    return twins


def shared_patients(first, second):
    """Say how many persons two splits share, and for how many recordings nobody can know."""
    if not first.publishers & second.publishers:
        return "unknown: other publishers, no common ids"
    if not first.patients or not second.patients:
        return "unknown: no patient ids"
    nameless = first.nameless + second.nameless
    found = f"{len(first.patients & second.patients)} of {len(first.patients | second.patients)} known"
    return found + (f", unknown for {nameless} recordings" if nameless else "")


def overlaps(study, designs, twins):
    """Compare the splits of a study.

    Parameters
    ----------
    study : str
    designs : iterable of list of Split
        One list per trial; splits of one name play one part in every trial.
    twins : dict
        As `twins_of` gives it.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row per pair of names: of all trials the one that shares most recordings, and every answer about
        patients.
    """
    rows = [
        (
            study,
            a.name,
            len(a.records),
            b.name,
            len(b.records),
            shared_recordings(a, b, twins),
            shared_patients(a, b),
        )
        for splits in designs
        for a, b in combinations(splits, 2)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("same recordings", ascending=False, kind="stable")
    answers = table.groupby(["split", "other split"])["same patients"].agg(
        lambda found: "; ".join(sorted(set(found)))
    )
    worst = table.drop_duplicates(["split", "other split"]).sort_index()
    keys = pd.MultiIndex.from_frame(worst[["split", "other split"]])
    return worst.assign(**{"same patients": answers.reindex(keys).to_numpy()}).reset_index(drop=True)


def resnet1d_splits(workspace, scale="pilot"):
    """Yield the splits of the trials of study `resnet1d` whose corpora are here, each split once."""
    settings, here = resnet1d.SCALES[scale], {name for name, _ in workspace.corpora}
    arms = {
        name: arm
        for name, arm in settings.arms.items()
        if here.issuperset(corpora(replace(settings, arms={name: arm})))
    }
    seen = set()
    for trial in resnet1d.trials(replace(settings, arms=arms), workspace):
        sources = tuple(name for name, _ in trial.corpora)
        share = getattr(trial.recipe, "labels", None)
        if (sources, trial.seed, trial.fold, share) in seen:
            continue
        seen.add((sources, trial.seed, trial.fold, share))
        opened = [workspace.corpus(name) for name in sources]
        if isinstance(trial.recipe, Pretraining):
            yield _pretraining_splits(trial, opened)
        else:
            yield [_everything(workspace, settings), *_fine_tuning_splits(trial, *opened)]


def _everything(workspace, settings):
    sources = [workspace.corpus(name) for name in settings.pretraining_corpora]
    return make_split("pre-training, all", *((corpus, np.arange(len(corpus))) for corpus in sources))


def _fine_tuning_splits(trial, corpus):
    parts = split(trial, class_indices(corpus), recording_groups(corpus, trial.recipe.copies))
    names = {"training": parts.train, "validation": parts.validation, "test": parts.test}
    return [make_split(name, (corpus, positions)) for name, positions in names.items()]


def _pretraining_splits(trial, sources):
    names = [corpus.manifest["data_set"] for corpus in sources]
    tables = [pd.DataFrame({"corpus": name, "group": [f"{name} {group}" for group in corpus.groups()]})
              for name, corpus in zip(names, sources, strict=True)]  # fmt: skip
    _, outside = split_patients(pd.concat(tables), trial.recipe.held_out, derive(trial.seed, "held_out"))
    held = [table.group.isin(outside).to_numpy() for table in tables]
    chosen = {"pre-training": [~out for out in held], "held-out patients": held}
    return [
        make_split(
            name, *((corpus, np.flatnonzero(part)) for corpus, part in zip(sources, parts, strict=True))
        )
        for name, parts in chosen.items()
    ]


def ptbxl_splits(corpus):
    """Yield the official split of PTB-XL: folds 1 to 8, 9 and 10."""
    groups = corpus.index.fold.map(fold_group).to_numpy()
    yield [
        make_split(f"folds {name}", (corpus, np.flatnonzero(groups == name))) for name in ("1-8", "9", "10")
    ]
