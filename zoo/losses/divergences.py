"""Divergences that need a batch or several samples: MMD, the parts of a KL, log-mean-exp.

A statistic of the whole batch is given to each of its rows, so that a mean over the batch is the
statistic itself.
"""

import math

from keras import ops

from zoo.losses.densities import LOG_TWO_PI, log_normal, log_standard_normal
from zoo.losses.pixels import as_float32

# Bandwidths of the WAE's authors, in units of the mean squared distance of two prior samples.
WAE_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MINIBATCH_SAMPLINGS = ("stratified", "weighted")
_SMALLEST = 1e-30  # that is divided by, and that a logarithm is taken of
_NEVER = -1e9  # the logarithm of a weight of 0, finite for gradients


# --- maximum mean discrepancy ---------------------------------------------------------------------


def squared_distances(first, second):
    """Computes `||a_i - b_j||^2` of rows: `(n, units)` and `(m, units)` to `(n, m)`."""
    first, second = as_float32(first, second)
    return ops.sum(ops.square(first[:, None] - second[None]), axis=-1)


def inverse_multiquadratic_kernel(first, second, scales=WAE_SCALES):
    """Computes `sum_s C_s / (C_s + ||a - b||^2)`, `C_s = 2 units s`, for all pairs of rows.

    At scale 1, `C` is the mean squared distance of two samples of `N(0, I)`. The tails are heavy:
    codes far from the prior still feel a pull.

    Source: Tolstikhin et al., 2018, section 4. https://arxiv.org/abs/1711.01558
    """
    distances = squared_distances(first, second)
    widths = [2.0 * first.shape[-1] * scale for scale in scales]
    return sum(width / (width + distances) for width in widths)


def gaussian_kernel(first, second, scales=(1.0,)):
    """Computes `sum_s exp(-||a - b||^2 / C_s)`, `C_s = 2 units s`, for all pairs of rows.

    Source: Gretton et al., 2012. https://jmlr.org/papers/v13/gretton12a.html
    """
    distances = squared_distances(first, second)
    return sum(ops.exp(-distances / (2.0 * first.shape[-1] * scale)) for scale in scales)


KERNELS = {
    "inverse_multiquadratic": inverse_multiquadratic_kernel,
    "gaussian": gaussian_kernel,
}


def maximum_mean_discrepancy(
    first, second, kernel="inverse_multiquadratic", scales=WAE_SCALES, weights=None
):
    """Estimates `E k(a, a') + E k(b, b') - 2 E k(a, b)` between two samples, without bias.

    Zero in the mean for samples of one distribution, so that it is negative for some batches; at
    most `2 len(scales)`. A sample of one row has no such estimate: the value is then 0.

    Args:
        first: Float tensor `(n, units)`.
        second: Float tensor `(m, units)`.
        kernel: A name of `KERNELS`.
        scales: Bandwidths of the kernel, which is a sum over them.
        weights: Float tensor `(n,)` of weights >= 0 of the rows of both, `n = m`; None: all alike.

    Returns:
        Float32 tensor `(n,)`, the same value in each row, dimensionless.

    Source: Gretton et al., 2012, Eq. 3. https://jmlr.org/papers/v13/gretton12a.html
    """
    function = KERNELS[kernel]
    num_first, num_second = ops.shape(first)[0], ops.shape(second)[0]
    of_first = ops.ones((num_first,)) if weights is None else ops.cast(weights, "float32")
    of_second = ops.ones((num_second,)) if weights is None else of_first
    between = _sum_of_pairs(function(first, second, scales), of_first, of_second)
    estimate = (
        _mean_of_pairs(function(first, first, scales), len(scales), of_first)
        + _mean_of_pairs(function(second, second, scales), len(scales), of_second)
        - 2.0 * between / ops.maximum(ops.sum(of_first) * ops.sum(of_second), _SMALLEST)
    )
    counts = [ops.sum(ops.cast(each > 0, "int32")) for each in (of_first, of_second)]
    is_defined = ops.logical_and(counts[0] > 1, counts[1] > 1)
    return ops.broadcast_to(ops.where(is_defined, estimate, 0.0), (num_first,))


def _sum_of_pairs(kernel_values, of_rows, of_columns):
    return ops.sum(kernel_values * of_rows[:, None] * of_columns[None])


def _mean_of_pairs(kernel_values, diagonal_value, weights):
    """Averages a square matrix without its diagonal, each element of which is given."""
    squares = ops.sum(ops.square(weights))
    total = ops.square(ops.sum(weights)) - squares
    pairs = _sum_of_pairs(kernel_values, weights, weights) - diagonal_value * squares
    return pairs / ops.maximum(total, _SMALLEST)


# --- the parts of a KL ----------------------------------------------------------------------------


def minibatch_log_weights(batch_size, num_train=None, sampling="stratified", weights=None):
    """Returns `log w_ij` with which row `j` of a batch counts in `q(z_i)`.

        q(z_i) = 1 / N sum_n q(z_i | x_n), estimated by sum_j w_ij q(z_i | x_j)

    - `"stratified"`: the image that `z_i` came from has weight `1 / N`; the other images of the
      batch share the rest. Rows sum to 1, and the estimate of `q(z_i)` is unbiased.
    - `"weighted"`: every weight is `1 / (N batch_size)`. The estimate is a lower bound, whose
      logarithm is off by up to `log N`.
    - Without `num_train` every weight is `1 / batch_size`: the batch stands for the data. Each
      `z_i` meets its own image too often, so `q(z_i)` is too large, and the mutual information is
      at most `log batch_size`.

    Args:
        batch_size: Int or scalar tensor.
        num_train: `N`, number of training images, or None. Raised to `batch_size` if smaller.
        sampling: `"stratified"` or `"weighted"`.
        weights: Float tensor `(batch_size,)`: rows of weight 0 do not count. None: all do.

    Returns:
        Float32 tensor `(batch_size, batch_size)`.

    Source: Chen et al., 2018, section 4.1 and appendix C. https://arxiv.org/abs/1802.04942
    """
    own = ops.eye(batch_size, dtype="float32")
    counts = ops.ones((batch_size,)) if weights is None else ops.cast(weights > 0, "float32")
    size = ops.maximum(ops.sum(counts), 1.0)
    seen = ops.maximum(own, counts[None])  # of a row that counts not, it is all there is
    if num_train is None:
        return _log_where(seen, ops.ones_like(own) / size)
    total = ops.maximum(ops.cast(num_train, "float32"), size)
    if sampling == "weighted":
        return _log_where(seen, ops.ones_like(own) / (total * size))
    others = ops.maximum(size - 1.0, 1.0)
    place = ops.cumsum(counts) - 1.0
    is_next = ops.cast(ops.equal(place[None], ops.mod(place[:, None] + 1.0, size)), "float32")
    is_next = is_next * counts[None]
    shares = ops.where(own > 0, 1.0 / total, is_next * (total - others) / (total * others))
    shares = seen * (shares + (1.0 - own) * (1.0 - is_next) / others)
    return _log_where(seen, shares / ops.sum(shares, axis=1, keepdims=True))


def _log_where(seen, values):
    return ops.where(seen > 0, ops.log(ops.maximum(values, _SMALLEST)), _NEVER)


def aggregate_log_densities(z, mean, log_var, log_weights):
    """Estimates `log q(z)` and `log prod_d q(z_d)` of a batch of Gaussian posteriors, in nats.

    Args:
        z: Float tensor `(batch, units)`, samples of `q(z | x)`.
        mean: Float tensor `(batch, units)`.
        log_var: Float tensor `(batch, units)`.
        log_weights: `(batch, batch)`; see `minibatch_log_weights`.

    Returns:
        Pair of float32 tensors `(batch,)`.
    """
    z, mean, log_var = as_float32(z, mean, log_var)
    standardized = (z[:, None] - mean[None]) * ops.exp(-0.5 * log_var)[None]
    log_pairs = -0.5 * (ops.square(standardized) + log_var[None] + LOG_TWO_PI)  # (i, j, unit)
    log_joint = ops.logsumexp(ops.sum(log_pairs, axis=-1) + log_weights, axis=1)
    log_marginals = ops.logsumexp(log_pairs + log_weights[:, :, None], axis=1)
    return log_joint, ops.sum(log_marginals, axis=-1)


def kl_parts(z, mean, log_var, num_train=None, sampling="stratified", weights=None):
    """Splits the KL to the standard normal prior at a sample, nats per sample.

        log q(z | x) - log q(z)              mutual information of image and code
        log q(z) - log prod_d q(z_d)         total correlation of the code's units
        log prod_d q(z_d) - log p(z)         KL of each unit to the prior

    The three add up to the Monte-Carlo estimate `log q(z | x) - log p(z)`, whatever the weights.

    Args:
        z: Float tensor `(batch, units)`, samples of `q(z | x)`.
        mean: Float tensor `(batch, units)`.
        log_var: Float tensor `(batch, units)`.
        num_train: See `minibatch_log_weights`.
        sampling: See `minibatch_log_weights`.
        weights: See `minibatch_log_weights`.

    Returns:
        Dict of `"mutual_information"`, `"total_correlation"` and `"dimension_wise_kl"`, each a
        float32 tensor `(batch,)`.

    Source: Chen et al., 2018, Eq. 2. https://arxiv.org/abs/1802.04942
    """
    log_weights = minibatch_log_weights(ops.shape(z)[0], num_train, sampling, weights)
    log_joint, log_product = aggregate_log_densities(z, mean, log_var, log_weights)
    return {
        "mutual_information": log_normal(z, mean, log_var) - log_joint,
        "total_correlation": log_joint - log_product,
        "dimension_wise_kl": log_product - log_standard_normal(z),
    }


# --- importance weights ---------------------------------------------------------------------------


def log_mean_exp(log_weights):
    """Computes `log (1 / S) sum_s exp(log_weights[s])` over the first axis: `(S, batch)`."""
    log_weights = ops.cast(log_weights, "float32")
    return ops.logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])
