"""Keras's metrics of masks: those that read class numbers get them, though masks come one-hot."""

import keras
from keras import ops

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


def fitted(owner: str, metrics, num_classes: int):
    """Returns what `compile` is given with each metric made to fit one-hot masks.

    Args:
        owner: Class name for the message.
        metrics: Names, functions and objects, in lists or dicts.
        num_classes: Of the masks; 1 for masks of 0 and 1.

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

    return metrics if metrics is None else keras.tree.map_structure(fit, metrics)
