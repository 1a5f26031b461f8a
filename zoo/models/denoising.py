"""The denoising autoencoder: repairs damaged images."""

import keras
from keras import ops

from zoo import checks
from zoo.models.autoencoder import Autoencoder
from zoo.registry import register


def gaussian(x, level, seed):
    """Adds `level * N(0, 1)` to each pixel and clips to `[0, 1]`."""
    noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=seed)
    return ops.clip(x + level * noise, 0.0, 1.0)


def _uniform_per_pixel(x, seed):
    """Draws one number per pixel for all its channels; a flat vector has no channels."""
    shape = ops.shape(x)
    shape = shape if len(shape) == 2 else (*shape[:-1], 1)
    return keras.random.uniform(shape, dtype="float32", seed=seed)


def masking(x, level, seed):
    """Sets each pixel to 0 with probability `level` (all its channels together)."""
    uniform = _uniform_per_pixel(x, seed)
    return ops.where(uniform < level, ops.zeros_like(x), x)


def salt_and_pepper(x, level, seed):
    """Sets each pixel with probability `level` to 0 or to 1, half and half."""
    uniform = _uniform_per_pixel(x, seed)
    x = ops.where(uniform < level, ops.zeros_like(x), x)
    return ops.where(uniform < level / 2, ops.ones_like(x), x)


CORRUPTIONS = {"gaussian": gaussian, "masking": masking, "salt_and_pepper": salt_and_pepper}


@register("denoising", paper="https://www.jmlr.org/papers/v11/vincent10a.html")
class DenoisingAutoencoder(Autoencoder):
    """Learns to repair damaged images.

    loss = mean over the batch of reconstruction(x, decode(encode(corrupt(x))))

    `fit(x)` takes clean images and damages them anew at each step; `fit(noisy, clean)` uses the
    pairs as they are. Choose it to clean images, or as a regularised autoencoder whose code
    ignores noise. `evaluate(x)` damages with a fixed seed, the same every time; `predict` and
    `reconstruct` never damage their input.

    Args:
        image_shape: See `Autoencoder`.
        corruption: `"gaussian"` (added, then clipped to `[0, 1]`), `"masking"` (pixels set to 0)
            or `"salt_and_pepper"` (pixels set to 0 or 1).
        level: Float in `[0, 1]`. Standard deviation of the Gaussian in pixel units, or share of
            the pixels that are hit.
        **kwargs: See `Autoencoder`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`, taken as it is.

    Returns:
        The repaired images, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over all pixels, `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the paper: all pixels weigh the same (its emphasis on the corrupted ones is left
    out), and the stack is trained end to end.

    Example:
        >>> model = zoo.create("denoising", preset="tf_tutorial_denoiser")
        >>> model.count_params()
        3217

    Reference: Vincent et al., 2010, Eq. 9 and section 3.3.
    https://www.jmlr.org/papers/v11/vincent10a.html
    """

    def __init__(self, image_shape, *, corruption="gaussian", level=0.2, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.one_of(self.owner, corruption=(corruption, tuple(CORRUPTIONS)))
        checks.number(self.owner, low=0.0, high=1.0, level=level)
        self.corruption = corruption
        self.level = level

    def corrupt(self, x, training):
        x = ops.cast(x, "float32")
        return CORRUPTIONS[self.corruption](x, self.level, self.random_seed(training))
