"""Plain Keras, as its guides write it: layers, a loss or `compute_loss`, `fit` on arrays.

On the backend that Keras has started with: `bench.peers.worker` sets `KERAS_BACKEND` before Keras
is imported.
"""

import keras
from keras import ops

from bench.peers.fit_contender import FitContender
from bench.peers.networks import dense, unet, upae_network, vae_decoder, vae_encoder
from bench.peers.workloads import Data, Workload


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = vae_encoder(), vae_decoder()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        if not training:
            return self.decoder(self.encoder(x)[0])
        mean, log_variance = self.encoder(x, training=True)
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        decoded = self.decoder(mean + ops.exp(0.5 * log_variance) * noise, training=True)
        return {"prediction": decoded, "mean": mean, "log_variance": log_variance}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        mean, log_variance = y_pred["mean"], y_pred["log_variance"]
        pixels = ops.sum(keras.losses.binary_crossentropy(x, y_pred["prediction"]), axis=(1, 2))
        kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        return ops.mean(pixels) + ops.mean(ops.sum(kl, axis=1))

    def outputs_of(self, x):
        mean, log_variance = self.encoder(x)
        return {"prediction": self.decoder(mean), "mean": mean, "log_variance": log_variance}


class UPAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.network = upae_network()

    def call(self, x, training=False):
        outputs = self.outputs_of(x, training)
        return outputs if training else outputs["prediction"]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        log_variance = y_pred["log_variance"]
        error = ops.square(2 * x - 1 - y_pred["mean"])
        return ops.mean(ops.exp(-log_variance) * error + log_variance)

    def outputs_of(self, x, training=False):
        mean, log_variance = ops.split(self.network(2 * x - 1, training=training), 2, axis=-1)
        return {"prediction": mean, "mean": mean, "log_variance": log_variance}


class KerasContender(FitContender):
    """A plain Keras model."""

    def __init__(self, workload: Workload, data: Data, seed: int):
        targets = {"dense": data.train, "unet": data.train_masks}.get(workload.network)
        loss = {"dense": "mse", "unet": "binary_crossentropy"}.get(workload.network)
        shape = data.train.shape[1:]
        networks = {"dense": dense, "vae": VAE, "upae": UPAE, "unet": lambda: unet(shape)}

        def make(optimizer):
            model = networks[workload.network]()
            model.compile(optimizer, loss=loss)
            model(data.train[:1])  # a model of a class has its weights from now on
            return model

        super().__init__(workload, data, seed, make, targets)
        self.note = f"Keras on {keras.backend.backend()}"

    def outputs(self) -> dict:
        x = ops.convert_to_tensor(self.data.test)
        if not isinstance(self.model, (VAE, UPAE)):
            return {"prediction": ops.convert_to_numpy(self.model(x, training=False))}
        return {name: ops.convert_to_numpy(v) for name, v in self.model.outputs_of(x).items()}
