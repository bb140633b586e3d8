"""The studies that train, what they list at each scale, and which committed runs belong to it."""

from functools import lru_cache

import pandas as pd

from ecgrepro import paths
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.studies import freezing, pretrain_size, ptbxl_transfer, resnet1d, spectrogram2d
from ecgrepro.studies.arms import declared, seeds
from ecgrepro.training.store import read_results

#: Studies that train, by name; each module has `SCALES` and `trials`.
STUDIES = {
    module.STUDY: module for module in (resnet1d, spectrogram2d, pretrain_size, freezing, ptbxl_transfer)
}


@lru_cache
def _results(folder):
    return read_results(folder)


def results(study, scale):
    """Committed results of the runs that a study lists at a scale: list of dict, see `read_result`."""
    return _declared(study, scale, paths.results(scale, study))


@lru_cache
def _declared(study, scale, folder):
    return declared(study, STUDIES[study].SCALES[scale], _results(folder))


def forget():
    """Read results anew when they are asked for next: trials have finished since."""
    _results.cache_clear()
    _declared.cache_clear()


def fine_tuning(found, arm, labels):
    """Fine-tuning results of one arm at one share of labels, by seed."""
    chosen = [
        result
        for result in found
        if result["trial"]["stage"] == "fine-tuning"
        and result["trial"]["arm"] == arm
        and result["trial"]["recipe"]["labels"] == labels
    ]
    return sorted(chosen, key=lambda result: result["trial"]["seed"])


def predictions(found, arm, labels):
    """Predictions of one arm over all its seeds, as one table; None where it has no run."""
    chosen = fine_tuning(found, arm, labels)
    return stacked(chosen) if chosen else None


def stacked(runs):
    """Predictions of several runs as one table."""
    return combine_predictions([run["predictions"] for run in runs])


def complete(study, scale, arm, labels):
    """Fine-tuning results of an arm by seed, None unless the scale lists them and all its seeds have finished."""
    design = STUDIES[study].SCALES[scale]
    listed = design.arms.get(arm)
    if listed is None or labels not in (listed.labels or design.labels):
        return None
    runs = fine_tuning(results(study, scale), arm, labels)
    return runs if [run["trial"]["seed"] for run in runs] == sorted(seeds(design, listed)) else None


def finished(study, scale):
    """Committed results of a scale as far as arms are whole, and how far they are.

    Returns
    -------
    found : list of dict
        Fine-tunings of those arms and shares of labels that have every seed, and every pre-training.
    state : DataFrame
        One row per arm and share of labels: ``arm``, ``labels``, ``seeds`` listed, ``finished`` of these.
    """
    design, listed = STUDIES[study].SCALES[scale], results(study, scale)
    found, rows = [result for result in listed if result["trial"]["stage"] == "pretraining"], []
    for name, arm in design.arms.items():
        for share in arm.labels or design.labels:
            runs = fine_tuning(listed, name, share)
            rows.append(
                {"arm": name, "labels": share, "seeds": len(seeds(design, arm)), "finished": len(runs)}
            )
            found += complete(study, scale, name, share) or []
    return found, pd.DataFrame(rows)


def find_arms(study, scale, name, budget=None):
    """Find the arms that are, or stand for, an arm of the ledger: list of (study, name there), the first choice first.

    Those that follow the wanted budget are one experiment, so whichever has run may speak for the others: what is
    pre-trained here before weights that a publication gives away, then the study's own before another's, then the arm
    of that very name. Where none follows it, the first in this order stands alone: which of several replacements
    speaks must not depend on which has run.
    """
    places = (study, *(other for other in STUDIES if other != study))
    fitting = [
        (place, own, arm)
        for place in places
        for own, arm in (STUDIES[place].SCALES[scale].arms.items() if place in STUDIES else ())
        if name in (own, *arm.stands_for)
    ]
    fitting.sort(
        key=lambda one: (one[2].budget != budget, one[2].published != "", one[0] != study, one[1] != name)
    )
    same = [one for one in fitting if one[2].budget == budget]
    return [(place, own) for place, own, _ in same or fitting[:1]]


def find_arm(study, scale, name, budget=None):
    """First choice of `find_arms`, or None."""
    return next(iter(find_arms(study, scale, name, budget)), None)
