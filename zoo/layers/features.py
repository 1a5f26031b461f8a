"""Layers that read features of images: no weights, and no gradient back to the image."""

import math

import keras
from keras import layers, ops

from zoo.layers.gradient_histograms import (
    NUM_DIRECTIONS,
    direction_shares,
    gradient_histograms,
    root_shares,
    whole_image_grid,
)

WINDOWS = (4, 8, 16)  # sides of the windows that local gradients are averaged over, in pixels
STRIDE = 4


@keras.saving.register_keras_serializable(package="zoo")
class GradientGrid(layers.Layer):
    """Gradient histograms of a grid over the whole image, as roots of shares of the image's sum.

    Takes `(batch, height, width, channels)` and gives `(batch, rows, columns, 8)`, the grid at
    most 7 x 7; a pixel counts in the cells around it, by how near they are. Contrast is left out of
    account: an image at half the contrast has the same.
    """

    def call(self, images):
        grid = whole_image_grid(*images.shape[1:3])
        histograms = gradient_histograms(images, grid, interpolate=True)
        return ops.stop_gradient(root_shares(histograms, axes=(1, 2, 3)))

    def own_macs(self, input_shape) -> int:
        """Returns the multiply-accumulates of the sums over cells, along rows and then columns."""
        height, width = input_shape[1:3]
        rows, columns = whole_image_grid(height, width)
        return NUM_DIRECTIONS * rows * (height * width + width * columns)

    def compute_output_shape(self, shape):
        return (shape[0], *whole_image_grid(*shape[1:3]), NUM_DIRECTIONS)


@keras.saving.register_keras_serializable(package="zoo")
class LocalGradients(layers.Layer):
    """Gradients around each fourth pixel, at three scales: what a texture is like there.

    For windows of 4, 8 and 16 pixels: the mean gradient of each of 8 directions, and the mean and
    the standard deviation of brightness, which is the mean of the channels. Takes
    `(batch, height, width, channels)` and gives `(batch, height / 4, width / 4, 30)`, sizes
    rounded up. At the border a window is cut off.
    """

    def call(self, images):
        images = ops.cast(images, "float32")
        brightness = ops.mean(images, axis=-1)
        shares = [share / images.shape[-1] for share in direction_shares(images)]
        maps = ops.stack([*shares, brightness, ops.square(brightness)], axis=-1)
        scales = []
        for window in WINDOWS:
            means = ops.average_pool(maps, window, STRIDE, padding="same")
            mean, of_squares = means[..., -2:-1], means[..., -1:]
            variance = ops.maximum(of_squares - ops.square(mean), 0)
            scales += [means[..., :-1], ops.sqrt(variance)]
        return ops.stop_gradient(ops.concatenate(scales, axis=-1))

    def own_macs(self, input_shape) -> int:
        """Returns the multiply-accumulates of the means over windows."""
        places = math.prod(-(-size // STRIDE) for size in input_shape[1:3])
        return places * (NUM_DIRECTIONS + 2) * sum(window**2 for window in WINDOWS)

    def compute_output_shape(self, shape):
        rows, columns = (-(-size // STRIDE) for size in shape[1:3])
        return (shape[0], rows, columns, len(WINDOWS) * (NUM_DIRECTIONS + 2))


@keras.saving.register_keras_serializable(package="zoo")
class NetworkPreprocessing(layers.Layer):
    """Scales pixels in `[0, 255]` as a network of `keras.applications` was trained with."""

    def __init__(self, mode, **kwargs):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, pixels):
        if self.mode is None:
            return pixels
        return keras.applications.imagenet_utils.preprocess_input(pixels, mode=self.mode)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
