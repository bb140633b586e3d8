"""The pre-training tasks by name.

A task labels frames and nothing else; `FrameSampler` serves all of them. It has

* ``name``, ``classes`` (of its labels, so that a net has ``len(classes)`` outputs);
* ``kind``: the annotations it needs, ``"beats"`` or ``"rhythms"``, or None;
* ``labels(events, starts, length)``: int32 labels of frames, where ``events`` is the index of `Streams` of that kind.

A task whose examples are of several frames each has besides

* ``frames``: how many; ``span``: frames one after another that a recording must have room for;
* ``places(rng, rows, starts, pool, room, length)``: the frames of examples whose first frames are drawn already.
"""

from ecgrepro.errors import SettingsError
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.future import FutureTask
from ecgrepro.frames.heart_rate import HeartRateTask
from ecgrepro.frames.rhythm import RhythmTask

#: Name in a `Pretraining` recipe to a function from the sampling rate in Hz, and settings if it has any, to the task.
TASKS = {
    "beat": lambda fs: BeatTask(),
    "rhythm": lambda fs: RhythmTask(),
    "heart_rate": HeartRateTask,
    "future": lambda fs, **settings: FutureTask(**settings),
}


def make_task(name, fs, **settings):
    """Make the pre-training task of a name for streams of a sampling rate in Hz; settings are those of `FutureTask`.

    Raises
    ------
    SettingsError
        An unknown name.
    """
    if name not in TASKS:
        raise SettingsError("task", f"one of {', '.join(TASKS)}", repr(name), "See `ecgrepro.frames.tasks`.")
    return TASKS[name](fs, **settings)
