"""Looks into a model: its layers by path, and what they put out.

Models and layers are Keras's. Keras is not imported here: a caller that has a model has done so.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def named_layers(model) -> dict[str, Any]:
    """Returns the layers that a model consists of, in order, by path: `encoder/conv1`.

    Nested networks are opened. Input layers, which compute nothing, are left out. A layer that is
    used in two places is listed at the first one.
    """
    layers: dict[str, Any] = {}
    seen: set[int] = set()

    def visit(parent, prefix: str) -> None:
        for layer in parent.layers:
            if id(layer) in seen or _is_input(layer):
                continue
            seen.add(id(layer))
            path, number = prefix + layer.name, 1
            while path in layers:
                number += 1
                path = f"{prefix}{layer.name} ({number})"
            if getattr(layer, "layers", None):
                visit(layer, f"{path}/")
            else:
                layers[path] = layer

    visit(model, "")
    return layers


def _is_input(layer) -> bool:
    return any(kind.__name__ == "InputLayer" for kind in type(layer).__mro__)


def variables_of(model) -> tuple:
    """Returns what a traced graph of the model refers to: its precision, its variables, and which
    of them are trained.

    When the result changes, a layer was replaced, frozen, quantised or given an adapter, or the
    model computes in another precision. A graph that was traced before describes the earlier model.
    """
    variables = tuple((id(variable), variable.trainable) for variable in model.variables)
    return (model.dtype_policy.name, variables)


def cached_while(model, name: str, state: Any) -> dict:
    """Returns a dict that the model keeps under a name; a new, empty one when the state changed.

    After `compile` it is a new one too, as what Keras has traced is: what changed in a layer then
    holds.
    """
    state = (model.num_compilations, state)
    of_state, kept = model.__dict__.get(name, (None, {}))
    if of_state != state:
        kept = {}
        object.__setattr__(model, name, (state, kept))  # past Keras's tracking
    return kept


@contextlib.contextmanager
def calls_wrapped(layers: Iterable[Any], around: Callable) -> Iterator[None]:
    """Replaces each layer's call by `around(layer, call, *args, **kwargs)` within a context.

    Keras has no hooks. Within the context each layer instance has a `call` attribute of its own,
    which Keras finds before the method of the class. Of a quantised layer `quantized_call` is
    replaced in the same way.
    """
    before: list[tuple[dict, str, Any]] = []
    try:
        for layer in layers:
            for name in ("call", "quantized_call"):
                call = getattr(layer, name, None)
                if call is not None:
                    attributes = vars(layer)
                    before.append((attributes, name, attributes.get(name)))
                    wrapped = functools.wraps(call)(functools.partial(around, layer, call))
                    object.__setattr__(layer, name, wrapped)  # past Keras's tracking
        yield
    finally:
        for attributes, name, own in reversed(before):
            if own is None:
                attributes.pop(name, None)
            else:
                attributes[name] = own


def watched(
    layers: Iterable[Any], note: Callable[[Any, Any], None]
) -> contextlib.AbstractContextManager[None]:
    """Calls `note(layer, output)` whenever one of the layers has run, while the context lasts."""

    def around(layer, call, *args, **kwargs):
        output = call(*args, **kwargs)
        note(layer, output)
        return output

    return calls_wrapped(layers, around)
