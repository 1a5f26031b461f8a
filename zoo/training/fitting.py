"""`fit`, `evaluate` and `predict`: which of the ways to run takes the data."""

import collections.abc

import keras
import numpy as np
import tensorflow as tf

from zoo.inputs import arrays, calls, checking, graph_check, pipeline
from zoo.inputs.order import Source, orders_of_rows
from zoo.optimizers import learning_rates, reading
from zoo.training import adam, compilation, device_data, keras_contract
from zoo.training import predict as prediction
from zoo.training.data_checks import DataChecks, as_validation

OURS_IN_FIT = ("resident", "check_every_batch")  # arguments that Keras's does not have


class Fitting(DataChecks, keras.Model):
    """Trains and predicts as `keras.Model` does, on data that stay on the device where it can."""

    _step_check: graph_check.StepCheck | None = None
    is_jit_auto = False  # whether `compile` was given jit_compile="auto", and nothing since
    # Whether a training step is layers, a loss by pixels and the update, without chance, of which
    # `zoo.training.compilation` knows when XLA pays. A class says it of itself alone.
    steps_are_plain = False
    # Whether XLA compiled the updates of the last `fit`; None before.
    fitted_by_xla: bool | None = None
    _updates_before = 0  # by `fit` on arrays, since the model was compiled
    num_compilations = 0  # what was traced before the last one is not called again

    def fit(
        self,
        x=None,
        y=None,
        *args,
        resident: bool | None = None,
        check_every_batch: bool = True,
        **kwargs,
    ):
        """Trains the model as `keras.Model.fit` does; without `y` the target is `x` itself.

        Data may be arrays, lists, tables, HDF5 data sets, `tf.data.Dataset`,
        `keras.utils.PyDataset`, generators or other iterables of batches. Arrays are checked first:
        shape, finite, in `[0, 1]`; of the others each batch is, before it is trained on. Arrays
        that are mapped from a file, as `numpy.load(file, mmap_mode="r")` gives them, may be larger
        than memory.

        Args:
            resident: Whether the data stay on the device, where batches are gathered in the graph
                and several updates run per call: faster for small models, with the order, the
                updates and the history of the ordinary path. None does so where it can: for
                arrays that fit, and `zoo.batches` of files that are kept or of an array, without
                replicas, `steps_per_epoch` and `class_weight`. A callback that looks at batches
                still sees each, unless its attribute `looks_at_batches` is False: it then sees the
                last of each call.
            check_every_batch: Whether each batch of a data set or a generator is checked before it
                is trained on, or the first alone; arrays are checked as a whole. The error names
                the batch. Those of a data set are looked at inside the training step; docs/speed.md
                says how to measure what it costs.
            Others: see `keras.Model.fit`.

        Raises:
            ValueError: for data that do not fit the model, or `resident=True` where it cannot be.
        """
        self._check_compiled()
        learning_rates.warn_where_ended(self.optimizer, self.owner)
        args = (self, x, y, *args)
        kwargs = calls.bound(self.owner, keras.Model.fit, args, kwargs, OURS_IN_FIT)
        for name in ("self", "x", "y"):
            kwargs.pop(name, None)
        self._check_class_weight(kwargs.get("class_weight"))
        self._check_numbers(kwargs)
        x, y, sample_weight = self._checked_arrays(x, y, kwargs.pop("sample_weight", None))
        share, validation = (kwargs.pop(f"validation_{name}", None) for name in ("split", "data"))
        if share and validation is None:
            (x, y, sample_weight), held_out = self._parted(x, y, sample_weight, share)
            kwargs["validation_data"] = as_validation(*held_out, kwargs)
        elif validation is not None:
            kwargs["validation_data"] = self._checked_validation(
                validation, kwargs, check_every_batch
            )
        step, steps = self._check_of_steps(), kwargs.get("steps_per_epoch")
        how = {"every_batch": check_every_batch, "step": step}
        source, x = x, self._checked_source(x, steps, "steps_per_epoch", **how)
        self._look_in_steps(step, kwargs)
        if isinstance(x, (tf.data.Dataset, collections.abc.Iterator)):
            kwargs.setdefault("shuffle", False)  # else Keras warns that True is ignored
        data = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        kept = pipeline.cached_source(source) if kwargs.get("batch_size") is None else None
        reason_unsupported = device_data.reason_unsupported(
            self, data if kept is None else kept.data, kwargs
        )
        may_stay = reason_unsupported is None and resident is not False
        may_stay = may_stay and keras_contract.fit_calls_our_function()
        if resident and reason_unsupported is not None:
            raise ValueError(
                f"{self.owner}: resident must be None or False here, as {reason_unsupported}. "
                "Received: resident=True. Leave it out."
            )
        self.fitted_by_xla = bool(self.jit_compile)
        try:
            with checking.errors_of_batches(self.owner):
                started = self.start_from(data, source)
                if not arrays.is_array(data):
                    x = data = started
                if may_stay:
                    history = self._fit_resident(kept or self._source(data, kwargs), kwargs)
                elif pipeline.is_mapped(data):
                    history = self._fit_mapped(data, kwargs)
                else:
                    history = super().fit(x, y, sample_weight=sample_weight, **kwargs)
        except KeyboardInterrupt:
            self.after_fit()
            raise
        self.after_fit()
        return history

    def _check_of_steps(self) -> graph_check.StepCheck | None:
        """Returns what looks at batches inside the training step; None where it cannot.

        It cannot where XLA compiles the step, on replicas, and in a step of the user's own.
        """
        of_ours = [base for base in type(self).__mro__ if "train_step" in vars(base)]
        is_ours = of_ours[0].__module__.startswith("zoo.")
        if self.jit_compile or self.distribute_strategy.num_replicas_in_sync > 1 or not is_ours:
            return None
        if self._step_check is None:
            self._step_check = graph_check.StepCheck()
        self._step_check.look = None
        return self._step_check

    def _look_in_steps(self, step: graph_check.StepCheck | None, arguments: dict) -> None:
        """Has the training step traced anew where it is to look at batches and did not."""
        is_on = step is not None and step.look is not None
        if is_on:
            callbacks, restart = arguments.get("callbacks"), graph_check.Restart(step)
            if isinstance(callbacks, keras.callbacks.CallbackList):
                callbacks.append(restart)
            else:
                arguments["callbacks"] = [*keras.tree.flatten(callbacks or []), restart]
        if self._step_check is not None and self._step_check.is_on != is_on:
            self._step_check.is_on = is_on
            self.train_function = None

    def _fit_mapped(self, data, arguments: dict):
        """Trains on arrays that are read batch by batch, in the order of arrays in memory."""
        arguments = dict(arguments)
        batch_size = arguments.pop("batch_size", None)
        arguments["validation_batch_size"] = arguments.get("validation_batch_size") or batch_size
        dataset = pipeline.from_mapped(data, batch_size, bool(arguments.get("shuffle", True)))
        return super().fit(dataset, **arguments | {"shuffle": False})

    def _source(self, data, arguments: dict) -> Source:
        orders = orders_of_rows(arrays.num_rows(data), arguments.get("shuffle", True))
        return Source(data, arguments.get("batch_size") or 32, orders)

    def _fit_resident(self, source: Source, arguments: dict):
        """Trains with what Keras calls for each group of batches replaced."""
        ours = ("batch_size", "shuffle")
        arguments = {key: value for key, value in arguments.items() if key not in ours}
        batch_size = arguments.get("validation_batch_size") or source.batch_size
        arguments["validation_batch_size"] = batch_size
        compiled = self.steps_per_execution, self.train_function
        num_steps = device_data.steps_per_call(
            self, source.batch_size, source.num_rows, arguments.get("callbacks")
        )
        self.fitted_by_xla = self._is_to_be_compiled(source, num_steps, arguments)
        self.train_function = device_data.ResidentTraining(
            self, source, num_steps, self.fitted_by_xla
        )
        self.steps_per_execution = num_steps  # until `make_train_function`
        try:
            history = super().fit(self.train_function.batches, shuffle=False, **arguments)
        finally:
            self.steps_per_execution, self.train_function = compiled
        self._updates_before += len(history.epoch) * (source.num_rows // source.batch_size)
        return history

    def _is_to_be_compiled(self, source: Source, num_steps: int, arguments: dict) -> bool:
        """Tells whether XLA compiles the updates of this `fit`, by rule where it may choose."""
        if not self.is_jit_auto or self.jit_compile or num_steps == 1:
            return bool(self.jit_compile)
        num_epochs = arguments.get("epochs", 1) - arguments.get("initial_epoch", 0)
        num_epochs = min(num_epochs, compilation.FIRST_EPOCHS)
        num_updates = num_epochs * (source.num_rows // source.batch_size)
        return compilation.pays(self, source.batch_size, self._updates_before + num_updates)

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, *args, **kwargs):
        """Compiles as `keras.Model.compile` does, but without a loss, which the model has.

        `jit_compile="auto"`, the default, is Keras's, but for networks of dense layers on CPUs:
        there XLA compiles the updates of a `fit` on arrays that is long enough for it to pay, alone
        or with those before it.

        Raises:
            ValueError: for a loss or weights of losses, and for what is no optimizer.
        """
        for name, given in (("loss", loss), ("loss_weights", loss_weights)):
            if given is not None:
                raise ValueError(
                    f"{self.owner}.compile: {name} must be left out, as the loss belongs to the "
                    f"model. Received: {name}={given!r}. Its terms are "
                    f"{', '.join(self.term_weights)}: choose them in the constructor, and pass "
                    "extra measures as metrics=[...]."
                )
        given = calls.bound(
            self.owner, keras.Model.compile, (self, None, None, None, *args), kwargs
        )
        super().compile(reading.read(self.owner, optimizer), None, None, *args, **kwargs)
        self.is_jit_auto = given.get("jit_compile", "auto") == "auto"
        self._updates_before = 0
        self.num_compilations += 1

    def __setattr__(self, name, value):
        if name == "jit_compile":  # no property: Keras does not set what is the same already
            self.is_jit_auto = False
        super().__setattr__(name, value)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config | {"jit_compile": "auto"} if config and self.is_jit_auto else config

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizers()

    @property
    def metrics(self) -> list:
        """The model's own tracker of the loss in place of Keras's, and all other metrics."""
        others = [metric for metric in super().metrics if metric.name != "loss"]
        return [self.loss_tracker, *others]

    def make_train_function(self, force=False):
        """Keeps that of resident data, now that `fit` has made its iterator.

        The optimizer gets its variables here: made inside the step, they have it traced twice.
        """
        self.build_optimizers()
        if isinstance(self.train_function, device_data.ResidentTraining):
            self.steps_per_execution = self.train_function.compiled_steps
            if force:
                self.train_function.trace_anew()
            return self.train_function
        return super().make_train_function(force)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Returns the loss terms and metrics, as `keras.Model.evaluate` does."""
        self._check_compiled()
        given = calls.bound(self.owner, keras.Model.evaluate, (self, x, y, *args), kwargs)
        del given["self"]
        x, y, sample_weight = (given.pop(name, None) for name in ("x", "y", "sample_weight"))
        if not keras_contract.is_validation_of_fit(kwargs):  # `fit` has checked its data
            self._check_numbers(given)
            x, y, sample_weight = self._checked_arrays(x, y, sample_weight)
            x = self._checked_source(x, given.get("steps"))
        data = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        if prediction.evaluates(self, data, given):
            how = {name: given.get(name) for name in ("callbacks", "return_dict")}
            verbose, batch_size = given.get("verbose", "auto"), given.get("batch_size") or 32
            return prediction.evaluate(self, data, batch_size, verbose=verbose, **how)
        if pipeline.is_mapped(data):
            x = pipeline.from_mapped(data, given.pop("batch_size", None))
            y = sample_weight = None
        given |= {"x": x, "y": y, "sample_weight": sample_weight}
        unknown = given.pop("kwargs", {})
        with checking.errors_of_batches(self.owner):
            return super().evaluate(**given, **unknown)

    def predict(self, x, *args, **kwargs):
        """Returns the predictions, as `keras.Model.predict` does.

        Those of `zoo.batches` are in the order of its rows, of images that `augment` left alone.
        """
        given = calls.bound(self.owner, keras.Model.predict, (self, x, *args), kwargs)
        del given["self"]
        self._check_numbers(given)
        x = arrays.to_arrays(self.owner, x, "x")
        if not arrays.is_array(x):
            with checking.errors_of_batches(self.owner):
                in_order, steps = pipeline.in_order(x), given.get("steps")
                source = self._checked_source(in_order, steps, inputs_only=True)
                return super().predict(**given | {"x": source})
        checking.Check(self, inputs_only=True).whole(x)
        if pipeline.is_mapped(x):
            x = pipeline.from_mapped((x,), given.pop("batch_size", None))
            return super().predict(**given | {"x": x})
        x = keras.tree.map_structure(np.asarray, x)
        batch_size = given.get("batch_size") or 32
        num_rows = prediction.rows_per_call(self, x, batch_size, given)
        if num_rows:
            verbose = given.get("verbose", "auto")
            found = prediction.predict(self, x, batch_size, num_rows, verbose)
            if found is not None:
                return found
        return super().predict(**given | {"x": x})

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Does one update, as `keras.Model.train_on_batch` does; the batch is checked."""
        self._check_compiled()
        self._check_class_weight(class_weight)
        batch = map(_in_float_type, self._checked_arrays(x, y, sample_weight))
        return super().train_on_batch(*batch, class_weight=class_weight, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Returns the loss and metrics of one batch, which is checked."""
        self._check_compiled()
        batch = map(_in_float_type, self._checked_arrays(x, y, sample_weight))
        return super().test_on_batch(*batch, return_dict=return_dict)

    def predict_on_batch(self, x):
        """Returns the predictions of one batch, which is checked."""
        x = arrays.to_arrays(self.owner, x, "x")
        checking.Check(self, inputs_only=True).whole(x)
        if device_data.reason_model_unsupported(self) is not None:
            return super().predict_on_batch(_in_float_type(x))
        return prediction.on_batch(self, x)

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


def _in_float_type(data):
    return None if data is None else keras.tree.map_structure(arrays.in_float_type, data)
