"""Weights of a net for one number of leads, made to serve another number of leads.

A first convolution sums over leads. Spread over n leads, its kernel is repeated and divided by n: n copies of one lead
then give what the lead gave, and independent leads keep the scale. That is how image kernels are spread over the frames
of a film (Carreira & Zisserman, CVPR 2017, arXiv:1705.07750: "repeating the weights [...] N times [...] and rescaling
them by dividing by N"). The other way, the kernel is summed over leads: one lead then gives what n copies of it gave.
That these conventions serve electrocardiograms is an assumption of this project, not a published finding: leads are no
copies of each other.
"""

import numpy as np

from ecgrepro.errors import InputError, SettingsError

#: Name of the first convolution's kernel in the dictionaries of `training.checkpoint.save_extractor`.
STEM = "stem_conv/kernel"


def adapt_stem(arrays, n_leads, *, stem=STEM):
    """Fit the first convolution of an extractor to another number of leads.

    Parameters
    ----------
    arrays : dict
        Name of tensor to array, as `training.checkpoint.save_extractor` writes them.
    n_leads : int
        Of the net that is to have the weights.
    stem : str
        Name of the kernel, (..., n_leads, filters); "conv1/kernel" in AlexNet.

    Returns
    -------
    dict
        The same arrays, the kernel alone replaced: repeated and divided by n for 1 to n leads, summed for n to 1,
        untouched where the number is right.

    Raises
    ------
    InputError
        No such kernel among the arrays, or one without leads and filters.
    SettingsError
        From several leads to another number of several: which lead is which is not known.
    """
    kernel = arrays.get(stem)
    if kernel is None or np.ndim(kernel) < 3:
        got = "none" if kernel is None else f"shape {np.shape(kernel)}"
        raise InputError(stem, "a kernel (..., n_leads, filters)", got, "Name the net's first convolution.")
    before = kernel.shape[-2]
    if n_leads < 1 or (before != n_leads and 1 not in (before, n_leads)):
        fix = "Go through one lead: adapt to 1, then to the number you want."
        raise SettingsError("n_leads", f"1 or {before}, the kernel's own", str(n_leads), fix)
    return arrays | {stem: _spread(kernel, n_leads)}


def _spread(kernel, n_leads):
    if kernel.shape[-2] == n_leads:
        return kernel
    if n_leads == 1:
        return kernel.sum(axis=-2, keepdims=True)
    return np.repeat(kernel, n_leads, axis=-2) / kernel.dtype.type(n_leads)
