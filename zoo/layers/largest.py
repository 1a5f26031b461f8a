"""Where the largest value is, in operations that every exported file has."""

from keras import ops


def place_of_largest(values):
    """Returns the index of the largest value along the last axis, the first of equal ones, int32.

    `keras.ops.argmax` tells -0 from 0 by its bits, for which ONNX has no operation, and takes
    longer.

    Args:
        values: Floats `(..., num_values)`.
    """
    return ops.cast(ops.top_k(values, 1)[1][..., 0], "int32")
