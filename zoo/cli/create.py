"""From options and data of the command line to a model."""

import ast
import dataclasses

import numpy as np

from zoo import checks
from zoo.cli import data
from zoo.cli.files import CommandError
from zoo.registry import entries, presets
from zoo.tiles import crops


def parse_arguments(pairs: list[str]) -> dict:
    """Returns constructor arguments of `NAME=VALUE` words; a value that is no number, tuple,
    True, False or None is a string."""
    arguments = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise CommandError(f"--set must be NAME=VALUE. Received: {pair!r}.")
        try:
            arguments[name.strip()] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            arguments[name.strip()] = text
    return arguments


def as_text(value) -> str:
    """Returns a value as `--set` takes it."""
    if isinstance(value, str):
        return value
    text = repr(value).replace(" ", "")
    return text[1:-1] if isinstance(value, tuple) and value else text


def check_arguments(options) -> None:
    """Raises an error for a preset or an argument that the model does not have."""
    if options.preset is not None:
        presets.check(options.model, options.preset)
    known = entries.get(options.model).argument_names
    for name in parse_arguments(options.arguments):
        if name not in known:
            raise CommandError(
                f"{options.model}: unknown argument {name!r}."
                f"{checks.suggestion(name, known)} Its arguments: {', '.join(known)}."
            )


def model(options, training: data.TrainingData):
    """Returns a new model for the data, compiled, with its card."""
    import keras

    arguments = parse_arguments(options.arguments)
    names = entries.get(options.model).argument_names
    num_classes = _num_classes(training)
    image_shape = arguments.pop("image_shape", training.image_shape)
    fixed = presets.config(options.model, options.preset, image_shape) if options.preset else {}
    if "num_classes" in names and num_classes:
        arguments.setdefault("num_classes", fixed.get("num_classes", num_classes))
    if training.ignore_label is not None:
        arguments.setdefault("ignore_label", training.ignore_label)
    arguments.setdefault("seed", options.seed)
    try:
        created = entries.create(
            options.model, image_shape=image_shape, preset=options.preset, **arguments
        )
    except (ValueError, TypeError) as error:
        hint = ""
        if "divisible" in str(error) and training.is_from_files:
            hint = " Images are resized by --resize HEIGHTxWIDTH."
        raise CommandError(f"{error}{hint}") from error
    created.compile(keras.optimizers.Adam(options.learning_rate or checks.DEFAULT_LEARNING_RATE))
    shape = created.image_shape
    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    created.card = dataclasses.replace(
        created.card,
        resize=shape[:2] if is_image and training.crop is None else None,
        crop=training.crop,
        color={1: "grey", 3: "rgb"}[shape[-1]] if is_image else None,
        value_range=options.range,
        class_names=training.class_names,
        columns=training.columns,
        column_range=None if training.scale is None else dataclasses.astuple(training.scale),
        stride=None if training.first_steps is None else options.stride or options.window,
    )
    return created


def _num_classes(training: data.TrainingData) -> int | None:
    if training.masks is not None:
        return training.num_mask_classes if training.num_mask_classes > 2 else 1
    return len(training.class_names) or None


def positive_or_not(training: data.TrainingData, options, resumed) -> data.TrainingData:
    """Returns the data with label 1 for the positive class, and 0 for the others."""
    positive = options.positive if resumed is None else resumed.card.class_names[-1]
    if positive not in training.class_names:
        raise CommandError(
            "--positive must be the class whose images are to be debiased: one of "
            f"{', '.join(training.class_names)}. Received: {positive}."
        )
    is_positive = training.labels == training.class_names.index(positive)
    return dataclasses.replace(
        training, labels=is_positive.astype("int32"), class_names=("other", positive)
    )


def with_classes_of(model, training: data.TrainingData) -> data.TrainingData:
    """Returns the data with the class numbers of a saved model, where its classes are among them.

    What has another class is returned as it is, for `check_fits`.
    """
    names, own = model.card.class_names, training.class_names
    if training.labels is None or own == names or not set(own) <= set(names):
        return training
    numbers = np.array([names.index(name) for name in own], training.labels.dtype)
    labels = np.where(training.labels < 0, training.labels, numbers[training.labels])
    held_out = training.held_out and with_classes_of(model, training.held_out)
    return dataclasses.replace(training, labels=labels, class_names=names, held_out=held_out)


def check_fits(model, training: data.TrainingData) -> None:
    """Raises ValueError when the data are not what the model takes."""
    names = model.card.class_names
    if names and training.class_names and names != training.class_names:
        raise CommandError(
            f"the data's classes must be among those of the saved model: {', '.join(names)}. "
            f"Received: {', '.join(training.class_names)}."
        )
    some = training if training.crop is None else training.rows(slice(1))
    inputs, target = fit_arguments(model, some)
    model.check_inputs(inputs)
    if target is not None:
        model.check_targets(target)


def fit_arguments(model, training: data.TrainingData):
    """Returns `x` and `y` as `fit` of the model's task takes them; crops that cover the images."""
    if training.crop is not None:
        return crops.covering(training.images, training.masks, training.crop)
    if model.task == "conditional":
        return {"image": training.images, "label": training.labels}, None
    if model.task == "segmentation":
        return training.images, training.masks
    return training.images, training.labels
