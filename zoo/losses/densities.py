"""Log-densities and divergences, sums over the event in nats."""

import math

from keras import ops

from zoo.losses.pixels import as_float32, bce_from_logits, sum_over_event

LOG_TWO_PI = math.log(2 * math.pi)


def bernoulli_nll(target, logits):
    """Computes `-log Bernoulli(target; sigmoid(logits))` summed over pixels, nats per image.

    For targets strictly between 0 and 1 this is the cross-entropy that VAE papers use, not a
    normalised density: compare such numbers among themselves only.
    """
    return sum_over_event(bce_from_logits(target, logits))


def gaussian_nll(target, mean, log_scale=0.0):
    """Computes `-log N(target; mean, exp(log_scale)^2)` summed over pixels, nats per image.

        sum(0.5 ((t - m) / s)^2 + log s + 0.5 log(2 pi))

    Args:
        log_scale: Natural logarithm of the standard deviation, broadcast to the pixels.
    """
    target, mean, log_scale = as_float32(target, mean, log_scale)
    standardized = (target - mean) * ops.exp(-log_scale)
    return sum_over_event(0.5 * ops.square(standardized) + log_scale + 0.5 * LOG_TWO_PI)


def laplace_nll(target, mean, log_scale=0.0):
    """Computes `-log Laplace(target; mean, b)`, `b = exp(log_scale)`, summed, nats per image.

    sum(|t - m| / b + log(2 b)): the L1 likelihood.
    """
    target, mean, log_scale = as_float32(target, mean, log_scale)
    return sum_over_event(ops.abs(target - mean) * ops.exp(-log_scale) + log_scale + math.log(2.0))


def categorical_nll(one_hot, logits):
    """Computes `-sum_k t_k log softmax(logits)_k`, nats per row; 0 where the row of `t` is 0."""
    one_hot, logits = as_float32(one_hot, logits)
    return -ops.sum(one_hot * ops.log_softmax(logits, axis=-1), axis=-1)


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
    mean, log_var = as_float32(mean, log_var)
    return sum_over_event(0.5 * (ops.expm1(log_var) - log_var + ops.square(mean)))


def kl_bernoulli(target_rate, rate, epsilon=1e-6):
    """Computes `KL(Bernoulli(target_rate) || Bernoulli(rate))` elementwise, in nats.

        r log(r / q) + (1 - r) log((1 - r) / (1 - q))

    Zero where both are equal; finite at rates of 0 and 1, as `rate` is kept `epsilon` away.
    """
    target_rate, rate = as_float32(target_rate, rate)
    rate = ops.clip(rate, epsilon, 1 - epsilon)
    entropy = _xlogx(target_rate) + _xlogx(1 - target_rate)
    return entropy - target_rate * ops.log(rate) - (1 - target_rate) * ops.log1p(-rate)


def _xlogx(value):
    return value * ops.log(ops.maximum(value, 1e-37))  # below 1.2e-38 it would flush to log(0)
