"""This package: `fit` and `predict` as a user calls them."""

import keras

import zoo
from bench.evaluation.build import build_compiled
from bench.peers.fit_contender import FitContender
from bench.peers.workloads import UNET_WIDTHS, Data, Workload
from bench.profiling import macs as mac_counter
from bench.profiling import peak_rate

# Registry name, preset and further arguments of each network.
# Every contender draws its weights alike.
MODELS = {
    "dense": ("autoencoder", "tf_tutorial_dense", {}),
    "vae": ("vae", "keras_io", {}),
    "upae": ("upae", "upae_paper", {"kernel_initializer": "glorot_uniform"}),
    "unet": ("unet", "maxpool_transpose_bce", {"widths": UNET_WIDTHS}),
}
PRECISIONS = ("float32", "mixed_bfloat16")  # that `autotune` chooses from


class ZooContender(FitContender):
    """A model of the zoo.

    Args:
        autotune: Whether settings are measured first, precision among them.
        precision: Dtype policy; None: float32.
        called: Whether a single image is given to `model(x)`, not to `predict_on_batch`.
    """

    def __init__(
        self,
        workload: Workload,
        data: Data,
        seed: int,
        autotune: bool = False,
        precision: str | None = None,
        called: bool = False,
    ):
        def make(optimizer):
            name, preset, arguments = MODELS[workload.network]
            shape = data.train.shape[1:]
            return build_compiled(
                *(name, shape, optimizer),
                preset=preset,
                arguments=arguments,
                seed=seed,
                precision=precision,
            )

        super().__init__(workload, data, seed, make, data.train_masks)
        self.is_to_be_tuned, self.is_called = autotune, called
        self.note = precision or ""

    def facts(self) -> dict:
        """Returns what the lower bound follows from: products per image, and the machine's rate.

        The rate is that of float32; there is none for a lower precision.
        """
        if self.model.dtype_policy.compute_dtype != "float32":
            return {}
        macs = mac_counter.count_macs(self.model).total
        return {"forward_macs": macs, "machine_gflops": peak_rate.matmul_rate().gflops}

    def train(self) -> None:
        self._tune()
        super().train()

    def infer(self) -> None:
        self._tune()
        super().infer()

    def infer_singly(self) -> None:
        self._tune()
        super().infer_singly()

    def predict_one(self, image):
        if not self.is_called:
            return super().predict_one(image)
        return keras.ops.convert_to_numpy(self.model(image, training=False))

    def _tune(self) -> None:
        if self.is_to_be_tuned:  # in the warm-up, when no other contender is starting
            self.is_to_be_tuned = False
            tuned = zoo.autotune(
                *(self.model, self.data.train, self.targets),
                batch_size=self.batch_size,
                precisions=PRECISIONS,
            )
            self.note = tuned.summary

    def outputs(self) -> dict:
        tensors = self.model.forward(keras.ops.convert_to_tensor(self.data.test), training=False)
        names = {"z_mean": "mean", "z_log_var": "log_variance"}
        return {names.get(name, name): _in_float32(v) for name, v in tensors.items()}


def _in_float32(value):
    return keras.ops.convert_to_numpy(keras.ops.cast(value, "float32"))
