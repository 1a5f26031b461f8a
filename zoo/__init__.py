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

from zoo import losses as losses
from zoo import models as models
from zoo.data.pipeline import batches as batches
from zoo.diagnostics import callback as callbacks  # noqa: F401
from zoo.models._pca_start import start_from_pca as start_from_pca
from zoo.persistence.saving import load as load
from zoo.registry import presets as presets
from zoo.registry.entries import create as create
from zoo.registry.entries import get as get
from zoo.registry.entries import names as names
from zoo.registry.entries import register as register
from zoo.training import schedules as schedules
from zoo.training.autotuning import autotune as autotune
from zoo.training.model import ZooModel as ZooModel

__version__ = "0.1.0"
