"""What the tests of command lines share."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    """Tiny trainings take longer to compile than to run."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
