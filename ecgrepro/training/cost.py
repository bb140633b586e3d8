"""What training takes in arithmetic and memory: operations per frame, the device's peak, memory at its highest."""

import re
import resource
import sys
import time
from functools import lru_cache

import keras
import numpy as np
from keras import ops

#: Dense peak of accelerators in TFLOPS; tensor cores where they know the precision, figures with sparsity halved.
#: Longer names first. "tf32" is float32 with factors rounded to 10 bits of mantissa, where the backend allows that.
PEAKS = (
    # NVIDIA V100 data sheet (1165301-r5): SXM2, PCIe, V100S; their tensor cores know float16 alone
    (r"\bV100S\b", {"float16": 130, "float32": 16.4}),
    (r"\bV100-PCIE\b", {"float16": 112, "float32": 14}),
    (r"\bV100\b", {"float16": 125, "float32": 15.7}),
    # NVIDIA T4 data sheet (951643)
    (r"\bT4\b", {"float16": 65, "float32": 8.1}),
    # NVIDIA A100 data sheet (1758950-r4), PCIe and SXM alike
    (r"\bA100\b", {"bfloat16": 312, "float16": 312, "tf32": 156, "float32": 19.5}),
    # NVIDIA L4 data sheet
    (r"\bL4\b", {"bfloat16": 121, "float16": 121, "tf32": 60, "float32": 30.3}),
    # NVIDIA H100 data sheet and "H100 Tensor Core GPU Architecture" (GTC22 white paper v1.04): NVL, PCIe, SXM5
    (r"\bH100 NVL\b", {"bfloat16": 835, "float16": 835, "tf32": 417, "float32": 60}),
    (r"\bH100 PCIe\b", {"bfloat16": 756, "float16": 756, "tf32": 378, "float32": 51.2}),
    (r"\bH100\b", {"bfloat16": 989.4, "float16": 989.4, "tf32": 494.7, "float32": 66.9}),
    # NVIDIA H200 data sheet: NVL, SXM; the arithmetic is the H100's
    (r"\bH200 NVL\b", {"bfloat16": 835, "float16": 835, "tf32": 417, "float32": 60}),
    (r"\bH200\b", {"bfloat16": 989.4, "float16": 989.4, "tf32": 494.7, "float32": 66.9}),
)  # fmt: skip
#: What a Keras dtype policy multiplies in.
ARITHMETIC = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
#: Sides of the measured matrix products: the first, and the last that is tried.
SIDES = (512, 4096)
#: Seconds that a product of one side is repeated for; a larger one is tried if it takes no longer.
SECONDS = 0.3


def training_flops(forward):
    """Floating-point operations of a training step per frame: three times those of the forward pass, approximately.

    Backward takes two products for each one of forward: the gradient of the inputs and that of the weights. (The first
    layer needs no gradient of its inputs, and the optimiser's work is left out.) Of a net with frozen layers
    `ecgrepro.training.freezing.cost` tells the operations exactly.
    """
    return 3 * forward


def accelerators():
    """Names of the accelerators that the backend sees, as they give them."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [
            tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices
        ]
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    return []


def device_peak(precision):
    """Operations per second of the device that this process trains on.

    Parameters
    ----------
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}

    Returns
    -------
    flops_per_second : float
    source : str
        "data sheet: ..." for an accelerator of `PEAKS`, else "measured matmul peak": a processor's data sheet knows
        neither how many of its cores are ours nor what clock it holds.
    """
    arithmetic = ARITHMETIC[precision]
    if arithmetic == "float32" and rounds_factors():
        arithmetic = "tf32"
    for name in accelerators()[:1]:
        found = published_peak(name, arithmetic)
        if found:
            return found, f"data sheet: {name}, {arithmetic}, dense"
    return matmul_peak(ARITHMETIC[precision]), "measured matmul peak"


def published_peak(name, arithmetic):
    """Data-sheet peak of an accelerator in operations per second, None for one that `PEAKS` lacks.

    Where the tensor cores do not know "tf32", that is float32. bfloat16 on V100 and T4 is no figure of theirs.
    """
    for pattern, peaks in PEAKS:
        if re.search(pattern, name):
            if arithmetic == "tf32":
                arithmetic = "tf32" if "tf32" in peaks else "float32"
            return peaks[arithmetic] * 1e12 if arithmetic in peaks else None
    return None


def rounds_factors():
    """Whether the backend lets an accelerator round the factors of float32 products to 10 bits (TensorFloat-32)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.tensor_float_32_execution_enabled()
    if keras.backend.backend() == "jax":
        import jax

        return jax.config.jax_default_matmul_precision not in ("highest", "float32")
    return False


@lru_cache
def matmul_peak(arithmetic):
    """Operations per second of a large square matrix product in this process, the best of a second or so.

    Measured once for each of "float32", "bfloat16", "float16"; other work on the machine lowers it.
    """
    side, last = SIDES
    best, expected = 0.0, 0.0
    while side <= last and expected <= SECONDS:
        seconds = _fastest_product(side, arithmetic)
        best, expected, side = max(best, 2 * side**3 / seconds), 8 * seconds, 2 * side
    return best


def _fastest_product(side, arithmetic):
    factor = ops.cast(ops.convert_to_tensor(np.ones((side, side), np.float32)), arithmetic)

    def product():
        began = time.perf_counter()
        # reading one number waits for all of them
        ops.convert_to_numpy(ops.cast(ops.matmul(factor, factor)[0, 0], "float32"))
        return time.perf_counter() - began

    product()  # compiles, allocates
    best, started = product(), time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        best = min(best, product())
    return best


def peak_memory_mb():
    """Highest resident memory of this process since it started, in MiB."""
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(highest / (1024 if sys.platform != "darwin" else 1 << 20))


def accelerator_peak_memory_mb():
    """Highest memory that the backend had in use on its first accelerator, in MiB; None where there is none.

    Since the process started, earlier trials included.
    """
    if not accelerators():
        return None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / (1 << 20))
    import jax

    found = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return None if found is None else round(found / (1 << 20))
