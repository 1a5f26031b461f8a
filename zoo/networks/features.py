"""What an autoencoder may read and rebuild instead of pixels: gradients, or maps of a network.

Each builder returns a frozen Keras model from images in `[0, 1]` to a grid of features,
`(batch, rows, columns, numbers)`, float32.
"""

import dataclasses

import keras
from keras import layers

from zoo import checks
from zoo.layers.features import GradientGrid, LocalGradients, NetworkPreprocessing

HOG = "hog"
SMALLEST_SIDE = 8  # of an image, in pixels
REDUCTIONS = (8, 16)  # layers of a network by default: the last at these shares of the image


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network of `keras.applications`.

    Attributes:
        class_name: Name of its function there.
        mode: Of `keras.applications.imagenet_utils.preprocess_input`; None: it scales by itself.
        smallest_side: Of the images that it takes.
    """

    class_name: str
    mode: str | None
    smallest_side: int = 32


BACKBONES = {
    "mobilenet_v2": Backbone("MobileNetV2", "tf"),
    "mobilenet_v3_small": Backbone("MobileNetV3Small", None),
    "efficientnet_b0": Backbone("EfficientNetB0", None),
    "resnet50": Backbone("ResNet50", "caffe"),
    "vgg16": Backbone("VGG16", "caffe"),
}


def check(
    owner: str, features: str, image_shape: tuple[int, ...], shared: bool | None, layer_names
) -> None:
    """Raises ValueError for an unknown name, images that it cannot be read of, or other arguments
    that do not fit it."""
    checks.one_of(owner, features=(features, (HOG, *BACKBONES)))
    smallest = BACKBONES[features].smallest_side if features in BACKBONES else SMALLEST_SIDE
    if len(image_shape) != 3 or min(image_shape[:2]) < smallest:
        raise ValueError(
            f"{owner}: image_shape must be (height, width, channels) of at least {smallest} x "
            f"{smallest} pixels for features={features!r}. Received: image_shape={image_shape}."
        )
    if features in BACKBONES and image_shape[-1] not in (1, 3):
        raise ValueError(
            f"{owner}: image_shape must have 1 or 3 channels for features={features!r}. "
            f"Received: image_shape={image_shape}. Use features='hog'."
        )

    is_network = features in BACKBONES
    if shared not in (None, True, False) or (is_network and shared is False):
        raise ValueError(
            f"{owner}: shared must be None, True or False, and not False for maps of a "
            f"network. Received: shared={shared!r}, features={features!r}. Leave it out."
        )
    if layer_names is not None and not is_network:
        raise ValueError(
            f"{owner}: feature_layers must be None for features={features!r}. Received: "
            f"feature_layers={layer_names!r}. Leave it out."
        )


def dense(shape: tuple[int, ...], units, activation: str, dtype, name: str) -> keras.Model:
    """Builds dense layers of so many units on the last axis, the last of them linear."""
    inputs = keras.Input(shape)
    x = inputs
    for number, each in enumerate(units[:-1], 1):
        x = layers.Dense(each, activation, dtype=dtype, name=f"dense_{number}")(x)
    return keras.Model(inputs, layers.Dense(units[-1], dtype=dtype, name="linear")(x), name=name)


def extractor(features: str, image_shape, *, shared: bool, layer_names=None) -> keras.Model:
    """Builds what reads the features, with random weights where there are any."""
    inputs = keras.Input(image_shape, name="image")
    if features == HOG:
        layer = LocalGradients if shared else GradientGrid
        outputs = layer(dtype="float32", name=features)(inputs)
    else:
        outputs = _maps(BACKBONES[features], inputs, layer_names)
    model = keras.Model(inputs, outputs, name="features")
    model.trainable = False
    return model


def load_weights(model: keras.Model, features: str, weights: str) -> None:
    """Gives the network of an extractor the weights of Keras (`"imagenet"`) or of a file.

    Args:
        weights: `"imagenet"`, which Keras downloads once, or a path of `.weights.h5`, of the whole
            network without its top.
    """
    backbone = BACKBONES[features]
    network = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    if weights == "imagenet":
        whole = getattr(keras.applications, backbone.class_name)(
            include_top=False, weights="imagenet", input_shape=network.input_shape[1:]
        )
    else:
        whole = _network(backbone, network.input_shape[1:])
        whole.load_weights(weights)
    names = {layer.name for layer in network.layers}
    taken = [layer for layer in whole.layers if layer.name in names]
    for layer in taken:
        network.get_layer(layer.name).set_weights(layer.get_weights())


def _network(backbone: Backbone, image_shape) -> keras.Model:
    build = getattr(keras.applications, backbone.class_name)
    return build(include_top=False, weights=None, input_shape=image_shape)


def _maps(backbone: Backbone, inputs, layer_names):
    """The maps of some layers of a network, the smaller ones enlarged to the first's grid."""
    height, width, channels = inputs.shape[1:]
    network = _network(backbone, (height, width, 3))
    if layer_names is None:
        layer_names = _last_layers(network)
    chosen = [_layer(network, name).output for name in layer_names]
    network = keras.Model(network.input, chosen, name=backbone.class_name.lower())
    pixels = layers.Rescaling(255.0, dtype="float32")(inputs)
    if channels == 1:
        pixels = layers.Concatenate(dtype="float32")([pixels] * 3)
    pixels = NetworkPreprocessing(backbone.mode, dtype="float32")(pixels)
    maps = network(pixels, training=False)
    maps = maps if isinstance(maps, (list, tuple)) else [maps]
    size = maps[0].shape[1:3]
    enlarged = [
        each
        if each.shape[1:3] == size
        else layers.Resizing(*size, interpolation="bilinear", dtype="float32")(each)
        for each in maps
    ]
    return enlarged[0] if len(enlarged) == 1 else layers.Concatenate(dtype="float32")(enlarged)


def _last_layers(network: keras.Model) -> list[str]:
    """Returns the last layers whose maps are an eighth and a sixteenth as large as the image."""
    height = network.input_shape[1]
    names = {}
    for layer in network.layers:
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and shape[1]:
            names[round(height / shape[1])] = layer.name
    return [names[reduction] for reduction in REDUCTIONS if reduction in names]


def _layer(network: keras.Model, name: str):
    try:
        return network.get_layer(name)
    except ValueError:
        known = [layer.name for layer in network.layers]
        raise ValueError(
            f"feature_layers must be names of layers of {network.name}. Received: {name!r}."
            f"{checks.suggestion(name, known)}"
        ) from None
