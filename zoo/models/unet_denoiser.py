"""The U-Net that repairs images."""

from keras import ops

from zoo import checks
from zoo.layers.corruptions import Corrupting
from zoo.models._unet_family import UNetFamily
from zoo.registry.entries import listed
from zoo.training.image_to_image import RECONSTRUCTIONS, ImageToImage
from zoo.training.mean_start import MeanStart


@listed
class UNetDenoiser(Corrupting, ImageToImage, MeanStart, UNetFamily):
    """Learns to repair images, sharper than denoising.

    loss = mean over the batch of reconstruction(x, noisy - network(noisy)),  noisy = corrupt(x)

    Skips hand fine detail past the bottom, so that only what is damaged must change: choose it
    over `denoising` when the repaired image matters and no code is needed. `fit(x)` takes clean
    images and damages them anew at each step; `fit(noisy, clean)` uses the pairs as they are.
    `evaluate(x)` damages with a fixed seed; `predict` and `reconstruct` never damage.

    Args:
        image_shape: See `UNet`.
        corruption: The damage, `"gaussian"` by default: see `DenoisingAutoencoder`.
        level: Float in `[0, 1]`, how much of it: see `DenoisingAutoencoder`.
        residual: `True`: the network gives the noise, which is subtracted; it starts at 0, so an
            untrained model returns its input. `False`: the network gives the image, through a
            sigmoid.
        reconstruction: `"mean_squared_error"`, `"mean_absolute_error"`, `"mean_huber"` or, with
            `residual=False`, `"binary_crossentropy"`, each a mean over pixels.
        start_at_mean: See `Autoencoder`. Not used with `residual=True`, whose noise starts at 0.
        **kwargs: `widths`, `convs_per_stage`, `kernel_size`, `activation`, `normalization`,
            `dropout`, `down`, `up`, `interpolation`: see `UNetFamily`. Others: see `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`, taken as it is.

    Returns:
        The repaired images, `(batch, *image_shape)`; with `residual=True` not clipped.

    Loss terms:
        `reconstruction`: mean over pixels, `(batch,)`.

    Raises:
        ValueError: if `image_shape` does not fit `widths`, or an argument is out of range.

    Differs from the paper: its residual learning, with the network of Ronneberger et al. in place
    of 17 convolutions without halvings, and a mean in place of half the sum of squares.

    When not to use it: for a code, or to find anomalies: its skips carry the image past the
    bottleneck, so it copies what it has never seen, too.

    Example:
        >>> model = zoo.create("unet_denoiser", image_shape=(28, 28, 1), preset="tiny")
        >>> model.residual
        True

    Reference: Zhang et al., 2017, Eq. 1. https://arxiv.org/abs/1608.03981
    Ronneberger et al., 2015. https://arxiv.org/abs/1505.04597
    """

    def __init__(
        self,
        image_shape,
        *,
        residual=True,
        reconstruction="mean_squared_error",
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        checks.one_of(self.owner, reconstruction=(reconstruction, tuple(RECONSTRUCTIONS)))
        if residual and reconstruction == "binary_crossentropy":
            raise ValueError(
                f"{self.owner}: residual must be False with binary_crossentropy, which needs a "
                f"sigmoid. Received: residual={residual!r}. Use mean_squared_error, or "
                "residual=False."
            )
        self.residual = bool(residual)
        self.reconstruction = reconstruction

    @property
    def num_outputs(self):
        return self.image_shape[-1]

    @property
    def output_bias(self):
        return None if self.residual else self.network.get_layer("logits").bias

    @property
    def output_activation(self) -> str:
        """What makes the network's output the image."""
        return "linear" if self.residual else "sigmoid"

    def network_arguments(self):
        if not self.residual:
            return super().network_arguments()
        return {**super().network_arguments(), "head_initializer": "zeros"}

    def forward(self, x, training=False):
        x = ops.cast(x, "float32")
        logits = self.network(x, training=training)["logits"]  # (batch, *image_shape)
        prediction = x - logits if self.residual else ops.sigmoid(logits)
        return {"prediction": prediction, "logits": logits}
