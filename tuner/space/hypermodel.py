"""A model of the zoo as `keras_tuner` takes it: built from a space, within a budget."""

from typing import Any

import keras
import keras_tuner
import numpy as np

from bench.evaluation.build import build_compiled
from bench.profiling import macs
from tuner.space.parameters import Choice, Fixed, Parameter
from tuner.space.space import Space
from zoo import checks


class RefusedError(keras_tuner.errors.FailedTrialError):
    """A setting that is not trained: too large, or one that the model does not take."""


class OverBudgetError(RefusedError):
    """A model that is larger than allowed; refused before its training.

    Args:
        sizes: Those that were measured, by the field of a trial's record.
    """

    def __init__(self, text: str, sizes: dict[str, float] | None = None):
        super().__init__(text)
        self.sizes = sizes or {}


class ZooHyperModel(keras_tuner.HyperModel):
    """Builds a compiled model of the zoo from the values of a search space.

    Args:
        space: See `tuner.space.ready.get`; `tuner.space.ready.for_data` fits it to the data.
        image_shape: Shape of the data.
        arguments: Constructor arguments that follow from the data, such as `num_classes`.
        precision: Dtype policy of the model.
        seed: Int, `0` included. Weights and noise of the model follow from it alone.
        max_parameters: Limit of the model's weights, or None.
        max_macs: Limit of the multiply-accumulates of one forward pass, or None.

    Example:
        >>> from tuner.space import hypermodel, ready
        >>> space = ready.for_data(ready.get("vae"), (8, 8, 1))
        >>> model = hypermodel.ZooHyperModel(space, (8, 8, 1)).build(
        ...     hypermodel.hyperparameters(space)
        ... )
        >>> model.latent_dim
        16
    """

    def __init__(
        self,
        space: Space,
        image_shape: tuple[int, ...],
        *,
        arguments: dict[str, Any] | None = None,
        precision: str = "float32",
        seed: int = 0,
        max_parameters: int | None = None,
        max_macs: int | None = None,
    ):
        super().__init__(name=space.model, tunable=True)
        self.space = space
        self.image_shape = tuple(image_shape)
        self.arguments = arguments or {}
        self.precision = precision
        self.seed = seed
        self.max_parameters = max_parameters
        self.max_macs = max_macs

    def build(self, hp: keras_tuner.HyperParameters):
        """Returns the compiled model of these values.

        Policy and seed are set here, as the tuner clears the session before each build.

        Raises:
            OverBudgetError: with the number and the limit.
            RefusedError: if the model does not take these values together.
        """
        return self.build_of(declare(self.space, hp))

    def build_of(self, values: dict[str, Any]):
        """Returns the same of values by parameter, as `Space.arguments` takes them."""
        try:
            model = build_compiled(
                self.space.model,
                self.image_shape,
                keras.optimizers.Adam(self.space.training(values)["learning_rate"]),
                arguments=self.arguments | self.space.arguments(values),
                seed=self.seed,
                precision=self.precision,
            )
        except (ValueError, TypeError) as error:
            raise RefusedError(checks.one_line(error, with_kind=False)) from error
        self._check_budget(model)
        return model

    def fit(self, hp: keras_tuner.HyperParameters, model, *args, **kwargs):
        """Trains with the batch size of these values."""
        batch_size = self.space.training(declare(self.space, hp))["batch_size"]
        return model.fit(*args, **({"batch_size": batch_size} | kwargs))

    def _check_budget(self, model) -> None:
        limits = {
            "num_parameters": (self.max_parameters, num_parameters, "parameters"),
            "forward_macs": (self.max_macs, forward_macs, "MACs"),
        }
        sizes = {
            name: measure(model)
            for name, (limit, measure, _) in limits.items()
            if limit is not None
        }
        for name, size in sizes.items():
            limit, _, unit = limits[name]
            if size > limit:
                raise OverBudgetError(f"Over budget: {size:,} {unit} > limit {limit:,}.", sizes)


def num_parameters(model) -> int:
    """Returns the number of values in a model's weights."""
    return sum(int(np.prod(weight.shape)) for weight in model.weights)


def forward_macs(model) -> int:
    """Returns the multiply-accumulates of one forward pass on one image."""
    inputs = keras.tree.map_structure(
        lambda tensor: np.zeros((1, *tensor.shape[1:]), tensor.dtype), model.example_inputs()
    )
    return macs.count_macs(model, inputs=inputs).total


def hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """Returns the parameters of a space as `keras_tuner` has them, each at its default."""
    hp = keras_tuner.HyperParameters()
    declare(space, hp)
    return hp


def declare(space: Space, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Registers the free parameters of a space and returns the values of all active ones."""
    active: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        when = parameter.when
        parent = None if when is None else space.parameters.get(when.parent)
        if parent is None or isinstance(parent, Fixed):
            # Fixed parents are not known to the tuner: their condition is decided here.
            if when is not None and active.get(when.parent) not in when.values:
                continue
            condition = {}
        else:
            values = [_label(parent, value) for value in when.values if parent.accepts(value)]
            values = [value for value in values if value is not None]
            if not values:
                continue
            condition = {"parent_name": when.parent, "parent_values": values}
        if isinstance(parameter, Fixed):
            if when is None or active.get(when.parent) in when.values:
                active[name] = parameter.value
            continue
        label = parameter.register(hp, name, **condition)
        if label is not None:  # None: not active
            active[name] = parameter.value_of(label) if isinstance(parameter, Choice) else label
    return active


def labelled(space: Space, values: dict[str, Any]) -> dict[str, Any]:
    """Returns the free and active ones of values by parameter, as `keras_tuner` has them."""
    active = space.complete(values)
    return {
        name: _label(parameter, active[name])
        for name, parameter in space.free.items()
        if name in active
    }


def _label(parent: Parameter, value):
    """Returns how the tuner knows a parent's value; None for one that it cannot have."""
    if not isinstance(parent, Choice):
        return value
    return parent.label_of(value) if value in parent.values else None
