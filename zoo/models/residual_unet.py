"""The U-Net made of residual blocks."""

from zoo.models._own_encoder import OwnEncoderUNet
from zoo.registry.entries import listed


@listed
class ResidualUNet(OwnEncoderUNet):
    """Learns a mask by corrections, stage by stage.

    stage(x) = shortcut(x) + conv(act(norm(conv(act(norm(x))))))

    The shortcuts let the gradient through, so that deep networks train: choose it with many
    levels or many convolutions per stage. The first stage starts with its convolution.

    Args:
        image_shape: See `UNet`.
        normalization: Defaults to `"batch"`, as in the paper.
        down: Defaults to `"strided"`, as in the paper: the first convolution of a stage, and its
            shortcut, halve the map.
        up: Defaults to `"upsample"`, as in the paper: without a convolution, unlike `UNet`.
        **kwargs: See `UNet`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        Probabilities, `(batch, height, width, num_classes)` or `(batch, length, num_classes)`.

    Loss terms:
        `mask`: the loss that `mask_loss` names, `(batch,)`.

    Raises:
        ValueError: as in `UNet`.

    Differs from the paper: trained by cross-entropy, not by squared error; the 1x1 convolutions
    of the shortcuts have no bias and no normalisation.

    When not to use it: for networks of two or three levels, whose gradient needs no shortcuts:
    start with `unet`.

    Example:
        >>> model = zoo.create("residual_unet", image_shape=(32, 32, 3), preset="tiny")
        >>> model.down, model.up
        ('strided', 'upsample')

    Reference: Zhang et al., 2018, Figure 2 and Table I. https://arxiv.org/abs/1711.10684
    """

    def __init__(
        self, image_shape, *, normalization="batch", down="strided", up="upsample", **kwargs
    ):
        super().__init__(image_shape, normalization=normalization, down=down, up=up, **kwargs)

    def network_arguments(self):
        return {**super().network_arguments(), "residual": True, "convolve_upsampled": False}
