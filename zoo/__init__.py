"""Autoencoders and U-Nets for Keras 3, with a harness that says which one fits your images."""

import importlib.util as _importlib_util
import os as _os
import sys as _sys

if _importlib_util.find_spec("tensorflow") is None:
    raise ImportError(
        "zoo needs TensorFlow. Install it with: pip install 'keras-autoencoder-zoo[cpu]' "
        "(or [gpu] on Linux with an NVIDIA GPU)."
    )

if _sys.argv[:1] == ["-m"]:  # python -m zoo: its tables without TensorFlow's log around them
    _os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Without it TensorFlow uses these kernels on some processors only; where it is there already, it
# has chosen. It says so on each start, whatever the level of its log: these lines are left out.
TENSORFLOW_WAS_THERE = "tensorflow" in _sys.modules and "TF_ENABLE_ONEDNN_OPTS" not in _os.environ
_os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from zoo import _quiet

with _quiet.without_lines("oneDNN custom operations are on", "absl::InitializeLog()"):
    import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "zoo needs Keras's TensorFlow backend. Received: KERAS_BACKEND="
        f"{_keras.backend.backend()}. Set KERAS_BACKEND=tensorflow before importing keras."
    )

from zoo import callbacks as callbacks
from zoo import losses as losses
from zoo import models as models
from zoo import presets as presets
from zoo import schedules as schedules
from zoo.autotuning import autotune as autotune
from zoo.base import ZooModel as ZooModel
from zoo.pca_start import start_from_pca as start_from_pca
from zoo.pipeline import batches as batches
from zoo.registry import create as create
from zoo.registry import get as get
from zoo.registry import names as names
from zoo.registry import register as register
from zoo.saving import load as load

__version__ = "0.1.0"
