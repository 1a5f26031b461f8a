"""The index of the largest value is NumPy's, and of equal ones the first."""

import numpy as np
import pytest
from keras import ops

from zoo.layers.largest import place_of_largest

VALUES = np.random.default_rng(0).normal(size=(3, 4, 5, 7)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_it_is_that_of_numpy(dtype):
    values = ops.cast(VALUES.round(1), dtype)
    expected = ops.convert_to_numpy(ops.cast(values, "float32")).argmax(-1)
    found = place_of_largest(values)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, expected)


def test_of_equal_values_it_is_the_first():
    np.testing.assert_array_equal(place_of_largest(np.array([[0.0, 2, 2], [1, 1, 1]])), [1, 0])
