"""Where a trial's randomness comes from: one seed, one independent stream per purpose."""

import random

import numpy as np

#: A stream never changes its number, or every result does.
PURPOSES = {"initialisation": 0, "order": 1, "split": 2, "labels": 3, "sampler": 4, "held_out": 5}


def derive(seed, purpose):
    """Return a 31-bit seed for one purpose of a trial."""
    return int(np.random.SeedSequence([seed, PURPOSES[purpose]]).generate_state(1)[0] >> 1)


def make_deterministic(seed):
    """Seed every library's global generator, ask for deterministic kernels, and keep float32 at its full precision."""
    import keras  # not above: what only splits records, an audit, starts without it

    from ecgrepro.training.device import use_full_precision

    use_full_precision()
    seed = derive(seed, "initialisation")
    if keras.backend.backend() == "jax":
        # Keras' own function would import TensorFlow if it can; JAX has no global generator
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        return
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
