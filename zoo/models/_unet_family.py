"""What all U-Nets share: the arguments of the network, and their checks."""

from typing import ClassVar

from zoo import checks
from zoo.networks import convolutional, unet
from zoo.registry.depth import unet_widths
from zoo.training.model import ZooModel

_FIRST_WIDTHS = (16, 32, 64)


class UNetFamily(ZooModel):
    """Holds what all U-Nets share: the arguments of the network, and their checks.

    Args:
        image_shape: `(height, width, channels)` or `(length, channels)`. Height, width and length
            must be divisible by `2 ** (len(widths) - 1)`.
        widths: Channels of each level, two or more; the last is the bottom. `None` means
            `(16, 32, 64)` and, while the bottom has a side of more than 16 and divides, further
            levels of twice the channels, at most 256 and 6 levels.
        convs_per_stage: Convolutions per stage.
        kernel_size: Int.
        activation: Keras activation of the hidden layers.
        normalization: `None`, `"batch"`, `"group"` or `"layer"`, after each hidden convolution.
        dropout: Float in `[0, 1)`, share of the bottom's values that training sets to 0.
        down: `"maxpool"` or `"strided"` convolutions.
        up: `"transpose"` convolutions, 2x2, or `"upsample"` with a convolution.
        interpolation: Of `"upsample"`: `"nearest"`, or `"bilinear"` for images.
        **kwargs: See `ZooModel`.
    """

    EXCEPTIONS: ClassVar = {"flat_vectors": "convolutions need places."}

    def __init__(
        self,
        image_shape,
        *,
        widths=None,
        convs_per_stage=2,
        kernel_size=3,
        activation="relu",
        normalization=None,
        dropout=0.0,
        down="maxpool",
        up="transpose",
        interpolation="nearest",
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        owner = self.owner
        if len(self.image_shape) == 1:
            raise ValueError(
                f"{owner}: image_shape must be (height, width, channels) or (length, channels), "
                f"as the network halves the map. Received: image_shape={self.image_shape}. "
                f"Give series as ({self.image_shape[0]}, 1)."
            )
        widths = unet_widths(self.image_shape, _FIRST_WIDTHS) if widths is None else widths
        self.widths = checks.ints(owner, "widths", widths)
        if len(self.widths) < 2:
            raise ValueError(
                f"{owner}: widths must hold two levels or more. Received: widths={self.widths}. "
                "For example (16, 32, 64): two halvings."
            )
        checks.divisible(owner, self.image_shape, len(self.widths) - 1)
        checks.positive_int(owner, convs_per_stage=convs_per_stage, kernel_size=kernel_size)
        checks.number(owner, low=0.0, high=0.99, dropout=dropout)
        checks.activation(owner, "activation", activation)
        if activation == "glu":
            raise ValueError(
                f"{owner}: activation must keep the channels. Received: activation='glu'. "
                "Use 'silu'."
            )
        checks.one_of(
            owner,
            normalization=(normalization, convolutional.NORMALIZATIONS),
            down=(down, unet.DOWN),
            up=(up, unet.UP),
            interpolation=(interpolation, unet.INTERPOLATIONS),
        )
        if interpolation == "bilinear" and len(self.image_shape) == 2:
            raise ValueError(
                f"{owner}: interpolation must be 'nearest' for series. Received: "
                f"interpolation='bilinear', image_shape={self.image_shape}. Use 'nearest', or "
                "up='transpose'."
            )
        self.convs_per_stage = convs_per_stage
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.down = down
        self.up = up
        self.interpolation = interpolation

    @property
    def num_outputs(self) -> int:
        """Channels of the logits."""
        raise NotImplementedError

    def network_arguments(self) -> dict:
        """Returns the arguments of `zoo.networks.unet.unet`; a variant changes a few."""
        return {
            "widths": self.widths,
            "channels": self.num_outputs,
            "convs_per_stage": self.convs_per_stage,
            "kernel_size": self.kernel_size,
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "down": self.down,
            "up": self.up,
            "interpolation": self.interpolation,
            "seed_generator": self.seed_generator,
            "dtype": self.dtype_policy,
        }

    def build_networks(self):
        self.network = unet.unet(self.image_shape, **self.network_arguments())
