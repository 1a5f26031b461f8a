"""Errors between images, a mean over their pixels, and the reductions over the event axes."""

from keras import ops


def _per_sample(values, reduce):
    """Casts to float32 and reduces all axes but the first."""
    values = ops.cast(values, "float32")
    return reduce(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


def sum_over_event(values):
    """Sums all axes but the first: `(batch, ...)` to `(batch,)`."""
    return _per_sample(values, ops.sum)


def mean_over_event(values):
    """Averages all axes but the first: `(batch, ...)` to `(batch,)`."""
    return _per_sample(values, ops.mean)


def as_float32(*tensors):
    return tuple(ops.cast(tensor, "float32") for tensor in tensors)


def mean_squared_error(target, prediction):
    """Computes `mean((target - prediction)^2)` over pixels, in squared pixel units."""
    target, prediction = as_float32(target, prediction)
    return mean_over_event(ops.square(target - prediction))


def mean_absolute_error(target, prediction):
    """Computes `mean(|target - prediction|)` over pixels, in pixel units."""
    target, prediction = as_float32(target, prediction)
    return mean_over_event(ops.abs(target - prediction))


def mean_huber(target, prediction, delta=0.1):
    """Computes the mean Huber loss over pixels (Huber, 1964).

    0.5 e^2 for |e| <= delta, else delta (|e| - 0.5 delta), with e = target - prediction
    """
    target, prediction = as_float32(target, prediction)
    error = ops.abs(target - prediction)
    quadratic = ops.minimum(error, delta)
    return mean_over_event(0.5 * ops.square(quadratic) + delta * (error - quadratic))


def bce_from_logits(target, logits):
    # softplus(l) - t l = max(l, 0) - t l + log(1 + exp(-|l|)): finite for every logit.
    target, logits = as_float32(target, logits)
    return ops.softplus(logits) - target * logits


def binary_crossentropy(target, logits):
    """Computes the mean binary cross-entropy over pixels, in nats per pixel, from logits.

    mean(-t log p - (1 - t) log(1 - p)),  p = sigmoid(logits),  t in [0, 1]
    """
    return mean_over_event(bce_from_logits(target, logits))


def heteroscedastic_squared_error(target, mean, log_variance):
    """Computes `mean(exp(-s) (target - mean)^2 + s)` over pixels, `s = log_variance`.

    Twice the Gaussian negative log-likelihood per pixel, less its constant; it can be negative.

    Source: Mao et al., 2020, Eq. 3. https://arxiv.org/abs/2006.13462
    """
    return mean_over_event(_nll(*as_float32(target, mean, log_variance)))


def beta_squared_error(target, mean, log_variance, beta: float = 0.5):
    """Computes `mean(w (exp(-s) (target - mean)^2 + s))`, `w = exp(s) ** beta` held constant.

    With `beta` 0 it is the loss above; with 1 the mean is trained as by the squared error.

    Source: Seitzer et al., 2022, Eq. 6. https://arxiv.org/abs/2203.09168
    """
    target, mean, log_variance = as_float32(target, mean, log_variance)
    weight = ops.stop_gradient(ops.exp(beta * log_variance))
    return mean_over_event(weight * _nll(target, mean, log_variance))


def detached_squared_error(target, mean, log_variance):
    """Computes `mean((target - mean)^2 + exp(-s) (target - m)^2 + s)`, `m` the mean held constant.

    The mean is trained by the squared error alone, and `s` by the likelihood.
    """
    target, mean, log_variance = as_float32(target, mean, log_variance)
    held = ops.stop_gradient(mean)
    return mean_over_event(ops.square(target - mean) + _nll(target, held, log_variance))


def _nll(target, mean, log_variance):
    return ops.exp(-log_variance) * ops.square(target - mean) + log_variance
