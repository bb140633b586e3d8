"""Which records and patients a trial trains on, validates on, tests on and holds out: nothing but its seed decides.

Samples of patients are the exception: who is in which, and who is held out beside them, is the same for every seed.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.splits import hold_out, stratified_folds
from ecgrepro.training.seeds import derive

#: Seed of the held-out patients and of the order of all others where a trial takes a sample of the patients.
SAMPLING = 2017
#: Records of every class that a share of the labels must leave.
FEWEST = 2


@dataclass(frozen=True)
class Parts:
    """Positions of the training, validation and test records, ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(trial, labels, groups):
    """Split the records of a trial; duplicates stay on one side. Returns `Parts`.

    Raises
    ------
    SettingsError
        A share of records or labels that leaves too few of a class.
    InputError
        Too few recordings for the folds.
    """
    recipe = trial.recipe
    return divide(trial, labels, groups, stratified_folds(labels, groups, recipe.folds, recipe.fold_seed))


def divide(trial, labels, groups, folds):
    """Do as `split`, with the folds known: int array (n_records,), see `stratified_folds`."""
    recipe = trial.recipe
    rest, test = np.flatnonzero(folds != trial.fold), np.flatnonzero(folds == trial.fold)
    kept, held = _share(trial, "validation", labels, groups, rest)
    train, validation = rest[kept], rest[held]
    if recipe.labels < 1:
        _, chosen = _share(trial, "labels", labels, groups, train)
        train = train[chosen]
        fewest = np.bincount(labels[train], minlength=labels.max() + 1)[np.unique(labels)].min()
        if fewest < FEWEST:
            raise SettingsError(f"{trial}, labels", f"a share that leaves {FEWEST} records of every class",
                                f"{recipe.labels}, which leaves {fewest} of one", "Take a larger share.")  # fmt: skip
    return Parts(train, validation, test)


def _share(trial, name, labels, groups, positions):
    """Hold out that share of some records which a setting of the trial names."""
    share, purpose = getattr(trial.recipe, name), {"validation": "split", "labels": "labels"}[name]
    try:
        return hold_out(labels[positions], groups[positions], share, derive(trial.seed, purpose))
    except InputError as error:
        raise SettingsError(f"{trial}, {name}", error.expected, f"{share}: {error.got}", error.fix) from error


def choose_patients(trial, table, reach):
    """Choose the patients that a pre-training trial trains on, and those that it holds out.

    Parameters
    ----------
    trial : Trial
    table : DataFrame
        One row or more per recording: ``corpus``, ``group`` (patient, or record where the patient is unknown),
        ``n_samples`` at the rate of the frames.
    reach : int
        Samples that a recording must have more of to give a frame.

    Returns
    -------
    inside, outside : two sorted lists of groups
        Without a sample both depend on the trial's seed; with one they do not, see `sampling_order`.

    Raises
    ------
    SettingsError
        Frames longer than the recordings, a share or sample that cannot be taken, batches larger than a pass.
    """
    recipe = trial.recipe
    longest = table.n_samples.max()
    if longest <= reach:
        fix = "Choose shorter frames."
        raise SettingsError(f"{trial}, length", f"a recording longer than {reach} samples",
                            f"{recipe.length}, longest recording {longest}", fix)  # fmt: skip
    seed = derive(trial.seed, "held_out") if recipe.patients is None else SAMPLING
    inside, outside = split_patients(table, recipe.held_out, seed)
    if not inside:
        raise SettingsError(f"{trial}, held_out", "a share that leaves patients to train on",
                            f"{recipe.held_out} of {len(outside)}", "Hold fewer out.")  # fmt: skip
    if recipe.patients is not None:
        inside = _sample(trial, sampling_order(table[table.group.isin(inside)]))
    _check_frames(trial, table, reach, inside, outside)
    return inside, outside


def sampling_order(table):
    """Order in which patients are sampled: list of all groups of a table, each once.

    The patients of each corpus are shuffled with a fixed seed, and lie evenly along the whole list. So disjoint samples
    of n are the list's blocks of n, and of two corpora each block has as many patients as is one's share of n, rounded
    down or up; a sample of 2n is two of n.
    """
    rng = np.random.default_rng([SAMPLING, 1])
    placed = []
    for corpus, part in table.groupby("corpus", sort=True):
        groups = rng.permutation(sorted(part.group.unique())).tolist()
        placed += [((i + 0.5) / len(groups), corpus, group) for i, group in enumerate(groups)]
    return [group for *_, group in sorted(placed)]


def _sample(trial, order):
    size, sample = trial.recipe.patients, trial.recipe.sample
    if not 1 <= size <= len(order):
        raise SettingsError(f"{trial}, patients", f"1 to {len(order)}, those not held out", str(size),
                            "Take fewer, or None for all of them.")  # fmt: skip
    whole = len(order) // size
    if not 0 <= sample < whole:
        expected = f"0 to {whole - 1}: {len(order)} patients make {whole} disjoint samples of {size}"
        raise SettingsError(f"{trial}, sample", expected, str(sample), "Take another, or fewer patients.")
    return sorted(order[sample * size : (sample + 1) * size])


def _check_frames(trial, table, reach, inside, outside):
    """Refuse patients without a frame where all are counted on, and passes without a batch."""
    recipe = trial.recipe
    usable = set(table.group[table.n_samples > reach])
    short = sorted(set(inside) - usable)
    if recipe.patients is not None and short:
        raise SettingsError(f"{trial}, length", f"sampled patients with a recording of more than {reach} samples each",
                            f"{recipe.length}; none of {short[0]}", "Choose shorter frames.")  # fmt: skip
    for part, groups, frames in (("trained on", inside, recipe.frames_per_patient),
                                 ("held out", outside, recipe.held_out_frames)):  # fmt: skip
        found = len(usable.intersection(groups))
        if not found:
            got = f"{recipe.length}; all recordings of those {part} are shorter"
            raise SettingsError(f"{trial}, length", f"a patient {part} with more than {reach} samples", got,
                                "Choose shorter frames.")  # fmt: skip
        if found * frames < recipe.batch_size:
            raise SettingsError(f"{trial}, batch_size", "at most the frames of one pass",
                                f"{recipe.batch_size} of {found * frames} ({part})",
                                "Take smaller batches, or more frames per patient.")  # fmt: skip


def split_patients(table, share, seed):
    """Hold out a share of the patients of each corpus, at least one: two sorted lists of groups."""
    rng = np.random.default_rng(seed)
    outside = []
    for _, part in table.groupby("corpus", sort=True):
        groups = np.array(sorted(part.group.unique()))
        outside += sorted(rng.permutation(groups)[: max(1, round(share * len(groups)))])
    return sorted(set(table.group) - set(outside)), outside
