"""Segmentation losses: how far logits are from a mask, one float32 value per image.

`target` and `logits` have shape `(batch, height, width, channels)` or `(batch, length, channels)`.
With one channel the mask is binary, with values 0 and 1, and the probability is a sigmoid; with
more, the mask is one-hot and the probability a softmax over classes that exclude each other.

`reduction="image"` takes the overlap of each image; `reduction="batch"` takes the overlap of all
pixels of the batch at once and gives each image that same value. Small or empty masks make the
first noisy; the second depends on the batch, and on several devices on each device's part of it.

Every loss takes `weights`, float >= 0, `(batch, height, width, 1)` or `(batch, length, 1)`: 0
leaves a pixel out, of values and of gradients, whatever target and logits hold there. A mean over
pixels is `sum(w v)` over the number of pixels with `w > 0`; overlaps count `w` in place of 1.

Every loss takes `class_weights`, one number >= 0 per class (two for one channel: background and
foreground). They multiply the weights of pixels by the true class. Where classes are scored by
their overlap, they weigh the mean over classes instead.
"""

import math

from keras import ops

from zoo import checks
from zoo.losses.distances import distance_map
from zoo.losses.mask_weights import mean_over_classes, mean_over_pixels, shares, weighed
from zoo.losses.pixels import bce_from_logits

REDUCTIONS = ("image", "batch")
CLASSES = ("present", "all")

_POSITIVE = (1e-7, math.inf)
_WEIGHTS = {"fp_weight": (0.0, math.inf), "fn_weight": (0.0, math.inf), "smoothing": _POSITIVE}
# Range of each number, or the words, that an option takes, by loss.
OPTIONS = {
    "dice": {"smoothing": _POSITIVE, "reduction": REDUCTIONS},
    "jaccard": {"smoothing": _POSITIVE, "reduction": REDUCTIONS},
    "tversky": {**_WEIGHTS, "reduction": REDUCTIONS},
    "focal_tversky": {**_WEIGHTS, "gamma": (0.1, 100.0), "reduction": REDUCTIONS},
    "focal": {"gamma": (0.0, 100.0), "alpha": (0.0, 1.0)},
    "lovasz": {"reduction": REDUCTIONS, "classes": CLASSES},
}
_SMALLEST = 1e-7  # keeps the slope of a power finite


def check_options(name: str, **options) -> None:
    """Raises ValueError where an option of the loss `name` is out of its range."""
    for option, value in options.items():
        allowed = OPTIONS[name][option]
        if isinstance(allowed[0], str):
            checks.one_of(name, **{option: (value, allowed)})
        elif not (option == "alpha" and value is None):
            checks.number(name, low=allowed[0], high=allowed[1], **{option: value})
    if options.get("fp_weight") == options.get("fn_weight") == 0:
        raise ValueError(
            f"{name}: fp_weight or fn_weight must be above 0. Received: fp_weight=0, fn_weight=0."
        )


# --- pixel by pixel -----------------------------------------------------------------------------


def mask_binary_crossentropy(target, logits, *, weights=None, class_weights=None):
    """Computes the mean over pixels of `-t log p - (1 - t) log(1 - p)`, nats per pixel.

    Raises:
        ValueError: for more than one channel.
    """
    target, logits, w = weighed("binary_crossentropy", target, logits, weights, class_weights)
    if logits.shape[-1] != 1:
        raise ValueError(
            "binary_crossentropy: logits must have 1 channel. Received: "
            f"{logits.shape[-1]} channels. Use categorical_crossentropy for exclusive classes."
        )
    return mean_over_pixels(bce_from_logits(target, logits)[..., 0], w)


def mask_categorical_crossentropy(target, logits, *, weights=None, class_weights=None):
    """Computes the mean over pixels of `-sum_c t_c log p_c`, nats per pixel.

    Raises:
        ValueError: for one channel.
    """
    target, logits, w = weighed("categorical_crossentropy", target, logits, weights, class_weights)
    if logits.shape[-1] == 1:
        raise ValueError(
            "categorical_crossentropy: logits must have one channel per class, at least 2. "
            "Received: 1 channel. Use binary_crossentropy for a binary mask."
        )
    return mean_over_pixels(-ops.sum(target * ops.log_softmax(logits, axis=-1), axis=-1), w)


def mask_crossentropy(target, logits, *, weights=None, class_weights=None):
    """Computes the binary cross-entropy for one channel and the categorical one for more."""
    settings = {"weights": weights, "class_weights": class_weights}
    if logits.shape[-1] == 1:
        return mask_binary_crossentropy(target, logits, **settings)
    return mask_categorical_crossentropy(target, logits, **settings)


def focal(target, logits, *, gamma=2.0, alpha=0.25, weights=None, class_weights=None):
    """Computes the mean over pixels of `-a_t (1 - p_t)^gamma log p_t`, nats per pixel.

    `p_t` is the probability of what is true. The cross-entropy with less weight on pixels that
    are right already.

    Args:
        gamma: Float >= 0; 0 gives the weighted cross-entropy.
        alpha: Float in `[0, 1]`: `a_t` of the foreground, and `1 - alpha` that of the background.
            With several classes, `a_t = alpha` for all. `None` means `a_t = 1`.

    Reference: Lin et al., 2017, Eq. 5. https://arxiv.org/abs/1708.02002
    """
    check_options("focal", gamma=gamma, alpha=alpha)
    target, logits, w = weighed("focal", target, logits, weights, class_weights)
    if logits.shape[-1] > 1:
        log_probability = ops.log_softmax(logits, axis=-1)
        doubt = ops.maximum(-ops.expm1(log_probability), _SMALLEST)
        values = -target * ops.power(doubt, gamma) * log_probability
        return (1.0 if alpha is None else alpha) * mean_over_pixels(ops.sum(values, axis=-1), w)
    # softplus(l) = -log(1 - p) and softplus(-l) = -log p: finite for every logit.
    off, on = ops.softplus(logits), ops.softplus(-logits)
    foreground = target * ops.exp(-gamma * off) * on
    background = (1 - target) * ops.exp(-gamma * on) * off
    alphas = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return mean_over_pixels((alphas[0] * foreground + alphas[1] * background)[..., 0], w)


def boundary(target, logits, *, weights=None, class_weights=None):
    """Computes the mean over pixels and classes of `d p`, in pixels.

    `d` is the signed distance to the border of the true mask, negative inside: see
    `distance_map`. Mistakes cost more the farther they lie from the border. It can be negative,
    no mask has less than the true one, and it says nothing of the mask's outermost pixels and of
    masks without a border (empty or full), where `d = 0`: add it with a small weight to a loss of
    overlap. The distances are worked out from the mask at each step, by `height + width` passes
    over it. Pixels that are left out lie outside of every class.

    Differs from the paper: the background of a one-hot mask counts as a class too.

    Reference: Kervadec et al., 2019, Eq. 5. https://arxiv.org/abs/1812.07032
    """
    _, flat, w = weighed("boundary", target, logits, weights, class_weights)
    distance = ops.reshape(ops.stop_gradient(distance_map(target)), ops.shape(flat))
    return mean_over_pixels(ops.mean(distance * _probability(flat), axis=-1), w)


# --- overlap ------------------------------------------------------------------------------------


def tversky(
    target,
    logits,
    *,
    fp_weight=0.3,
    fn_weight=0.7,
    smoothing=1.0,
    reduction="image",
    weights=None,
    class_weights=None,
):
    """Computes one minus the Tversky index, in `[0, 1]`, a mean over classes.

        1 - (TP + s) / (TP + fp_weight FP + fn_weight FN + s)

    `TP = sum(t p)`, `FP = sum((1 - t) p)`, `FN = sum(t (1 - p))` over pixels, for each class.

    Args:
        fp_weight: Float >= 0, weight of false positives.
        fn_weight: Float >= 0, weight of false negatives; the larger, the more is found.
        smoothing: Float > 0, `s` in pixels. An empty mask with an empty prediction gives 0, and
            one with false positives a slope to follow: with 1e-5 it would have next to none.
        reduction: `"image"`, or `"batch"` for the overlap of all pixels of the batch.

    Reference: Salehi et al., 2017, Eq. 4. https://arxiv.org/abs/1706.05721
    """
    check_options(
        "tversky",
        fp_weight=fp_weight,
        fn_weight=fn_weight,
        smoothing=smoothing,
        reduction=reduction,
    )
    counted = weighed("tversky", target, logits, weights, class_weights, by_overlap=True)
    distances = _overlap_distances(counted, (fp_weight, fn_weight), smoothing, reduction)
    return _for_each_image(mean_over_classes(distances, class_weights), logits)


def dice(target, logits, *, smoothing=1.0, reduction="image", weights=None, class_weights=None):
    """Computes one minus the soft Dice coefficient, in `[0, 1]`, a mean over classes.

        1 - 2 (TP + s) / (2 TP + FP + FN + 2 s)

    The Tversky loss with both weights 0.5; see there for the arguments. Code that adds its
    smoothing to `2 TP` has twice this `s`.

    Reference: Milletari et al., 2016 (with squares in the denominator).
    https://arxiv.org/abs/1606.04797
    """
    check_options("dice", smoothing=smoothing, reduction=reduction)
    counted = weighed("dice", target, logits, weights, class_weights, by_overlap=True)
    distances = _overlap_distances(counted, (0.5, 0.5), smoothing, reduction)
    return _for_each_image(mean_over_classes(distances, class_weights), logits)


def jaccard(target, logits, *, smoothing=1.0, reduction="image", weights=None, class_weights=None):
    """Computes one minus the soft intersection over union, in `[0, 1]`, a mean over classes.

        1 - (TP + s) / (TP + FP + FN + s)

    The Tversky loss with both weights 1; see there for the arguments.

    Reference: Rahman and Wang, 2016. https://doi.org/10.1007/978-3-319-50835-1_22
    """
    check_options("jaccard", smoothing=smoothing, reduction=reduction)
    counted = weighed("jaccard", target, logits, weights, class_weights, by_overlap=True)
    distances = _overlap_distances(counted, (1.0, 1.0), smoothing, reduction)
    return _for_each_image(mean_over_classes(distances, class_weights), logits)


def focal_tversky(
    target,
    logits,
    *,
    fp_weight=0.3,
    fn_weight=0.7,
    gamma=4 / 3,
    smoothing=1.0,
    reduction="image",
    weights=None,
    class_weights=None,
):
    """Computes the Tversky loss to the power `1 / gamma`, in `[0, 1]`, a mean over classes.

    Args:
        gamma: Float > 0; above 1, masks that are nearly right still have a steep slope.
        fp_weight: See `tversky`, as for the other arguments.

    Differs from the paper: a mean over classes, not a sum.

    Reference: Abraham and Khan, 2019, Eq. 4. https://arxiv.org/abs/1810.07842
    """
    check_options(
        "focal_tversky",
        fp_weight=fp_weight,
        fn_weight=fn_weight,
        gamma=gamma,
        smoothing=smoothing,
        reduction=reduction,
    )
    counted = weighed("focal_tversky", target, logits, weights, class_weights, by_overlap=True)
    distances = _overlap_distances(counted, (fp_weight, fn_weight), smoothing, reduction)
    powers = ops.power(ops.maximum(distances, _SMALLEST), 1 / gamma)
    return _for_each_image(mean_over_classes(powers, class_weights), logits)


def lovasz(
    target, logits, *, reduction="image", classes="present", weights=None, class_weights=None
):
    """Computes the Lovasz extension of the Jaccard loss: hinge or softmax, a mean over classes.

        sum_i m_i (J_i - J_{i-1}),  m_1 >= m_2 >= ... the errors of the pixels

    `J_i` is the Jaccard loss of a prediction that is wrong at the first `i` pixels. The error is
    `max(0, 1 - l (2 t - 1))` for one channel and `|t - p|` for more: the first is not bounded,
    and 0 needs logits beyond -1 and 1. Targets are taken as 0 or 1, split at 0.5.

    Args:
        reduction: `"image"`, or `"batch"` for the overlap of all pixels of the batch.
        classes: With several channels, `"present"` averages over the classes that the mask has,
            `"all"` over all of them.

    Reference: Berman et al., 2018, Eq. 9 and 11. https://arxiv.org/abs/1705.08790
    """
    check_options("lovasz", reduction=reduction, classes=classes)
    truth, flat, w = weighed("lovasz", target, logits, weights, class_weights, by_overlap=True)
    truth = ops.cast(truth > 0.5, "float32")
    if flat.shape[-1] == 1:
        errors = ops.relu(1 - flat * (2 * truth - 1))
    else:
        errors = ops.abs(truth - _probability(flat))
    w = ops.ones_like(errors) if w is None else ops.broadcast_to(w, ops.shape(errors))
    errors, truth, w = (
        ops.transpose(_pooled(values, reduction), (0, 2, 1)) for values in (errors, truth, w)
    )  # (groups, channels, pixels)
    order = ops.argsort(-ops.stop_gradient(errors), axis=-1)
    in_order = (ops.take_along_axis(values, order, axis=-1) for values in (w * truth, w))
    distances = ops.sum(ops.take_along_axis(errors, order, axis=-1) * _jaccard_steps(*in_order), -1)
    of_classes = ops.ones_like(distances) * shares(class_weights, flat.shape[-1])
    if classes == "present" and flat.shape[-1] > 1:
        of_classes = of_classes * ops.cast(ops.max(w * truth, axis=-1) > 0, "float32")
    total = ops.maximum(ops.sum(of_classes, axis=-1), _SMALLEST)
    mean = ops.sum(of_classes * distances, axis=-1) / total
    return _for_each_image(mean, logits)


# --- shared -------------------------------------------------------------------------------------


def _probability(logits):
    return ops.sigmoid(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def _pooled(values, reduction: str):
    """Returns `(groups, pixels, channels)`: a group is an image, or the whole batch."""
    return values if reduction == "image" else ops.reshape(values, (1, -1, values.shape[-1]))


def _for_each_image(values, logits):
    """Repeats the value of the batch for each image; `(batch,)` stays as it is."""
    return ops.broadcast_to(values, (ops.shape(logits)[0],))


def _overlap_distances(counted, both, smoothing, reduction):
    """Computes `1 - Tversky index`, `(groups, channels)`, without the difference of near ones.

    Args:
        counted: What `_weighed` returns.
        both: Weights of false positives and of false negatives.
    """
    target, logits, weights = counted
    target, probability = _pooled(target, reduction), _pooled(_probability(logits), reduction)
    weights = 1.0 if weights is None else _pooled(weights, reduction)
    true_positives = ops.sum(weights * target * probability, axis=1)
    false_positives = ops.sum(weights * (1 - target) * probability, axis=1)
    false_negatives = ops.sum(weights * target * (1 - probability), axis=1)
    wrong = both[0] * false_positives + both[1] * false_negatives
    return wrong / (true_positives + wrong + smoothing)


def _jaccard_steps(truth, weights):
    """Computes `J_i - J_{i-1}` along the last axis, for pixels in the order of their errors.

    Args:
        truth: Weights of the pixels of the mask, 0 elsewhere.
        weights: Those of all pixels; one of weight 0 is no step.
    """
    foreground = ops.sum(truth, axis=-1, keepdims=True)
    intersection = foreground - ops.cumsum(truth, axis=-1)
    union = foreground + ops.cumsum(weights - truth, axis=-1)  # 0 before the first that counts
    losses = ops.where(union > 0, 1 - intersection / ops.maximum(union, _SMALLEST), 0.0)
    before = ops.concatenate([ops.zeros_like(losses[..., :1]), losses[..., :-1]], axis=-1)
    return ops.stop_gradient(losses - before)
