"""What freezing saves: seconds, memory and trained parameters of AlexNet with its first k layers frozen, measured.

Every depth is trained by the steps of a trial, once as a whole and, where a trial would keep the features of the
frozen layers (`ecgrepro.training.start.WORTH`: at full width from the second layer on), once more on kept features.
Dropout stands before fc6 and fc7: six and seven frozen layers keep the features of five, and compute the rest anew.

Pictures, signals and labels are random, since cost does not depend on content; features are those of the pictures.
All that is timed takes turns, repeat by repeat, so that ratios are of one time and one machine. The optimiser is the
study's own (`QualityTraining`).
"""

import json
import math
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from ecgrepro.errors import SettingsError
from ecgrepro.frames.transforms import make_transform
from ecgrepro.models.alexnet import alexnet
from ecgrepro.studies.peak_memory import in_own_process, memory_of
from ecgrepro.training import cost
from ecgrepro.training.device_corpus import records_source
from ecgrepro.training.feature_cache import BATCH_SIZE, cached_features
from ecgrepro.training.freezing import cost as cost_of
from ecgrepro.training.freezing import cut, freeze
from ecgrepro.training.recipe import QualityTraining
from ecgrepro.training.run_record import git_commit, hardware, versions
from ecgrepro.training.seeds import make_deterministic
from ecgrepro.training.start import WORTH
from ecgrepro.training.steps import Steps
from ecgrepro.training.workspace import optimiser

#: Intervals of an epoch: the published training set (Huerta et al., CinC 2022, section 2.3).
INTERVALS = 20_000
#: An interval before it is drawn: 5 s at 250 Hz.
SIGNAL = (1250, 1)
#: Aimed at before anything was measured: share of the fastest step with nothing frozen that a kept depth may take.
TARGETS = {5: 1 / 5, 7: 1 / 20}
#: Batches of a timed run on a processor and on an accelerator, and how many of them hold pictures of their own.
BATCHES, BATCHES_ON_ACCELERATOR, DIFFERENT = 4, 64, 4
SEED = 0
KERAS, SCALOGRAM, FEATURES = "Keras", "scalogram", "features"


@dataclass(frozen=True)
class Setting:
    """The net and the runs that are measured; see `measure_costs`."""

    width: float
    size: tuple
    batch_size: int
    n_batches: int
    repeats: int

    def __post_init__(self):
        for name in ("batch_size", "n_batches", "repeats"):
            if (count := getattr(self, name)) < 1:
                raise SettingsError(name, "at least 1", str(count), "Leave it out for the default.")

    def net(self, depth):
        """AlexNet with two outputs, its first `depth` layers frozen, compiled as for a trial."""
        net = alexnet((*self.size, 3), 2, width=self.width)
        freeze(net, depth)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        net.compile(optimiser(QualityTraining().optimiser), loss)
        net.optimizer.build(net.trainable_variables)
        return net

    @property
    def n_different(self):  # intervals
        return self.batch_size * min(self.n_batches, DIFFERENT)

    def labels(self):
        """Random classes: int32, (n_different,)."""
        return np.random.default_rng(SEED).integers(2, size=self.n_different).astype(np.int32)

    def batches(self):
        """Rows of every batch of a run: list of int arrays, (batch_size,)."""
        rows = np.arange(self.n_different).reshape(-1, self.batch_size)
        return [rows[i % len(rows)] for i in range(self.n_batches)]


def measure_costs(depths=range(8), *, width=1.0, size=(227, 227), batch_size=32, n_batches=None, repeats=5, folder=None,
                  progress=True):  # fmt: skip
    """Measure what training costs at every depth of freezing, with and without features kept.

    Seeds every library's global generator and asks for deterministic kernels, as a trial does. Full width takes some
    10 GB of memory, since the nets of all depths are there at once.

    Parameters
    ----------
    depths : sequence of int
        Learnable layers frozen, 0 to 7. Without 0 there is nothing to compare with.
    width, size, batch_size
        Of AlexNet; height and width of a picture; intervals.
    n_batches : int, optional
        Batches of a timed run; 4 on a processor, 64 on an accelerator.
    repeats : int
        Timed runs of each kind, after one that is not counted.
    folder : str or Path, optional
        Features are written there while computing them is timed, and removed; in memory unless given.
    progress : bool
        Show bars on standard error.

    Returns
    -------
    DataFrame
        One row per depth and ``cached``: whether it is trained on kept features. ``parameters`` and
        ``trainable_parameters`` of the whole net. ``forward_flops``, ``backward_flops`` per interval of what is
        computed in every epoch. ``milliseconds_per_interval`` (median over repeats), ``fastest``, ``slowest`` (in the
        same unit). ``share_of_unfrozen``: median over repeats of the ratio to the fastest uncached step with nothing
        frozen, the trial's own or, on a processor, Keras' ``train_on_batch``, whose
        ``keras_milliseconds_per_interval`` stands in that row alone. ``feature_milliseconds_per_interval``: computing
        the features, which is done once; 0 uncached. ``feature_bytes_per_interval``. ``peak_memory_MB`` (of 2^20
        bytes): what training steps take at their highest beyond what was in use before: activations, gradients and
        working memory, but not ``state_MB``, the weights of the whole net with the optimiser's state. On a processor
        it is resident memory of the first two steps of a new process, compiling included; on an accelerator the
        backend's own count. ``epoch_seconds`` of 20,000 intervals once features are there, and
        ``first_epoch_seconds``. ``scalogram_milliseconds_per_interval``: drawing the picture of 5 s of ECG, the same
        in every row and in none of the other columns. ``attrs`` holds the setting, the machine and the versions.

    Raises
    ------
    SettingsError
        A depth, width or size that AlexNet does not have, a count below 1, or too little memory.
    """
    usual = BATCHES_ON_ACCELERATOR if cost.accelerators() else BATCHES
    how = Setting(width, tuple(size), batch_size, usual if n_batches is None else n_batches, repeats)
    make_deterministic(SEED)
    nets = {depth: how.net(depth) for depth in depths}
    parts = {depth: kept_parts(net) for depth, net in nets.items()}
    runs = _runs(how, nets, parts, folder)
    times = _times(runs, repeats, progress)
    arms = [name for name in runs if isinstance(name[1], bool)]
    memory = {name: _peak_memory(how, *name, runs[name][0]) for name in _bar(arms, "memory", progress)}
    rows = [_row(*arm, nets, parts, times, memory) for arm in arms]
    table = pd.DataFrame(rows).sort_values(["cached", "depth"], ignore_index=True)
    table.attrs = _about(how)
    return table


def kept_parts(net):
    """(prefix, tail) of a frozen net where a trial would keep the prefix's features, else None."""
    parts = cut(net)
    worth = parts and cost_of(parts[1])["forward_flops"] <= WORTH * cost_of(net)["forward_flops"]
    return parts if worth else None


def _runs(how, nets, parts, folder):
    """What is timed: dict of name, (depth, cached) for what is trained, to (function, intervals that it sees)."""
    pictures, labels, batches = _random(how.n_different, (*how.size, 3)), how.labels(), how.batches()
    whole, trained = records_source(pictures, labels), how.n_batches * how.batch_size
    runs = {}
    for depth, net in nets.items():
        runs[depth, False] = partial(Steps(net, whole).train, batches), trained
        if depth == 0 and not cost.accelerators():  # there XLA has no deterministic gradient of max-pooling
            runs[KERAS, depth] = partial(_train_on_batch, net, pictures, labels, batches), trained
        if parts[depth]:
            prefix, tail = parts[depth]
            rows = records_source(_once(prefix, pictures, None), labels)
            runs[depth, True] = partial(Steps(tail, rows).train, batches), trained
            runs[FEATURES, depth] = partial(_once, prefix, pictures, folder), how.n_different
    signal = keras.Input(SIGNAL)
    drawing = keras.Model(signal, make_transform("cwt", size=how.size)(signal))
    drawn = partial(_once, drawing, _random(how.n_different, SIGNAL), None)
    return runs | {(SCALOGRAM, None): (drawn, how.n_different)}


def _random(n, shape):
    return np.random.default_rng(SEED).standard_normal((n, *shape), np.float32)


def _once(net, inputs, folder):
    """What a net gives for all inputs, computed as a trial computes what it keeps, and written if a folder is given."""
    with nullcontext() if folder is None else tempfile.TemporaryDirectory(dir=folder) as place:
        return cached_features(net, inputs, key="cost", folder=place, memory_budget=sys.maxsize,
                               batch_size=min(BATCH_SIZE, len(inputs)), progress=False)  # fmt: skip


def _train_on_batch(net, pictures, labels, batches):
    for batch in batches:
        net.train_on_batch(pictures[batch], labels[batch])


def _times(runs, repeats, progress):
    """Milliseconds per interval of every run: dict of name to float array (repeats,)."""
    times = {name: [] for name in runs}
    for repeat, name in _bar([(i, name) for i in range(repeats + 1) for name in runs], "timing", progress):
        run, intervals = runs[name]
        began = time.perf_counter()
        run()
        if repeat:  # the first compiles
            times[name].append(1e3 * (time.perf_counter() - began) / intervals)
    return {name: np.array(taken) for name, taken in times.items()}


def _bar(items, what, progress):
    # without `disable` the bar follows tqdm's own variable TQDM_DISABLE
    return tqdm(items, desc=what, unit="run", file=sys.stderr, **({} if progress else {"disable": True}))


def _reference(times):
    """Times of the fastest uncached step with nothing frozen; NaN without depth 0."""
    found = [times[name] for name in ((0, False), (KERAS, 0)) if name in times]
    return min(found, key=np.median) if found else np.nan


def _row(depth, cached, nets, parts, times, memory):
    net, taken, medians = nets[depth], times[depth, cached], {name: np.median(t) for name, t in times.items()}
    arithmetic = cost_of(parts[depth][1] if cached else net)
    epoch = INTERVALS / 1e3 * medians[depth, cached]
    once = medians[FEATURES, depth] if cached else 0.0
    return {
        "depth": depth, "cached": cached, **cost_of(net),
        **{name: arithmetic[name] for name in ("forward_flops", "backward_flops")},
        "milliseconds_per_interval": medians[depth, cached], "fastest": taken.min(), "slowest": taken.max(),
        "share_of_unfrozen": np.median(taken / _reference(times)),
        "keras_milliseconds_per_interval": np.nan if cached else medians.get((KERAS, depth), np.nan),
        "feature_milliseconds_per_interval": once,
        "feature_bytes_per_interval": 4 * math.prod(parts[depth][1].input_shape[1:]) if cached else 0,
        "peak_memory_MB": memory[depth, cached], "state_MB": _state(net),
        "epoch_seconds": epoch, "first_epoch_seconds": epoch + INTERVALS / 1e3 * once,
        "scalogram_milliseconds_per_interval": medians[SCALOGRAM, None],
    }  # fmt: skip


def _state(net):
    """MB of weights and of what the optimiser keeps of those that are trained, both float32."""
    return sum(4 * math.prod(one.shape) for one in (*net.weights, *net.optimizer.variables)) / (1 << 20)


def _peak_memory(how, depth, cached, run):
    """MB of a training step beyond what was in use before it; see `measure_costs`."""
    if cost.accelerators() and keras.backend.backend() == "tensorflow":
        return memory_of(run)
    return in_own_process(step_memory, how, depth, cached)


def step_memory(how, depth, cached):
    """MB of the first two training steps of this process, on random pictures or features; see `measure_costs`."""
    # the process that measures seconds has its share of the accelerator
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    make_deterministic(SEED)
    net = how.net(depth)
    trained = kept_parts(net)[1] if cached else net
    rows = _random(how.n_different, trained.input_shape[1:])
    steps = Steps(trained, records_source(rows, how.labels()))
    return memory_of(partial(steps.train, how.batches()[:1] * 2))


def _about(how):
    return {"finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": git_commit(),
            "backend": keras.backend.backend(), "setting": asdict(how), "optimiser": repr(QualityTraining().optimiser),
            "hardware": hardware(), "versions": versions()}  # fmt: skip


def cached_shares(table):
    """Cost of an epoch on kept features against the fastest uncached one with nothing frozen.

    From a table of `measure_costs` a DataFrame with one row per depth with features kept: ``depth``, ``share``
    (``share_of_unfrozen``), ``times`` (its inverse), ``target`` (`TARGETS`, NaN without one), ``met`` (NA without one).
    """
    kept = table[table.cached].reset_index(drop=True)
    share, target = kept.share_of_unfrozen, kept.depth.map(TARGETS).astype(float)
    met = (share <= target).astype("boolean").mask(target.isna())
    return pd.DataFrame(
        {"depth": kept.depth, "share": share, "times": 1 / share, "target": target, "met": met}
    )


def write_costs(folder, table):
    """Write a table of `measure_costs` as cost.csv, and where it was measured as machine.json, each in one rename."""
    (folder := Path(folder)).mkdir(parents=True, exist_ok=True)
    texts = {"machine.json": json.dumps(table.attrs, indent=1) + "\n",
             "cost.csv": table.to_csv(index=False, float_format="%.6g")}  # fmt: skip
    for name, text in texts.items():  # the table last: where it is, the other is
        partial_file = folder / f"{name}.partial"
        partial_file.write_text(text, encoding="utf-8")
        os.replace(partial_file, folder / name)


def read_costs(folder):
    """Read what `write_costs` left: the table with its ``attrs``, None where there is none."""
    path = Path(folder) / "cost.csv"
    if not path.exists():
        return None
    table = pd.read_csv(path)
    table.attrs = json.loads(path.with_name("machine.json").read_text(encoding="utf-8"))
    return table
