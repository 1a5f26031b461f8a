"""The contractive autoencoder: a code that moves little when the image moves."""

from typing import ClassVar

from keras import ops

from zoo import checks, losses
from zoo.layers import gradients, row_noise
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed

METHODS = ("auto", "closed_form", "exact", "hutchinson")
# d activation(a) / d a, for the activations that a closed form covers.
_DERIVATIVES = {
    "linear": ops.ones_like,
    "relu": lambda a: ops.cast(a > 0, a.dtype),
    "sigmoid": lambda a: ops.sigmoid(a) * (1 - ops.sigmoid(a)),
    "tanh": lambda a: 1 - ops.square(ops.tanh(a)),
    "softplus": ops.sigmoid,
}


@listed
class ContractiveAutoencoder(Autoencoder):
    """Learns a code that moves less than its image.

    loss = reconstruction + contraction_weight * ||J||_F^2,  J = d encode(x) / d x

    The squared Frobenius norm of the encoder's Jacobian is computed in one of three ways.
    `closed_form`, for one dense layer: `sum_j f'(a_j)^2 sum_i W_ij^2`. `exact`, for any encoder:
    one backward pass per code unit. `hutchinson`: `||J^T v||^2` for a random sign vector `v`, one
    backward pass; its mean is the exact value, and it is the choice for deep encoders with a
    large code. Choose this model for codes that are robust without noise being added.

    Args:
        image_shape: See `Autoencoder`.
        contraction_weight: Float >= 0.
        method: `"closed_form"`, `"exact"`, `"hutchinson"`, or `"auto"`: the closed form where
            it holds, else `hutchinson`.
        num_probes: Positive int, random vectors of `hutchinson` per image and step; its standard
            deviation falls with the square root.
        latent_activation: Defaults to `"sigmoid"`, as in the paper. With a linear code the
            penalty can be escaped by a small encoder and a large decoder.
        **kwargs: See `Autoencoder`. `normalization="batch"` is refused, as it ties the rows of a
            batch together.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels. `contraction`: `||J||_F^2`, sum over the Jacobian's
        entries, dimensionless, `(batch,)`.

    Raises:
        ValueError: if the method does not fit the encoder, or an argument is out of range.

    Differs from the paper: encoder and decoder weights are not tied, and the reconstruction is a
    mean over pixels where the paper sums, so the weight is on another scale.

    When not to use it: where time matters: `exact` costs a backward pass for each unit of the
    code. `denoising` gives a robust code for less.

    Example:
        >>> model = zoo.create("contractive", image_shape=(28, 28, 1), preset="rifai")
        >>> model.resolved_method
        'closed_form'

    Reference: Rifai et al., 2011, Eq. 7 and 11. https://icml.cc/2011/papers/455_icmlpaper.pdf
    """

    EXCEPTIONS: ClassVar = {"equal_parts": "the probes of the penalty are drawn at random."}

    def __init__(
        self,
        image_shape,
        *,
        contraction_weight=1e-3,
        method="auto",
        num_probes=1,
        latent_activation="sigmoid",
        **kwargs,
    ):
        super().__init__(image_shape, latent_activation=latent_activation, **kwargs)
        checks.number(self.owner, low=0.0, contraction_weight=contraction_weight)
        checks.one_of(self.owner, method=(method, METHODS))
        checks.positive_int(self.owner, num_probes=num_probes)
        if self.normalization == "batch":
            raise ValueError(
                f"{self.owner}: normalization must not be 'batch', which makes each code depend on "
                "the other images of its batch. Use 'layer' or 'group'."
            )
        if self.latent_dim is None:
            raise ValueError(
                f"{self.owner}: latent_dim must be an int. Received: latent_dim=None. "
                "The Jacobian is taken of a code vector, for example latent_dim=16."
            )
        self.contraction_weight = contraction_weight
        self.method = method
        self.num_probes = num_probes
        if method == "closed_form" and not self._has_closed_form:
            raise ValueError(
                f"{self.owner}: method='closed_form' needs widths=(), hidden_units=() and a "
                f"latent_activation of {', '.join(_DERIVATIVES)}. Received: widths={self.widths}, "
                f"hidden_units={self.hidden_units}, latent_activation={latent_activation!r}. "
                "Use method='exact' or 'hutchinson'."
            )

    @property
    def _has_closed_form(self) -> bool:
        is_one_layer = not self.widths and not self.hidden_units
        return is_one_layer and self.latent_activation in _DERIVATIVES

    @property
    def resolved_method(self) -> str:
        """The method in use, with `"auto"` resolved."""
        if self.method != "auto":
            return self.method
        return "closed_form" if self._has_closed_form else "hutchinson"

    @property
    def term_weights(self):
        return {**super().term_weights, "contraction": self.contraction_weight}

    def forward(self, x, training=False):
        outputs = super().forward(x, training)
        if self.resolved_method == "hutchinson":
            num_rows, latent_dim = ops.shape(outputs["code"])
            shape = (num_rows, self.num_probes, latent_dim)
            uniform = row_noise.uniform(shape, self.noise_of(x, training))
            outputs["probes"] = ops.sign(ops.moveaxis(uniform, 1, 0) - 0.5)
        return outputs

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        terms["contraction"] = self.contraction(x, outputs.get("probes"))
        return terms

    def contraction(self, x, probes=None):
        """Computes `||d encode(x) / dx||_F^2` of a batch of tensors by `resolved_method`.

        Args:
            x: Float tensor `(batch, *image_shape)`.
            probes: Float tensor `(num_probes, batch, latent_dim)` for `hutchinson`.

        Returns:
            Float32 tensor `(batch,)`.
        """
        x = ops.cast(x, "float32")
        if self.resolved_method == "closed_form":
            kernel = ops.cast(self.encoder.get_layer("code").kernel, "float32")
            pre_activation = ops.cast(self.encoder(x), "float32")
            derivative = _DERIVATIVES[self.latent_activation](pre_activation)
            squared_columns = ops.sum(ops.square(kernel), axis=0)  # (latent_dim,)
            return ops.sum(ops.square(derivative) * squared_columns, axis=-1)
        if self.resolved_method == "exact":
            return gradients.squared_jacobian_norm(self._float32_code, x)
        norms = [
            gradients.projected_jacobian_norm(self._float32_code, x, probes[index])
            for index in range(self.num_probes)
        ]
        return losses.mean_over_event(ops.stack(norms, axis=-1))

    def _float32_code(self, x):
        return ops.cast(self.encode(x), "float32")
