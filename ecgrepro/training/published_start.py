"""Start points that others have published, as `Trial.initialisation` names them: kind, then digest of the local file.

================================ =========================== =====================================================
initialisation                   nets                        weights
================================ =========================== =====================================================
``imagenet:SHA1``                alexnet                     `ecgrepro.models.caffe_weights`: the published file
``class_report:NAME:SHA256``     resnet18, resnet18_2d       `ecgrepro.models.class_report_weights`: start point
                                                             NAME, by its converted file
================================ =========================== =====================================================

To add one: a line in `KINDS`. The files are looked up on this machine and compared with the digest, so that a trial
described with one file cannot run with another. Heads are never taken: they stay random, from the trial's seed.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ecgrepro.corpora.fetch_folder import sha256_of
from ecgrepro.errors import SettingsError
from ecgrepro.models.caffe_weights import find_weights as find_alexnet
from ecgrepro.models.caffe_weights import load_caffe_weights
from ecgrepro.models.class_report_weights import START_POINTS, find_weights, is_here, start_point
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import checkpoint

IMAGENET, CLASS_REPORT = "imagenet:", "class_report:"
#: Facts of the class report's pre-training (736e4ab), under the keys of `ecgrepro.claims.schema.REQUIREMENTS`.
_PRETRAINING = {"pretraining_corpus": "icentia11k", "pretraining_task": "beat", "pretraining_frame": 4096}


@dataclass(frozen=True)
class Kind:
    """A kind of published start.

    Attributes
    ----------
    form : str
        How an initialisation of it is written, and for which nets.
    fits : callable
        (what follows the prefix, model name, width) to whether such a net can start so.
    load : callable
        (what follows the prefix, model): gives a `keras.Model` the weights.
    """

    form: str
    fits: Callable
    load: Callable


def _fits_alexnet(sha1, model, width):
    return model == "alexnet"


def _load_alexnet(sha1, model):
    path = find_alexnet()
    _require_same(path, "SHA-1", sha1, load_caffe_weights(path, model)["sha1"])


def _fits_class_report(named, model, width):
    name, _, digest = named.partition(":")
    start = START_POINTS.get(name)
    return bool(start and digest) and (model, width) == (start.model, start.width)


def _load_class_report(named, model):
    name, _, sha256 = named.partition(":")
    path = find_weights(name)
    _require_same(path, "SHA-256", sha256, sha256_of(path))
    checkpoint.load_extractor(path, model, HEAD)


def _require_same(path, kind, expected, found):
    if found != expected:
        fix = "Put the file in place that the trial was described with, or describe it anew."
        raise SettingsError(path, f"the file with {kind} {expected}", found, fix)


#: Kinds by the beginning of an initialisation.
KINDS = {
    IMAGENET: Kind("imagenet:SHA1 for alexnet", _fits_alexnet, _load_alexnet),
    CLASS_REPORT: Kind(
        f"class_report:NAME:SHA256 (NAME one of {', '.join(START_POINTS)}) for the net and width of NAME",
        _fits_class_report, _load_class_report,
    ),
}  # fmt: skip
#: For the error of an initialisation that is none of the known ones.
FORMS = " or ".join(kind.form for kind in KINDS.values())


def published_start(name):
    """Return the initialisation by weights that are given away, where a file of them is on this machine, or None.

    Parameters
    ----------
    name : str
        "imagenet", for AlexNet, or one of `ecgrepro.models.class_report_weights.START_POINTS`.

    Raises
    ------
    SettingsError, InputError, DiskError
        As `ecgrepro.models.class_report_weights.find_weights`.
    """
    if name == IMAGENET.rstrip(":"):
        return alexnet_start()
    return class_report_start(name) if is_here(name) else None


def alexnet_start():
    """Return the initialisation by the weights of ImageNet, ``imagenet:SHA1``, or None without a file."""
    try:
        path = find_alexnet()
    except SettingsError:
        return None
    about = path.stat()
    return f"{IMAGENET}{_sha1(path, about.st_size, about.st_mtime_ns)}"


@lru_cache
def _sha1(path, size, changed):
    """SHA-1 of a file that is read again only where its size or time has changed: 244 MB, for every arm and seed."""
    return hashlib.sha1(path.read_bytes()).hexdigest()


def class_report_start(name):
    """Return the initialisation of a start point of the class report, from the file on this machine.

    Parameters
    ----------
    name : str
        Of `ecgrepro.models.class_report_weights.START_POINTS`.

    Returns
    -------
    str
        ``class_report:NAME:SHA256``.

    Raises
    ------
    SettingsError, InputError, DiskError
        As `ecgrepro.models.class_report_weights.find_weights`.
    """
    return f"{CLASS_REPORT}{name}:{sha256_of(find_weights(name))}"


def is_published(initialisation):
    """Whether an initialisation is of a kind that others have published."""
    return _kind(initialisation) is not None


def fits(initialisation, model, width):
    """Whether a net, by its name in the catalogue and its width, can start as a published start says."""
    prefix = _kind(initialisation)
    return prefix is not None and KINDS[prefix].fits(initialisation.removeprefix(prefix), model, width)


def load_published(initialisation, model):
    """Give a model the weights of a published start; its head keeps its own.

    Parameters
    ----------
    initialisation : str
        One for which `is_published`.
    model : keras.Model

    Raises
    ------
    SettingsError
        An unknown kind, no file here, or another than the one of the digest.
    InputError
        A damaged file, or one of another net: every tensor must find its place.
    """
    prefix = _kind(initialisation)
    if prefix is None:
        raise SettingsError("initialisation", FORMS, repr(initialisation), "See training/published_start.py.")
    KINDS[prefix].load(initialisation.removeprefix(prefix), model)


def provenance(initialisation):
    """What is known of the pre-training behind a start, under the keys of `ecgrepro.claims.schema.REQUIREMENTS`.

    Empty for all but the class report's: of other starts the trial's own record tells, or no claim asks.
    """
    if _kind(initialisation) != CLASS_REPORT:
        return {}
    start = start_point(initialisation.removeprefix(CLASS_REPORT).partition(":")[0])
    return _PRETRAINING | {"pretraining_share": start.percent / 100}


def _kind(initialisation):
    return next((prefix for prefix in KINDS if initialisation.startswith(prefix)), None)
