"""A saved Keras model from outside of the zoo, as what looks into models wants it."""

from pathlib import Path
from typing import Any

import keras

from bench.errors import BenchError
from zoo import checks
from zoo.registry import saved_file
from zoo.training.model import ModelCard


class ForeignModel:
    """A Keras model with the few things beside that looking into it needs.

    Attributes:
        image_shape: Of one input, as the model was built for it.
        task: It is shown images.
        card: Says nothing of how images are prepared: as their channels tell.
        registry_name: Its own name; it has none in the zoo.
    """

    task = "reconstruction"

    def __init__(self, model: keras.Model, path: Path):
        self.model = model
        self.card = ModelCard()
        self.registry_name = model.name
        shape = getattr(model, "input_shape", None)
        is_one = isinstance(shape, tuple) and all(isinstance(each, int) for each in shape[1:])
        if not is_one or len(shape) < 2:
            raise BenchError(
                f"{path} must hold a model of one input of a fixed shape. Received: {shape}. "
                "A subclassed model does not know it; make it a functional one."
            )
        self.image_shape = tuple(shape[1:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, *args, **kwargs) -> Any:
        return self.model(*args, **kwargs)

    def describe(self) -> list[str]:
        """Returns lines on what it is."""
        return [
            f"{type(self.model).__name__} {self.model.name}, from outside of the zoo",
            f"{self.model.count_params():,} parameters, images of "
            f"{' x '.join(map(str, self.image_shape))}",
        ]

    def image_of(self, x: Any) -> Any:
        return x

    def check_inputs(self, x: Any) -> None:
        """Raises ValueError where images do not fit."""
        checks.images(self.registry_name, x, self.image_shape, "x")


def load(path: Path) -> ForeignModel:
    """Loads a model of a `.keras` file that is none of the zoo's.

    Raises:
        BenchError: if it cannot be loaded, or does not know what it takes.
    """
    try:
        model = keras.saving.load_model(path)
    except saved_file.DAMAGE as error:
        raise BenchError(
            f"{path} cannot be loaded ({checks.one_line(error, 200)}). Models with classes of "
            "your own cannot be looked into from their file."
        ) from error
    return ForeignModel(model, path)
