"""U-Nets whose way down is a classifier of `keras.applications`, perhaps trained on ImageNet."""

import os
import re
import warnings
from pathlib import Path

import keras
from keras import layers, ops

from zoo import checks
from zoo.networks.unet import UNetBuilder

# Name, class of `keras.applications`, and how it wants pixels: see `_prepared`.
ENCODERS = {
    "mobilenet_v2": ("MobileNetV2", "tf"),
    "efficientnet_v2_b0": ("EfficientNetV2B0", "bytes"),
    "resnet50": ("ResNet50", "caffe"),
    "densenet121": ("DenseNet121", "torch"),
}
IMAGENET = "imagenet"
LAYER = "encoder"  # its name in the network
WIDTHS = (16, 32, 64, 128, 256)  # of the decoder, from the image's size to a 16th of it
STRIDES = (2, 4, 8, 16, 32)
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red, of 255
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable("zoo")
class Prepared(layers.Layer):
    """Gives pixels in `[0, 1]`, grey or RGB, the form that an encoder was trained with.

        tf: 2 x - 1;   bytes: 255 x;   torch: (x - mean) / deviation;   caffe: 255 x - mean, as BGR

    Args:
        form: One of these four.

    Reference: `keras.applications.imagenet_utils.preprocess_input`.
    """

    def __init__(self, form, **kwargs):
        super().__init__(**kwargs)
        self.form = form

    def call(self, x):
        if x.shape[-1] == 1:
            x = ops.repeat(x, 3, axis=-1)
        if self.form == "tf":
            return 2 * x - 1
        if self.form == "torch":
            return (x - ops.cast(_TORCH_MEAN, x.dtype)) / ops.cast(_TORCH_DEVIATION, x.dtype)
        if self.form == "caffe":
            return ops.flip(255 * x, axis=-1) - ops.cast(_CAFFE_MEAN, x.dtype)
        return 255 * x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)

    def get_config(self):
        return {**super().get_config(), "form": self.form}


def check(owner: str, encoder, weights, freeze, image_shape, widths) -> None:
    """Raises ValueError for settings of an encoder that are unknown or do not fit."""
    if encoder is None:
        for name, value in (("encoder_weights", weights), ("freeze", freeze)):
            if value:
                raise ValueError(
                    f"{owner}: {name} needs an encoder. Received: {name}={value!r} and "
                    f"encoder=None. Give one of {', '.join(ENCODERS)}."
                )
        return
    checks.one_of(owner, encoder=(encoder, tuple(ENCODERS)))
    is_divisible = not any(size % STRIDES[-1] for size in image_shape[:-1])
    if len(image_shape) != 3 or image_shape[-1] not in (1, 3) or not is_divisible:
        raise ValueError(
            f"{owner}: image_shape must be (height, width, 1 or 3) with an encoder, height and "
            f"width divisible by {STRIDES[-1]}. Received: image_shape={image_shape}."
        )
    if len(widths) != len(STRIDES):
        raise ValueError(
            f"{owner}: widths must be {len(STRIDES)} with an encoder, those of the decoder. "
            f"Received: widths={widths}. For example {WIDTHS}, and no preset."
        )


def _reason(error: Exception, address: re.Match | None) -> str:
    """Returns what an error says, without the address that is said elsewhere."""
    text = checks.one_line(error)
    if address is not None:
        text = text.replace(address[0], "its address")
    return text[:120].rstrip(".")


def backbone(owner: str, encoder: str, size: tuple[int, int], weights=None) -> keras.Model:
    """Returns the classifier without its top, for RGB images of a size.

    Args:
        owner: Class name for messages.
        weights: `"imagenet"`, downloaded if need be; a file of weights of this classifier without
            its top; or None: random ones.

    Raises:
        ValueError: if the file is not there and cannot be downloaded, or is of another network.
    """
    make = getattr(keras.applications, ENCODERS[encoder][0])
    settings = {"include_top": False, "input_shape": (*size, 3)}
    if weights == IMAGENET:
        try:
            with warnings.catch_warnings():  # of MobileNetV2's weights: they fit every size
                warnings.simplefilter("ignore", UserWarning)
                return make(weights=IMAGENET, **settings)
        except Exception as error:  # urllib, ssl and checksum errors alike: there is no network
            folder = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
            address = re.search(r"https?://[^\s:]+\.h5", str(error))
            file = address[0] if address else f"the file of {encoder} without its top"
            raise ValueError(
                f"{owner}: encoder_weights='imagenet' must be on this machine or be downloaded. "
                f"Received: {_reason(error, address)}. Put {file} into {folder}, or give its path "
                "as encoder_weights; None: random weights."
            ) from error
    if weights is not None and not Path(weights).is_file():
        raise ValueError(
            f"{owner}: encoder_weights must be 'imagenet', a file that exists, or None. "
            f"Received: {str(weights)!r}."
        )
    model = make(weights=None, **settings)
    if weights is not None:
        try:
            model.load_weights(weights)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(
                f"{owner}: encoder_weights must be of {encoder} without its top. Received: "
                f"{weights}, which does not fit ({checks.one_line(error, 120)})."
            ) from error
    return model


def skips(model: keras.Model) -> dict[int, keras.KerasTensor]:
    """Returns the last map of each stride, by stride: those of a size that divides the image's.

    What an encoder pads before it halves has another size, and is none of them.
    """
    size, found = model.input_shape[1:3], {}
    for layer in model.layers:
        shape = getattr(layer.output, "shape", ())
        for stride in STRIDES:
            if len(shape) == 4 and tuple(shape[1:3]) == tuple(extent // stride for extent in size):
                found[stride] = layer.output
    return found


def pretrained_unet(
    image_shape, *, owner, encoder, weights, widths, channels, name="unet", **settings
):
    """Builds a U-Net whose encoder is a classifier, from `(batch, *image_shape)` to its logits.

    Skips come from the last map of each stride 2, 4, 8 and 16; the bottom is that of stride 32.

    Args:
        image_shape: `(height, width, 1 or 3)`; height and width divisible by 32.
        owner: Class name for messages.
        encoder: Of `ENCODERS`.
        weights: See `backbone`.
        widths: Channels of the decoder, from stride 1 to stride 16: five.
        channels: Channels of the logits.
        **settings: See `UNetBuilder`.

    Returns:
        A Functional model to `{"logits"}`; its encoder is the layer `LAYER`.
    """
    parts = UNetBuilder(3, **settings)
    inputs = keras.Input(image_shape, name="image")
    whole = backbone(owner, encoder, image_shape[:2], weights)
    maps = skips(whole)
    encode = keras.Model(whole.input, [maps[stride] for stride in STRIDES], name=LAYER)
    *levels, x = encode(Prepared(ENCODERS[encoder][1], name="prepared")(inputs))
    x = parts.dropout(x)
    for stride, width in zip((16, 8, 4, 2, 1), reversed(widths), strict=True):
        x = parts.up(x, width, f"up{stride}")
        if stride > 1:
            x = parts.join([levels[STRIDES.index(stride)], x], f"skip{stride}")
        x = parts.conv_block(x, width, f"decode{stride}")
    return keras.Model(inputs, {"logits": parts.head(x, channels, "logits")}, name=name)
