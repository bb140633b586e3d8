"""One process at a time in a folder that is being filled."""

from ecgrepro.errors import SettingsError

try:
    import fcntl
except ImportError:  # not on Windows: there nothing stops two processes from filling one folder
    fcntl = None


def take_lock(file, folder, work):
    """Lock an open file for this process; the system takes the lock back when the file is closed or the process dies.

    Parameters
    ----------
    file : file object
    folder : Path
        Named in the error.
    work : str
        What no other process may be doing, for example "writing this corpus".

    Raises
    ------
    SettingsError
        Another process is at it.
    """
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingsError(folder, f"no other process {work}", "one that is at it",
                            "Wait until it has finished, then run the same command.") from error  # fmt: skip
    except OSError:
        pass  # some network drives know no locks
