"""The networks of the workloads in plain Keras, for every backend."""

import keras
from keras import layers

from bench.peers.workloads import UNET_WIDTHS


def dense() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(784, activation="sigmoid"),
            layers.Reshape((28, 28, 1)),
        ]
    )


def vae_encoder() -> keras.Model:
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, [layers.Dense(2)(x), layers.Dense(2)(x)])


def vae_decoder() -> keras.Model:
    code = keras.Input((2,))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(code))
    x = layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(code, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


def _normalised(x, layer):
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(layer(x))
    return layers.Activation("relu")(x)


def upae_network() -> keras.Model:
    settings = {"strides": 2, "padding": "same", "use_bias": False}
    x = image = keras.Input((64, 64, 1))
    for width in (16, 32, 64, 64):
        x = _normalised(x, layers.Conv2D(width, 4, **settings))
    x = _normalised(layers.Flatten()(x), layers.Dense(2048))
    x = _normalised(layers.Dense(16)(x), layers.Dense(2048))
    x = layers.Reshape((4, 4, 64))(layers.Dense(1024)(x))
    for width in (64, 32, 16):
        x = _normalised(x, layers.Conv2DTranspose(width, 4, **settings))
    return keras.Model(image, layers.Conv2DTranspose(2, 4, **settings)(x))


def unet(image_shape: tuple[int, ...]) -> keras.Model:
    def convolutions(x, width):
        for _ in range(2):
            layer = layers.Conv2D(
                width, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )
            x = _normalised(x, layer)
        return x

    x = image = keras.Input(image_shape)
    skips = []
    for width in UNET_WIDTHS[:-1]:
        skips.append(convolutions(x, width))
        x = layers.MaxPooling2D()(skips[-1])
    x = convolutions(x, UNET_WIDTHS[-1])
    for width in reversed(UNET_WIDTHS[:-1]):
        up = layers.Conv2DTranspose(width, 2, strides=2, kernel_initializer="he_normal")
        x = convolutions(layers.Concatenate()([skips.pop(), up(x)]), width)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))
