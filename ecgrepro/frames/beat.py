"""The beat task: the label of a frame from the beats that lie wholly within it.

Source: Weimann & Conrad 2021, as coded in kweimann/ecg-transfer-learning c255af5 (`get_complete_beats`,
`get_beat_label`).
"""

import numpy as np

from ecgrepro.corpora.record import BEAT_CLASSES

_ABNORMAL = np.array([2, 3, 4])  # PAC, aberrated, PVC
_ORDINARY = np.array([0, 1])  # undefined, normal


class BeatTask:
    """Most frequent of PAC, aberrated, PVC if any is in the frame, else of undefined and normal.

    Ties go to the first class in the order of `BEAT_CLASSES`; a frame without a complete beat is undefined.
    A beat is complete in ``[start, stop)`` where its own end and the end of the beat before it lie in
    ``[start, stop]``; the first beat that ends in the frame is never complete.
    """

    name = "beat"
    classes = BEAT_CLASSES
    kind = "beats"

    def labels(self, events, starts, length):
        """Label frames.

        Parameters
        ----------
        events : EventIndex
            Beats of all streams on one axis.
        starts : int64 array, (n_frames,)
            First samples of the frames on that axis.
        length : int
            Frame length in samples.

        Returns
        -------
        int32 array, (n_frames,)
        """
        counts = events.counts(starts, starts + length)
        abnormal, ordinary = counts[:, _ABNORMAL], counts[:, _ORDINARY]
        has_abnormal = abnormal.max(axis=1) > 0
        # argmax of all zeros is 0: "undefined", as published
        label = np.where(has_abnormal, _ABNORMAL[abnormal.argmax(axis=1)], _ORDINARY[ordinary.argmax(axis=1)])
        return label.astype(np.int32)
