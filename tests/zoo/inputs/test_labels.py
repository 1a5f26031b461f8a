"""Class labels at the door, and as one-hot vectors."""

import numpy as np
import pytest

from zoo.inputs import labels


def test_one_hot_rows_and_unlabelled_rows():
    found = labels.one_hot(np.array([2, -1, 0]), 3)
    np.testing.assert_array_equal(found, [[0, 0, 1], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(labels.one_hot(np.array([[1]]), 2), [[0, 1]])


@pytest.mark.parametrize("good", [[0, 2], [[0], [2]], [0.0, 2.0], [False, True]])
def test_whole_numbers_of_any_type_are_labels(good):
    labels.check("Owner", np.array(good), 3)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([0, 3], ValueError, r"must lie in \[0, 2\]. Received: 3 at row 1.*num_classes=4"),
        ([0, -1], ValueError, r"must lie in \[0, 2\]. Received: -1 at row 1.*from 0"),
        ([0.5, 1], TypeError, "must hold class numbers.*fractions"),
        ([np.nan, 1], TypeError, "NaN or infinity"),
        (["cat", "dog"], TypeError, "must hold class numbers.*return_inverse"),
        ([[0, 1, 0], [1, 0, 0]], ValueError, r"shape \(batch,\).*y.argmax"),
        (np.zeros((2, 4, 4)), ValueError, r"Received: shape \(2, 4, 4\)"),
    ],
)
def test_what_is_no_label(bad, error, message):
    with pytest.raises(error, match=message):
        labels.check("Owner", np.array(bad), 3)


def test_minus_one_marks_unlabelled_rows_where_allowed():
    labels.check("Owner", np.array([0, -1]), 3, unlabelled=True)
    with pytest.raises(ValueError, match=r"or -1 for a row without a label. Received: -2"):
        labels.check("Owner", np.array([0, -2]), 3, unlabelled=True)
