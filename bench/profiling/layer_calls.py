"""Records the layers that a forward pass calls, with the shapes that they were called on."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

import keras
from keras import layers

_HOOK = threading.RLock()
_Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        layer: The layer.
        arguments: Shapes of the tensors given by position, a tuple of shapes for each argument.
        keywords: Shapes of the tensors given by name, likewise.
        output_shape: Shape of the first tensor that came out; `()` where none did.
        output_dtype: Its type, such as `"float32"`; None where none came out.
        inner: Layers that were called meanwhile.
    """

    layer: layers.Layer
    arguments: tuple[tuple[_Shape, ...], ...]
    keywords: dict[str, tuple[_Shape, ...]]
    output_shape: _Shape
    output_dtype: str | None
    inner: tuple[layers.Layer, ...]

    def shape(self, position: int, name: str) -> _Shape:
        """Returns the shape of an argument's first tensor, however the argument was given."""
        found = self.keywords.get(name) or self.arguments[position]
        return found[0]

    @property
    def input_shapes(self) -> tuple[_Shape, ...]:
        """Shapes of all tensors that were given, in the order of the call."""
        return tuple(s for shapes in (*self.arguments, *self.keywords.values()) for s in shapes)

    @property
    def input_shape(self) -> _Shape:
        """Shape of the first tensor that was given, `()` where none was."""
        return next(iter(self.input_shapes), ())


@contextlib.contextmanager
def recorded() -> Iterator[list[LayerCall]]:
    """Notes every layer that this thread calls, inner calls before the one they are part of.

    Example:

    >>> import keras
    >>> dense = keras.layers.Dense(2)
    >>> with recorded() as calls:
    ...     _ = dense(keras.ops.zeros((1, 3)))
    >>> calls[0].input_shape, calls[0].output_shape
    ((1, 3), (1, 2))
    """
    calls: list[LayerCall] = []
    running: list[list[layers.Layer]] = []
    thread = threading.get_ident()
    with _HOOK:
        original: Callable = layers.Layer.__call__

        def recording(layer, *args, **kwargs):
            if threading.get_ident() != thread:
                return original(layer, *args, **kwargs)
            for inner in running:
                inner.append(layer)
            running.append([])
            try:
                outputs = original(layer, *args, **kwargs)
            finally:
                inner = running.pop()
            first = next(iter(_tensors(outputs)), None)
            calls.append(
                LayerCall(
                    layer,
                    tuple(_shapes(value) for value in args),
                    {name: _shapes(value) for name, value in kwargs.items()},
                    () if first is None else tuple(first.shape),
                    None if first is None else keras.backend.standardize_dtype(first.dtype),
                    tuple(inner),
                )
            )
            return outputs

        layers.Layer.__call__ = recording
        try:
            yield calls
        finally:
            layers.Layer.__call__ = original


def _tensors(value) -> list:
    return [leaf for leaf in keras.tree.flatten(value) if hasattr(leaf, "shape")]


def _shapes(value) -> tuple[_Shape, ...]:
    return tuple(tuple(tensor.shape) for tensor in _tensors(value))
