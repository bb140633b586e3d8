"""Weights of a net for one number of leads, made to serve another number of leads.

A first convolution sums over leads. Spread over n leads, its kernel is repeated and divided by n: n copies of one lead
then give what the lead gave, and independent leads keep the scale. That is how image kernels are spread over the frames
of a film (Carreira & Zisserman, CVPR 2017, arXiv:1705.07750: "repeating the weights [...] N times [...] and rescaling
them by dividing by N"). The other way, the kernel is summed over leads: one lead then gives what n copies of it gave.
That these conventions serve electrocardiograms is an assumption of this project, not a published finding: leads are no
copies of each other.
"""

import numpy as np

from ecgrepro.errors import SettingsError


def fit_leads(arrays, shapes):
    """Fit the kernels that read the leads to a net with another number of them.

    They are told by their shape, which differs from the wanted one in the last axis but one alone: one kernel in most
    nets, three in inception1d.

    Parameters
    ----------
    arrays : dict
        Name of tensor to array, as `training.checkpoint.save_extractor` writes them.
    shapes : dict
        Name of tensor to the shape that the net has for it.

    Returns
    -------
    dict
        The same arrays, such kernels alone replaced: repeated and divided by n for 1 to n leads, summed for n to 1.

    Raises
    ------
    SettingsError
        From several leads to another number of several: which lead is which is not known.
    """
    return {name: _fit(name, array, tuple(shapes.get(name, array.shape))) for name, array in arrays.items()}


def _fit(name, kernel, shape):
    before, wanted = kernel.shape[-2:-1], shape[-2:-1]
    same_otherwise = (*kernel.shape[:-2], *kernel.shape[-1:]) == (*shape[:-2], *shape[-1:])
    if kernel.ndim < 3 or before == wanted or not same_otherwise:
        return kernel
    if wanted == (1,):
        return kernel.sum(axis=-2, keepdims=True)
    if before != (1,):
        fix = "Go through one lead: fit to 1, then to the number you want."
        raise SettingsError(f"leads of {name}", f"1 or {before[0]}, the kernel's own", str(wanted[0]), fix)
    return np.repeat(kernel, wanted[0], axis=-2) / kernel.dtype.type(wanted[0])
