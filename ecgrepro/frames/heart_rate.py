"""The heart rate task: the label of a frame from the mean RR interval of the beats that lie wholly within it.

Source: Weimann & Conrad 2021, as coded in kweimann/ecg-transfer-learning c255af5 (`get_heart_rate_label`). Its
docstring calls a rate below 60 per minute tachycardia and one above 100 bradycardia; its code does the reverse, which
is right and is what stands here.
"""

import numpy as np

TACHYCARDIA, BRADYCARDIA, NORMAL, NOISE = range(4)


class HeartRateTask:
    """Bradycardia below 60 beats per minute, normal from 60 to 100, tachycardia above; noise where nothing tells.

    The rate is 60 s over the mean RR interval, from the first to the last complete beat of the frame (as in
    `BeatTask`), whatever their classes; with fewer than two of them the label is noise. The order of the classes is the
    published code's.

    Parameters
    ----------
    fs : float
        Sampling rate of the streams in Hz.

    Notes
    -----
    The published code takes the mean of rounded quotients, which puts some frames at exactly 60 or 100 beats per minute
    on the wrong side of the limit; here both sides of the inequality are whole multiples, and the limits are normal.
    """

    name = "heart_rate"
    classes = ("tachycardia", "bradycardia", "normal", "noise")
    kind = "beats"

    def __init__(self, fs):
        self.fs = fs

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
        first, last = events.complete(starts, starts + length)
        intervals, known = last - first - 1, last - first > 1
        label = np.full(len(starts), NOISE, np.int32)
        span = events.positions[last[known] - 1] - events.positions[first[known]]
        per_minute = 60 * self.fs * intervals[known]  # span times beats per minute
        label[known] = np.select(
            [per_minute < 60 * span, per_minute <= 100 * span], [BRADYCARDIA, NORMAL], TACHYCARDIA
        )
        return label
