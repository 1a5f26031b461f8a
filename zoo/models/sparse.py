"""The sparse autoencoder: few code units speak for each image."""

import keras
from keras import ops

from zoo import checks, losses
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed

# Penalty to its default weight: the largest of the powers of ten that leaves units alive.
DEFAULT_WEIGHTS = {"l1": 1e-5, "kl": 1e-3, "top_k": 0.0}
PENALTIES = tuple(DEFAULT_WEIGHTS)


def keep_largest(code, num_active: int):
    """Keeps the `num_active` largest values of each row and sets the others to 0."""
    values, kept = ops.top_k(code, num_active, sorted=False)
    num_rows, num_units = ops.shape(code)[0], code.shape[-1]
    row_starts = num_units * ops.arange(num_rows, dtype="int32")[:, None]
    places = ops.reshape(ops.cast(kept, "int32") + row_starts, (-1, 1))
    flat = ops.scatter(places, ops.reshape(values, (-1,)), (num_rows * num_units,))
    return ops.reshape(flat, (-1, num_units))


@listed
class SparseAutoencoder(Autoencoder):
    """Learns a code of which few units are active.

    loss = reconstruction + sparsity_weight * sparsity

    `l1`: `sparsity = sum_j |h_j|` (prefers zeros). `kl`: `sparsity = sum_j KL(Bernoulli(rho) ||
    Bernoulli(mean over the batch of h_j))` (each unit is active for a share `rho` of the images).
    `top_k`: no penalty; the `num_active` largest units are kept, the others are exactly 0. Choose
    it for codes to be read by people, or for a code larger than the image.

    Args:
        image_shape: See `Autoencoder`.
        penalty: `"l1"`, `"kl"` or `"top_k"`.
        sparsity_weight: Float >= 0; not used by `top_k`. `None` means `1e-5` for `l1` (ten times
            as much switches most units off for good within an epoch) and `1e-3` for `kl` (which
            brings the rates close to `target_rate`).
        target_rate: Float in `(0, 1)`, `rho` of `kl`: mean activation of a unit.
        num_active: Positive int <= `latent_dim`, `k` of `top_k`.
        latent_dim: Positive int, size of the code. Defaults to `64`.
        latent_activation: Defaults to `"relu"` for `l1`, `"sigmoid"` for `kl`, whose activations
            must be rates, and `"linear"` for `top_k`.
        **kwargs: See `Autoencoder`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels. `sparsity` (not for `top_k`): sum over code units. For
        `kl` it is one value per batch, in nats, given to each image, and depends on the batch
        size; each of several replicas takes that of its own batch. Both `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the papers: for `top_k`, Makhzani and Frey use more active units at test time
    (`alpha * k`); here it is `k` in both, so that what is trained is what is used.

    When not to use it: for a short code: this one is to be large. A strong `l1` penalty can switch
    units off for good, in some trainings all of them: `penalty="top_k"` and `top_k_sparse` cannot.

    Example:
        >>> model = zoo.create("sparse", image_shape=(28, 28, 1), penalty="top_k", num_active=5)
        >>> model.latent_dim
        64

    Reference: Ng, 2011, section 3 (`kl`).
    https://web.stanford.edu/class/cs294a/sparseAutoencoder_2011new.pdf
    Makhzani and Frey, 2014, section 2 (`top_k`). https://arxiv.org/abs/1312.5663
    """

    def __init__(
        self,
        image_shape,
        *,
        penalty="l1",
        sparsity_weight=None,
        target_rate=0.05,
        num_active=8,
        latent_dim=64,
        latent_activation=None,
        **kwargs,
    ):
        defaults = {"l1": "relu", "kl": "sigmoid", "top_k": "linear"}
        checks.one_of("SparseAutoencoder", penalty=(penalty, PENALTIES))
        if latent_activation is None:
            latent_activation = defaults[penalty]
        super().__init__(
            image_shape, latent_dim=latent_dim, latent_activation=latent_activation, **kwargs
        )
        if sparsity_weight is not None:
            checks.number(self.owner, low=0.0, sparsity_weight=sparsity_weight)
        checks.number(self.owner, low=1e-6, high=1 - 1e-6, target_rate=target_rate)
        checks.positive_int(self.owner, num_active=num_active)
        if latent_dim is None:
            raise ValueError(
                f"{self.owner}: latent_dim must be an int. Received: latent_dim=None. "
                "Sparsity is counted over code units, for example latent_dim=64."
            )
        if penalty == "top_k" and num_active > latent_dim:
            raise ValueError(
                f"{self.owner}: num_active must be <= latent_dim. Received: "
                f"num_active={num_active}, latent_dim={latent_dim}. Lower one, or raise the other."
            )
        if penalty == "kl" and latent_activation not in ("sigmoid", "hard_sigmoid"):
            raise ValueError(
                f"{self.owner}: latent_activation must be 'sigmoid' for the 'kl' penalty, which "
                f"needs rates in [0, 1]. Received: latent_activation={latent_activation!r}."
            )
        self.penalty = penalty
        self.sparsity_weight = sparsity_weight
        self.target_rate = target_rate
        self.num_active = num_active

    @property
    def term_weights(self):
        if self.penalty == "top_k":
            return super().term_weights
        return {**super().term_weights, "sparsity": self.resolved_weight}

    @property
    def resolved_weight(self) -> float:
        """The weight in use, with `None` resolved."""
        if self.sparsity_weight is None:
            return DEFAULT_WEIGHTS[self.penalty]
        return self.sparsity_weight

    def activate_code(self, code):
        code = super().activate_code(code)
        return keep_largest(code, self.num_active) if self.penalty == "top_k" else code

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        code = ops.cast(outputs["code"], "float32")
        if self.penalty == "l1":
            terms["sparsity"] = losses.sum_over_event(ops.abs(code))
        elif self.penalty == "kl":
            weight = outputs.get("sample_weight", ops.ones(ops.shape(code)[:1]))
            total = ops.maximum(ops.sum(weight), keras.config.epsilon())
            rates = ops.sum(code * weight[:, None], axis=0) / total
            penalty = ops.sum(losses.kl_bernoulli(self.target_rate, rates))
            terms["sparsity"] = ops.broadcast_to(penalty, ops.shape(code)[:1])
        return terms
