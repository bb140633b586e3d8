"""WFDB signal files as arrays: formats 16 and 212 of signal(5), and what tells that a file is whole.

Source: signal(5) and header(5), WFDB Applications Guide (PhysioNet). A file is read only after its size has confirmed
what its header says.
"""

import os
import stat
import struct

import numpy as np

from ecgrepro.errors import InputError

#: Samples and bytes of the smallest block each format is stored in.
BLOCKS = {8: (1, 1), 80: (1, 1), 16: (1, 2), 61: (1, 2), 160: (1, 2), 24: (1, 3), 32: (1, 4),
          212: (2, 3), 310: (3, 4), 311: (3, 4)}  # fmt: skip
RECORD = "a readable WFDB record (.hea and signal file)"
# first word of a MAT v4 file: a little-endian int16 matrix
_MAT_V4_INT16 = 30
# 12-bit pairs unpacked at a time: what is in work stays in the processor's cache
_PAIRS_AT_ONCE = 2**15


def stored_bytes(number, n_values):
    """Bytes that so many samples in format `number` take: (without, with) what completes the last block."""
    samples, n_bytes = BLOCKS[number]
    return -(-n_values * n_bytes // samples), -(-n_values // samples) * n_bytes


def stored_values(number, n_bytes):
    """Most samples that so many bytes hold in format `number`."""
    samples, block = BLOCKS[number]
    return max(n_bytes, 0) * samples // block


def check_size(file, number, byte_offset, n_values):
    """Refuse a signal file that does not hold `n_values` samples of all leads together, and no more than that.

    Raises
    ------
    InputError
        No samples, a missing file, a shorter one, one that is longer by more than its last block's padding.
    """
    shortest, longest = (byte_offset + size for size in stored_bytes(number, n_values))
    size = file_size(file, RECORD)
    if n_values == 0 or not shortest <= size <= longest:
        raise unreadable(file, f"{RECORD}: {shortest:,} bytes, as its header says", f"{size:,} bytes")


def check_mat_preamble(file, n_leads, n_samples, byte_offset):
    """Refuse a MAT v4 file whose preamble is not that of one int16 matrix (leads, samples) before its samples.

    A matrix stored as (samples, leads) has the same size, and its samples would be read scrambled. Of a later MAT
    format only size and checksums can tell.
    """
    preamble = read_bytes(file, min(byte_offset, 1024), RECORD)
    if preamble.startswith(b"MATLAB"):
        return
    kind, rows, columns, imaginary, name = struct.unpack("<5i", preamble[:20].ljust(20, b"\0"))
    if (kind, rows, columns, imaginary, 20 + name) != (_MAT_V4_INT16, n_leads, n_samples, 0, byte_offset):
        raise InputError(
            file, f"a MAT v4 file of one int16 matrix, {n_leads} leads x {n_samples} samples, from byte {byte_offset}",
            f"type {kind}, {rows} x {columns} from byte {20 + name}",
            "Header and signal disagree: fetch both again.",
        )  # fmt: skip


def read_samples(file, number, byte_offset, start, stop):
    """Read samples of a signal file in format 16 or 212, and no more of it.

    Parameters
    ----------
    file : Path
    number : {16, 212}
        The format.
    byte_offset : int
        Bytes before the file's first sample.
    start, stop : int
        First and last but one sample, of all leads together in the order of the file.

    Returns
    -------
    int16 array, (stop - start,)

    Raises
    ------
    InputError
        A file that cannot be read or ends before `stop`.
    """
    try:
        if number == 16:
            values = np.fromfile(file, "<i2", stop - start, offset=byte_offset + 2 * start)
        else:
            values = _read_212(file, byte_offset, start, stop)
    except OSError as error:
        raise unreadable(file, RECORD, f"{type(error).__name__}: {error}") from error
    if len(values) < stop - start:
        raise unreadable(file, RECORD, "a file that became shorter while it was read")
    return values.astype(np.int16, copy=False)


def _read_212(file, byte_offset, start, stop):
    """Read pairs of 12-bit two's complement values, block by block: new memory is slower than all the arithmetic.

    Of three bytes the first is the low byte of the first value, the second holds the high bits of both (the first's
    in its low nibble), the third is the low byte of the second.
    """
    first, n_bytes = start // 2, stored_bytes(212, stop)[0]
    values = np.empty((stop + 1) // 2 - first, "<u4")
    block, n_read = min(_PAIRS_AT_ONCE, len(values)), 3 * first
    # three bytes as the low ones of a 32-bit word: the last word needs a byte behind it
    data, high = np.zeros(3 * block + 1, np.uint8), np.empty(block, "<u4")
    packed = np.ndarray((block,), "<u4", data, 0, (3,))
    with open(file, "rb") as opened:
        opened.seek(byte_offset + n_read)
        for begin in range(0, len(values), block):
            words = values[begin : begin + block]
            n_read += opened.readinto(data[: min(3 * len(words), n_bytes - n_read)])
            words[:] = packed[: len(words)]
            _spread(words, high[: len(words)])
    return values.view("<i2")[start - 2 * first : 2 * n_read // 3 - 2 * first][: stop - start]


def _spread(words, high):
    """Turn words of 24 bits into two sign-extended 12-bit values of 16 bits each, in place; `high` is scratch."""
    np.bitwise_and(words, 0xF000, out=high)
    np.left_shift(high, 16, out=high)
    np.bitwise_and(words, 0xFF0FFF, out=words)
    np.left_shift(words, 4, out=words)
    np.bitwise_or(words, high, out=words)
    halves = words.view("<i2")
    np.right_shift(halves, 4, out=halves)


def checksums(signal):
    """Return header(5)'s checksums of an int16 signal (n_samples, n_leads): uint16 (n_leads,), sums modulo 65,536."""
    n_samples, n_leads = signal.shape
    # summed as a few hundred samples side by side: NumPy is slow at many short rows
    rows = max(n_samples // 512, 1)
    whole = n_samples // rows * rows
    sums = signal[:whole].view(np.uint16).reshape(rows, -1).sum(axis=0, dtype=np.uint16).reshape(-1, n_leads)
    return np.concatenate([sums, signal[whole:].view(np.uint16)]).sum(axis=0, dtype=np.uint16)


def file_size(file, expected):
    """Bytes of an ordinary file; `InputError` with what was `expected` where there is none."""
    try:
        state = os.stat(file)
    except (OSError, ValueError) as error:
        raise unreadable(file, expected, f"{type(error).__name__}: {error}") from error
    if not stat.S_ISREG(state.st_mode):  # a pipe would be waited for
        raise unreadable(file, expected, "no ordinary file")
    return state.st_size


def read_bytes(file, count, expected):
    """Read at most the first `count` bytes of an ordinary file; errors as `file_size`."""
    count = min(count, file_size(file, expected))
    try:
        with open(file, "rb") as opened:
            return opened.read(count)
    except OSError as error:
        raise unreadable(file, expected, f"{type(error).__name__}: {error}") from error


def read_whole(file, largest, expected):
    """Read a file of at most `largest` bytes; errors as `file_size`."""
    data = read_bytes(file, largest + 1, expected)
    if len(data) > largest:
        raise unreadable(
            file, f"{expected} of at most {largest:,} bytes", f"{file_size(file, expected):,} bytes"
        )
    return data


def unreadable(where, expected, got):
    """Make the `InputError` of a file that is missing or damaged."""
    return InputError(
        where, expected, got, "Fetch the record again; header and signal must come from the same release."
    )
