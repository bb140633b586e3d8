"""The future prediction task: which of some frames comes right after a context, told from the signal alone.

Source: Weimann & Conrad 2021, as coded in kweimann/ecg-transfer-learning c255af5 (`cpc_data_generator`), after
contrastive predictive coding: van den Oord et al., arXiv:1807.03748.

An example is a context of 8 frames, one after another, and candidates: the frame that follows the context without a
gap, and a negative (published: 1) from anywhere in the recordings of the 16 patients that are shuffled together, each
of their recordings being as likely as any other. A negative may so come from the context's own recording, or even be
the context. The label is the place of the following frame among the candidates, which is random.

Departures: the original draws the context's recording from its 16 patients as it draws the negative's, and drops one
patient for another after each thousand examples; here every patient gives the same number of contexts, as in the other
tasks, and the negatives come from the block of patients that are shuffled together. Recordings that are not longer
than context and following frame give no negatives either.
"""

import numpy as np

from ecgrepro.errors import SettingsError


class FutureTask:
    """Which candidate follows the context.

    Parameters
    ----------
    context : int
        Frames of the context (published: 8).
    candidates : int
        Frames to choose from, the following one among them (published: 2).

    Attributes
    ----------
    frames : int
        Frames of an example: the context's in order, then the candidates.
    span : int
        Frames, one after another, that a recording must have room for.
    """

    name = "future"
    kind = None

    def __init__(self, context=8, candidates=2):
        if context < 1 or candidates < 2:
            raise SettingsError("future prediction", "a context of 1 frame and 2 candidates at least",
                                f"{context} and {candidates}", "Published: 8 and 2.")  # fmt: skip
        self.context, self.candidates = context, candidates
        self.frames, self.span = context + candidates, context + 1
        self.classes = tuple(f"candidate {i + 1}" for i in range(candidates))

    def places(self, rng, rows, starts, pool, room, length):
        """Complete examples whose contexts are drawn already.

        Parameters
        ----------
        rng : numpy.random.Generator
        rows, starts : int64 arrays, (n,)
            Streams and first samples of the contexts.
        pool, room : int64 arrays, (n_streams,)
            Streams that negatives come from, and how many first samples a frame can have in each.
        length : int
            Samples of a frame.

        Returns
        -------
        rows, starts : int64 arrays, (n, frames)
        """
        chosen = rng.integers(len(pool), size=(len(rows), self.candidates - 1))
        other_starts = rng.integers(room[chosen])
        ahead = starts[:, None] + length * np.arange(self.span)
        all_rows = np.column_stack([np.repeat(rows[:, None], self.span, axis=1), pool[chosen]])
        all_starts = np.column_stack([ahead, other_starts])
        # the following frame changes places with the candidate at a random place
        place = self.context + rng.integers(self.candidates, size=len(rows))
        for values in (all_rows, all_starts):
            following = values[:, self.context].copy()
            values[:, self.context] = values[np.arange(len(rows)), place]
            values[np.arange(len(rows)), place] = following
        return all_rows, all_starts

    def labels(self, events, starts, length):
        """Place of the following frame among the candidates.

        Parameters
        ----------
        events : None
        starts : int64 array, (n, frames)
            First samples of the frames on the axis of all streams.
        length : int
            Frame length in samples.

        Returns
        -------
        int32 array, (n,)
            Of two that are the same frame, the first.
        """
        following = starts[:, :1] + self.context * length
        return (starts[:, self.context :] == following).argmax(axis=1).astype(np.int32)
