"""The plain autoencoder, dense or convolutional, and the parent of the family."""

import keras
import numpy as np
from keras import ops

from zoo import checks
from zoo.inputs.arrays import as_array
from zoo.inputs.batching import batched
from zoo.losses import structure
from zoo.networks import convolutional
from zoo.registry.depth import autoencoder_widths
from zoo.registry.entries import listed
from zoo.training.image_to_image import RECONSTRUCTIONS, ImageToImage, check_images
from zoo.training.mean_start import MeanStart
from zoo.training.model import ZooModel

OUTPUT_ACTIVATIONS = ("sigmoid", "linear", "relu")
_FIRST_WIDTHS = (32, 64)


def _check_codes(model, codes) -> None:
    checks.codes(model.owner, codes, tuple(model.decoder.input_shape[1:]))


# Losses of single pixels, without a window: sums are all that is to be compiled.
_PIXEL_LOSSES = ("mean_squared_error", "mean_absolute_error", "mean_huber", "binary_crossentropy")


@listed
class Autoencoder(ImageToImage, MeanStart, ZooModel):
    """Learns to copy an image through a small code.

    loss = mean over the batch of reconstruction(x, decode(encode(x)))

    The first model to try, and the yardstick for the others. With `widths=()` it is dense; else
    convolutions halve the image once per width. A linear autoencoder with squared error cannot
    beat PCA with as many components as the code has units; this one should.

    Args:
        image_shape: `(height, width, channels)`, `(length, channels)` or `(features,)`. Height,
            width and length must be divisible by `2 ** len(widths)`, or see `pad_to_fit`.
        latent_dim: Positive int, size of the code; `None` makes the last feature map the code.
        widths: Channels of each halving stage, the first nearest to the image. `None` means `()`
            for flat vectors; for images and series `(32, 64)` and, where a dense layer follows,
            further stages of 128 while the map has more than 64 places and can be halved.
        hidden_units: Dense layers between the last map and the code. `None` means `()`, or
            `(128,)` for flat vectors.
        mirror_hidden: Whether the decoder has the same dense layers.
        kernel_size: Int, or one int per width.
        activation: Keras activation of the hidden layers. `"glu"` makes gated layers: half of a
            layer times the sigmoid of the other half, so that it has twice the weights.
        latent_activation: Keras activation of the code.
        normalization: `None`, `"batch"`, `"group"` or `"layer"`, after each hidden layer.
        down: `"strided"` convolutions or `"maxpool"`.
        up: `"transpose"` convolutions, `"upsample"` (nearest, then a convolution) or
            `"conv_upsample"` (convolutions, then nearest).
        convs_per_stage: Convolutions per stage.
        encoder_padding: `"same"` or `"valid"`, of the encoder's convolutions.
        pad_to_fit: Whether sizes that do not divide are rounded up: "same" padding makes room
            for the odd row in each halving, and the decoder crops its map, which is larger, to
            the image.
        map_channels: Channels of the map that the decoder's first dense layers give; `None`
            means `widths[-1]`.
        unflatten_activation: Keras activation before that map; `None` means `activation`.
        head: What makes the pixels: a `"conv"` of stride 1 after the last stage, or a
            `"transpose"` convolution as the last stage (no bias where layers are normalised).
        kernel_initializer: `"glorot_uniform"`, `"he_normal"`, `"he_uniform"`, `"lecun_normal"` or
            `"pytorch_uniform"`, the default of PyTorch.
        output_activation: `"sigmoid"` (pixels in `[0, 1]`), `"linear"` or `"relu"`.
        reconstruction: `"mean_squared_error"`, `"mean_absolute_error"`, `"mean_huber"` or
            `"binary_crossentropy"`, each a mean over pixels; or `"ssim"` or `"ms_ssim"`, one
            minus the structural similarity, for images of 7 x 7 or 22 x 22 pixels or more.
        start_at_mean: Whether the first `fit` sets the output bias so that the untrained model
            gives the mean of its data: see `zoo.training.mean_start`. Presets of a paper or
            tutorial keep the start of their source.
        **kwargs: See `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels, or one minus the similarity, `(batch,)`.

    Raises:
        ValueError: if `image_shape` does not fit `widths`, or an argument is out of range.

    Differs from the paper: trained end to end, without the layer-wise pre-training of 2006.

    When not to use it: to draw new images: nothing says where its codes lie (`vae`, `wae_mmd`).
    Nor where PCA with as many components copies your images as well.

    Example:
        >>> model = zoo.create("autoencoder", image_shape=(28, 28, 1), preset="tf_tutorial_dense")
        >>> model.count_params()
        101200

    Reference: Hinton and Salakhutdinov, 2006. https://www.science.org/doi/10.1126/science.1127647
    """

    def __init__(
        self,
        image_shape,
        *,
        latent_dim=16,
        widths=None,
        hidden_units=None,
        mirror_hidden=True,
        kernel_size=3,
        activation="relu",
        latent_activation="linear",
        normalization=None,
        down="strided",
        up="transpose",
        convs_per_stage=1,
        encoder_padding="same",
        pad_to_fit=False,
        map_channels=None,
        unflatten_activation=None,
        head="conv",
        kernel_initializer="glorot_uniform",
        output_activation="sigmoid",
        reconstruction="mean_squared_error",
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        owner, is_flat = self.owner, len(self.image_shape) == 1
        if widths is None:
            widths = () if is_flat else _FIRST_WIDTHS
            if latent_dim is not None:
                widths = autoencoder_widths(self.image_shape, widths, rounds_up=bool(pad_to_fit))
        self.widths = widths
        self.widths = checks.ints(owner, "widths", self.widths, allow_empty=True)
        self.hidden_units = ((128,) if is_flat else ()) if hidden_units is None else hidden_units
        self.hidden_units = checks.ints(owner, "hidden_units", self.hidden_units, allow_empty=True)
        if is_flat and self.widths:
            raise ValueError(
                f"{owner}: widths must be () for flat vectors. Received: widths={self.widths}, "
                f"image_shape={self.image_shape}. Use hidden_units=(256, 128), or give the image's "
                "shape as (height, width, channels)."
            )
        if not pad_to_fit:
            checks.divisible(owner, self.image_shape, len(self.widths), or_set="pad_to_fit=True")
        if latent_dim is not None:
            checks.positive_int(owner, latent_dim=latent_dim)
        elif not self.widths or self.hidden_units:
            raise ValueError(
                f"{owner}: latent_dim must be an int when there are no widths, or dense layers. "
                f"Received: latent_dim=None, widths={self.widths}, "
                f"hidden_units={self.hidden_units}. A feature map as code needs widths alone."
            )
        if not isinstance(kernel_size, int):
            kernel_size = checks.ints(owner, "kernel_size", kernel_size)
            if len(kernel_size) != len(self.widths):
                raise ValueError(
                    f"{owner}: kernel_size must be an int or one int per width. Received: "
                    f"kernel_size={kernel_size} for widths={self.widths}."
                )
        else:
            checks.positive_int(owner, kernel_size=kernel_size)
        checks.positive_int(owner, convs_per_stage=convs_per_stage)
        checks.one_of(
            owner,
            normalization=(normalization, convolutional.NORMALIZATIONS),
            down=(down, convolutional.DOWN),
            up=(up, convolutional.UP),
            encoder_padding=(encoder_padding, convolutional.PADDINGS),
            head=(head, convolutional.HEADS),
            kernel_initializer=(kernel_initializer, convolutional.INITIALIZERS),
            output_activation=(output_activation, OUTPUT_ACTIVATIONS),
            reconstruction=(reconstruction, tuple(RECONSTRUCTIONS)),
        )
        checks.activation(owner, "activation", activation)
        checks.activation(owner, "latent_activation", latent_activation)
        if latent_activation == "glu":
            raise ValueError(
                f"{owner}: latent_activation must keep the size of the code. "
                "Received: latent_activation='glu', which halves it. Use 'linear' or 'sigmoid'."
            )
        if unflatten_activation is not None:
            checks.activation(owner, "unflatten_activation", unflatten_activation)
        if map_channels is not None:
            checks.positive_int(owner, map_channels=map_channels)
        if encoder_padding == "valid" and latent_dim is None:
            raise ValueError(
                f"{owner}: encoder_padding must be 'same' when a feature map is the code. "
                "Received: encoder_padding='valid', latent_dim=None. Use 'same', or latent_dim=16."
            )
        if reconstruction in structure.SMALLEST_SIDE:
            structure.check_size(owner, reconstruction, self.image_shape)
        if reconstruction == "binary_crossentropy" and output_activation != "sigmoid":
            raise ValueError(
                f"{owner}: output_activation must be 'sigmoid' with binary_crossentropy. Received: "
                f"output_activation={output_activation!r}. Use 'sigmoid', or mean_squared_error."
            )
        self.latent_dim = latent_dim
        self.mirror_hidden = bool(mirror_hidden)
        self.kernel_size = kernel_size
        self.activation = activation
        self.latent_activation = latent_activation
        self.normalization = normalization
        self.down = down
        self.up = up
        self.convs_per_stage = convs_per_stage
        self.encoder_padding = encoder_padding
        self.pad_to_fit = bool(pad_to_fit)
        self.map_channels = map_channels
        self.unflatten_activation = unflatten_activation
        self.head = head
        self.kernel_initializer = kernel_initializer
        self.output_activation = output_activation
        self.reconstruction = reconstruction

    # --- networks ---------------------------------------------------------------------------

    @property
    def steps_are_plain(self) -> bool:
        return type(self) is Autoencoder and self.reconstruction in _PIXEL_LOSSES

    def build_networks(self):
        self.encoder = convolutional.encoder(self.encoder_shape, **self.encoder_arguments())
        self.decoder = convolutional.decoder(self.image_shape, **self.decoder_arguments())

    def encoder_arguments(self) -> dict:
        """Returns the arguments of `networks.encoder`; a variant changes a few."""
        return {
            **self._stage_arguments(),
            "hidden_units": self.hidden_units,
            "heads": None if self.latent_dim is None else {"code": self.latent_dim},
            "down": self.down,
            "padding": self.encoder_padding,
        }

    def decoder_arguments(self) -> dict:
        """Returns the arguments of `networks.decoder`; a variant changes a few."""
        return {
            **self._stage_arguments(),
            "code_shape": self.code_shape,
            "hidden_units": self.hidden_units[::-1] if self.mirror_hidden else (),
            "up": self.up,
            "map_channels": self.map_channels,
            "unflatten_activation": self.unflatten_activation,
            "head": self.head,
        }

    def _stage_arguments(self) -> dict:
        return {
            "widths": self.widths,
            "kernel_size": self.kernel_size,
            "activation": self.activation,
            "normalization": self.normalization,
            "convs_per_stage": self.convs_per_stage,
            "kernel_initializer": self.kernel_initializer,
            "dtype": self.dtype_policy,
        }

    @property
    def encoder_shape(self) -> tuple[int, ...]:
        """Shape of what the encoder takes."""
        return self.image_shape

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Shape of one code."""
        if self.latent_dim is not None:
            return (self.latent_dim,)
        return convolutional.code_map_shape(self.image_shape, len(self.widths), self.widths[-1])

    # --- the model --------------------------------------------------------------------------

    @batched(check_images)
    def encode(self, x, training: bool = False):
        """Returns the codes of images: `(batch, *code_shape)`. Takes tensors or arrays."""
        return self.activate_code(self.encoder(self.rescale(x), training=training))

    @batched(_check_codes)
    def decode(self, codes, training: bool = False):
        """Returns the images of codes: `(batch, *image_shape)`. Takes tensors or arrays."""
        return self.to_pixels(self.decoder(codes, training=training))

    def rescale(self, x):
        """Maps pixels in `[0, 1]` to the range that the networks work in."""
        return x

    def activate_code(self, code):
        """Applies what makes the encoder's linear head the code."""
        return keras.activations.get(self.latent_activation)(code)

    def to_pixels(self, logits):
        """Applies the output activation, in float32."""
        return keras.activations.get(self.output_activation)(ops.cast(logits, "float32"))

    def forward(self, x, training=False):
        code = self.encode(x, training=training)  # (batch, *code_shape)
        logits = self.decoder(code, training=training)  # (batch, *image_shape)
        return {"prediction": self.to_pixels(logits), "logits": logits, "code": code}

    # --- use --------------------------------------------------------------------------------

    def interpolate(self, start, end, num_steps: int = 8):
        """Decodes codes on the line between two images.

        Args:
            start: One image, `image_shape`, an array or nested lists.
            end: The same.
            num_steps: Number of images, both ends included.

        Returns:
            Array `(num_steps, *image_shape)`.
        """
        return self.decode(self._codes_between(start, end, num_steps))

    def _codes_between(self, start, end, num_steps):
        """Returns the codes on the line between those of two images: `(num_steps, *code_shape)`."""
        checks.positive_int(self.owner, num_steps=num_steps)
        first, last = (self.encode(as_array(image)[None]) for image in (start, end))
        steps = np.linspace(0.0, 1.0, num_steps, dtype="float32")
        steps = steps.reshape((num_steps,) + (1,) * len(self.code_shape))
        return first + steps * (last - first)
