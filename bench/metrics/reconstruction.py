"""Quality of reconstructions: one value per image, which the caller averages with equal weight."""

from typing import Any

import numpy as np

from bench.stats import intervals as interval_stats

PSNR_CEILING = 100.0
SSIM_SIGMA, SSIM_TRUNCATE = 1.5, 3.5
_GAUSSIAN_WINDOW = 11  # 2 int(3.5 * 1.5 + 0.5) + 1
_UNIFORM_WINDOW = 7
_CHUNK = 1_000
# Wang et al., 2003: weight of each scale, the finest first.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _per_image(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(axis=1, dtype="float64")


def _checked(target, prediction) -> tuple[np.ndarray, np.ndarray]:
    target, prediction = np.asarray(target), np.asarray(prediction)
    if target.shape != prediction.shape or target.ndim < 2 or target.size == 0:
        raise ValueError(
            "metrics: target and prediction must have the same shape (images, ...), not empty. "
            f"Received: {target.shape} and {prediction.shape}."
        )
    for name, values in (("target", target), ("prediction", prediction)):
        if not np.isfinite(values).all():
            raise ValueError(f"metrics: {name} must be finite. Received: NaN or infinity.")
    return target.astype("float64"), prediction.astype("float64")


def _check_max_value(max_value: float) -> None:
    if not 0 < max_value < np.inf:
        raise ValueError(
            f"metrics: max_value must be a finite number > 0. Received: max_value={max_value!r}. "
            "Give the largest value that a pixel can have, such as 1.0 or 255."
        )


def mse(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Computes the mean squared error of each image, `(images,)`, in squared pixel units.

    Raises:
        ValueError: for shapes that differ, no images, NaN or infinity; as in all metrics here.
    """
    target, prediction = _checked(target, prediction)
    return _per_image((target - prediction) ** 2)


def mae(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Computes the mean absolute error of each image, `(images,)`, in pixel units."""
    target, prediction = _checked(target, prediction)
    return _per_image(np.abs(target - prediction))


def psnr(
    target: np.ndarray,
    prediction: np.ndarray,
    max_value: float = 1.0,
    *,
    ceiling: float = PSNR_CEILING,
) -> np.ndarray:
    """Computes the peak signal-to-noise ratio of each image, `(images,)`, in dB.

        min(10 log10(max_value^2 / mse), ceiling)

    Args:
        max_value: The largest value that a pixel can have.
        ceiling: In dB. What a perfect image gets, instead of infinity, so that means stay finite.
    """
    _check_max_value(max_value)
    error = mse(target, prediction)
    least_error = max_value**2 * 10 ** (-ceiling / 10)
    return 10 * np.log10(max_value**2 / np.maximum(error, least_error))


def bce(target: np.ndarray, prediction: np.ndarray, *, epsilon: float = 1e-7) -> np.ndarray:
    """Computes the binary cross-entropy of each image, a mean over pixels, in nats.

        -target log(prediction) - (1 - target) log(1 - prediction)

    Args:
        target: In `[0, 1]`.
        prediction: Probabilities, clipped to `[epsilon, 1 - epsilon]`.
        epsilon: In `(0, 0.5)`.
    """
    if not 0 < epsilon < 0.5:
        raise ValueError(f"bce: epsilon must be in (0, 0.5). Received: epsilon={epsilon!r}.")
    target, prediction = _checked(target, prediction)
    prediction = np.clip(prediction, epsilon, 1 - epsilon)
    return _per_image(-target * np.log(prediction) - (1 - target) * np.log1p(-prediction))


def ssim(target: np.ndarray, prediction: np.ndarray, max_value: float = 1.0) -> np.ndarray | None:
    """Computes the structural similarity of each image, `(images,)`, at most 1.

        (2 m_t m_p + C1) (2 s_tp + C2) / ((m_t^2 + m_p^2 + C1) (s_t^2 + s_p^2 + C2))

    averaged over pixels and channels, with `C1 = (0.01 max_value)^2`, `C2 = (0.03 max_value)^2`.
    The window is a Gaussian of sigma 1.5, 11 x 11 pixels. Images whose shorter side is 7 to 10
    pixels (such as the 8 x 8 digits) get a uniform window of 7 x 7. Equal to
    `skimage.metrics.structural_similarity(gaussian_weights=True, use_sample_covariance=False)`
    (and, for the small window, to its default with population covariance), vectorised over images.

    Returns:
        None for series, vectors, and images below 7 pixels.

    Reference: Wang et al., 2004. https://doi.org/10.1109/TIP.2003.819861
    """
    _check_max_value(max_value)
    target, prediction = _checked(target, prediction)
    if target.ndim != 4 or min(target.shape[1:3]) < _UNIFORM_WINDOW:
        return None
    return _in_chunks(_ssim, target, prediction, max_value)


def ms_ssim(
    target: np.ndarray, prediction: np.ndarray, max_value: float = 1.0
) -> np.ndarray | None:
    """Computes the structural similarity over several scales of each image, `(images,)`, to 1.

        l_M^w_M prod_j c_j^w_j

    `c_j` is the mean contrast-and-structure factor at scale `j`, `l_M c_M` the mean SSIM at the
    coarsest one, with the window of `ssim`; factors below 0 count as 0. Each scale halves the
    image by means of 2 x 2 pixels; an odd last row or column is left out. The five scales of the
    paper need 176 pixels: smaller images get as many as leave the coarsest 11 pixels (two for
    28 x 28), with weights scaled to add up to 1, so compare images of one size only. Channel by
    channel, then averaged.

    Returns:
        None for series, vectors, and images below 22 pixels.

    Reference: Wang et al., 2003. https://doi.org/10.1109/ACSSC.2003.1292216
    """
    _check_max_value(max_value)
    target, prediction = _checked(target, prediction)
    if target.ndim != 4 or min(target.shape[1:3]) < 2 * _GAUSSIAN_WINDOW:
        return None
    return _in_chunks(_ms_ssim, target, prediction, max_value)


def _in_chunks(similarity, target, prediction, max_value: float) -> np.ndarray:
    starts = range(0, len(target), _CHUNK)
    parts = [
        similarity(target[start : start + _CHUNK], prediction[start : start + _CHUNK], max_value)
        for start in starts
    ]
    return np.concatenate(parts)


def _ssim(target: np.ndarray, prediction: np.ndarray, max_value: float) -> np.ndarray:
    luminance, contrast = _similarity(target, prediction, max_value)
    return _per_image(luminance * contrast)


def _ms_ssim(target: np.ndarray, prediction: np.ndarray, max_value: float) -> np.ndarray:
    side = min(target.shape[1:3])
    num_scales = min(len(_SCALE_WEIGHTS), 1 + int(np.log2(side / _GAUSSIAN_WINDOW)))
    weights = np.array(_SCALE_WEIGHTS[:num_scales])
    product = 1.0
    for scale, weight in enumerate(weights / weights.sum(), 1):
        luminance, factor = _similarity(target, prediction, max_value)
        if scale == num_scales:
            factor = luminance * factor
        product = product * np.maximum(factor.mean(axis=(1, 2)), 0) ** weight
        target, prediction = _halved(target), _halved(prediction)
    return product.mean(axis=-1)


def _halved(images: np.ndarray) -> np.ndarray:
    num, height, width, channels = images.shape
    even = images[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(num, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def _similarity(
    target: np.ndarray, prediction: np.ndarray, max_value: float
) -> tuple[np.ndarray, np.ndarray]:
    """The factors of luminance, and of contrast and structure, at each full window."""
    from scipy import ndimage

    if min(target.shape[1:3]) >= _GAUSSIAN_WINDOW:
        border = _GAUSSIAN_WINDOW // 2

        def blur(values):
            return ndimage.gaussian_filter(values, SSIM_SIGMA, truncate=SSIM_TRUNCATE, axes=(1, 2))
    else:
        border = _UNIFORM_WINDOW // 2

        def blur(values):
            return ndimage.uniform_filter(values, _UNIFORM_WINDOW, axes=(1, 2))

    mean_t, mean_p = blur(target), blur(prediction)
    var_t = blur(target * target) - mean_t**2
    var_p = blur(prediction * prediction) - mean_p**2
    covariance = blur(target * prediction) - mean_t * mean_p
    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    luminance = (2 * mean_t * mean_p + c1) / (mean_t**2 + mean_p**2 + c1)
    contrast = (2 * covariance + c2) / (var_t + var_p + c2)
    inner = slice(border, -border)  # full windows only, as in the reference code
    return luminance[:, inner, inner], contrast[:, inner, inner]


def intervals(per_image: dict[str, np.ndarray | None]) -> dict[str, list[float]]:
    """Computes the 95 % Student-t interval, over images, of the mean of each metric.

    The interval says how far other test images could move the mean of this trained model. It says
    nothing of other seeds. It is rough with fewer than about 30 images, or where a few images
    dominate the mean.

    Args:
        per_image: Values `(images,)` by metric, or None.

    Returns:
        `[low, high]` by metric, without the metrics that have fewer than two values.
    """
    bounds = {}
    for name, values in per_image.items():
        if values is not None and len(values) > 1:
            interval = interval_stats.mean_interval(values)
            bounds[name] = [interval.low, interval.high]
    return bounds


def reconstruction_summary(target: np.ndarray, prediction: np.ndarray) -> dict[str, Any]:
    """Returns the means over images of all metrics here, and the intervals of these means.

    Returns:
        `mse`, `mae`, `psnr`, `ssim`, `ms_ssim`, `bce`: None where undefined: the similarities of
        small images and of what is no image, the cross-entropy of targets outside `[0, 1]`.
        `intervals`: `[low, high]` of each, see `intervals`.
    """
    per_image = {
        "mse": mse(target, prediction),  # the first, as it refuses what does not fit
        "mae": mae(target, prediction),
        "psnr": psnr(target, prediction),
        "ssim": ssim(target, prediction),
        "ms_ssim": ms_ssim(target, prediction),
    }
    is_probability = np.min(target) >= 0 and np.max(target) <= 1
    per_image["bce"] = bce(target, prediction) if is_probability else None
    means = {name: None if v is None else float(v.mean()) for name, v in per_image.items()}
    return {**means, "intervals": intervals(per_image)}
