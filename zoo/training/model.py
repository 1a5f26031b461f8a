"""The base class of the zoo: hooks for what a model is, and the one training step."""

import inspect
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import checks, files
from zoo.inputs import batching, checking
from zoo.layers.row_noise import RowNoise
from zoo.registry.model_card import ModelCard
from zoo.training import adam, hooks, keras_contract
from zoo.training.fitting import Fitting
from zoo.training.large import LargeImages
from zoo.training.model_card import HasModelCard

# Noise at evaluation follows from this seed and the image: `evaluate` repeats its numbers.
EVALUATION_SEED = 20_140_101
# What the data of a model are: images alone; images alone, of which features are predicted, not
# pixels; `{"image", "label"}`; images and labels, -1 for
# unlabelled rows; images and 1 for the positive class, else 0; images and masks.
TASKS = (
    *("reconstruction", "features", "conditional", "semi_supervised", "debiasing"),
    "segmentation",
)
_OF_KERAS = ("name", "dtype", "trainable")  # arguments of `keras.Model`
_NOISE_STATE = "noise_state"  # Keras does not save seed generators; training goes on with it


class ZooModel(HasModelCard, LargeImages, Fitting):
    """Trains any model of the zoo; a model says what is new about it and nothing else.

    loss = mean over the batch of sum_i term_weights[i] * loss_terms[i]

    A subclass keeps its constructor's arguments as attributes of the same name and overrides some
    of these hooks:

    - `build_networks()` makes the children from the arguments; those that it leaves unbuilt are
      built by a symbolic pass of `forward`;
    - `corrupt(x, training)` damages the input: denoising;
    - `forward(x, training)` returns a dict of named tensors, always with `"prediction"`;
    - `loss_terms(x, target, outputs)` returns a dict of per-sample values, shape `(batch,)`;
    - `term_weights` names the terms and their weights; a weight may be a variable;
    - `start_from(data)` and `after_fit()` look at the data before and after the training.

    The model is built when its constructor returns: `summary`, `save` and `count_params` work at
    once. The loss belongs to the model, so `compile` takes an optimizer and metrics, but no loss.

    Args:
        image_shape: `(height, width, channels)`, `(length, channels)` or `(features,)`.
        seed: Int or None. Seed of the model's own noise (sampling, corruption). `None` draws one
            from the generator that `keras.utils.set_random_seed` seeds.
        **kwargs: `name`, `dtype` and `trainable`, as in `keras.Model`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The prediction, `(batch, *image_shape)`.

    Raises:
        ValueError: for arguments out of range, and for data that does not fit.
        TypeError: for an unknown argument.
    """

    registry_name: str | None = None
    # What `fit` needs: one of TASKS.
    task: str = "reconstruction"
    # What `y` holds, for a model that cannot be trained without it.
    required_target: str | None = None

    def __init__(self, image_shape, *, seed=None, **kwargs):
        checks.known_arguments(self.owner, kwargs, _OF_KERAS, self.argument_names())
        checks.channels_last(self.owner)
        super().__init__(**kwargs)
        self.image_shape = checks.image_shape(self.owner, image_shape)
        self.seed = checks.seed_number(self.owner, seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.card = ModelCard()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__init__ = hooks.then_build(cls, cls.__init__)

    # --- hooks ------------------------------------------------------------------------------

    def build_networks(self) -> None:
        """Makes the children from the constructor's arguments."""
        raise hooks.missing(self.owner, "build_networks")

    def corrupt(self, x, training: bool):
        """Returns the damaged input that the model sees; the target stays clean."""
        return x

    def forward(self, x, training: bool = False) -> dict:
        """Returns the named tensors of one pass, with `"prediction"` among them."""
        raise hooks.missing(self.owner, "forward")

    def loss_terms(self, x, target, outputs: dict) -> dict:
        """Returns the unweighted loss terms, each of shape `(batch,)`.

        `outputs` is what `forward` gave, and `"sample_weight"`, `(batch,)`, where `fit` has
        weights: a term that is a statistic of the batch leaves rows of weight 0 out of it.
        """
        raise hooks.missing(self.owner, "loss_terms")

    @property
    def term_weights(self) -> dict:
        """Names of the loss terms and their weights: numbers, or variables of a schedule."""
        return {"reconstruction": 1.0}

    def image_of(self, x):
        """Returns the images of an input."""
        return x["image"] if isinstance(x, dict) else x

    def target_of(self, x, y):
        """Returns what the prediction should be: the input itself when there is no `y`.

        A model whose loss needs more returns a dict, with the image under `"image"`.
        """
        return self.image_of(x) if y is None else y

    def weighed_target(self, target, sample_weight):
        """Returns the target with weights that are not of whole samples, for a model that has them.

        Args:
            target: What `target_of` gave.
            sample_weight: As it was given, or None.
        """
        return target

    def example_inputs(self):
        """Returns symbolic inputs, by which the model is built."""
        return keras.KerasTensor((None, *self.image_shape), dtype="float32")

    def check_inputs(self, x, name: str = "x") -> None:
        """Raises ValueError when an array does not fit the model."""
        checks.images(self.owner, x, self.image_shape, name)

    def check_targets(self, y) -> None:
        """Raises ValueError when a target array does not fit the model."""
        checks.images(self.owner, y, self.image_shape, "y")

    def for_metrics(self, target, outputs: dict):
        """Returns what the metrics of `compile` compare: the target image and the prediction."""
        image = target["image"] if isinstance(target, dict) else target
        return image, outputs["prediction"]

    @property
    def fits_every_image(self) -> bool:
        """Whether shape and range are all that `check_inputs` looks at."""
        return type(self).check_inputs is ZooModel.check_inputs

    @property
    def fits_every_target(self) -> bool:
        """Whether shape and range are all that matters of a target."""
        return type(self).check_targets is ZooModel.check_targets and not self.damages_inputs

    def track(self, target, outputs: dict, sample_weight) -> None:
        """Updates the model's own metrics, those that are no loss terms."""

    def start_from(self, data, source=None):
        """Takes what first weights need from the data of a first `fit`, and returns the data.

        Args:
            data: What `fit` packs: arrays, or what gives batches of them.
            source: The data set of `zoo.batches` that gives the batches, if one does.
        """
        return data

    def after_fit(self) -> None:
        """Ends `fit`, also one that Ctrl-C stopped."""

    def after_update(self, outputs: dict, sample_weight) -> None:
        """Ends a training step, after the weights have moved: the turn of a second player.

        Args:
            outputs: What `forward` gave in this step, before the weights moved.
            sample_weight: Float tensor `(batch,)` or None.
        """

    def noise_of(self, x, training: bool, stream: int = 0):
        """Returns a source of random numbers for `zoo.layers.row_noise`.

        In training they are fresh; at evaluation those of each image, wherever in the data it is.

        Args:
            x: The input.
            stream: Of evaluation: numbers for different purposes must not be the same.
        """
        if training:
            return self.seed_generator
        return RowNoise(self.image_of(x), EVALUATION_SEED + stream)

    # --- construction and configuration -----------------------------------------------------

    @property
    def owner(self) -> str:
        """Class name, as error messages give it."""
        return type(self).__name__

    def build_from_arguments(self) -> None:
        hooks.check_constructed(self)
        self.build_networks()
        terms = [*self.term_weights, *(["regularization"] if self.losses else [])]
        self.term_trackers = {name: keras.metrics.Mean(name=name) for name in terms}
        inputs = self.example_inputs()
        keras_contract.note_input_shapes(
            self, keras.tree.map_structure(lambda part: part.shape, inputs)
        )
        self.built = True
        # Builds every child: a saved model with an unbuilt one would reload with random weights.
        # Not by a call, which Keras would count as the model's first place in an outer model.
        if keras_contract.may_have_unbuilt_layers(self):
            with keras.name_scope(self.name):
                self.compute_output_spec(inputs, training=True)

    def get_build_config(self) -> None:
        """Returns None: the constructor builds the model, so that loading need not."""

    def export(self, *args, **kwargs):
        """Writes the model as `keras.Model.export` does, also one that was not called yet."""

        def row(part):
            return ops.zeros((1, *part.shape[1:]), part.dtype)

        self(keras.tree.map_structure(row, self.example_inputs()))
        return super().export(*args, **kwargs)

    @classmethod
    def argument_names(cls) -> list[str]:
        """Returns the names of all constructor arguments, those of base classes included.

        Those that a class or a base of it has in `FIXED` are left out.
        """
        names, fixed = {}, set()
        for base in cls.__mro__:
            fixed |= set(vars(base).get("FIXED", ()))
            if "__init__" not in vars(base):
                continue
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            for parameter in parameters:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    names.setdefault(parameter.name)
            if base is ZooModel or not any(p.kind == p.VAR_KEYWORD for p in parameters):
                break
        return [name for name in names if name not in fixed]

    def get_config(self) -> dict:
        """Returns every constructor argument, read back from its attribute, and the card."""
        arguments = {name: hooks.argument_of(self, name) for name in self.argument_names()}
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **{key: _plain(value) for key, value in arguments.items()},
            "card": self.card.get_config(),
        }

    def save(self, filepath, overwrite: bool = True, zipped: bool | None = None, **kwargs) -> None:
        """Saves as `keras.Model.save` does; a `.keras` file is complete, or as it was before."""
        is_here = str(filepath).endswith(".keras") and "://" not in str(filepath)
        asks_first = not overwrite and os.path.exists(filepath)
        if not is_here or asks_first or zipped is False:
            super().save(filepath, overwrite, zipped, **kwargs)
            return
        with files.new_file(Path(os.path.realpath(filepath))) as temporary:
            super().save(temporary, zipped=zipped, **kwargs)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store[_NOISE_STATE] = np.asarray(self.seed_generator.state)

    def load_own_variables(self, store):
        own = {key: store[key] for key in store.keys() if key != _NOISE_STATE}  # noqa: SIM118
        super().load_own_variables(own)
        self.load_noise_state(store)

    def load_noise_state(self, store) -> None:
        """Takes the state of the noise from a file; it is no variable of Keras."""
        self.seed_generator.state.assign(store[_NOISE_STATE])

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = cls(**{key: value for key, value in config.items() if key != "card"})
        model.card = ModelCard.from_config(config.get("card"))
        return model

    # --- calling ----------------------------------------------------------------------------

    @property
    def damages_inputs(self) -> bool:
        """Whether the model sees damaged inputs where it is given no target."""
        return type(self).corrupt is not ZooModel.corrupt

    def __call__(self, *args, **kwargs):
        with batching.inside():
            return super().__call__(*args, **kwargs)

    def call(self, x, training=None):
        return hooks.outputs_of(self, self.forward(x, training=bool(training)))["prediction"]

    # --- training ---------------------------------------------------------------------------

    def train_step(self, data):
        if self._step_check is not None and self._step_check.is_on:
            data = self._step_check.passed(self, data)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss, target, outputs = self._tracked_loss(x, y, sample_weight, training=True)
            loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        gradients = tape.gradient(loss, weights)
        adam.apply_gradients(self, gradients, weights)
        self.after_update(outputs, self._per_sample_weight(sample_weight))
        compared = self.for_metrics(target, outputs)
        sample_weight = self.weight_of_metrics(sample_weight)
        return self.compute_metrics(x, *compared, sample_weight=sample_weight)

    def test_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        _, target, outputs = self._tracked_loss(x, y, sample_weight, training=False)
        compared = self.for_metrics(target, outputs)
        sample_weight = self.weight_of_metrics(sample_weight)
        return self.compute_metrics(x, *compared, sample_weight=sample_weight)

    def _tracked_loss(self, x, y, sample_weight, training: bool):
        """Runs one pass and updates the trackers.

        Returns:
            The loss to differentiate (scaled to the number of replicas), the target and the
            outputs. A target that was given comes with an input that is used as it is: pairs
            of noisy and clean images are not corrupted again.
        """
        if y is not None and checking.is_placeholder(y):
            y = None
        target = self.weighed_target(self.target_of(x, y), sample_weight)
        inputs = self.corrupt(x, training) if y is None else x
        with batching.inside():
            outputs = hooks.outputs_of(self, self.forward(inputs, training=training))
        sample_weight = self._per_sample_weight(sample_weight)
        if sample_weight is not None:
            outputs = {**outputs, "sample_weight": sample_weight}
        weights = self.term_weights
        terms = hooks.terms_of(self, self.loss_terms(inputs, target, outputs), weights)
        batch_size = ops.shape(next(iter(terms.values())))[0]
        loss = 0.0
        for name, term in terms.items():
            term = ops.cast(term, "float32")
            if sample_weight is not None:
                term = term * sample_weight
            self.term_trackers[name].update_state(term)
            loss = loss + ops.cast(weights[name], "float32") * mean_of_rows(term)
        if "regularization" in self.term_trackers:
            penalty = sum(ops.cast(ops.sum(value), "float32") for value in self.losses)
            self.term_trackers["regularization"].update_state(penalty, sample_weight=batch_size)
            loss = loss + penalty
        self.loss_tracker.update_state(loss, sample_weight=batch_size)
        self.track(target, outputs, sample_weight)
        num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return loss / num_replicas, target, outputs

    def _per_sample_weight(self, sample_weight):
        if sample_weight is None:
            return None
        if sample_weight.shape.rank is not None:
            self.check_weight_shape(sample_weight.shape)
        return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))


def mean_of_rows(values):
    """Averages one value per sample over the batch; 0 for a replica that got no rows."""
    return ops.sum(values) / ops.cast(ops.maximum(ops.shape(values)[0], 1), "float32")


def _plain(value):
    """Returns plain data: what Keras tracks as special lists becomes tuples and dicts again."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return value
