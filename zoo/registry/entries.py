"""Names of models: register them, list them, create them."""

import dataclasses
import fnmatch

import keras

from zoo import checks
from zoo.registry import presets

_ENTRIES: dict[str, "Entry"] = {}


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the registry knows about a model."""

    name: str
    model_class: type
    paper: str

    @property
    def summary(self) -> str:
        """First line of the class's docstring."""
        return self.model_class.__doc__.strip().splitlines()[0]

    @property
    def presets(self) -> list[str]:
        return presets.names(self.name)


def register(name: str, *, paper: str):
    """Registers a model under a name, and with Keras for `.keras` files.

    Args:
        name: Registry name, `snake_case`, written by hand.
        paper: Address of the paper or page that the model comes from.

    Raises:
        ValueError: if the name is taken by another class.
    """

    def decorate(model_class):
        taken = _ENTRIES.get(name)
        if taken is not None:
            raise ValueError(
                f"register: name must be new. Received: name={name!r}, which is "
                f"{taken.model_class.__name__}. Choose another name."
            )
        _ENTRIES[name] = Entry(name, model_class, paper)
        model_class.registry_name = name
        return keras.saving.register_keras_serializable(package="zoo")(model_class)

    return decorate


def names(pattern: str = "*") -> list[str]:
    """Returns the registered names that match a wildcard, such as `"*vae*"`, sorted."""
    return sorted(fnmatch.filter(_ENTRIES, pattern))


def get(name: str) -> Entry:
    """Returns the registry's entry for a name.

    Raises:
        ValueError: if no model has that name; the text suggests the nearest one.
    """
    if name not in _ENTRIES:
        raise ValueError(
            f"Unknown model {name!r}.{checks.suggestion(name, _ENTRIES)} "
            "See zoo.names() for all models."
        )
    return _ENTRIES[name]


def create(name: str, /, image_shape=None, *, preset: str | None = None, **arguments):
    """Creates a model by name.

    Args:
        name: Registry name; see `zoo.names()`.
        image_shape: `(height, width, channels)`, `(length, channels)` or `(features,)`. May be
            left out when the preset fixes it.
        preset: Name of a set of constructor arguments; see `zoo.presets.names(name)`. `None`
            takes the constructor's defaults.
        **arguments: Constructor arguments; they win over the preset's.

    Returns:
        A built `ZooModel`, not compiled.

    Raises:
        ValueError: for an unknown name, preset or argument value.

    Example:
        >>> import zoo
        >>> model = zoo.create("vae", image_shape=(28, 28, 1), preset="tiny", latent_dim=8)
        >>> model.latent_dim
        8
    """
    entry = get(name)
    config = presets.config(name, preset, image_shape) if preset else {}
    if image_shape is not None:
        config["image_shape"] = image_shape
    config.update(arguments)
    if "image_shape" not in config:
        raise ValueError(
            f"create: image_shape must be given for {name!r}. "
            f"For example zoo.create({name!r}, image_shape=(28, 28, 1))."
        )
    config.setdefault("name", name)
    return entry.model_class(**config)
