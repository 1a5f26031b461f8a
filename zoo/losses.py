"""Loss terms: pure functions that return one float32 value per sample, shape `(batch,)`.

The reduction over the event axes is part of the name: a `mean_...` is a mean over pixels, an
`..._nll` or a `kl_...` is a sum over the event in nats. Only `zoo/base.py` averages over the batch.
All inputs are cast to float32 first, so that they are exact under mixed precision.
"""

import math

from keras import ops

LOG_TWO_PI = math.log(2 * math.pi)


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


def _float32(*tensors):
    return tuple(ops.cast(tensor, "float32") for tensor in tensors)


def mean_squared_error(target, prediction):
    """Computes `mean((target - prediction)^2)` over pixels, in squared pixel units."""
    target, prediction = _float32(target, prediction)
    return mean_over_event(ops.square(target - prediction))


def mean_absolute_error(target, prediction):
    """Computes `mean(|target - prediction|)` over pixels, in pixel units."""
    target, prediction = _float32(target, prediction)
    return mean_over_event(ops.abs(target - prediction))


def mean_huber(target, prediction, delta=0.1):
    """Computes the mean Huber loss over pixels (Huber, 1964).

    0.5 e^2 for |e| <= delta, else delta (|e| - 0.5 delta), with e = target - prediction
    """
    target, prediction = _float32(target, prediction)
    error = ops.abs(target - prediction)
    quadratic = ops.minimum(error, delta)
    return mean_over_event(0.5 * ops.square(quadratic) + delta * (error - quadratic))


def _bce_from_logits(target, logits):
    # softplus(l) - t l = max(l, 0) - t l + log(1 + exp(-|l|)): finite for every logit.
    target, logits = _float32(target, logits)
    return ops.softplus(logits) - target * logits


def binary_crossentropy(target, logits):
    """Computes the mean binary cross-entropy over pixels, in nats per pixel, from logits.

    mean(-t log p - (1 - t) log(1 - p)),  p = sigmoid(logits),  t in [0, 1]
    """
    return mean_over_event(_bce_from_logits(target, logits))


def bernoulli_nll(target, logits):
    """Computes `-log Bernoulli(target; sigmoid(logits))` summed over pixels, nats per image.

    For targets strictly between 0 and 1 this is the cross-entropy that VAE papers use, not a
    normalised density: compare such numbers among themselves only.
    """
    return sum_over_event(_bce_from_logits(target, logits))


def gaussian_nll(target, mean, log_scale=0.0):
    """Computes `-log N(target; mean, exp(log_scale)^2)` summed over pixels, nats per image.

        sum(0.5 ((t - m) / s)^2 + log s + 0.5 log(2 pi))

    Args:
        log_scale: Natural logarithm of the standard deviation, broadcast to the pixels.
    """
    target, mean, log_scale = _float32(target, mean, log_scale)
    standardized = (target - mean) * ops.exp(-log_scale)
    return sum_over_event(0.5 * ops.square(standardized) + log_scale + 0.5 * LOG_TWO_PI)


def laplace_nll(target, mean, log_scale=0.0):
    """Computes `-log Laplace(target; mean, b)`, `b = exp(log_scale)`, summed, nats per image.

    sum(|t - m| / b + log(2 b)): the L1 likelihood.
    """
    target, mean, log_scale = _float32(target, mean, log_scale)
    return sum_over_event(ops.abs(target - mean) * ops.exp(-log_scale) + log_scale + math.log(2.0))


def log_normal(value, mean, log_var):
    """Computes `log N(value; mean, diag(exp(log_var)))` summed over the event, in nats."""
    return -gaussian_nll(value, mean, 0.5 * ops.cast(log_var, "float32"))


def log_standard_normal(value):
    """Computes `log N(value; 0, I)` summed over the event, in nats."""
    return -gaussian_nll(value, ops.zeros_like(value))


def kl_standard_normal(mean, log_var):
    """Computes `KL(N(mean, diag(exp(log_var))) || N(0, I))`, nats per sample.

        0.5 sum(exp(log_var) + mean^2 - 1 - log_var)

    Source: Kingma and Welling, 2014, appendix B. https://arxiv.org/abs/1312.6114
    """
    mean, log_var = _float32(mean, log_var)
    return sum_over_event(0.5 * (ops.expm1(log_var) - log_var + ops.square(mean)))


def kl_bernoulli(target_rate, rate, epsilon=1e-6):
    """Computes `KL(Bernoulli(target_rate) || Bernoulli(rate))` elementwise, in nats.

        r log(r / q) + (1 - r) log((1 - r) / (1 - q))

    Zero where both are equal; finite at rates of 0 and 1, as `rate` is kept `epsilon` away.
    """
    target_rate, rate = _float32(target_rate, rate)
    rate = ops.clip(rate, epsilon, 1 - epsilon)
    entropy = _xlogx(target_rate) + _xlogx(1 - target_rate)
    return entropy - target_rate * ops.log(rate) - (1 - target_rate) * ops.log1p(-rate)


def _xlogx(value):
    return value * ops.log(ops.maximum(value, 1e-37))  # below 1.2e-38 it would flush to log(0)


def heteroscedastic_squared_error(target, mean, log_variance):
    """Computes `mean(exp(-s) (target - mean)^2 + s)` over pixels, `s = log_variance`.

    Twice the Gaussian negative log-likelihood per pixel, less its constant; it can be negative.

    Source: Mao et al., 2020, Eq. 3. https://arxiv.org/abs/2006.13462
    """
    target, mean, log_variance = _float32(target, mean, log_variance)
    return mean_over_event(ops.exp(-log_variance) * ops.square(target - mean) + log_variance)
