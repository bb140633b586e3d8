"""The innermost loop: batches through one compiled step."""


def train(model, batches):
    """Train on every batch once and return the mean loss per frame.

    Parameters
    ----------
    model : compiled keras.Model
    batches : iterable of (inputs float32 (batch, length, n_leads), labels int32 (batch,))
    """
    total, frames = 0.0, 0
    for inputs, labels in batches:
        model.reset_metrics()  # Keras' releases differ in whether a step's loss is running or its own
        total += float(model.train_on_batch(inputs, labels)) * len(labels)
        frames += len(labels)
    return total / max(frames, 1)
