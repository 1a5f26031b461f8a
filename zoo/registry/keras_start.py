"""What happens when Keras is imported: our settings are made before, our classes known after.

`import zoo` loads no Keras, and yet `keras.saving.load_model` has to find every class of the zoo.
So an import hook waits for the first import of Keras, by whatever module. It then registers a
stand-in for each class. A stand-in imports its class when a saved model needs it.
"""

import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
from pathlib import Path

from zoo.registry import quiet, table

PACKAGE = "zoo"
BACKEND = "tensorflow"
_KERNELS = "TF_ENABLE_ONEDNN_OPTS"

# TensorFlow uses oneDNN's kernels on some processors only, unless it is asked to before it starts.
KERNELS_ARE_CHOSEN = "tensorflow" in sys.modules and _KERNELS not in os.environ


class StandIn:
    """Stands for a class of the zoo until a saved model needs it."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def load(self) -> type:
        """Imports the class, which takes the place of this stand-in."""
        return getattr(importlib.import_module(self.module), self.name)

    def from_config(self, config: dict):
        return self.load().from_config(config)

    def __repr__(self):
        return f"<{self.module}.{self.name}, not imported yet>"


def watch() -> None:
    """Tells Keras of the zoo, now or when it is imported.

    Raises:
        ImportError: if Keras has another backend than TensorFlow, or is set to take one.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        _check(*_chosen_backend())
        sys.meta_path.insert(0, _Finder())
    else:
        _check(keras.config.backend(), "keras.config.backend()")
        _announce(keras)


def register(model_class: type) -> type:
    """Makes a class known to Keras, for `.keras` files; Keras is there, as the class is one."""
    return sys.modules["keras"].saving.register_keras_serializable(package=PACKAGE)(model_class)


def registered(name: str) -> type | None:
    """Returns the class that Keras has under a name such as `"zoo>VAE"`, or None."""
    registered_class = sys.modules["keras"].saving.get_registered_object(name)
    return registered_class.load() if isinstance(registered_class, StandIn) else registered_class


def _check(backend: str, source: str) -> None:
    if backend != BACKEND:
        raise ImportError(
            f"zoo needs Keras's TensorFlow backend. Received: {source}={backend}. "
            "Set KERAS_BACKEND=tensorflow before importing keras."
        )


def _chosen_backend() -> tuple[str, str]:
    """Returns the backend that Keras will take, and where that is said."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    folder = os.environ.get("KERAS_HOME")
    if folder is None:
        home = Path("~").expanduser()
        folder = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"  # as Keras does
    path = Path(folder).expanduser() / "keras.json"
    try:
        return json.loads(path.read_text()).get("backend", BACKEND), f"backend in {path}"
    except (OSError, ValueError, AttributeError):
        return BACKEND, str(path)


def _ask_for_kernels() -> None:
    os.environ.setdefault(_KERNELS, "1")


def _prepare() -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "zoo needs TensorFlow. Install it with: pip install 'keras-autoencoder-zoo[cpu]' "
            "(or [gpu] on Linux with an NVIDIA GPU)."
        )
    _check(*_chosen_backend())
    _ask_for_kernels()


def _announce(keras) -> None:
    """Registers a stand-in for each class that Keras does not know."""
    places = {row.class_name: table.module_of(name) for name, row in table.MODELS.items()}
    known = keras.saving.get_custom_objects()
    for name, module in (places | table.LAYERS).items():
        known.setdefault(f"{PACKAGE}>{name}", StandIn(module, name))


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the others find TensorFlow and Keras, and acts when they are run."""

    def find_spec(self, name, path=None, target=None):
        if name not in ("tensorflow", "keras"):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module) -> None:
            if name == "tensorflow":
                _ask_for_kernels()
                with quiet.start():
                    run(module)
                return
            _prepare()
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            _announce(module)

        spec.loader.exec_module = exec_module
        return spec
