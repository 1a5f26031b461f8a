"""Autoencoders and U-Nets for Keras 3, with a harness that says which one fits your images."""

import importlib.util as _importlib_util

if _importlib_util.find_spec("tensorflow") is None:
    raise ImportError(
        "zoo needs TensorFlow. Install it with: pip install 'keras-autoencoder-zoo[cpu]' "
        "(or [gpu] on Linux with an NVIDIA GPU)."
    )

import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "zoo needs Keras's TensorFlow backend. Received: KERAS_BACKEND="
        f"{_keras.backend.backend()}. Set KERAS_BACKEND=tensorflow before importing keras."
    )

from zoo import losses as losses
from zoo import models as models
from zoo import presets as presets
from zoo import schedules as schedules
from zoo.base import ZooModel as ZooModel
from zoo.registry import create as create
from zoo.registry import get as get
from zoo.registry import names as names
from zoo.registry import register as register

__version__ = "0.1.0"
