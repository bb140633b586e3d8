"""What happens to the numbers of one CinC 2017 recording between the publisher's file and the net, step by step.

The order is that of `ecgrepro.frames.af.prepare`, which the studies use: millivolts, standardising, resampling,
padding.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgrepro.frames.af import AfInput, prepare
from ecgrepro.frames.resample import resample
from ecgrepro.studies.figures import figure

#: Seconds of the enlarged part, in which single samples can be told apart.
CLOSE = 0.6


class Step(NamedTuple):
    """A recording after one step.

    Attributes
    ----------
    name : str
    function : str
        What the package does it with.
    unit : str
    fs : float
        Sampling rate in Hz.
    values : array, (n_samples,)
    """

    name: str
    function: str
    unit: str
    fs: float
    values: np.ndarray


def preprocessing_steps(corpus, i=0, how=None):
    """Take the i-th recording's first lead through the preprocessing of the AF task.

    Parameters
    ----------
    corpus : Corpus
    i : int
    how : AfInput, optional
        Default: the published values.

    Returns
    -------
    list of Step
        int16 ADC units; mV; standardised; resampled (all float64); padded, float32, which is what `prepare` makes.
    """
    how = how or AfInput()
    fs, millivolts = float(corpus.index.fs.iat[i]), corpus.millivolts(i)[:, 0]
    # as written in `prepare`: the test that rows 4 and 5 hold the same numbers fails if either changes
    standardised = (millivolts - how.mean) / how.deviation
    row = corpus.index.iloc[i]
    gain = f"(ADC \N{MINUS SIGN} {row.baseline[0]:g}) / {row.gain[0]:g}"
    scale = f"(mV \N{MINUS SIGN} {how.mean:g}) / {how.deviation:g}"
    return [
        Step("as published", "Corpus.signal", "ADC units", fs, corpus.signal(i)[:, 0]),
        Step(f"gain and baseline: {gain}", "Corpus.millivolts", "mV", fs, millivolts),
        Step(f"standardised: {scale}", "frames.af.prepare", "1", fs, standardised),
        Step(f"resampled {fs:g} to {how.fs:g} Hz, {how.resampling}", "frames.resample.resample", "1", how.fs,
             resample(standardised, fs, how.fs, how.resampling)),
        Step(f"zeros on the left, to {how.length:,} samples", "frames.af.prepare", "1", how.fs,
             prepare(millivolts, fs, how)),
    ]  # fmt: skip


def step_table(steps):
    """One row per step: what is done, with which function, unit, type, rate, size, mean and standard deviation.

    Returns
    -------
    DataFrame
        ``order``, ``step``, ``function``, ``unit``, ``type``, ``Hz``, ``samples``, ``seconds``, ``mean``, ``SD``.
    """
    rows = [
        {"order": order, "step": step.name, "function": step.function, "unit": step.unit,
         "type": str(step.values.dtype), "Hz": f"{step.fs:g}", "samples": f"{len(step.values):,}",
         "seconds": f"{len(step.values) / step.fs:.1f}",
         "mean": float(step.values.mean(dtype=np.float64)), "SD": float(step.values.std(dtype=np.float64))}
        for order, step in enumerate(steps, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def draw_steps(steps, *, title="", synthetic=False):
    """Draw each step in a row: the recording up to its end on the left, the same half second sample by sample right.

    Parameters
    ----------
    steps : list of Step
    title : str
    synthetic : bool

    Returns
    -------
    Figure
        Time counts from the recording's end, where padding changes nothing, so that all rows stand in line.
    """
    made, axes = figure(len(steps), 2, height=1.35 * len(steps) + 0.8, synthetic=synthetic, sharex="col",
                        width_ratios=(2, 1))  # fmt: skip
    whole = max(len(step.values) / step.fs for step in steps)
    middle = _largest(steps[1])
    for order, (step, (left, right)) in enumerate(zip(steps, axes, strict=True), 1):
        time = (np.arange(len(step.values)) - len(step.values)) / step.fs
        left.plot(time, step.values, color="#222222", linewidth=0.5)
        close = np.abs(time - middle) <= CLOSE / 2
        right.plot(time[close], step.values[close], ".-", color="#0072B2", linewidth=0.6, markersize=2.5)
        left.axvspan(middle - CLOSE / 2, middle + CLOSE / 2, color="#56B4E9", alpha=0.4, linewidth=0)
        left.set_title(f"{order}  {step.name}", loc="left", fontsize="small")
        left.set_ylabel("no unit" if step.unit == "1" else step.unit, fontsize="small")
        right.set_title(f"{step.fs:g} Hz, {step.values.dtype}", loc="right", fontsize="small")
    axes[-1, 0].set(xlabel="seconds from the recording's end", xlim=(-whole, 0))
    axes[-1, 1].set(xlabel=f"{CLOSE:g} s of it", xlim=(middle - CLOSE / 2, middle + CLOSE / 2))
    made.suptitle(title, fontsize="medium", weight="bold", ha="left", x=0.01)
    return made


def _largest(step):
    """Seconds from the end of the largest deflection, away from both ends."""
    values, margin = step.values, min(len(step.values) // 4, round(2 * step.fs))
    inner = np.abs(values - np.median(values))[margin : len(values) - margin]
    return (margin + int(inner.argmax()) - len(values)) / step.fs
