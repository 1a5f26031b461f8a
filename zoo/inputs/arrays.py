"""What counts as an array: lists, tables, HDF5 data sets and tensors, all read to numpy arrays."""

from typing import Any

import keras
import numpy as np


def to_arrays(owner: str, data: Any, name: str) -> Any:
    """Returns numpy arrays in place of lists, tables, HDF5 data sets and tensors of others.

    Tensors of Keras, arrays that are mapped from a file and sources of batches stay as they are.
    An HDF5 data set is read to memory, as Keras does.

    Args:
        owner: Class name for the message.
        data: What a user gave; a dict of such things for models of several inputs.
        name: Of the argument, for the message.

    Raises:
        TypeError: for what is no rectangular array of values: ragged lists, sparse matrices,
            arrays of which some values are masked.
    """
    if isinstance(data, dict):
        parts = data.items()
        return {key: to_arrays(owner, part, f"{name}[{key!r}]") for key, part in parts}
    if isinstance(data, np.ma.MaskedArray):
        return _without_mask(owner, data, name)
    if isinstance(data, np.memmap):
        return data
    if data is None or isinstance(data, np.ndarray):
        return _native(data)
    if keras.ops.is_tensor(data):
        if not hasattr(data, "__array__"):
            _raise_not_dense(owner, data, name, "Use tf.sparse.to_dense, or its to_tensor().")
        return data
    if hasattr(data, "toarray"):
        _raise_not_dense(owner, data, name, f"Give {name}.toarray().")
    if isinstance(data, (list, tuple)) or (hasattr(data, "__array__") and hasattr(data, "shape")):
        return _read(owner, data, name)
    return data


def is_array(data: Any) -> bool:
    """Tells whether all values can be read at once: numpy arrays, or tensors that hold values."""
    leaves = keras.tree.flatten(data)
    return bool(leaves) and all(
        isinstance(leaf, np.ndarray)
        or (keras.ops.is_tensor(leaf) and hasattr(leaf, "numpy") and hasattr(leaf, "__array__"))
        for leaf in leaves
    )


def values_of(data: Any) -> Any:
    """Returns numpy arrays in place of tensors; bfloat16, no number to numpy, as float32."""

    def values(part):
        array = np.asarray(part)
        is_short = array.dtype.kind == "V" and array.dtype.names is None
        return array.astype("float32") if is_short else array

    return keras.tree.map_structure(values, data)


def num_rows(data: Any) -> int:
    """Returns the length of the first array of a structure."""
    return len(keras.tree.flatten(data)[0])


def as_array(values) -> np.ndarray:
    """Returns values as Keras gives them to a model: floats in its float type."""
    values = np.asarray(values)
    dtype = dtype_in_keras(values)  # that of texts cannot be converted to
    return values if dtype == values.dtype.name else values.astype(dtype)


def as_arrays(data):
    """Returns a structure of values with `as_array` of each."""
    return keras.tree.map_structure(as_array, data)


def dtype_in_keras(values: np.ndarray) -> str:
    return keras.config.floatx() if values.dtype.kind == "f" else values.dtype.name


def in_float_type(part):
    """Returns an array or a tensor whose floats are in the float type of Keras."""
    if isinstance(part, np.ndarray):
        return as_array(part)
    dtype, wanted = keras.backend.standardize_dtype(part.dtype), keras.config.floatx()
    return keras.ops.cast(part, wanted) if "float" in dtype and dtype != wanted else part


def _native(data):
    """Returns an array whose bytes are in this machine's order: others no tensor can have."""
    if isinstance(data, np.ndarray) and not data.dtype.isnative:
        return data.astype(data.dtype.newbyteorder("="))
    return data


def _read(owner: str, data, name: str) -> np.ndarray:
    try:
        return _native(np.asarray(data))
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise TypeError(
            f"{owner}: {name} must be readable as one array. Received: {_kind(data)}, which is "
            f"not ({reason}). Convert it with numpy.asarray."
        ) from error


def _raise_not_dense(owner: str, data, name: str, fix: str):
    raise TypeError(f"{owner}: {name} must be a dense array. Received: {_kind(data)}. {fix}")


def _without_mask(owner: str, data: np.ma.MaskedArray, name: str) -> np.ndarray:
    num_masked = int(np.ma.count_masked(data))
    if num_masked:
        raise TypeError(
            f"{owner}: {name} must hold a value everywhere. Received: an array of which "
            f"{num_masked} of {data.size} values are masked. Fill them: {name}.filled(0)."
        )
    return _native(data.data)


def _kind(data) -> str:
    module = type(data).__module__.split(".")[0]
    return type(data).__name__ if module == "builtins" else f"{module}.{type(data).__name__}"
