"""What the U-Nets share that have no pretrained encoder."""

from zoo import checks
from zoo.models.unet import UNet


class OwnEncoderUNet(UNet):
    """Refuses the arguments of a pretrained encoder: the way down is the network's own."""

    FIXED = dict.fromkeys(
        ("encoder", "encoder_weights", "freeze"), "is of unet alone. Leave it out, or take unet."
    )

    def __init__(self, image_shape, **kwargs):
        checks.not_fixed(type(self).__name__, kwargs, OwnEncoderUNet.FIXED)
        super().__init__(image_shape, **kwargs)
