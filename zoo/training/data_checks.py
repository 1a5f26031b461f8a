"""How a model takes data: each of its methods reads and checks them by `zoo.inputs.checking`."""

from collections.abc import Collection

import keras

from zoo import checks
from zoo.inputs import arrays, checking, pipeline, sources

TASKS_WITH_LABELS = ("semi_supervised", "debiasing")
# Arguments of `fit`, `evaluate` and `predict` that are numbers, with the least of each.
_COUNTS = {
    "batch_size": 1,
    "validation_batch_size": 1,
    "epochs": 0,
    "initial_epoch": 0,
    "steps": 1,
    "steps_per_epoch": 1,
    "validation_steps": 1,
}


class DataChecks:
    """Refuses data that do not fit the model, and says how to mend them.

    A base of the model, which has the hooks `check_inputs` and `check_targets`.
    """

    def checked_data(self, x, y=None):
        """Checks arrays as `fit` does, and returns them packed as it packs them.

        Raises:
            ValueError: if the model is not compiled, or the data do not fit it.
        """
        self._check_compiled()
        x, y, _ = self._checked_arrays(x, y)
        if not arrays.is_array(x):
            raise ValueError(
                f"{self.owner}: x must be an array. Received: x of type {type(x).__name__}."
            )
        return keras.utils.pack_x_y_sample_weight(x, y)

    def check_weight_shape(self, shape) -> None:
        """Raises ValueError when `sample_weight` of this shape does not fit the model."""
        checking.check_weight_shape(self.owner, shape)

    def weight_of_metrics(self, sample_weight):
        """Returns the weights that the weighted metrics of `compile` are given, or None.

        A graph that has seen them with and without an axis of 1 does not know their rank.
        """
        is_known = sample_weight is None or sample_weight.shape.rank is not None
        return sample_weight if is_known else checking.weights_by_row(sample_weight)[:, 0]

    def _check_compiled(self) -> None:
        if not self.compiled:
            raise ValueError(
                f"{self.owner}: the model must be compiled first. "
                "Call model.compile(optimizer='adam')."
            )

    def _checked_arrays(self, x, y=None, sample_weight=None) -> tuple:
        """Returns arrays, checked, with the target that training uses; a source as it is."""
        check = checking.Check(self)
        x, y, sample_weight = check.read(x, y, sample_weight)
        if not arrays.is_array(x):
            return x, y, sample_weight
        check.whole(x, y, sample_weight)
        if check.target_is_input(x, y):
            y = None
        if y is None and sample_weight is not None:
            y = checking.no_target(x)
        return x, y, sample_weight

    def _checked_source(self, source, steps: int | None, name: str = "steps", **how):
        """Returns a source of batches that checks each; arrays, checked already, as they are.

        Args:
            steps: Batches that are taken of it; None: all.
            name: What the user calls `steps`.
            **how: `inputs_only`, `every_batch` and `step`, see `checking.Check`.
        """
        if arrays.is_array(source):
            return source
        if steps is None and sources.is_endless(source):
            raise ValueError(
                f"{self.owner}: {name} must be given, as the data have no end. Received: "
                f"{name}=None. Give the number of batches, or data without repeat()."
            )
        return checking.Check(self, **how).source(source)

    def _parted(self, x, y, sample_weight, share: float) -> tuple[tuple, tuple]:
        """Returns the rows to train on, and the last ones, which Keras would hold out."""
        if not arrays.is_array(x):
            raise ValueError(
                f"{self.owner}: validation_split must be left out, as it is for arrays. Received: "
                f"validation_split={share!r} and x of type {type(x).__name__}. "
                "Give validation_data=... in its place."
            )
        num_rows = arrays.num_rows(x)
        num_training = int(num_rows * (1.0 - share))
        if not 0 < num_training < num_rows:
            raise ValueError(
                f"{self.owner}: validation_split must leave images to train on, and hold out some. "
                f"Received: validation_split={share!r}, which holds out "
                f"{num_rows - num_training} of {num_rows}."
            )
        data = x, y, sample_weight
        return tuple(
            keras.tree.map_structure(lambda part, rows=rows: _rows(part, rows), data)
            for rows in (slice(num_training), slice(num_training, None))
        )

    def _checked_validation(self, validation, arguments: dict, every_batch: bool = True):
        """Returns validation data, in any form that `fit` takes, as Keras is to have them.

        Args:
            arguments: Those of `fit`, by name.
        """
        if validation is None:
            return None
        is_packed = isinstance(validation, (tuple, list))
        x, y, weight = keras.utils.unpack_x_y_sample_weight(
            validation if is_packed else (validation,)
        )
        x, y, weight = self._checked_arrays(x, y, weight)
        if not arrays.is_array(x):
            steps = arguments.get("validation_steps")
            return self._checked_source(x, steps, "validation_steps", every_batch=every_batch)
        return as_validation(x, y, weight, arguments)

    def _check_numbers(self, arguments: dict) -> None:
        """Refuses numbers of which Keras makes nothing, or something else than was meant."""
        for name, least in _COUNTS.items():
            if arguments.get(name) is not None:
                checks.int_from(least, self.owner, **{name: arguments[name]})
        share, every = (arguments.get(f"validation_{name}") for name in ("split", "freq"))
        if share is not None:
            checks.number(self.owner, low=0, high=1, validation_split=share)
        if every is not None and (isinstance(every, str) or not isinstance(every, Collection)):
            checks.positive_int(self.owner, validation_freq=every)

    def _check_class_weight(self, class_weight) -> None:
        """Refuses weights of classes where the targets are no class numbers."""
        if class_weight is None or self.task in TASKS_WITH_LABELS:
            return
        raise ValueError(
            f"{self.owner}: class_weight must be None, as y holds no class numbers. Received: "
            f"class_weight={class_weight!r}. Use sample_weight, one weight per image"
            + (", or mask_loss='dice' for small objects." if self.task == "segmentation" else ".")
        )


def as_validation(x, y, weight, arguments: dict):
    """Returns arrays as Keras is to have them; of those in a file it would copy all to memory."""
    packed = keras.utils.pack_x_y_sample_weight(x, y, weight)
    if not pipeline.is_mapped(packed):
        return x, y, weight
    batch_size = arguments.get("validation_batch_size") or arguments.get("batch_size")
    return pipeline.from_mapped(packed, batch_size)


def _rows(part, rows: slice):
    return None if part is None else part[rows]
