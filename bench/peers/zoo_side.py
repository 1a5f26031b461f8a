"""This package: `fit` and `predict` as a user calls them."""

import keras

import zoo
from bench import flops, machine
from bench.peers.workloads import ADAM_EPSILON, LEARNING_RATE, Data, Workload

# Registry name, preset and further arguments of each network.
MODELS = {
    "dense": ("autoencoder", "tf_tutorial_dense", {}),
    "vae": ("vae", "keras_io", {}),
    "upae": ("upae", "upae_paper", {}),
    "unet": ("unet", "maxpool_transpose_bce", {"widths": (16, 32, 64, 128, 256)}),
}


class ZooSide:
    """A model of the zoo.

    Args:
        autotune: Whether settings are measured first.
    """

    def __init__(self, workload: Workload, data: Data, seed: int, autotune: bool = False):
        keras.utils.set_random_seed(seed)
        self.batch_size, self.epochs, self.data = workload.batch_size, workload.epochs, data
        name, preset, arguments = MODELS[workload.network]
        self.model = zoo.create(
            name, image_shape=data.train.shape[1:], preset=preset, seed=seed, **arguments
        )
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE, epsilon=ADAM_EPSILON))
        self.is_to_be_tuned, self.note = autotune, ""

    @property
    def num_parameters(self) -> int:
        return sum(int(keras.ops.size(weight)) for weight in self.model.trainable_weights)

    def facts(self) -> dict:
        """Returns what the floor follows from: products per image, and the machine's rate."""
        macs = flops.count_macs(self.model).total
        return {"forward_macs": macs, "machine_gflops": machine.matmul_rate().gflops}

    def train(self) -> None:
        if self.is_to_be_tuned:  # in the warm-up, when no other side is starting
            self.is_to_be_tuned = False
            tuned = zoo.autotune(
                self.model, self.data.train, self.data.train_masks, batch_size=self.batch_size
            )
            self.note = tuned.summary
        self.model.fit(
            self.data.train,
            self.data.train_masks,
            batch_size=self.batch_size,
            epochs=self.epochs,
            verbose=0,
        )

    def infer(self) -> None:
        self.model.predict(self.data.train, batch_size=self.batch_size, verbose=0)

    def outputs(self) -> dict:
        found = self.model.forward(keras.ops.convert_to_tensor(self.data.test), training=False)
        names = {"z_mean": "mean", "z_log_var": "log_variance"}
        return {names.get(name, name): keras.ops.convert_to_numpy(v) for name, v in found.items()}
