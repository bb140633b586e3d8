"""The device that trains: how much fits on it, which arithmetic it may use, and how it says that it is full."""

import subprocess
from functools import lru_cache

import keras

#: Share of an accelerator's memory that recordings may take; weights and activations need the rest.
SHARE_FOR_RECORDINGS = 0.4


@lru_cache(maxsize=1)
def accelerator_memory():
    """Bytes of memory of the accelerator, or None where there is none or its size cannot be read."""
    if keras.backend.backend() == "jax":
        import jax

        stats = jax.devices()[0].memory_stats() if jax.devices()[0].platform != "cpu" else None
        return (stats or {}).get("bytes_limit")
    import tensorflow as tf

    return _nvidia_memory() if tf.config.list_physical_devices("GPU") else None


def _nvidia_memory():
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()
        return min(int(size) for size in found) << 20  # the smallest: which one is ours it does not say
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def holds(n_bytes):
    """Whether recordings of so many bytes shall lie on the accelerator; never where there is none.

    The whole memory decides and not what is free at the moment, so that a trial takes the same path every time.
    """
    memory = accelerator_memory()
    return memory is not None and n_bytes <= SHARE_FOR_RECORDINGS * memory


def use_full_precision():
    """Keep float32 at 32 bits: newer accelerators round the factors of products to 10 bits of mantissa unless told.

    A trial says in which precision it computes (`Trial.precision`); the machine it runs on must not.
    """
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


def out_of_memory(error):
    """Whether an exception is the backend's way to say that the device's memory is full."""
    kind, text = type(error).__name__, str(error)
    return kind == "ResourceExhaustedError" or (
        kind.endswith("RuntimeError") and "RESOURCE_EXHAUSTED" in text
    )
