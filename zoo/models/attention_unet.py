"""The U-Net whose skips are weighed by attention gates."""

from zoo.inputs.batching import batched
from zoo.models._own_encoder import OwnEncoderUNet
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images


@listed
class AttentionUNet(OwnEncoderUNet):
    """Learns a mask, and where to look for it.

    skip' = skip * attention,  attention = sigmoid(psi(relu(W_x skip + W_g signal + b_g)) + b_psi)

    The signal is the coarser level below, which knows what is there; the gate passes only the
    places of the skip that matter. Choose it for small objects before a busy background, and to
    see where the network looks: `attention_maps`.

    Args:
        image_shape: See `UNet`.
        **kwargs: See `UNet`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        Probabilities, `(batch, height, width, num_classes)` or `(batch, length, num_classes)`.

    Loss terms:
        `mask`: the loss that `mask_loss` names, `(batch,)`.

    Raises:
        ValueError: as in `UNet`.

    Differs from the paper: the finest skip has a gate too; the weighed skip is not convolved
    again; no supervision of the coarser levels. Attention is enlarged bilinearly, for series by
    repetition.

    When not to use it: before several seeds on your masks have shown it ahead of `unet`: each skip
    costs a gate.

    Example:
        >>> model = zoo.create("attention_unet", image_shape=(32, 32, 1), preset="tiny")
        >>> sorted(model.network.output)
        ['attention1', 'logits']

    Reference: Oktay et al., 2018, Eq. 1 to 3. https://arxiv.org/abs/1804.03999
    """

    def network_arguments(self):
        return {**super().network_arguments(), "gated": True}

    @batched(check_images)
    def attention_maps(self, x):
        """Returns the attention of each skip, in `(0, 1)`: a dict by level, the finest `1`.

        Shapes `(batch, height, width)`, or `(batch, length)`, halved once per level after the
        first. Takes tensors or arrays.
        """
        outputs = self.forward(x)
        levels = range(1, len(self.widths))
        return {level: outputs[f"attention{level}"][..., 0] for level in levels}
