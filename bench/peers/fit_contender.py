"""What Keras models have in common, ours and the plain ones: `fit` and `predict` on arrays."""

import keras

from bench.peers.workloads import ADAM_EPSILON, LEARNING_RATE, Data, Workload, singles


class FitContender:
    """A Keras model.

    Args:
        make: Takes an optimizer and returns the compiled model; called when the seed is set.
        targets: What `fit` gets as `y`.
    """

    note = ""

    def __init__(self, workload: Workload, data: Data, seed: int, make, targets):
        keras.utils.set_random_seed(seed)
        self.batch_size, self.epochs = workload.batch_size, workload.epochs
        adam = keras.optimizers.Adam(LEARNING_RATE, epsilon=ADAM_EPSILON)
        self.data, self.targets, self.model = data, targets, make(adam)

    @property
    def num_parameters(self) -> int:
        return sum(int(keras.ops.size(weight)) for weight in self.model.trainable_weights)

    def train(self) -> None:
        self.model.fit(
            self.data.train,
            self.targets,
            batch_size=self.batch_size,
            epochs=self.epochs,
            verbose=0,
        )

    def infer(self) -> None:
        self.model.predict(self.data.train, batch_size=self.batch_size, verbose=0)

    def infer_singly(self) -> None:
        for image in singles(self.data):
            self.predict_one(image)

    def predict_one(self, image):
        return self.model.predict_on_batch(image)
