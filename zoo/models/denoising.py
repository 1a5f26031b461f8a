"""The denoising autoencoder: repairs damaged images."""

from zoo.layers.corruptions import Corrupting
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed


@listed
class DenoisingAutoencoder(Corrupting, Autoencoder):
    """Learns to repair damaged images.

    loss = mean over the batch of reconstruction(x, decode(encode(corrupt(x))))

    `fit(x)` takes clean images and damages them anew at each step; `fit(noisy, clean)` uses the
    pairs as they are. Choose it to clean images, or as a regularised autoencoder whose code
    ignores noise. `evaluate(x)` damages with a fixed seed, the same every time; `predict` and
    `reconstruct` never damage their input.

    Args:
        image_shape: See `Autoencoder`.
        corruption: `"gaussian"` (added, then clipped to `[0, 1]`), `"masking"` (pixels set to 0)
            or `"salt_and_pepper"` (pixels set to 0 or 1). For anomalies `"rotate90"`, `"erase"`
            (cells of a grid), `"blur"` or `"grey"`: an image is then scored by how badly damaged
            copies of it are restored.
        level: Float in `[0, 1]`. `"gaussian"`: standard deviation, in pixel units. `"masking"`,
            `"salt_and_pepper"`: share of the pixels that are set. `"rotate90"`: share of the
            images that are turned. `"erase"`: share of the cells. `"blur"`, `"grey"`: weight of
            the blurred, or the grey, image.
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

    When not to use it: where the repaired image matters more than a code: `unet_denoiser` keeps
    detail. Nor where the damage is not known: what learned another damage removes the wrong
    things.

    Example:
        >>> model = zoo.create("denoising", preset="tf_tutorial_denoiser")
        >>> model.count_params()
        3217

    Reference: Vincent et al., 2010, Eq. 9 and section 3.3.
    https://www.jmlr.org/papers/v11/vincent10a.html
    """
