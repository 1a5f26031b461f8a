"""Plain Keras, as its guides write it: layers, a loss or a custom step, `fit` on arrays."""

import keras
import tensorflow as tf
from keras import layers, ops

from bench.peers.fit_contender import FitContender
from bench.peers.workloads import Data, Workload

UNET_WIDTHS = (16, 32, 64, 128, 256)


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


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        image = keras.Input((28, 28, 1))
        x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(image)
        x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
        self.encoder = keras.Model(image, [layers.Dense(2)(x), layers.Dense(2)(x)])
        code = keras.Input((2,))
        x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(code))
        x = layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
        self.decoder = keras.Model(code, x)
        self.seeds = keras.random.SeedGenerator(0)
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.decoder(self.encoder(x)[0])

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder(x, training=True)
            noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
            decoded = self.decoder(mean + ops.exp(0.5 * log_variance) * noise, training=True)
            pixels = ops.sum(keras.losses.binary_crossentropy(x, decoded), axis=(1, 2))
            kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            loss = ops.mean(pixels) + ops.mean(ops.sum(kl, axis=1))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def outputs_of(self, x):
        mean, log_variance = self.encoder(x)
        return {"prediction": self.decoder(mean), "mean": mean, "log_variance": log_variance}


def _normalised(x, layer):
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(layer(x))
    return layers.Activation("relu")(x)


class UPAE(keras.Model):
    def __init__(self):
        super().__init__()
        settings = {"strides": 2, "padding": "same", "use_bias": False}
        x = image = keras.Input((64, 64, 1))
        for width in (16, 32, 64, 64):
            x = _normalised(x, layers.Conv2D(width, 4, **settings))
        x = _normalised(layers.Flatten()(x), layers.Dense(2048))
        x = _normalised(layers.Dense(16)(x), layers.Dense(2048))
        x = layers.Reshape((4, 4, 64))(layers.Dense(1024)(x))
        for width in (64, 32, 16):
            x = _normalised(x, layers.Conv2DTranspose(width, 4, **settings))
        self.network = keras.Model(image, layers.Conv2DTranspose(2, 4, **settings)(x))
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x, training=False):
        return self.network(x, training=training)

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_variance = ops.split(self(2 * x - 1, training=True), 2, axis=-1)
            error = ops.square(2 * x - 1 - mean)
            loss = ops.mean(ops.exp(-log_variance) * error + log_variance)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def outputs_of(self, x):
        mean, log_variance = ops.split(self(2 * x - 1), 2, axis=-1)
        return {"prediction": mean, "mean": mean, "log_variance": log_variance}


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


class KerasContender(FitContender):
    """A plain Keras model."""

    def __init__(self, workload: Workload, data: Data, seed: int):
        networks = {"dense": dense, "vae": VAE, "upae": UPAE}
        targets = {"dense": data.train, "unet": data.train_masks}.get(workload.network)
        loss = {"dense": "mse", "unet": "binary_crossentropy"}.get(workload.network)

        def make(optimizer):
            if workload.network == "unet":
                model = unet(data.train.shape[1:])
            else:
                model = networks[workload.network]()
            model.compile(optimizer, loss=loss)
            return model

        super().__init__(workload, data, seed, make, targets)

    def outputs(self) -> dict:
        x = ops.convert_to_tensor(self.data.test)
        if not isinstance(self.model, (VAE, UPAE)):
            return {"prediction": ops.convert_to_numpy(self.model(x, training=False))}
        return {name: ops.convert_to_numpy(v) for name, v in self.model.outputs_of(x).items()}
