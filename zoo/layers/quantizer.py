"""Vector quantisation: a codebook, and the layer that replaces vectors by its nearest entries."""

import math

import keras
from keras import ops

from zoo.layers.gradients import sum_over_replicas
from zoo.layers.largest import place_of_largest

CODEBOOKS = ("ema", "gradient")


@keras.saving.register_keras_serializable(package="zoo")
class VectorQuantizer(keras.layers.Layer):
    """Replaces each vector by the nearest entry of a codebook, and learns the codebook.

        index = argmin_k ||z - e_k||^2,  quantized = e_index           (Eq. 1 and 2)
        N_k = decay N_k + (1 - decay) n_k                              (Eq. 6, `"ema"`)
        m_k = decay m_k + (1 - decay) sum of the n_k vectors of entry k (Eq. 7)
        e_k = m_k / N_k, with N_k smoothed after Laplace               (Eq. 8)

    The gradient of `quantized` is passed to the input unchanged (straight-through estimator). In
    training, an entry that no vector chose for `revive_after` steps is moved to a random vector of
    the batch. With several replicas, counts and sums are taken over the whole batch, so every
    replica holds the codebook that one device would have. Revived entries are drawn by the first
    replica.

    Args:
        num_embeddings: Int >= 2, entries of the codebook, `K`.
        codebook: `"ema"`: moving averages of the vectors that chose each entry; `"gradient"`:
            the entries are weights, trained by the caller's loss.
        decay: Float in `[0, 1]`, dimensionless, per training step.
        epsilon: Float > 0, in vectors per batch: the count added to each `N_k`.
        revive_after: Positive int, training steps; `None` lets unused entries be.
        seed_generator: `keras.random.SeedGenerator` of the revival; `None` makes one.

    Call arguments:
        x: Float tensor `(batch, ..., embedding_dim)`; computed in float32.

    Returns:
        Dict. `"quantized"`: entries, with the straight-through gradient, and `"embedding"`: the
        same entries, with the gradient of the codebook, both of the shape of `x`; `"index"`: int32
        `(batch, ...)`; `"perplexity"`: `exp(entropy of the entries' use in the batch)`, a number
        from 1 (one entry is used) to `K` (all entries are used equally).

    Reference: van den Oord et al., 2017, section 3 and appendix A.1.
    https://arxiv.org/abs/1711.00937
    """

    def __init__(
        self,
        num_embeddings: int,
        *,
        codebook: str = "ema",
        decay: float = 0.99,
        epsilon: float = 1e-5,
        revive_after: int | None = 100,
        seed_generator=None,
        **kwargs,
    ):
        super().__init__(dtype="float32", **kwargs)
        self.num_embeddings = num_embeddings
        self.codebook = codebook
        self.decay = decay
        self.epsilon = epsilon
        self.revive_after = revive_after
        self.seed_generator = seed_generator or keras.random.SeedGenerator()

    def build(self, input_shape):
        num_embeddings, embedding_dim = self.num_embeddings, input_shape[-1]
        # All replicas compute the same values; the random ones are taken from the first.
        shared = {"aggregation": "only_first_replica", "dtype": "float32"}
        bound = 1 / num_embeddings
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(num_embeddings, embedding_dim),
            initializer=keras.initializers.RandomUniform(-bound, bound),
            trainable=self.codebook == "gradient",
            **shared,
        )
        state = {"initializer": "zeros", "trainable": False, **shared}
        if self.codebook == "ema":
            self.mean_counts = self.add_weight(name="mean_counts", shape=(num_embeddings,), **state)
            self.mean_sums = self.add_weight(
                name="mean_sums", shape=(num_embeddings, embedding_dim), **state
            )
        if self.revive_after is not None:
            self.steps_unused = self.add_weight(
                name="steps_unused", shape=(num_embeddings,), **state
            )

    def call(self, x, training=None):
        index = self.nearest(x)
        embedding = self.look_up(index)
        vectors = ops.stop_gradient(ops.reshape(x, (-1, x.shape[-1])))
        choice = ops.one_hot(ops.reshape(index, (-1,)), self.num_embeddings, dtype="float32")
        counts = sum_over_replicas(ops.sum(choice, axis=0))  # (num_embeddings,)
        if training:
            self._update(vectors, choice, counts)
        # The value is the entry itself, to the last bit; the gradient is that of x.
        quantized = ops.stop_gradient(embedding) + (x - ops.stop_gradient(x))
        if None not in x.shape[1:]:
            # A converter to ONNX loses the size here, and then moves what is upsampled by a pixel.
            quantized = ops.reshape(quantized, (-1, *x.shape[1:]))
        return {
            "quantized": quantized,
            "embedding": embedding,
            "index": index,
            "perplexity": perplexity(counts),
        }

    def own_macs(self, input_shape) -> int:
        """Returns the multiply-accumulates of one sample: each vector against each entry."""
        return math.prod(input_shape) * self.num_embeddings

    def compute_output_shape(self, input_shape):
        return {
            "quantized": input_shape,
            "embedding": input_shape,
            "index": input_shape[:-1],
            "perplexity": (),
        }

    def nearest(self, x):
        """Returns the index of the nearest entry of each vector, int32 `(batch, ...)`."""
        x = ops.cast(x, "float32")
        entries = ops.convert_to_tensor(self.embeddings)
        # ||x - e||^2 less ||x||^2, which is the same for all entries.
        distance = ops.sum(ops.square(entries), axis=-1) - 2 * ops.matmul(x, ops.transpose(entries))
        return place_of_largest(-distance)

    def look_up(self, index):
        """Returns the entries of indices: `(batch, ..., embedding_dim)`."""
        return ops.take(self.embeddings, index, axis=0)

    def _update(self, vectors, choice, counts) -> None:
        """Moves the codebook by one training step."""
        is_used = counts > 0
        entries = ops.convert_to_tensor(self.embeddings)
        if self.codebook == "ema":
            sums = sum_over_replicas(ops.matmul(ops.transpose(choice), vectors))
            mean_counts = self.decay * self.mean_counts + (1 - self.decay) * counts
            mean_sums = self.decay * self.mean_sums + (1 - self.decay) * sums
            total = ops.sum(mean_counts)
            smoothed = (mean_counts + self.epsilon) / (total + self.num_embeddings * self.epsilon)
            means = mean_sums / ops.expand_dims(ops.maximum(smoothed * total, 1e-30), -1)
            # An entry that nobody chose keeps its mean: count and sum decay alike.
            entries = ops.where(is_used[:, None], means, entries)
        if self.revive_after is not None:
            steps_unused = ops.where(is_used, 0.0, self.steps_unused + 1)
            is_dead = steps_unused >= self.revive_after
            entries = ops.where(is_dead[:, None], self._random_rows(vectors), entries)
            self.steps_unused.assign(ops.where(is_dead, 0.0, steps_unused))
            if self.codebook == "ema":  # a revived entry starts anew
                mean_counts = ops.where(is_dead, 0.0, mean_counts)
                mean_sums = ops.where(is_dead[:, None], 0.0, mean_sums)
        if self.codebook == "ema":
            self.mean_counts.assign(mean_counts)
            self.mean_sums.assign(mean_sums)
        if self.codebook == "ema" or self.revive_after is not None:
            self.embeddings.assign(entries)

    def _random_rows(self, vectors):
        """Draws one of the vectors for each entry, with replacement."""
        num_vectors = ops.shape(vectors)[0]
        share = keras.random.uniform((self.num_embeddings,), seed=self.seed_generator)
        row = ops.cast(share * ops.cast(num_vectors, "float32"), "int32")
        last = ops.maximum(num_vectors - 1, 0)
        # A replica without rows takes the zeros; what it computes is not kept.
        return ops.take(ops.pad(vectors, ((0, 1), (0, 0))), ops.minimum(row, last), axis=0)


def perplexity(counts):
    """Computes `exp(-sum_k p_k log p_k)`, `p_k` the share of entry `k`: from 1 to `K`."""
    counts = ops.cast(counts, "float32")
    share = counts / ops.maximum(ops.sum(counts), 1.0)
    return ops.exp(-ops.sum(share * ops.log(ops.maximum(share, 1e-30))))
