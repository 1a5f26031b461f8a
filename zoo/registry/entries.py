"""Names of models: list them, look them up, create them, and register more."""

import dataclasses
import fnmatch
import importlib
from collections.abc import Iterable

from zoo import checks
from zoo.registry import keras_start, presets, source, table


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the registry knows about a model, without importing it.

    Attributes:
        name: Registry name.
        module, class_name: Where its class is.
        paper: Address of the paper or page that the model comes from.
        task: What data it is trained on, one of `zoo.training.model.TASKS`.
        least_updates: How long it has to train at its defaults: see `zoo.registry.table.Row`.
    """

    name: str
    module: str
    class_name: str
    paper: str
    task: str = "reconstruction"
    least_updates: int = 0
    _class: type | None = None  # of a class that was registered by hand

    @property
    def model_class(self) -> type:
        """The class; its module, and with it Keras, is imported now."""
        return self._class or getattr(importlib.import_module(self.module), self.class_name)

    @property
    def summary(self) -> str:
        """First line of the class's docstring."""
        if self._class is not None:
            return (self._class.__doc__ or "").strip().partition("\n")[0]
        return source.summary(self.module, self.class_name)

    @property
    def presets(self) -> list[str]:
        return presets.names(self.name)

    @property
    def argument_names(self) -> list[str]:
        """Names of all constructor arguments, those of base classes included."""
        if self._class is not None:
            return self._class.argument_names()
        return list(source.argument_names(self.module, self.class_name))

    def has(self, method: str) -> bool:
        """Tells whether the class has a method of this name, such as `"sample"`."""
        if self._class is not None:
            return hasattr(self._class, method)
        return source.has(self.module, self.class_name, method)


_ENTRIES: dict[str, Entry] = {
    name: Entry(name, table.module_of(name), row.class_name, row.paper, row.task, row.least_updates)
    for name, row in table.MODELS.items()
}


def listed(model_class: type) -> type:
    """Gives a class of the table its name and task, and makes it known to Keras."""
    place = model_class.__module__, model_class.__name__
    name = next(n for n, e in _ENTRIES.items() if (e.module, e.class_name) == place)
    model_class.registry_name = name
    model_class.task = _ENTRIES[name].task
    return keras_start.register(model_class)


def register(name: str, *, paper: str):
    """Registers a model of your own under a name, and with Keras for `.keras` files.

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
                f"{taken.class_name}. Choose another name."
            )
        place = model_class.__module__, model_class.__name__
        _ENTRIES[name] = Entry(name, *place, paper, model_class.task, _class=model_class)
        model_class.registry_name = name
        return keras_start.register(model_class)

    return decorate


def names(pattern: str = "*") -> list[str]:
    """Returns the registered names that match a wildcard, such as `"*vae*"`, sorted."""
    return sorted(fnmatch.filter(_ENTRIES, pattern))


def by_task(found: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Returns, for each task, `(name, summary)` of these models."""
    tasks: dict[str, list[tuple[str, str]]] = {}
    for name in found:
        entry = get(name)
        tasks.setdefault(entry.task.replace("_", " "), []).append((name, entry.summary))
    return dict(sorted(tasks.items(), key=lambda task: -len(task[1])))


def get(name: str) -> Entry:
    """Returns the registry's entry for a name.

    Raises:
        ValueError: if no model has that name; the text suggests the nearest one.
    """
    if name not in _ENTRIES:
        raise ValueError(
            f"Unknown model {name!r}.{checks.suggestion(name, _ENTRIES)} "
            "See zoo.names(), or python -m zoo list."
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
