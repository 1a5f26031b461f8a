"""How a model takes data: each of its methods reads and checks them by `zoo.inputs.checking`."""

import keras

from zoo import checks
from zoo.inputs import arrays, checking, pipeline

TASKS_WITH_LABELS = ("semi_supervised", "debiasing")


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

    def _checked_source(self, source, **how):
        """Returns a source of batches that checks each; arrays, checked already, as they are.

        Args:
            **how: `inputs_only`, `every_batch` and `step`, see `checking.Check`.
        """
        if arrays.is_array(source):
            return source
        return checking.Check(self, **how).source(source)

    def _checked_validation(self, validation, batch_size: int | None, every_batch: bool = True):
        """Returns validation data, in any form that `fit` takes, as Keras is to have them."""
        if validation is None:
            return None
        is_packed = isinstance(validation, (tuple, list))
        x, y, weight = keras.utils.unpack_x_y_sample_weight(
            validation if is_packed else (validation,)
        )
        x, y, weight = self._checked_arrays(x, y, weight)
        if not arrays.is_array(x):
            return self._checked_source(x, every_batch=every_batch)
        packed = keras.utils.pack_x_y_sample_weight(x, y, weight)
        if pipeline.is_mapped(packed):
            return pipeline.from_mapped(packed, batch_size)
        return x, y, weight

    def _check_batch_size(self, batch_size) -> None:
        if batch_size is not None:
            checks.positive_int(self.owner, batch_size=batch_size)

    def _check_class_weight(self, class_weight) -> None:
        """Refuses weights of classes where the targets are no class numbers."""
        if class_weight is None or self.task in TASKS_WITH_LABELS:
            return
        raise ValueError(
            f"{self.owner}: class_weight must be None, as y holds no class numbers. Received: "
            f"class_weight={class_weight!r}. Use sample_weight, one weight per image"
            + (", or mask_loss='dice' for small objects." if self.task == "segmentation" else ".")
        )
