"""The rhythm task: the label of a frame from how long each rhythm lasts in it.

Source: Weimann & Conrad 2021, as coded in kweimann/ecg-transfer-learning c255af5 (`get_rhythm_durations`,
`get_rhythm_label`).
"""

import numpy as np

from ecgrepro.corpora.record import RHYTHM_CLASSES

_FIRST = np.array([0, 4, 5])  # null, AFib, AFlutter
_SECOND = np.array([1, 2, 3])  # end, noise, NSR


class RhythmTask:
    """Longest of null, AFib and AFlutter if any of them occurs in the frame, else of end, noise and NSR.

    Ties go to the first class in the order of `RHYTHM_CLASSES`; a frame of which no rhythm is known is null. One sample
    of null outweighs a frame of sinus rhythm: so it is coded.

    Notes
    -----
    All six classes exist in the torrent layout of Icentia11k alone. The PhysioNet layout marks runs of NSR, AFib and
    AFlutter; what was end, noise or null in the torrent is not told apart there and is null here, so that "end" and
    "noise" have no examples (as "aberrated" has none in the beat task). And since null comes before NSR, frames
    that are noise or NSR with the torrent's labels become null with PhysioNet's: the same task has other labels on
    the two layouts.
    """

    name = "rhythm"
    classes = RHYTHM_CLASSES
    kind = "rhythms"

    def labels(self, events, starts, length):
        """Label frames.

        Parameters
        ----------
        events : SpanIndex
            Rhythms of all streams on one axis.
        starts : int64 array, (n_frames,)
            First samples of the frames on that axis.
        length : int
            Frame length in samples.

        Returns
        -------
        int32 array, (n_frames,)
        """
        durations = events.durations(starts, starts + length)
        first, second = durations[:, _FIRST], durations[:, _SECOND]
        label = np.where(second.max(axis=1) > 0, _SECOND[second.argmax(axis=1)], 0)
        return np.where(first.max(axis=1) > 0, _FIRST[first.argmax(axis=1)], label).astype(np.int32)
