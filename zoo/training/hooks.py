"""What a model's constructor and hooks give, checked: an error names the argument or the hook."""

import functools
import inspect

import numpy as np

HOOKS = {
    "build_networks": "make the children of the model from its arguments",
    "forward": "return a dict of tensors, with 'prediction' among them",
    "loss_terms": "return a dict of the loss terms, each of shape (batch,)",
}


def then_build(model_class, init):
    """Wraps a constructor so that the outermost one checks flags, and builds the model."""

    @functools.wraps(init)
    def constructor(self, *args, **kwargs):
        if type(self) is model_class:
            check_flags(model_class, kwargs)
        init(self, *args, **kwargs)
        if type(self) is model_class:
            self.build_from_arguments()

    return constructor


def missing(owner: str, hook: str) -> NotImplementedError:
    """Returns the error for a hook that a model has to write and does not."""
    return NotImplementedError(f"{owner}.{hook}() must {HOOKS[hook]}. Received: no such method.")


def check_constructed(model) -> None:
    """Raises TypeError for a model whose constructor did not call that of its base."""
    if "image_shape" not in vars(model):
        raise TypeError(
            f"{model.owner}.__init__() must call super().__init__(image_shape, **kwargs), as its "
            "first line. Received: no such call."
        )


def check_flags(model_class: type, arguments: dict) -> None:
    """Raises TypeError where an argument of the zoo that is on or off is given something else.

    A text such as `"false"` would turn it on.
    """
    for base in model_class.__mro__:
        if "__init__" not in vars(base) or not base.__module__.startswith("zoo."):
            continue
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            value = arguments.get(name, True)
            is_flag = isinstance(value, (bool, np.bool_, int)) and value in (0, 1)
            if isinstance(parameter.default, bool) and not is_flag:
                raise TypeError(
                    f"{model_class.__name__}: {name} must be True or False. "
                    f"Received: {name}={value!r}."
                )


def argument_of(model, name: str):
    """Returns a constructor argument, read back from its attribute.

    Raises:
        AttributeError: if there is no such attribute.
    """
    try:
        return getattr(model, name)
    except AttributeError as error:
        raise AttributeError(
            f"{model.owner}: the argument {name!r} must be kept, for files and copies of the "
            f"model. Received: no attribute of this name. Write self.{name} = {name} in __init__."
        ) from error


def outputs_of(model, outputs):
    """Returns what `forward` gave.

    Raises:
        TypeError: if it is no dict with `"prediction"`.
    """
    if isinstance(outputs, dict) and "prediction" in outputs:
        return outputs
    received = type(outputs).__name__
    if isinstance(outputs, dict):
        received = f"the keys {', '.join(map(repr, outputs)) or 'of none'}"
    raise TypeError(f"{model.owner}.forward() must {HOOKS['forward']}. Received: {received}.")


def terms_of(model, terms, weights):
    """Returns what `loss_terms` gave.

    Raises:
        ValueError: if these are not the terms of `term_weights`, or not one value per sample:
            a mean over the batch would be taken of something else.
    """
    if not isinstance(terms, dict) or set(terms) != set(weights):
        received = tuple(terms) if isinstance(terms, dict) else type(terms).__name__
        raise ValueError(
            f"{model.owner}.loss_terms() must return {tuple(weights)}. Received: {received}."
        )
    for name, term in terms.items():
        shape = _shape(term)
        if shape is not None and len(shape) != 1:
            fix = "Sum or average over the axes of an image alone, such as axis=(1, 2, 3)."
            raise ValueError(
                f"{model.owner}.loss_terms(): {name!r} must have shape (batch,), one value per "
                f"sample. Received: shape {shape}. {fix}"
            )
    return terms


def _shape(values) -> tuple | None:
    """Returns the shape of a tensor or a number; None where its rank is unknown."""
    try:
        return tuple(getattr(values, "shape", ()))
    except ValueError:
        return None
