"""Errors that a person can act on: what was expected, what arrived, what to do."""


class EcgreproError(Exception):
    """A fault of input, settings or machine, told in one message.

    Parameters
    ----------
    where : str
        The file, record, parameter or claim at fault.
    expected, got : str
        The invariant and what arrived instead.
    fix : str
        The likely remedy, as an instruction.
    """

    def __init__(self, where, expected, got, fix):
        self.where, self.expected, self.got, self.fix = str(where), expected, got, fix
        # `got` often quotes a library, whose message may run over several lines: ours is one
        super().__init__(" ".join(f"{where}: expected {expected}; got {got}. {fix}".split()))


class InputError(EcgreproError, ValueError):
    """Data that disagrees with its published format."""


class SettingsError(EcgreproError, ValueError):
    """An unknown or impossible parameter, scale, name or folder."""


class DiskError(EcgreproError, OSError):
    """No space, no permission, or a file that vanished under us."""
