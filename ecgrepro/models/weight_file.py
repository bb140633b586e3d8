"""What all readers of published weight files refuse: a file that is too large to be one, or that is damaged."""

#: Largest file, and largest sum of unpacked arrays, in bytes; the published AlexNets have 2.4e8.
LARGEST = 2**30


class Damaged(ValueError):
    """The bytes are no such file; the message says what was found."""


def check_size(path):
    """Raise `Damaged` for a file of more than `LARGEST` bytes."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Damaged(f"{size:,} bytes, more than {LARGEST:,}")
