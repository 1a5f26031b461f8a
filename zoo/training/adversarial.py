"""The second player: a discriminator between two kinds of codes, with its own optimizer."""

from keras import ops

from zoo import checks
from zoo.layers.gradients import gradients_of
from zoo.networks import convolutional
from zoo.training import adam
from zoo.training.model import ZooModel, mean_of_rows


class Adversarial(ZooModel):
    """Gives a model a discriminator of codes, which learns beside it.

        D: minimise -0.5 log D(first) - 0.5 log(1 - D(second)),  D = sigmoid(logit)

    This is a mixin that stands before the model it extends: `class FactorVAE(Adversarial, VAE)`.
    The subclass returns from `discriminator_inputs` the two kinds of codes to tell apart, and adds
    to `loss_terms` what the model's own player wants of `logit(codes)`. A training step first does
    the base's step, on all weights but the discriminator's. The discriminator then does one step on
    the codes of that step.

    `compile` copies the given optimizer for the discriminator. The copy has its own state, and a
    `.keras` file holds both. Keras expects `optimizer` to train all of `trainable_weights`, so the
    discriminator's weights are not in that list: see `discriminator.trainable_weights`.

    Args:
        image_shape: See `ZooModel`.
        discriminator_units: Dense layers of the discriminator, leaky ReLUs.
        discriminator_learning_rate: Float > 0, of its optimizer; `None` copies the model's, a
            schedule as well. A callback that changes the model's does not change this one.
        **kwargs: See the model that is extended.
    """

    def __init__(
        self,
        image_shape,
        *,
        discriminator_units=(128, 128),
        discriminator_learning_rate=None,
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        self.discriminator_units = checks.ints(
            self.owner, "discriminator_units", discriminator_units
        )
        if discriminator_learning_rate is not None:
            checks.number(
                self.owner, low=1e-12, discriminator_learning_rate=discriminator_learning_rate
            )
        self.discriminator_learning_rate = discriminator_learning_rate

    def discriminator_inputs(self, outputs: dict):
        """Returns what is told apart: two tensors of codes, each `(batch, latent_dim)`.

        Args:
            outputs: What `forward` gave.
        """
        raise NotImplementedError

    def build_networks(self):
        super().build_networks()
        self.discriminator = convolutional.encoder(
            (self.latent_dim,),
            widths=(),
            hidden_units=self.discriminator_units,
            heads={"logit": 1},
            activation="leaky_relu",
            dtype=self.dtype_policy,
            name="discriminator",
        )

    def logit(self, codes):
        """Returns `log D / (1 - D)` of codes, float32 `(batch,)`: positive for the first kind."""
        return self.discriminator(codes)[:, 0]

    # --- two optimizers ---------------------------------------------------------------------

    @property
    def trainable_weights(self):
        """Weights that the model's own optimizer trains: all but the discriminator's."""
        others = {id(weight) for weight in self.discriminator.weights}
        return [weight for weight in super().trainable_weights if id(weight) not in others]

    @property
    def trainable_variables(self):
        return self.trainable_weights

    @property
    def optimizers(self):
        return [self.optimizer, self.discriminator_optimizer]

    def compile(self, optimizer="rmsprop", *args, **kwargs):
        """Compiles as Keras does; the discriminator gets a copy of the optimizer."""
        super().compile(optimizer, *args, **kwargs)
        self.discriminator_optimizer = _copy_of(self.optimizer, self.discriminator_learning_rate)
        self.discriminator_optimizer.build(self.discriminator.trainable_weights)

    def fit(self, *args, **kwargs):
        """Trains as `ZooModel.fit` does; the discriminator's weights are averaged likewise."""
        history = super().fit(*args, **kwargs)
        self.discriminator_optimizer.finalize_variable_values(self.discriminator.trainable_weights)
        return history

    def after_update(self, outputs, sample_weight):
        # A second pass would give codes of the moved encoder, and move its statistics once more.
        self.train_discriminator(*self.discriminator_inputs(outputs), sample_weight)

    def train_discriminator(self, first, second, sample_weight=None) -> None:
        """Does one step of the discriminator; the codes, and so the encoder, are fixed.

        Args:
            first: Codes of the first kind, tensor `(batch, latent_dim)`.
            second: Codes of the second kind, likewise.
            sample_weight: Float tensor `(batch,)` or None.
        """
        first, second = ops.stop_gradient(first), ops.stop_gradient(second)

        def loss():
            values = two_class_loss(self.logit(first), self.logit(second))
            values = values if sample_weight is None else values * sample_weight
            return self.discriminator_optimizer.scale_loss(mean_of_rows(values))

        weights = self.discriminator.trainable_weights
        optimizer = self.discriminator_optimizer
        adam.apply_gradients(self, gradients_of(loss, weights), weights, optimizer)


def two_class_loss(first_logit, second_logit):
    """Computes `-0.5 log D(first) - 0.5 log(1 - D(second))` in nats, `(batch,)`.

    `log 2` where the discriminator cannot tell them apart.
    """
    return 0.5 * (ops.softplus(-first_logit) + ops.softplus(second_logit))


def _copy_of(optimizer, learning_rate=None):
    """Returns a new optimizer of the same configuration, without state."""
    config = optimizer.get_config()
    inner = config["inner_optimizer"]["config"] if "inner_optimizer" in config else config
    inner["name"] = f"discriminator_{inner['name']}"
    if learning_rate is not None:
        inner["learning_rate"] = learning_rate
    return type(optimizer).from_config(config)
