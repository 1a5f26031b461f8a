"""Autoencoders and U-Nets for Keras 3, with a harness that says which one fits your images.

`import zoo` is quick: a name is imported when it is first used, and Keras with it.
"""

import importlib as _importlib
import typing as _typing

from zoo.registry import keras_start as _keras_start
from zoo.version import __version__ as __version__

if _typing.TYPE_CHECKING:
    from zoo import losses as losses
    from zoo import models as models
    from zoo import testing as testing
    from zoo.diagnostics import callback as callbacks  # noqa: F401
    from zoo.inputs.batches import batches as batches
    from zoo.models._pca_start import start_from_pca as start_from_pca
    from zoo.persistence.ensemble import Ensemble as Ensemble
    from zoo.persistence.export import export as export
    from zoo.persistence.saving import load as load
    from zoo.registry import presets as presets
    from zoo.registry.conformal import benjamini_hochberg as benjamini_hochberg
    from zoo.registry.entries import create as create
    from zoo.registry.entries import get as get
    from zoo.registry.entries import names as names
    from zoo.registry.entries import register as register
    from zoo.registry.pretrained import pretrained as pretrained
    from zoo.training import schedules as schedules
    from zoo.training.model import ZooModel as ZooModel
    from zoo.tuning.autotuning import autotune as autotune

_keras_start.watch()

# The names above and their places, for who runs the code; a test compares the two lists.
_PLACES = {
    "Ensemble": "zoo.persistence.ensemble:Ensemble",
    "ZooModel": "zoo.training.model:ZooModel",
    "autotune": "zoo.tuning.autotuning:autotune",
    "batches": "zoo.inputs.batches:batches",
    "benjamini_hochberg": "zoo.registry.conformal:benjamini_hochberg",
    "callbacks": "zoo.diagnostics.callback",
    "create": "zoo.registry.entries:create",
    "export": "zoo.persistence.export:export",
    "get": "zoo.registry.entries:get",
    "load": "zoo.persistence.saving:load",
    "losses": "zoo.losses",
    "models": "zoo.models",
    "names": "zoo.registry.entries:names",
    "presets": "zoo.registry.presets",
    "pretrained": "zoo.registry.pretrained:pretrained",
    "register": "zoo.registry.entries:register",
    "schedules": "zoo.training.schedules",
    "start_from_pca": "zoo.models._pca_start:start_from_pca",
    "testing": "zoo.testing",
}


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    loaded = _importlib.import_module(module)
    globals()[name] = getattr(loaded, attribute) if attribute else loaded
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({name for name in globals() if name[:2] == "__" or name[0] != "_"} | {*_PLACES})
