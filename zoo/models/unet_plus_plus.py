"""The nested U-Net, U-Net++."""

from keras import ops

from zoo.models._own_encoder import OwnEncoderUNet
from zoo.networks import unet
from zoo.registry.entries import listed


@listed
class UNetPlusPlus(OwnEncoderUNet):
    """Learns a mask by nested U-Nets of every depth.

    node(i, j) = block([node(i, 0), ..., node(i, j - 1), up(node(i + 1, j - 1))])
    loss = mean over heads j of mask_loss(mask, head(node(0, j)))

    Between encoder and decoder lies a triangle of nodes, which bring the skips nearer to what the
    decoder has at that place. Choose it when a `UNet` misses fine parts and you can afford two to
    three times its time.

    Args:
        image_shape: See `UNet`.
        deep_supervision: Whether each depth has a head of its own: the loss is the mean of their
            losses, the prediction the mean of their probabilities. `False` keeps the deepest one.
        **kwargs: See `UNet`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        Probabilities, `(batch, height, width, num_classes)` or `(batch, length, num_classes)`.

    Loss terms:
        `mask`: the loss that `mask_loss` names, a mean over the heads, `(batch,)`.

    Raises:
        ValueError: as in `UNet`.

    Differs from the paper: the default loss is the cross-entropy; the paper's is near
    `"0.5 * binary_crossentropy + dice"`. The mean of the heads is its "accurate" mode; its "fast"
    mode, which cuts the network at one depth, is left out.

    When not to use it: where time or memory is short, or before several seeds on your masks have
    shown it ahead of `unet`.

    Example:
        >>> model = zoo.create("unet_plus_plus", image_shape=(32, 32, 1), widths=(4, 8, 8))
        >>> sorted(model.network.output)
        ['head1', 'head2']

    Reference: Zhou et al., 2018, Eq. 1 and 2. https://arxiv.org/abs/1807.10165
    """

    def __init__(self, image_shape, *, deep_supervision=True, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.deep_supervision = bool(deep_supervision)

    def build_networks(self):
        arguments = {**self.network_arguments(), "deep_supervision": self.deep_supervision}
        self.network = unet.nested_unet(self.image_shape, **arguments)

    def forward(self, x, training=False):
        heads = self.network(x, training=training)  # each (batch, ..., num_classes)
        probabilities = [self.to_probabilities(logits) for logits in heads.values()]
        return {"prediction": sum(probabilities) / len(probabilities), "heads": heads}

    def loss_terms(self, x, target, outputs):
        losses = [self.loss_of_logits(target, logits) for logits in outputs["heads"].values()]
        return {"mask": ops.mean(ops.stack(losses), axis=0)}
