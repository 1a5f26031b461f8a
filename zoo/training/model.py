"""The base class of the zoo: hooks for what a model is, and the one training step."""

import functools
import inspect

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import checks
from zoo.data import batching, pipeline
from zoo.registry.model_card import HasModelCard, ModelCard
from zoo.training import adam
from zoo.training import device_data as resident_training
from zoo.training import predict as device_prediction

# Noise at evaluation comes from this seed, so that `evaluate` gives the same number every time.
EVALUATION_SEED = 20_140_101
# What the data of a model are: images alone; `{"image", "label"}`; images and labels, -1 for
# unlabelled rows; images and 1 for the positive class, else 0; images and masks.
TASKS = ("reconstruction", "conditional", "semi_supervised", "debiasing", "segmentation")
_NOISE_STATE = "noise_state"  # Keras does not save seed generators; training goes on with it


def _then_build(model_class, init):
    """Wraps a constructor so that the outermost one ends by building the model."""

    @functools.wraps(init)
    def constructor(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if type(self) is model_class:
            self._build_from_arguments()

    return constructor


class ZooModel(HasModelCard, keras.Model):
    """Trains any model of the zoo; a model says what is new about it and nothing else.

    loss = mean over the batch of sum_i term_weights[i] * loss_terms[i]

    A subclass keeps its constructor's arguments as attributes of the same name and overrides some
    of these hooks:

    - `build_networks()` makes the children from the arguments;
    - `corrupt(x, training)` damages the input: denoising;
    - `forward(x, training)` returns a dict of named tensors, always with `"prediction"`;
    - `loss_terms(x, target, outputs)` returns a dict of per-sample values, shape `(batch,)`;
    - `term_weights` names the terms and their weights; a weight may be a variable.

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
        unknown = set(kwargs) - {"name", "dtype", "trainable"}
        if unknown:
            self._raise_unknown_argument(sorted(unknown)[0])
        super().__init__(**kwargs)
        self.image_shape = checks.image_shape(self.owner, image_shape)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.card = ModelCard()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__init__ = _then_build(cls, cls.__init__)

    # --- hooks ------------------------------------------------------------------------------

    def build_networks(self) -> None:
        """Makes the children from the constructor's arguments."""
        raise NotImplementedError

    def corrupt(self, x, training: bool):
        """Returns the damaged input that the model sees; the target stays clean."""
        return x

    def forward(self, x, training: bool = False) -> dict:
        """Returns the named tensors of one pass, with `"prediction"` among them."""
        raise NotImplementedError

    def loss_terms(self, x, target, outputs: dict) -> dict:
        """Returns the unweighted loss terms, each of shape `(batch,)`."""
        raise NotImplementedError

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

    def example_inputs(self):
        """Returns symbolic inputs, by which the model is built."""
        return keras.KerasTensor((None, *self.image_shape), dtype="float32")

    def check_inputs(self, x, name: str = "x") -> None:
        """Raises ValueError when an array does not fit the model."""
        checks.images(self.owner, x, self.image_shape, name)

    def check_targets(self, y) -> None:
        """Raises ValueError when a target array does not fit the model."""
        checks.images(self.owner, y, self.image_shape, "y")

    def track(self, target, outputs: dict, sample_weight) -> None:
        """Updates the model's own metrics, those that are no loss terms."""

    def random_seed(self, training: bool):
        """Returns a source of fresh noise in training, and of the same noise at evaluation."""
        return self.seed_generator if training else EVALUATION_SEED

    # --- construction and configuration -----------------------------------------------------

    @property
    def owner(self) -> str:
        """Class name, as error messages give it."""
        return type(self).__name__

    def _build_from_arguments(self) -> None:
        self.build_networks()
        terms = [*self.term_weights, *(["regularization"] if self.losses else [])]
        self.term_trackers = {name: keras.metrics.Mean(name=name) for name in terms}
        # Builds every child: a saved model with an unbuilt one would reload with random weights.
        self.built = True  # before the pass, else Keras traces it twice
        self(self.example_inputs(), training=True)

    @classmethod
    def argument_names(cls) -> list[str]:
        """Returns the names of all constructor arguments, those of base classes included.

        Those that a class or a base of it has in `FIXED` are left out.
        """
        found, fixed = {}, set()
        for base in cls.__mro__:
            fixed |= set(vars(base).get("FIXED", ()))
            if "__init__" not in vars(base):
                continue
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            for parameter in parameters:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    found.setdefault(parameter.name)
            if base is ZooModel or not any(p.kind == p.VAR_KEYWORD for p in parameters):
                break
        return [name for name in found if name not in fixed]

    def get_config(self) -> dict:
        """Returns every constructor argument, read back from its attribute, and the card."""
        arguments = {name: getattr(self, name) for name in self.argument_names()}
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **{key: _plain(value) for key, value in arguments.items()},
            "card": self.card.get_config(),
        }

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store[_NOISE_STATE] = np.asarray(self.seed_generator.state)

    def load_own_variables(self, store):
        own = {key: store[key] for key in store.keys() if key != _NOISE_STATE}  # noqa: SIM118
        super().load_own_variables(own)
        self.seed_generator.state.assign(store[_NOISE_STATE])

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = cls(**{key: value for key, value in config.items() if key != "card"})
        model.card = ModelCard.from_config(config.get("card"))
        return model

    @classmethod
    def _raise_unknown_argument(cls, name: str):
        allowed = [*cls.argument_names(), "name", "dtype", "trainable"]
        raise TypeError(
            f"{cls.__name__}: unknown argument {name!r}.{checks.suggestion(name, allowed)} "
            f"Its arguments: {', '.join(allowed)}."
        )

    # --- calling ----------------------------------------------------------------------------

    def call(self, x, training=None):
        return self.forward(x, training=bool(training))["prediction"]

    def fit(self, x=None, y=None, *args, resident: bool | None = None, **kwargs):
        """Trains the model as `keras.Model.fit` does; without `y` the target is `x` itself.

        Arrays are checked first: shape, finite, in `[0, 1]`. Of a `tf.data.Dataset` or a
        `keras.utils.PyDataset` the first batch is. Arrays that are mapped from a file, as
        `numpy.load(file, mmap_mode="r")` gives them, may be larger than memory.

        Args:
            resident: Whether the data stay on the device, where batches are gathered in the graph
                and several updates run per call: faster for small models, with the order, the
                updates and the history of the ordinary path. None does so where it can: for
                arrays that fit, and `zoo.batches` of files that are kept or of an array, without
                replicas, `steps_per_epoch`, `class_weight` and `validation_split`. A callback
                that looks at batches still sees each, unless its attribute `looks_at_batches` is
                False: it then sees the last of each call.
            Others: see `keras.Model.fit`.

        Raises:
            ValueError: for data that do not fit the model, or `resident=True` where it cannot be.
        """
        self._check_compiled()
        kwargs = resident_training.bound(keras.Model.fit, (self, x, y, *args), kwargs)
        for name in ("self", "x", "y"):
            kwargs.pop(name, None)
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # else Keras warns that True is ignored
        x, y = batching.from_lists(x), batching.from_lists(y)
        self._check_data(x, y)
        self._check_target_is_given(x, y)
        validation = kwargs.get("validation_data")
        if isinstance(validation, np.ndarray):
            validation = (validation,)
        if isinstance(validation, (tuple, list)) and validation:
            val_x, val_y, *val_weight = *validation, *(None,) * (2 - len(validation))
            self._check_data(val_x, val_y)
            self._check_target_is_given(val_x, val_y)
            val_y = self._explicit_target(val_x, val_y, *val_weight)
            kwargs["validation_data"] = (val_x, val_y, *val_weight)
            batch_size = kwargs.get("validation_batch_size") or kwargs.get("batch_size")
            found = keras.utils.pack_x_y_sample_weight(val_x, val_y, *val_weight)
            if pipeline.is_mapped(found):
                kwargs["validation_data"] = pipeline.of_mapped(found, batch_size)
        y = self._explicit_target(x, y, kwargs.get("sample_weight"))
        data = keras.utils.pack_x_y_sample_weight(x, y, kwargs.get("sample_weight"))
        self._check_rows(data, kwargs.get("batch_size"))
        kept = pipeline.kept(data) if kwargs.get("batch_size") is None else None
        reason_unsupported = resident_training.reason_unsupported(
            self, data if kept is None else kept.data, kwargs
        )
        if reason_unsupported is None and resident is not False:
            return self._fit_resident(kept or self._source(data, kwargs), kwargs)
        if resident:
            raise ValueError(
                f"{self.owner}: resident must be None or False here, as {reason_unsupported}. "
                "Received: resident=True. Leave it out."
            )
        if pipeline.is_mapped(data):
            return self._fit_mapped(data, kwargs)
        return super().fit(x, y, **kwargs)

    def _fit_mapped(self, data, arguments: dict):
        """Trains on arrays that are read batch by batch, in the order of arrays in memory."""
        arguments = {key: value for key, value in arguments.items() if key != "sample_weight"}
        batch_size = arguments.pop("batch_size", None)
        arguments["validation_batch_size"] = arguments.get("validation_batch_size") or batch_size
        share = arguments.pop("validation_split", None)
        if share and arguments.get("validation_data") is None:
            num_training = int(_num_rows(data) * (1.0 - share))  # the last rows, as in Keras
            held_out = keras.tree.map_structure(lambda part: part[num_training:], data)
            data = keras.tree.map_structure(lambda part: part[:num_training], data)
            arguments["validation_data"] = pipeline.of_mapped(
                held_out, arguments["validation_batch_size"]
            )
        found = pipeline.of_mapped(data, batch_size, bool(arguments.get("shuffle", True)))
        return super().fit(found, **arguments | {"shuffle": False})

    def _source(self, data, arguments: dict) -> resident_training.Source:
        orders = resident_training.orders(_num_rows(data), arguments.get("shuffle", True))
        return resident_training.Source(data, arguments.get("batch_size") or 32, orders)

    def _fit_resident(self, source: resident_training.Source, arguments: dict):
        """Trains with what Keras calls for each group of batches replaced."""
        ours = ("sample_weight", "batch_size", "shuffle")
        arguments = {key: value for key, value in arguments.items() if key not in ours}
        batch_size = arguments.get("validation_batch_size") or source.batch_size
        arguments["validation_batch_size"] = batch_size
        compiled = self.steps_per_execution, self.train_function
        num_steps = resident_training.steps_per_call(
            self, source.batch_size, source.num_rows, arguments.get("callbacks")
        )
        self.train_function = resident_training.ResidentTraining(self, source, num_steps)
        self.steps_per_execution = num_steps  # until `make_train_function`
        try:
            return super().fit(self.train_function.batches, shuffle=False, **arguments)
        finally:
            self.steps_per_execution, self.train_function = compiled

    def make_train_function(self, force=False):
        """Keeps that of resident data, now that `fit` has made its iterator.

        The optimizer gets its variables here: made inside the step, they have it traced twice.
        """
        self.build_optimizers()
        if isinstance(self.train_function, resident_training.ResidentTraining):
            self.steps_per_execution = self.train_function.compiled_steps
            if force:
                self.train_function.trace_anew()
            return self.train_function
        return super().make_train_function(force)

    def checked_data(self, x, y=None):
        """Checks arrays as `fit` does, and returns them packed as it packs them.

        Raises:
            ValueError: if the model is not compiled, or the data do not fit it.
        """
        self._check_compiled()
        x, y = batching.from_lists(x), batching.from_lists(y)
        if not _is_array(x):
            raise ValueError(
                f"{self.owner}: x must be an array. Received: x of type {type(x).__name__}."
            )
        self._check_data(x, y)
        self._check_target_is_given(x, y)
        return keras.utils.pack_x_y_sample_weight(x, self._explicit_target(x, y))

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Returns the loss terms and metrics, as `keras.Model.evaluate` does."""
        self._check_compiled()
        x, y = batching.from_lists(x), batching.from_lists(y)
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked its validation data
            self._check_data(x, y)
            self._check_target_is_given(x, y)
        y = self._explicit_target(x, y, kwargs.get("sample_weight"))
        data = keras.utils.pack_x_y_sample_weight(x, y, kwargs.get("sample_weight"))
        batch_size = args[0] if args else kwargs.get("batch_size")
        self._check_rows(data, batch_size)
        if pipeline.is_mapped(data):
            kwargs = {k: v for k, v in kwargs.items() if k not in ("batch_size", "sample_weight")}
            return super().evaluate(pipeline.of_mapped(data, batch_size), None, *args, **kwargs)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Returns the predictions, as `keras.Model.predict` does."""
        x = batching.from_lists(x)
        if _is_array(x):
            self.check_inputs(x)
        if pipeline.is_mapped(x):
            batch_size = args[0] if args else kwargs.pop("batch_size", None)
            return super().predict(pipeline.of_mapped((x,), batch_size), *args, **kwargs)
        if _is_array(x):
            x = keras.tree.map_structure(np.asarray, x)
            given = resident_training.bound(keras.Model.predict, (self, x, *args), kwargs)
            self._check_rows(x, given.get("batch_size"))
            batch_size = given.get("batch_size") or 32
            many = device_prediction.batches_per_call(self, x, batch_size, given)
            if many:
                verbose = given.get("verbose", "auto")
                return device_prediction.predict(self, x, batch_size, many, verbose)
        return super().predict(x, *args, **kwargs)

    @property
    def optimizers(self) -> list:
        """The optimizers that a training step uses."""
        return [self.optimizer]

    def build_optimizers(self) -> None:
        """Makes the optimizer's variables, if they are not there.

        Raises:
            ValueError: if the optimizer has those of other weights.
        """
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_weights)
        elif not adam.has_variables_of(self.optimizer, self.trainable_weights):
            raise ValueError(
                f"{self.owner}: the optimizer must be of this model and its trainable weights. It "
                "was built for others: of another model, or before some were frozen or released. "
                "Give each model its own: model.compile(keras.optimizers.Adam(1e-3))."
            )

    def _check_compiled(self) -> None:
        if not self.compiled:
            raise ValueError(
                f"{self.owner}: the model must be compiled first. "
                "Call model.compile(optimizer='adam')."
            )
        if self._compile_loss is not None:
            raise ValueError(
                f"{self.owner}: compile must be called without a loss, which belongs to the "
                f"model. Its terms: {', '.join(self.term_weights)}. "
                "Choose them in the constructor, and pass extra measures as metrics=[...]."
            )

    def _check_data(self, x, y) -> None:
        if _is_array(x):
            self.check_inputs(x)
            if _is_array(y):
                self.check_targets(y)
                self._check_lengths("x and y", (x, y))
        elif isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
            self._check_first_batch(x)

    def _check_rows(self, data, batch_size) -> None:
        """Checks what Keras would on its way: arrays of one length, and a batch size above 0."""
        if batch_size is not None:
            checks.positive_int(self.owner, batch_size=batch_size)
        if _is_array(data):
            self._check_lengths("x, y and sample_weight", data)

    def _check_lengths(self, names: str, data) -> None:
        lengths = dict.fromkeys(len(leaf) for leaf in keras.tree.flatten(data))
        if len(lengths) > 1:
            raise ValueError(
                f"{self.owner}: {names} must have the same length. "
                f"Received: {' and '.join(map(str, lengths))} rows."
            )

    def _check_target_is_given(self, x, y) -> None:
        if not _is_array(x):
            return  # what it gives is not known yet
        if self.required_target is not None and y is None:
            raise ValueError(
                f"{self.owner}: y must be given. Received: y=None. "
                f"Call it with {self.required_target}."
            )

    def _explicit_target(self, x, y, sample_weight=None):
        """Returns a target of no columns where there are weights but no target.

        Keras drops the sample weights of data without a target; `_tracked_loss` drops this one.
        """
        if sample_weight is not None and hasattr(sample_weight, "shape"):
            self._check_sample_weight(sample_weight)
        if y is None and sample_weight is not None and _is_array(x):
            return np.zeros((_num_rows(x), 0), "float32")
        return y

    def _check_first_batch(self, source) -> None:
        """Checks one batch of a data set as arrays are checked, before Keras traces the model."""
        if isinstance(source, tf.data.Dataset):
            first = next(iter(pipeline.in_order(source).take(1)), None)
        else:
            first = None if getattr(source, "is_checked", False) else source[0]
        if first is None:
            return
        x, *rest = first if isinstance(first, tuple) else (first,)
        y = rest[0] if rest else None
        if y is not None and not isinstance(y, dict) and _is_placeholder(y):
            y = None
        x = keras.tree.map_structure(np.asarray, x)
        y = None if y is None else keras.tree.map_structure(np.asarray, y)
        self._check_data(x, y)
        self._check_target_is_given(x, y)

    # --- training ---------------------------------------------------------------------------

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss, target, prediction = self._tracked_loss(x, y, sample_weight, training=True)
            loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        gradients = tape.gradient(loss, weights)
        adam.apply_gradients(self, gradients, weights)
        return self.compute_metrics(x, target, prediction, sample_weight=sample_weight)

    def test_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        _, target, prediction = self._tracked_loss(x, y, sample_weight, training=False)
        return self.compute_metrics(x, target, prediction, sample_weight=sample_weight)

    def _tracked_loss(self, x, y, sample_weight, training: bool):
        """Runs one pass and updates the trackers.

        Returns:
            The loss to differentiate (scaled to the number of replicas), the target and the
            prediction. A target that was given comes with an input that is used as it is: pairs
            of noisy and clean images are not corrupted again.
        """
        if y is not None and _is_placeholder(y):
            y = None
        target = self.target_of(x, y)
        inputs = self.corrupt(x, training) if y is None else x
        outputs = self.forward(inputs, training=training)
        terms = self.loss_terms(inputs, target, outputs)
        weights = self.term_weights
        if set(terms) != set(weights):
            raise ValueError(
                f"{self.owner}.loss_terms() must return {tuple(weights)}. Received: {tuple(terms)}."
            )
        batch_size = ops.shape(next(iter(terms.values())))[0]
        sample_weight = self._per_sample_weight(sample_weight)
        loss = 0.0
        for name, term in terms.items():
            term = ops.cast(term, "float32")
            if sample_weight is not None:
                term = term * sample_weight
            self.term_trackers[name].update_state(term)
            loss = loss + ops.cast(weights[name], "float32") * ops.mean(term)
        if "regularization" in self.term_trackers:
            penalty = sum(ops.cast(ops.sum(value), "float32") for value in self.losses)
            self.term_trackers["regularization"].update_state(penalty, sample_weight=batch_size)
            loss = loss + penalty
        self._loss_tracker.update_state(loss, sample_weight=batch_size)
        self.track(target, outputs, sample_weight)
        image = target["image"] if isinstance(target, dict) else target
        num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return loss / num_replicas, image, outputs["prediction"]

    def _per_sample_weight(self, sample_weight):
        if sample_weight is None:
            return None
        if sample_weight.shape.rank is not None:
            self._check_sample_weight(sample_weight)
        return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))

    def _check_sample_weight(self, sample_weight) -> None:
        shape = tuple(sample_weight.shape)
        if len(shape) != 1 and shape[1:] != (1,):
            raise ValueError(
                f"{self.owner}: sample_weight must have shape (batch,). "
                f"Received: shape {shape}. Give one weight per image."
            )


def _is_array(x) -> bool:
    """Tells whether the values of `x` can be read at once: numpy arrays or eager tensors."""
    leaves = keras.tree.flatten(x)
    readable = (isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy") for leaf in leaves)
    return bool(leaves) and all(readable)


def _is_placeholder(y) -> bool:
    if isinstance(y, dict):
        return False
    rank = y.shape.rank if hasattr(y.shape, "rank") else len(y.shape)  # a tensor's may be unknown
    return rank == 2 and y.shape[1] == 0


def _num_rows(x) -> int:
    return len(keras.tree.flatten(x)[0])


def _plain(value):
    """Returns plain data: what Keras tracks as special lists becomes tuples and dicts again."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return value
