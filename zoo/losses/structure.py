"""Losses of structural similarity: one minus SSIM, one float32 value per image."""

import math

import numpy as np
from keras import ops

from zoo.losses.pixels import as_float32

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
# Wang et al., 2003: weight of each scale, the finest first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The shorter side of the smallest image that each loss takes.
SMALLEST_SIDE = {"ssim": 7, "ms_ssim": 2 * WINDOW}
_SMALLEST_CONTRAST = 1e-3  # keeps the slope of a power finite


def ssim(target, prediction):
    """Computes one minus the structural similarity of images in `[0, 1]`, in `[0, 2]`.

        (2 m_t m_p + C1) (2 s_tp + C2) / ((m_t^2 + m_p^2 + C1) (s_t^2 + s_p^2 + C2))

    averaged over all full windows and channels, `C1 = 0.01^2`, `C2 = 0.03^2`. The window is a
    Gaussian of sigma 1.5 on 11 x 11 pixels; where the shorter side is less than 11, it is cut to
    the largest odd size that fits. It compares edges and textures rather than pixels, and is
    blind to small shifts of brightness.

    Args:
        target: `(batch, height, width, channels)`, at least 7 x 7.
        prediction: Of the same shape; probabilities, not logits.

    Raises:
        ValueError: for series, vectors, and smaller images.

    Reference: Wang et al., 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    target, prediction = as_float32(target, prediction)
    check_size("ssim", "ssim", target.shape[1:], "target shape")
    luminance, contrast = _similarity(target, prediction)
    return 1 - ops.mean(luminance * contrast, axis=(1, 2, 3))


def ms_ssim(target, prediction):
    """Computes one minus the structural similarity over several scales, in `[0, 1]`.

        1 - l_M^w_M prod_j c_j^w_j

    `c_j` is the mean contrast-and-structure factor at scale `j`, `l_M c_M` the mean SSIM at the
    coarsest one; each scale halves the image by means of 2 x 2 pixels (an odd last row or column
    is left out). There are five scales, or as many as leave the coarsest image 11 pixels: at
    least two, so the shorter side must be 22 or more; their weights are scaled to add up to 1.
    Factors below 0.001, such as those of inverted images, count as 0.001. Channel by channel,
    then averaged.

    Args:
        target: `(batch, height, width, channels)`, at least 22 x 22.
        prediction: Of the same shape; probabilities, not logits.

    Raises:
        ValueError: for series, vectors, and smaller images.

    Reference: Wang et al., 2003. https://doi.org/10.1109/ACSSC.2003.1292216
    """
    target, prediction = as_float32(target, prediction)
    check_size("ms_ssim", "ms_ssim", target.shape[1:], "target shape")
    weights = np.array(SCALE_WEIGHTS[: _num_scales(min(target.shape[1:3]))])
    weights = weights / weights.sum()
    product = 1.0
    for scale, weight in enumerate(weights, 1):
        luminance, contrast = _similarity(target, prediction)
        values = contrast if scale < len(weights) else luminance * contrast
        factor = ops.maximum(ops.mean(values, axis=(1, 2)), _SMALLEST_CONTRAST)
        product = product * ops.power(factor, float(weight))  # (batch, channels)
        if scale < len(weights):
            target, prediction = _halved(target), _halved(prediction)
    return 1 - ops.mean(product, axis=-1)


def check_size(owner: str, loss: str, shape, name: str = "image_shape") -> None:
    """Raises ValueError where images of `shape`, without the batch axis, are too small."""
    shape, smallest = tuple(shape), SMALLEST_SIDE[loss]
    if len(shape) == 3 and None not in shape[:2] and min(shape[:2]) >= smallest:
        return
    fix = "Use reconstruction='mean_squared_error' or 'mean_absolute_error'."
    if loss == "ms_ssim" and len(shape) == 3 and min(shape[:2]) >= SMALLEST_SIDE["ssim"]:
        fix = "Use 'ssim', which takes 7 x 7 pixels and more."
    raise ValueError(
        f"{owner}: {name} must be (height, width, channels), {smallest} x {smallest} pixels or "
        f"more, for {loss}. Received: {name}={shape}. {fix}"
    )


def _num_scales(side: int) -> int:
    return min(len(SCALE_WEIGHTS), 1 + int(math.log2(side / WINDOW)))


def _halved(images):
    return ops.average_pool(images, 2, strides=2, padding="valid")


def _similarity(target, prediction):
    """Computes the factors of luminance and of contrast and structure at each full window."""
    channels = target.shape[-1]
    moments = [target, prediction, target * target, prediction * prediction, target * prediction]
    blurred = _blurred(ops.concatenate(moments, axis=-1), min(target.shape[1:3]))
    mean_t, mean_p, square_t, square_p, product = (
        blurred[..., start : start + channels] for start in range(0, 5 * channels, channels)
    )
    means, mean_squares = mean_t * mean_p, mean_t * mean_t + mean_p * mean_p
    luminance = (2 * means + K1**2) / (mean_squares + K1**2)
    contrast = (2 * (product - means) + K2**2) / (square_t + square_p - mean_squares + K2**2)
    return luminance, contrast


def _blurred(values, side: int):
    """Averages over the Gaussian window, one axis after the other, without padding."""
    window = min(WINDOW, side - 1 + side % 2)
    offset = np.arange(window) - window // 2
    weights = np.exp(-0.5 * (offset / SIGMA) ** 2)
    weights = np.tile((weights / weights.sum()).astype("float32"), (values.shape[-1], 1)).T
    for shape in ((window, 1), (1, window)):
        kernel = weights.reshape((*shape, values.shape[-1], 1))
        values = ops.depthwise_conv(values, ops.convert_to_tensor(kernel), padding="valid")
    return values
