"""What a study compares: the pre-trainings and arms of a scale, and the trials that they come to."""

from dataclasses import dataclass, replace
from itertools import product

from ecgrepro.corpora.aliases import data_set_of, options_of
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.recipe import FineTuning, Pretraining, QualityTraining, Transform
from ecgrepro.training.trial import Trial


@dataclass(frozen=True)
class Source:
    """A pre-training that arms start from; each seed has its own.

    Attributes
    ----------
    recipe : Pretraining or DiagnosisTraining
    corpora : tuple of str
        Names of the registry or of `ecgrepro.corpora.aliases`; those of the scale if empty.
    model : str
    width : float, optional
        That of the scale if None.
    transform : Transform, optional
    samples : int
        Where the recipe takes a sample of the patients: how many disjoint samples take turns, seed by seed.
    """

    recipe: Pretraining | DiagnosisTraining
    corpora: tuple = ()
    model: str = "resnet18"
    width: float | None = None
    transform: Transform | None = None
    samples: int = 1


@dataclass(frozen=True)
class Arm:
    """A way of fine-tuning: where it starts, what it trains, and how.

    Attributes
    ----------
    source : str, optional
        Name of the pre-training it starts from; a random start if None.
    share : float, optional
        Share of that pass whose weights are taken; the last one kept if None.
    model, width, transform
        As in `Source`.
    freeze_depth : int
        See `ecgrepro.training.trial.Trial`.
    frozen_batch_normalisation : {"inference", "training", "all"}
        See `ecgrepro.training.trial.Trial`.
    fold : int, optional
        Test fold of all seeds; as the scale rotates them if None.
    repeated_folds : bool
        Of a `DiagnosisTraining` whose folds no publisher made: seed i tests fold i modulo the number of folds, and
        after as many seeds the recordings are dealt out anew.
    fine_tuning : FineTuning, QualityTraining or DiagnosisTraining, optional
        That of the scale if None. Its share of labels does not count.
    labels : tuple of float
        Shares of the training labels; those of the scale if empty.
    corpus : str
        What it is tested on: ``"cinc2017"``, or with another label revision, such as ``"cinc2017_v2"``; of a
        `DiagnosisTraining` a corpus of twelve leads.
    stands_for : tuple of str
        Arms of the ledger that this one is, besides that of its own name.
    budget : str
        Publication whose protocol it follows switch by switch, as the ledger's `requires` names it; "" if none.
    published_share : float, optional
        What share of the pre-training patients the publication calls its own.
    seeds : tuple of int
        Those of the scale if empty; where an arm costs too much for all of them, fewer.
    published : str
        Start from weights that a publication gives away (`ecgrepro.training.published_start.published_start`). An arm
        whose weights are not at hand has no trials.
    learnt : tuple of str
        Of a `QualityTraining`: corpora that it learns from, before the one that it is tested on; those of the scale if
        empty.
    """

    source: str | None = None
    share: float | None = None
    model: str = "resnet18"
    width: float | None = None
    transform: Transform | None = None
    freeze_depth: int = 0
    frozen_batch_normalisation: str = "inference"
    fold: int | None = None
    repeated_folds: bool = False
    fine_tuning: FineTuning | QualityTraining | DiagnosisTraining | None = None
    labels: tuple = ()
    corpus: str = "cinc2017"
    stands_for: tuple = ()
    budget: str = ""
    published_share: float | None = None
    seeds: tuple = ()
    published: str = ""
    learnt: tuple = ()


def trials(study, scale, workspace):
    """List the trials of a scale, pre-training first.

    Parameters
    ----------
    study : str
    scale : Scale
    workspace : Workspace
        Its corpora give the fingerprints.

    Returns
    -------
    list of Trial
        Each seed has pre-trainings of its own, those that an arm starts from; arms of one seed share test fold,
        validation records and data order.
    """
    return [trial for seed in scale.seeds for trial in _seed_trials(study, scale, workspace, seed)]


def seeds(scale, arm):
    """Seeds of an arm."""
    return tuple(seed for seed in scale.seeds if not arm.seeds or seed in arm.seeds)


def _seed_trials(study, scale, workspace, seed):
    arms = {name: arm for name, arm in scale.arms.items() if seed in seeds(scale, arm)}
    needed = {arm.source for arm in arms.values()} - {None}
    sources = {
        name: _pretraining(study, scale, workspace, seed, name)
        for name in scale.pretrainings
        if name in needed
    }
    shares = dict.fromkeys(share for arm in arms.values() for share in arm.labels or scale.labels)
    return [*sources.values(), *(
        _fine_tuning(study, scale, workspace, seed, name, sources.get(arm.source), share)
        for share in sorted(shares, reverse=True)
        for name, arm in arms.items()
        if share in (arm.labels or scale.labels) and (not arm.published or workspace.published_start(arm.published))
    )]  # fmt: skip


def _pretraining(study, scale, workspace, seed, name):
    source = scale.pretrainings[name]
    recipe = source.recipe
    if source.samples > 1:
        recipe = replace(recipe, sample=seed % source.samples)
    return Trial(
        arm=name, fold=0, corpora=workspace.fingerprints(*(source.corpora or scale.pretraining_corpora)), recipe=recipe,
        **_common(study, scale, seed, source),
    )  # fmt: skip


def _fine_tuning(study, scale, workspace, seed, name, parent, share):
    arm, start = scale.arms[name], "random"
    if parent:
        start = f"{parent.key}@{arm.share or parent.recipe.checkpoints[-1]}"
    if arm.published:
        start = workspace.published_start(arm.published)
    recipe = replace(arm.fine_tuning or scale.fine_tuning, labels=share)
    if arm.repeated_folds:
        recipe = replace(recipe, fold_seed=recipe.fold_seed + seed // recipe.folds)
    return Trial(
        arm=name, fold=_fold(scale, arm, recipe, seed), recipe=recipe, initialisation=start,
        corpora=workspace.fingerprints(*learnt(scale, arm), arm.corpus), freeze_depth=arm.freeze_depth,
        frozen_batch_normalisation=arm.frozen_batch_normalisation, **_common(study, scale, seed, arm),
    )  # fmt: skip


def _fold(scale, arm, recipe, seed):
    if arm.fold is not None:
        return arm.fold
    return seed % recipe.folds if scale.rotate_folds or arm.repeated_folds else 0


def learnt(scale, arm):
    """Corpora that an arm learns signal quality from; none where it is fine-tuned on a part of what it is tested on."""
    quality = isinstance(arm.fine_tuning or scale.fine_tuning, QualityTraining)
    return arm.learnt or scale.learnt if quality else ()


def _common(study, scale, seed, part):
    """What both stages take from the scale, unless the source or arm has its own."""
    return {"study": study, "scale": scale.name, "seed": seed, "model": part.model, "precision": scale.precision,
            "width": scale.width if part.width is None else part.width, "transform": part.transform}  # fmt: skip


def corpora(scale):
    """Names of all corpora that the trials of a scale need, each once."""
    names = []
    for arm in scale.arms.values():
        source = arm.source and scale.pretrainings[arm.source]
        pretrained = (source.corpora or scale.pretraining_corpora) if source else ()
        names += [*pretrained, *learnt(scale, arm), arm.corpus]
    return tuple(dict.fromkeys(names))


def revision(corpus, scale):
    """Label revision that a corpus of CinC 2017 has by its name, or else by the scale."""
    return options_of(corpus).get("labels", scale.label_revision)


class _Found:
    """Stands in for a workspace: the corpora that results were made from."""

    def __init__(self, fingerprints, starts):
        self._fingerprints, self._starts = fingerprints, starts

    def fingerprints(self, *names):
        return tuple((name, self._fingerprints.get(name, "")) for name in names)

    def published_start(self, name):
        return next((start for start in self._starts if name in start.split(":")[:2]), None)


def declared(study, scale, found):
    """Choose the finished runs that a scale lists, as it is written here and by the present recipe.

    Runs with settings of one's own lie in the same folder, and are none of the design that a claim is judged by.

    Parameters
    ----------
    study : str
    scale : Scale
    found : list of dict
        See `ecgrepro.training.store.read_result`.
    """
    seen = {}
    for name, fingerprint in (tuple(pair) for result in found for pair in result["trial"]["corpora"]):
        seen.setdefault(name, {})[fingerprint] = True
    # the same corpus may have been ingested in two ways: every run must fit one of them as a whole
    ways = [dict(zip(seen, way, strict=True)) for way in product(*seen.values())]
    starts = {result["trial"]["initialisation"] for result in found}
    keys = {trial.key for way in ways for trial in trials(study, scale, _Found(way, starts))}
    return [result for result in found if result["key"] in keys and _has_labels(result, scale)]


def _has_labels(result, scale):
    if result["trial"]["stage"] == "pretraining":
        return True
    tested, _ = result["trial"]["corpora"][-1]
    if data_set_of(tested) != "cinc2017":  # alone has revisions
        return True
    return result["run"]["label_revision"] == revision(tested, scale)
