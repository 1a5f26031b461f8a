"""Looks into a model: its layers by path, and what they put out."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras


def named_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the layers that a model consists of, in order, by path: `encoder/conv1`.

    Networks inside of the model are opened; the input layers, which do nothing, are left out. A
    layer that has two places is listed at the first one.
    """
    found: dict[str, keras.layers.Layer] = {}
    seen: set[int] = set()

    def visit(parent, prefix: str) -> None:
        for layer in parent.layers:
            if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
                continue
            seen.add(id(layer))
            path, number = prefix + layer.name, 1
            while path in found:
                number += 1
                path = f"{prefix}{layer.name} ({number})"
            if getattr(layer, "layers", None):
                visit(layer, f"{path}/")
            else:
                found[path] = layer

    visit(model, "")
    return found


def variables_of(model: keras.Model) -> tuple[tuple[int, bool], ...]:
    """Returns what a graph of the model holds on to: its variables, and which are trained.

    Another tuple means that a layer was replaced, frozen, quantised or given an adapter, and that
    a graph that was traced before is of the model as it was.
    """
    return tuple((id(variable), variable.trainable) for variable in model.variables)


def kept_while(model: keras.Model, name: str, state: Any) -> dict:
    """Returns a dict that the model keeps under a name: a new one where the state is another."""
    of_state, kept = model.__dict__.get(name, (None, {}))
    if of_state != state:
        kept = {}
        object.__setattr__(model, name, (state, kept))  # past Keras's tracking
    return kept


@contextlib.contextmanager
def watched(
    layers: Iterable[keras.layers.Layer], note: Callable[[keras.layers.Layer, Any], None]
) -> Iterator[None]:
    """Calls `note(layer, output)` whenever one of the layers has run.

    Keras has no hooks: while the context lasts, each of these layers has its own `call`.
    """
    layers = list(layers)

    def watch(layer: keras.layers.Layer) -> None:
        call = layer.call

        @functools.wraps(call)
        def watching(*args, **kwargs):
            output = call(*args, **kwargs)
            note(layer, output)
            return output

        object.__setattr__(layer, "call", watching)  # past Keras's tracking

    try:
        for layer in layers:
            watch(layer)
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)
