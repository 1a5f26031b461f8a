"""Shared by all tests: quiet TensorFlow, two logical devices, real images."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import pytest
import tensorflow as tf

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers: one thread each is faster
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
# Before the runtime starts: the replica test needs two devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(1)


@pytest.fixture(scope="session")
def digits():
    """Real images, float32 `(1797, 8, 8, 1)` in `[0, 1]`."""
    from sklearn.datasets import load_digits

    return (load_digits().images[..., None] / 16).astype("float32")
