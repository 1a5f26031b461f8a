"""Keras's metrics of masks: those that read class numbers get them, though masks come one-hot.

Where masks have void pixels, no metric counts them.
"""

import keras
from keras import ops

from zoo.inputs import masks

_OF_NAMES = {
    "sparse_categorical_accuracy": keras.metrics.SparseCategoricalAccuracy,
    "sparse_categorical_crossentropy": keras.metrics.SparseCategoricalCrossentropy,
    "sparse_top_k_categorical_accuracy": keras.metrics.SparseTopKCategoricalAccuracy,
}
_OF_ONE_HOT = ("categorical_accuracy", "categorical_crossentropy", "top_k_categorical_accuracy")


@keras.saving.register_keras_serializable("zoo")
class OnClassNumbers(keras.metrics.Metric):
    """Gives a metric the class numbers of one-hot masks.

    Args:
        metric: A metric of Keras that reads class numbers; it keeps its name and its state.
        num_classes: Of the masks; 1 for masks of 0 and 1, which become two classes.
        predicts_numbers: Whether the metric compares class numbers with class numbers, as `MeanIoU`
            does, not with probabilities.
        name: Left out: that of the metric.
    """

    def __init__(self, metric, num_classes, predicts_numbers, name=None):
        super().__init__(name=name or metric.name)
        self.metric, self.num_classes = metric, num_classes
        self.predicts_numbers = predicts_numbers

    def update_state(self, y_true, y_pred, sample_weight=None):
        if self.num_classes == 1:
            y_true, y_pred = (ops.concatenate([1 - y, y], axis=-1) for y in (y_true, y_pred))
        if self.predicts_numbers:
            y_pred = ops.argmax(y_pred, axis=-1)
        self.metric.update_state(ops.argmax(y_true, axis=-1), y_pred, sample_weight)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()

    def get_config(self):
        return {
            "metric": keras.saving.serialize_keras_object(self.metric),
            "num_classes": self.num_classes,
            "predicts_numbers": self.predicts_numbers,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        metric = keras.saving.deserialize_keras_object(config.pop("metric"))
        return cls(metric, **config)


@keras.saving.register_keras_serializable("zoo")
class WithoutVoid(keras.metrics.Metric):
    """Gives a metric the pixels of masks that have a class, and weight 0 to the others.

    Args:
        metric: A metric of Keras that takes weights of pixels; it keeps its name and its state.
        name: Left out: that of the metric.
    """

    def __init__(self, metric, name=None):
        super().__init__(name=name or metric.name)
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        weights = masks.counted(y_true)[..., 0]  # (batch, ...)
        if sample_weight is None:
            weights = ops.cast(weights, "int32")  # Keras warns where pixels are counted by floats
        else:
            given = ops.cast(sample_weight, "float32")
            if len(given.shape) > len(weights.shape):
                given = given[..., 0]
            num_new = len(weights.shape) - len(given.shape)
            weights = weights * ops.reshape(given, (*ops.shape(given), *(1,) * num_new))
        self.metric.update_state(masks.without_void(y_true), y_pred, weights)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()

    def get_config(self):
        metric = keras.saving.serialize_keras_object(self.metric)
        return {"metric": metric, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("metric")), **config)


def fitted(owner: str, metrics, num_classes: int, has_void: bool = False):
    """Returns what `compile` is given with each metric made to fit one-hot masks.

    Args:
        owner: Class name for the message.
        metrics: Names, functions and objects, in lists or dicts.
        num_classes: Of the masks; 1 for masks of 0 and 1.
        has_void: Whether masks have pixels that no metric is to count.

    Raises:
        ValueError: for a metric of one-hot masks where there is one class: it would always be 1.
    """

    def fit(metric):
        name = metric if isinstance(metric, str) else getattr(metric, "name", None)
        if isinstance(metric, str):
            metric = _OF_NAMES[metric](name=metric) if metric in _OF_NAMES else metric
        if isinstance(metric, tuple(_OF_NAMES.values())):
            return OnClassNumbers(metric, num_classes, predicts_numbers=False)
        if type(metric) in (keras.metrics.IoU, keras.metrics.MeanIoU) and metric.sparse_y_true:
            return OnClassNumbers(metric, num_classes, predicts_numbers=metric.sparse_y_pred)
        if num_classes == 1 and name in _OF_ONE_HOT:
            raise ValueError(
                f"{owner}: metrics must fit masks of one channel. Received: {name!r}, a metric of "
                "one-hot masks. Use 'binary_accuracy', 'binary_crossentropy' or "
                "keras.metrics.BinaryIoU()."
            )
        return metric

    def fit_without_void(metric):
        metric = fit(metric)
        if not has_void or metric is None or isinstance(metric, WithoutVoid):
            return metric
        return WithoutVoid(_as_object(metric, num_classes))

    return metrics if metrics is None else keras.tree.map_structure(fit_without_void, metrics)


def _as_object(metric, num_classes: int):
    """Returns a metric that has a state, of a name or a function."""
    if metric in ("accuracy", "acc"):
        kind = "BinaryAccuracy" if num_classes == 1 else "CategoricalAccuracy"
        return getattr(keras.metrics, kind)(name=metric)
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", None)
    metric = keras.metrics.get(metric)
    if isinstance(metric, keras.metrics.Metric):
        return metric
    return keras.metrics.MeanMetricWrapper(metric, name=name)
