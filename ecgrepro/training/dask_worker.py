"""What runs in a worker of Dask: calls go on to the worker's trial process, lines go back to the driver.

A worker works in the folders of whoever hands out the trials (the driver), by the same paths. A locked file among
them, the token, tells three things: that the folder is shared, that its locks hold between machines, and for as long
as it is locked that the driver is alive. A worker ends a trial whose driver has gone.

Nothing here imports Keras, nor unpickles anything that does: only the trial process needs it.
"""

import asyncio

from distributed import get_worker

from ecgrepro.training.store import locked
from ecgrepro.training.trial_process import TrialProcess

#: Answers beside those of `TrialProcess.call`: the token is not there, or it is there and nobody holds it.
NO_TOKEN, FREE_TOKEN = "no token", "free token"
_PROCESS = TrialProcess()


def hand_over(packed, token, name):
    """Make a call in the worker's trial process, as a task.

    Parameters
    ----------
    packed : bytes
        See `ecgrepro.training.trial_process.pack`.
    token : Path
    name : str
        Under which lines go to the driver, as events of the topic `token.name`.

    Returns
    -------
    (str, bytes, str)
        See `TrialProcess.call`, `NO_TOKEN` and `FREE_TOKEN`; and the worker's address.
    """
    worker = get_worker()

    def say(line):
        worker.log_event(token.name, {"worker": str(worker.name), "name": name, "line": line})

    return *_call(packed, token, say), worker.address


async def hand_over_now(packed, token, dask_worker):
    """The same without lines and outside the worker's list of tasks, for `Client.run`, which names the worker."""
    return *await asyncio.to_thread(_call, packed, token, lambda line: None), dask_worker.address


def _call(packed, token, say):
    if not token.exists():
        return NO_TOKEN, b""
    try:
        if driver_has_gone(token):
            return FREE_TOKEN, b""
    except OSError:  # a folder that cannot be written to, or a file system that has no locks
        return FREE_TOKEN, b""
    return _PROCESS.call(packed, say, lambda: driver_has_gone(token), token.name)


def driver_has_gone(token):
    """Whether the file that the driver holds locked is away or free."""
    if not token.exists():
        return True
    with locked(token, wait=False) as free:
        return free
