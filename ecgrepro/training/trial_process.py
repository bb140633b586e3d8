"""A process that does nothing but train: started by a worker of Dask, and never outliving it.

Training draws its initial weights from Python's global generator, which Keras seeds and Dask's own threads draw from as
well: inside a worker the same trial gives other weights each time. So a worker keeps a second process, hands calls to
it and waits. Beside the numbers this gives training a process with nothing else in it, which can be stopped at once.

Run by `TrialProcess` as ``python -m ecgrepro.training.trial_process DESCRIPTOR``.
"""

import os
import pickle
import queue
import subprocess
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection, Pipe

#: What comes of a call. A raised exception comes with its traceback as text.
LINE, RETURNED, RAISED, DIED, STOPPED = "line", "returned", "raised", "died", "stopped"
#: Seconds between two looks at whether a call is still wanted.
LOOK = 1


class TrialProcess:
    """The second process of a worker, started with the first call and again after a death."""

    def __init__(self):
        self._process = self._connection = self._owner = None
        self._lock = threading.Lock()

    def call(self, packed, say, unwanted, owner=None):
        """Call a function there, and wait for what comes of it.

        Parameters
        ----------
        packed : bytes
            As `pack` makes it.
        say : callable
            Takes each line that the function reports.
        unwanted : callable
            Asked every second; once it returns True the process is ended.
        owner : str, optional
            Whom the call is for. Another one gets a process of its own, which has loaded the code and opened the
            corpora as they are now.

        Returns
        -------
        (str, bytes)
            `RETURNED` or `RAISED` and what `unpack` takes; `DIED` and the exit status; `STOPPED` and nothing.
        """
        with self._lock:
            if owner != self._owner:
                self.end()
                self._owner = owner
            if self._process is None:
                self._start()
            try:
                return self._converse(packed, say, unwanted)
            except (EOFError, OSError):
                return DIED, str(self.end()).encode()
            except BaseException:
                self.end()
                raise

    def _start(self):
        self._connection, theirs = Pipe()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "ecgrepro.training.trial_process", str(theirs.fileno())]
        # a session of its own: Ctrl-C in a terminal is for the driver, who ends its workers, who end this
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        theirs.close()

    def _converse(self, packed, say, unwanted):
        self._connection.send_bytes(packed)
        asked = time.monotonic()
        while True:
            arrived = self._connection.poll(LOOK)
            if time.monotonic() - asked >= LOOK:
                if unwanted():
                    self.end()
                    return STOPPED, b""
                asked = time.monotonic()
            if arrived:
                kind, body = self._connection.recv()
                if kind != LINE:
                    return kind, body
                say(body)

    def end(self):
        """Kill the process if there is one, and return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._connection.close()
        process.kill()
        return process.wait()


def pack(function, *given):
    """Pack a call: `function` will get a function that reports a line, then what is given here."""
    return pickle.dumps((function, given))


def unpack(kind, body):
    """Return what a call returned, or raise what it raised, with the traceback of the other process as a note."""
    if kind == RETURNED:
        return pickle.loads(body)
    error, text = pickle.loads(body)
    error.add_note(f"In the process that trained:\n{text}")
    raise error


def _answer(packed, connection):
    """Make one call, and the pair that tells what came of it."""
    try:
        function, given = pickle.loads(packed)
        found = function(lambda line: connection.send((LINE, line)), *given)
        return RETURNED, pickle.dumps(found)
    except Exception as error:
        return RAISED, _packed_error(error, traceback.format_exc())


def _packed_error(error, text):
    try:
        packed = pickle.dumps((error, text))
        pickle.loads(packed)  # some exceptions can be written but not read
        return packed
    except Exception:
        return pickle.dumps((RuntimeError(f"{type(error).__name__}: {error}"), text))


def serve(descriptor):
    """Answer calls until the other side has gone."""
    connection = Connection(descriptor)
    calls = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, calls), daemon=True).start()
    while True:
        connection.send(_answer(calls.get(), connection))


def _listen(connection, calls):
    """Take calls in; when the worker has died, end at once, and let go of the trial's lock."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
