"""One recording of each class of a corpus, drawn by lot so that none is picked for its looks.

The lot depends on the seed and the name of the class, not on which other classes are asked for. By what a
corpus is labelled with:

* whole recordings (labels, superclasses of SCP-ECG statements, SNOMED CT codes): among the recordings with the class
  and none of the others, or, where there is none, among all with the class; the first seconds are shown;
* beats: among the recordings with such a beat one, among its beats one, which stands in the middle;
* spans of signal quality: among the recordings with such a span of the length shown one, among its spans one, of
  which the middle is shown.
"""

from typing import NamedTuple

import numpy as np

from ecgrepro.corpora import nstdb, snomed
from ecgrepro.corpora.record import BEAT_CLASSES, QUALITY_CLASSES
from ecgrepro.corpora.scp_statements import SUPERCLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.frames.diagnosis import DiagnosisTask
from ecgrepro.studies.ecg_paper import draw_ecg_paper

#: What labels and superclasses stand for.
NAMES = {
    "N": "normal rhythm", "A": "atrial fibrillation", "O": "other rhythm", "~": "too noisy to tell",
    "NORM": "normal ECG", "MI": "myocardial infarction", "STTC": "ST/T change", "CD": "conduction disturbance",
    "HYP": "hypertrophy", **nstdb.NOISE_KINDS,
}  # fmt: skip
#: Classes of events by the kind that `Corpus.events` knows; what nobody graded is no class.
EVENT_CLASSES = {"quality": QUALITY_CLASSES[1:], "beats": BEAT_CLASSES}
ALONE = "drawn by lot from those with it and none of the other classes ({})"
WITH_OTHERS = "drawn by lot from those with it, all of which have other classes too ({})"


class Example(NamedTuple):
    """Where a recording of a class is.

    Attributes
    ----------
    position : int
        Row of the corpus' index.
    start : float
        Second from which it is shown.
    name : str
        The class in words.
    rule : str
        How it was drawn, from how many.
    """

    position: int
    start: float
    name: str
    rule: str


def one_per_class(corpus, classes=None, seed=0, seconds=10):
    """Draw one recording of each class.

    Parameters
    ----------
    corpus : Corpus
    classes : sequence of str, optional
        Labels, superclasses of PTB-XL, SNOMED CT codes, or names of `BEAT_CLASSES` or `QUALITY_CLASSES`. Default: all;
        of the Challenge's sources the nine classes of CPSC 2018, or those that PTB-XL and Georgia share.
    seed : int
    seconds : float
        Length that will be shown.

    Returns
    -------
    dict of str to Example
        In the order of the classes; those without a recording are left out.

    Raises
    ------
    SettingsError
        A corpus without any class, or beats or grades of another name.
    """
    counts = corpus.manifest["counts"]
    if any(counts["labels"]) or counts["codes"]:
        return _draw_recordings(corpus, classes, seed)
    for kind, known in EVENT_CLASSES.items():
        if counts[kind]:
            return _draw_events(corpus, kind, _listed(classes, known), seed, seconds)
    raise SettingsError(corpus.path, "labels, codes, graded spans or beats", "none", "Choose another corpus.")


def draw_example(corpus, example, *, seconds=10, synthetic=False):
    """Draw an `Example` on ECG paper, its class and its place in the title, its rule below. Returns the figure."""
    row = corpus.index.iloc[example.position]
    first = round(example.start * row.fs)
    # of a day-long recording only what is shown becomes floats
    signal = corpus.signal(example.position)[first : first + round(seconds * row.fs)]
    millivolts = (signal - np.asarray(row.baseline)) / np.asarray(row.gain)
    positions, classes = corpus.events("beats", example.position)
    # no letters where nobody annotated
    beats = (positions - first, classes) if len(positions) else None
    title = f"{corpus.manifest['data_set']} {row.record_id}{_clock(example.start)}: {example.name}"
    return draw_ecg_paper(millivolts, row.fs, list(row.leads), seconds=seconds, title=title, beats=beats,
                          synthetic=synthetic, notes=[example.rule])  # fmt: skip


def _clock(start):
    if not start:
        return ""
    return f" at {int(start) // 3600}:{int(start) // 60 % 60:02d}:{int(start) % 60:02d}"


def _lot(seed, name):
    return np.random.default_rng([seed, *name.encode()])


def _listed(classes, known):
    unknown = sorted(set(classes or ()) - set(known))
    if unknown:
        raise SettingsError("classes", f"some of {', '.join(known)}", str(unknown), "Choose among them.")
    return known if classes is None else classes


def _draw_recordings(corpus, classes, seed):
    names, member = _membership(corpus, classes)
    others = member.sum(axis=1) > 1
    examples = {}
    for name in names if classes is None else classes:
        having = member[:, names.index(name)]
        rule, chosen = (ALONE, having & ~others) if (having & ~others).any() else (WITH_OTHERS, having)
        if chosen.any():
            words = NAMES.get(name) or snomed.class_name(name)
            rule = f"Class {name}: a recording {rule.format(f'{chosen.sum():,}')}"
            examples[name] = Example(int(_lot(seed, name).choice(np.flatnonzero(chosen))), 0.0, words, rule)
    return examples


def _membership(corpus, classes):
    """Names of all classes and a bool array (n_records, n_classes): which recordings have them."""
    if corpus.manifest["data_set"] == "ptbxl":
        task = DiagnosisTask("superdiagnostic")
        _listed(classes, SUPERCLASSES)
        member = task.labels(corpus.index.codes)[0] > 0
        return list(SUPERCLASSES), member[:, [task.classes.index(name) for name in SUPERCLASSES]]
    if corpus.manifest["counts"]["codes"]:
        names, given = _challenge_classes(corpus), corpus.index.codes
    else:
        names, given = _labels(corpus), [(label,) for label in corpus.index.label]
    names += [name for name in classes or () if name not in names]
    return names, np.array([[name in found for name in names] for found in given], bool)


def _labels(corpus):
    """Labels in the order of `NAMES`, others after them; recordings without a label have no class."""
    found = sorted(set(corpus.manifest["counts"]["labels"]) - {""})
    return sorted(found, key=lambda label: list(NAMES).index(label) if label in NAMES else len(NAMES))


def _challenge_classes(corpus):
    if corpus.manifest["data_set"].startswith("cpsc"):
        return list(snomed.CPSC_CLASSES.values())
    return [shared.code for shared in snomed.SHARED_CLASSES]


def _draw_events(corpus, kind, classes, seed, seconds):
    known = BEAT_CLASSES if kind == "beats" else QUALITY_CLASSES
    found = {name: _draw_event(corpus, kind, known.index(name), _lot(seed, name), seconds) for name in classes
             if name in corpus.manifest["counts"][kind]}  # fmt: skip
    return {name: example for name, example in found.items() if example}


def _draw_event(corpus, kind, number, lot, seconds):
    """One event of a class from one recording, both by lot; recordings are read until one has such an event."""
    for i in lot.permutation(len(corpus)):
        fs, duration = corpus.index.fs.iat[i], corpus.index.n_samples.iat[i] / corpus.index.fs.iat[i]
        middles = _middles(*corpus.events(kind, i), kind, number, seconds * fs) / fs
        if len(middles):
            start = max(0.0, min(lot.choice(middles) - seconds / 2, duration - seconds))
            return Example(int(i), float(start), *_event_words(kind, number, len(middles), seconds))
    return None


def _middles(positions, classes, kind, number, n_samples):
    """Middles of the events of a class in samples; of spans only those that are long enough."""
    if kind == "beats":
        return positions[classes == number].astype(float)
    starts = np.concatenate([[0], positions[:-1]])
    chosen = (classes == number) & (positions - starts >= n_samples)
    return (starts[chosen] + positions[chosen]) / 2


def _event_words(kind, number, count, seconds):
    """Name and rule of an example."""
    if kind == "beats":
        rule = f"A recording drawn by lot, and one of its beats of this class ({count:,}), in the middle"
        return f"{BEAT_CLASSES[number]} beat", rule
    rule = (
        f"A recording drawn by lot, and one of its spans of this class of at least {seconds:g} s ({count:,})"
    )
    return f"class {number}, {QUALITY_CLASSES[number]}", rule
