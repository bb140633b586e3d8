"""The corpora a trial names, opened, and the working copies made of them."""

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from ecgrepro.corpora.aliases import ALIASES, data_set_of, ingest_command, mismatch
from ecgrepro.corpora.corpus import FORMAT, Corpus
from ecgrepro.errors import InputError
from ecgrepro.frames.af import prepare_corpus
from ecgrepro.frames.resample import resample_corpus
from ecgrepro.frames.sampler import Streams
from ecgrepro.training.recipe import Momentum
from ecgrepro.training.store import locked


@dataclass(frozen=True)
class Workspace:
    """Ingested corpora by name, and a folder for what is derived from them.

    Parameters
    ----------
    corpora : tuple of (name, path of an ingested corpus)
    work : Path
        Working folder; resampled corpora, prepared inputs and features of frozen layers are kept there.
    feature_memory, feature_disk : int
        Bytes that features of frozen layers may take in memory, and below `work`.
    """

    corpora: tuple
    work: Path
    feature_memory: int = 4 << 30
    feature_disk: int = 32 << 30
    _cache: dict = field(default_factory=dict, hash=False, compare=False)

    def corpus(self, name):
        """Open a corpus by name."""
        paths = dict(self.corpora)
        if name not in paths:
            raise InputError(
                f"corpus {name}", f"one of {', '.join(paths) or 'none'}", "no such corpus",
                f"Run `ecgrepro data fetch {data_set_of(name)}` and `{ingest_command(name)}`, or name the folder.",
            )  # fmt: skip
        if name not in self._cache:
            self._cache[name] = Corpus(paths[name])
        return self._cache[name]

    def fingerprints(self, *names):
        """(name, fingerprint) of corpora, as a `Trial` holds them."""
        return tuple((name, self.corpus(name).fingerprint) for name in names)

    def published_start(self, name):
        """The `initialisation` by weights that others give away, None where they are not at hand."""
        from ecgrepro.training.published_start import published_start

        return published_start(name)

    def check(self, trial):
        """Raise `InputError` unless every corpus of a trial is the one it was described with, and what it is called."""
        for name, fingerprint in trial.corpora:
            self._check_alias(name)
            if self.corpus(name).fingerprint != fingerprint:
                raise InputError(
                    f"corpus {name}", f"content {fingerprint[:12]}", self.corpus(name).fingerprint[:12],
                    "The trial was described for other recordings: describe it again.",
                )  # fmt: skip

    def _check_alias(self, name):
        """A corpus named such as ``cinc2017_v2`` must be of the data set, and have the options, that the name says."""
        wrong = mismatch(name, self.corpus(name).manifest) if name in ALIASES else None
        if wrong:
            fix = f"Put another folder in its place: `{ingest_command(name)}`."
            raise InputError(f"corpus {name}", *wrong, fix)

    def streams(self, names, fs, kind="beats"):
        """Single-lead streams of corpora at one sampling rate, with annotations of one kind; see `Streams`."""
        return _streams(self, tuple(names), fs, kind)

    def af(self, name, how):
        """Inputs float32 (n_records, length) and labels int32 (n_records,) of the AF task."""
        return prepare_corpus(self.corpus(name), how, self.work / "prepared", progress=False)


@lru_cache(maxsize=4)
def _streams(workspace, names, fs, kind):
    return Streams([_at_rate(workspace, workspace.corpus(name), fs) for name in names], kind=kind)


def _at_rate(workspace, corpus, fs):
    if (corpus.index.fs == fs).all():
        return corpus
    folder = workspace.work / "resampled" / f"{corpus.fingerprint[:16]}-{fs:g}Hz-{FORMAT}"
    with locked(folder.with_suffix(".lock")):  # of several processes one resamples, the others find the copy
        return resample_corpus(corpus, fs, folder)


def optimiser(settings):
    """Optimiser from a trial's settings, `Adam` or `Momentum` of `ecgrepro.training.recipe`."""
    if isinstance(settings, Momentum):
        from keras.optimizers import SGD

        return SGD(**asdict(settings))
    from ecgrepro.training.adam import Adam

    return Adam(**asdict(settings))
