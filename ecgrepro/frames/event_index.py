"""Annotations of all streams on one axis, for look-ups by the thousand: beats by count, rhythms by duration.

A label over ``[start, stop)`` is a difference of two cumulative values, whatever the frame's length; no frame is ever
looked at on its own.
"""

import numpy as np

#: Events of a word: one bit each.
_WORD = 64


class EventIndex:
    """Beats of all streams on one axis, counted by class.

    Parameters
    ----------
    positions : int64 array, (n_events,)
        Ascending positions on the common axis.
    classes : int8 array, (n_events,)
    n_classes : int

    Notes
    -----
    Beside its position an event takes an eighth of a byte per class, for a bit that says whether it is of the class,
    and another eighth for the counts before each 64 events; the counts between are those of set bits. (A table of
    cumulative counts takes four bytes per class: 55 GB for the 2.77 billion beats of Icentia11k.)
    """

    def __init__(self, positions, classes, n_classes):
        self.positions = np.ascontiguousarray(positions, np.int64)
        n_words = len(self.positions) // _WORD + 1  # so that the end of the last event has a word too
        self._words = np.stack([_bits(classes == kind, n_words) for kind in range(n_classes)], axis=1)
        before = np.cumsum(np.bitwise_count(self._words), axis=0, dtype=np.int64)
        self._before = np.concatenate([np.zeros((1, n_classes), np.int64), before[:-1]])

    def complete(self, starts, stops):
        """Slices of the beats that lie wholly within ``[start, stop)``: two int64 arrays, (n_frames,).

        The first beat that ends in a frame has begun before it, and one may end right behind the frame's last sample
        (published: `get_complete_beats`).
        """
        first = np.searchsorted(self.positions, starts, "left") + 1
        last = np.searchsorted(self.positions, stops, "right")
        first = np.minimum(first, len(self.positions))
        # where no event ends in the frame, first lies behind last
        return first, np.maximum(first, last)

    def counts(self, starts, stops):
        """Complete beats per class within ``[start, stop)``: int32 (n_frames, n_classes)."""
        first, last = self.complete(starts, stops)
        return (self.counts_before(last) - self.counts_before(first)).astype(np.int32)

    def counts_before(self, index):
        """Events per class before the index-th, an int64 array (n,) of 0 to n_events: int64 (n, n_classes)."""
        word, bit = np.divmod(index, _WORD)
        earlier = (np.uint64(1) << bit.astype(np.uint64)) - np.uint64(1)
        return self._before[word] + np.bitwise_count(self._words[word] & earlier[:, None])


def _bits(chosen, n_words):
    """Pack bools into words, the first into the lowest bit: uint64 (n_words,)."""
    packed = np.zeros(n_words * _WORD // 8, np.uint8)
    bits = np.packbits(chosen, bitorder="little")
    packed[: len(bits)] = bits
    return packed.view("<u8").astype(np.uint64, copy=False)


class SpanIndex:
    """Rhythms of all streams on one axis, as spans that each end at their position.

    Parameters
    ----------
    positions : int64 array, (n_spans,)
        Ascending ends on the common axis; a span begins where the one before it in its stream ends, the first of a
        stream at the stream's start.
    classes : int8 array, (n_spans,)
    n_classes : int
    stream_starts : int64 array, (n_streams,)
        Starts of the streams on the axis, ascending.
    """

    def __init__(self, positions, classes, n_classes, stream_starts):
        self.positions = np.ascontiguousarray(positions, np.int64)
        self.classes, self.n_classes = np.asarray(classes), n_classes
        self.stream_starts = np.asarray(stream_starts, np.int64)
        following = np.append(self.stream_starts[1:], np.iinfo(np.int64).max)
        self._stream_stops = np.searchsorted(self.positions, following, "left")
        lengths = np.diff(self.positions, prepend=0)
        self._before = np.zeros((len(self.positions) + 1, n_classes), np.int64)
        np.cumsum(
            lengths[:, None] * (self.classes[:, None] == np.arange(n_classes)), axis=0, out=self._before[1:]
        )

    def durations(self, starts, stops):
        """Samples of each class within ``[start, stop)``: int64 (n_frames, n_classes).

        Parameters
        ----------
        starts, stops : int64 arrays, (n_frames,)
            On the axis; a frame lies in one stream.

        Returns
        -------
        int64 array, (n_frames, n_classes)
            Sums to the frame's length. Where the last span of a stream ends in the frame, it is taken to go on to the
            frame's end, as published (`get_rhythm_durations`); where a frame begins at that end or behind it, nothing
            is known, and all durations are 0 (the published code stops with an IndexError).
        """
        stream = np.searchsorted(self.stream_starts, starts, "right") - 1
        first = np.searchsorted(self.positions, starts, "right")
        known = np.flatnonzero(first < self._stream_stops[stream])
        found = np.zeros((len(starts), self.n_classes), np.int64)
        found[known] = self._known(
            starts[known], stops[known], first[known], self._stream_stops[stream[known]]
        )
        return found

    def _known(self, starts, stops, first, end):
        """Durations of frames in which the first-th span goes on; the last of their stream is the (end - 1)-th."""
        last = np.minimum(np.searchsorted(self.positions, stops, "left"), end - 1)
        frame, several = np.arange(len(starts)), last > first
        durations = self._before[np.maximum(last, first + 1)] - self._before[first + 1]
        durations[frame, self.classes[first]] += np.where(several, self.positions[first], stops) - starts
        durations[frame, self.classes[last]] += np.where(several, stops - self.positions[last - 1], 0)
        return durations


def last_of_runs(classes):
    """Where a run of equal classes ends: bool (n,). Spans but these say nothing that these do not."""
    return np.append(classes[1:] != classes[:-1], np.ones(len(classes[:1]), bool))
