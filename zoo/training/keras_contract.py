"""Every use that the zoo makes of private or undocumented behaviour of Keras and TensorFlow.

Each function says what it relies on, and what it returns where a version of Keras does otherwise:
what leads to a slower way, never to a wrong result. Elsewhere in the zoo only what Keras and
TensorFlow document is used.
"""

import functools
import warnings
from typing import Any

import keras
import tensorflow as tf

_BATCHES, _PER_CALL, _EPOCHS = 3, 2, 2  # of the trial fit: the last call has one batch


@functools.cache
def fit_calls_our_function() -> bool:
    """Tells whether `keras.Model.fit` works as training on the device needs it; warns if not.

    Relies on `fit` to make its iterator, then to call `make_train_function()`, and then, for each
    group of `steps_per_execution` batches, `self.train_function(iterator)`: with one
    `tf.data.Iterator` in an epoch, another one in the next, and none of them read by Keras.

    A model that computes nothing is fitted once in a process, in some milliseconds. Where Keras
    does otherwise, there is one warning, and models train as `keras.Model` does.
    """
    try:
        difference = _difference_of_fit()
    except Exception as error:  # another Keras may fail anywhere, or refuse the model
        difference = f"it raised {type(error).__name__}: {error}"
    if difference is None:
        return True
    warnings.warn(
        f"fit of Keras {keras.__version__} works otherwise than this version of the zoo expects: "
        f"{difference}. Models train as keras.Model does: same results, less speed. "
        "A newer version of keras-autoencoder-zoo may know this Keras.",
        stacklevel=2,
    )
    return False


def _difference_of_fit() -> str | None:
    """Returns in what a trial `fit` differs from what is expected, or None."""
    calls: list[Any] = []
    model = _Witness(name="fit_witness")
    model.compile(keras.optimizers.SGD(name="fit_witness_optimizer"))
    model.train_function = _note_in(calls)
    model.steps_per_execution = _PER_CALL  # until `make_train_function`
    epochs = min(_EPOCHS, keras.config.max_epochs() or _EPOCHS)
    data = tf.data.Dataset.range(_BATCHES)
    history = model.fit(data, epochs=epochs, shuffle=False, verbose=0)
    if model.steps_per_execution != 1:
        return "it does not call make_train_function"
    per_epoch = -(-_BATCHES // _PER_CALL)
    if len(calls) != epochs * per_epoch:
        return f"it calls train_function {len(calls)} times, not {epochs * per_epoch}"
    if not all(isinstance(iterator, tf.data.Iterator) for iterator in calls):
        return f"it calls train_function with {type(calls[0]).__name__}, not with an iterator"
    firsts = calls[::per_epoch]
    if any(calls[place] is not firsts[place // per_epoch] for place in range(len(calls))):
        return "it changes the iterator within an epoch"
    if len(set(map(id, firsts))) != epochs:
        return "it keeps the iterator of an epoch for the next"
    if any(int(next(iterator)) != 0 for iterator in firsts):
        return "it reads the iterator"
    if len(history.history.get("loss", ())) != epochs:
        return "it does not keep what train_function returns"
    return None


class _Witness(keras.Model):
    """A model whose `fit` calls what it was given, as that of a `ZooModel` does."""

    def make_train_function(self, force=False):
        self.steps_per_execution = 1
        return self.train_function


def _note_in(calls: list[Any]):
    def function(iterator):
        calls.append(iterator)
        return {"loss": 0.0}

    return function


def is_validation_of_fit(arguments: dict[str, Any]) -> bool:
    """Tells whether `evaluate` is called by `fit` for validation data, by its keyword arguments.

    Relies on the keyword `_use_cached_eval_dataset`. Without it the data are checked once more.
    """
    return bool(arguments.get("_use_cached_eval_dataset"))


def weights_of_optimizer(optimizer) -> list[Any] | None:
    """Returns the weights that a built optimizer was built for; None where it does not tell.

    Relies on `_trainable_variables` of it, or of the optimizer that it wraps. Where it does not
    tell, Keras itself refuses other weights in the first update.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    weights = getattr(optimizer, "_trainable_variables", None)
    return list(weights) if weights else None


def moments_of_adam(optimizer, weights) -> list[tuple[Any, Any]] | None:
    """Returns the two moments of each weight in a built `keras.optimizers.Adam`.

    Relies on `_momentums` and `_velocities`: lists in the order of the weights that the optimizer
    was built for, of variables that TensorFlow keeps as resources. None where they are otherwise,
    or where a weight is not the optimizer's: the optimizer then does its update itself.
    """
    known = weights_of_optimizer(optimizer) or []
    moments = [getattr(optimizer, name, None) or [] for name in ("_momentums", "_velocities")]
    if any(len(of_kind) != len(known) for of_kind in moments):
        return None
    places = {id(weight): place for place, weight in enumerate(known)}
    if any(id(weight) not in places for weight in weights):
        return None
    pairs = [tuple(of_kind[places[id(weight)]] for of_kind in moments) for weight in weights]
    fits = all(
        hasattr(getattr(variable, "value", None), "handle")
        and tuple(variable.shape) == tuple(weight.shape)
        for weight, pair in zip(weights, pairs, strict=True)
        for variable in (weight, *pair)
    )
    return pairs if fits else None


def saves_by_epoch(callback) -> bool:
    """Tells whether a `ModelCheckpoint` or `BackupAndRestore` does nothing between two epochs.

    Relies on `save_freq` or `_save_freq`. Without them it is taken to look at batches, and then
    each call makes one update.
    """
    return getattr(callback, "save_freq", getattr(callback, "_save_freq", None)) == "epoch"


def layer_of(tensor) -> keras.layers.Layer | None:
    """Returns the layer that put out a tensor of a functional model; None where it is not told.

    Relies on `_keras_history`, whose first part is the layer.
    """
    return getattr(tensor, "_keras_history", (None,))[0]


def gpu_memory_limit() -> int | None:
    """Returns the bytes that TensorFlow may take of the first GPU; None where it does not tell.

    Relies on `tensorflow.python.client.device_lib`: no public call returns the limit.
    """
    try:
        from tensorflow.python.client import device_lib

        devices = device_lib.list_local_devices()
        return next((d.memory_limit for d in devices if d.device_type == "GPU"), None)
    except (ImportError, AttributeError):
        return None


def may_have_unbuilt_layers(model) -> bool:
    """Tells whether a layer inside of a model, at any depth, has yet to be built.

    Relies on `_flatten_layers`. Where Keras has none, the answer is yes: a symbolic pass, which
    builds what is unbuilt, costs time and changes nothing else.
    """
    flatten = getattr(model, "_flatten_layers", None)
    if flatten is None:
        return True
    return not all(layer.built for layer in flatten(include_self=False))


def note_input_shapes(model, shapes) -> None:
    """Tells a model the shapes of its inputs, by which Keras and TFLite export it.

    `build` would tell them too, but after it no layer can be replaced. Where Keras keeps them
    elsewhere, the first call tells.
    """
    if hasattr(model, "_build_shapes_dict"):
        model._build_shapes_dict = {"input_shape": shapes}
