"""What is white: by values, by the type, or as the user says."""

import numpy as np
import pytest

from zoo.data import scaling


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.array([0, 1], "uint8"), 1),
        (np.array([0, 1], "int64"), 1),
        (np.array([False, True]), 1),
        (np.array([0, 200], "uint8"), 255),
        (np.array([0, 60_000], "uint16"), 65_535),
        (np.array([0.0, 1.0], "float16"), 1),
    ],
)
def test_a_known_range_is_taken(values, white):
    scale = scaling.scale_of("x", [values])
    np.testing.assert_allclose(scale.apply(values), values.astype("float64") / white, rtol=1e-6)
    assert scale.apply(values).dtype == np.float32


def test_splits_are_scaled_alike():
    """The dark test split of byte images is no set of zeros and ones."""
    scale = scaling.scale_of("x", [np.array([0, 255], "uint8"), np.array([0, 1], "uint8")])
    assert scale.high == 255


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([0, 255]), r"int64, minimum 0, maximum 255. Say what is white: --range 0..255"),
        (np.array([-1.0, 1.0]), r"minimum -1, maximum 1. Rescale them .*--range=-1..1"),
        (np.array([0.0, 255.0]), r"maximum 255. Divide by 255"),
        (np.array([-3.0, 4.0]), r"minimum -3, maximum 4. Rescale them"),
        (np.array([[0.0], [np.nan]]), r"NaN or infinity in 1 images, the first at index 1"),
        (np.array([[np.inf], [0.0]]), r"the first at index 0"),
        (np.array([-5, 5], "int16"), r"int16, minimum -5"),
    ],
)
def test_an_unknown_range_is_refused_with_a_remedy(values, message):
    with pytest.raises(ValueError, match=message):
        scaling.scale_of("x", [values])


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(TypeError, match="images must be numbers"):
        scaling.scale_of("x", [values])


def test_a_range_far_below_the_type_s_is_said():
    values = np.array([0, 4000], "uint16")
    scale = scaling.scale_of("x", [values])
    assert "values reach 4000 of 65535" in scale.note
    assert "--range 0..4095" in scale.note
    given = scaling.scale_of("x", [values], (0, 4095))
    assert given.note is None
    np.testing.assert_allclose(given.apply(values), [0, 4000 / 4095], rtol=1e-6)
    assert "divided by 255 twice" in scaling.scale_of("x", [np.array([0, 1 / 255])]).note


def test_values_beyond_the_given_range_are_refused():
    with pytest.raises(ValueError, match=r"range 0..4095. Received: minimum 0, maximum 5000"):
        scaling.scale_of("x", [np.array([0, 5000], "uint16")], (0, 4095))


def test_a_range_may_begin_below_zero():
    scale = scaling.scale_of("x", [np.array([-1000.0, 3000.0])], (-1024, 3071))
    np.testing.assert_allclose(scale.apply(np.array([-1024, 3071])), [0, 1])


@pytest.mark.parametrize("text", ["", "4095", "9..1", "0..x", "0..inf", "1..1"])
def test_wrong_ranges(text):
    with pytest.raises(ValueError, match=r"must be LOW..HIGH, such as 0..4095"):
        scaling.parse_range(text)
    assert scaling.parse_range("-1..1") == (-1.0, 1.0)
