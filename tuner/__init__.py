"""Searches for the settings of a model that fit your images, within a budget."""

from typing import Any


def hypermodel(name: str, image_shape: tuple[int, ...], **settings: Any):
    """Returns a model of the zoo as a `keras_tuner.HyperModel`, with its search space.

    Any tuner of keras-tuner takes it. Its `objective` is a measure of the validation data that
    means the same at every setting; the loss of a model does not, as its weights and its likelihood
    are among what varies.

    Args:
        name: Registry name, such as `"vae"`.
        image_shape: Of the images, without the batch: `(28, 28, 1)`.
        **settings: See `tuner.trials.measured.measured`: `objective`, `space`, `num_train`,
            `seed`, `max_parameters` and others.

    Raises:
        BenchError: for a name, an objective or a setting that is unknown or does not fit.

    Example:
        >>> import keras_tuner, tuner
        >>> model = tuner.hypermodel("vae", (8, 8, 1), space={"latent_dim": [4, 8]})
        >>> model.objective
        Objective(name="val_psnr", direction="max")
        >>> search = keras_tuner.RandomSearch(model, model.objective, max_trials=5)
        ... # search.search(x_train, validation_data=x_validation, epochs=3)
    """
    from tuner.trials.measured import measured

    return measured(name, image_shape, **settings)
