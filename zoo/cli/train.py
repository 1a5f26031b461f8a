"""`python -m zoo train`: from a folder of images to a saved model."""

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

import zoo
from zoo import checks
from zoo.cli import (
    create,
    cropping,
    data,
    reading_options,
    screen,
    stopping,
    thresholds,
    tracking,
)
from zoo.cli.files import CommandError, check_file
from zoo.data import npz, reading, scaling
from zoo.parser import new_command
from zoo.registry import entries, saved_file

DEFAULT_EPOCHS = 20
# Options that a model has been given already when its training goes on.
_FIXED_ON_RESUME = (
    *("preset", "arguments", "resize", "crop", "color", "range", "positive", "window", "stride"),
)


def run(options: argparse.Namespace) -> int:
    """Trains a model and saves it. Returns the exit code: 130 after Ctrl-C."""
    _check_order(options)
    task = entries.get(options.model).task
    _check_options(options, task)
    create.check_arguments(options)
    _check_output(options)
    resumed = None if options.resume is None else _resumed(options)
    if resumed is not None:
        _take_reading(options, resumed)
    crop = options.crop if resumed is None else resumed.card.crop
    whole = data.load(options.data, task, _reading(options, resumed, task))
    whole = cropping.cropped(whole, crop, task)
    for line in whole.description.lines():
        screen.say(line)
    import keras  # after all that may be wrong with the options and the data

    keras.utils.set_random_seed(options.seed)
    if task == "debiasing":
        whole = create.positive_or_not(whole, options, resumed)
    elif resumed is not None:
        whole = create.with_classes_of(resumed, whole)
    training, validation = whole.split(options.validation_split)
    num_between = len(whole) - len(training) - len(validation or ())
    if num_between > 0 and whole.first_steps is not None:
        screen.say(f"left out: {num_between} windows that share steps with those held out")
    training, validation, notes = _scaled(training, validation, resumed)
    for note in notes:
        screen.say(f"note: {note}")
    model = create.model(options, training) if resumed is None else resumed
    for part in filter(None, (training, validation)):
        create.check_fits(model, part)
    thresholds.check_held_out(options, 0 if validation is None else len(validation), model)
    model.card = dataclasses.replace(
        model.card.without_thresholds(),
        trained_on=f"{options.data}: {len(training)} {whole.description.what}"
        + (f", {len(validation)} more held out" if validation else ""),
        data=whole.description,
    )
    return _fit_and_save(model, training, validation, options)


def _reading(options, resumed, task: str) -> reading.Options:
    """Returns how the data are read: rank 3 is a series where the model's shape says so."""
    given = create.parse_arguments(options.arguments)
    shape = given.get("image_shape") if resumed is None else resumed.image_shape
    num_classes = (
        given.get("num_classes") if resumed is None else resumed.get_config().get("num_classes")
    )
    is_series = (
        isinstance(shape, tuple)
        and len(shape) == 2
        and npz.is_npz(options.data)
        and options.window is None
    )
    is_segmentation = task == "segmentation" and isinstance(num_classes, int)
    settings = {"mask_classes": num_classes} if is_segmentation else {}
    if is_series:
        settings["data_kind"] = "series"
    if resumed is not None:
        settings["value_range"] = resumed.card.value_range
        settings["columns"] = resumed.card.columns or None
    is_cropped = options.crop is not None or (resumed is not None and resumed.card.crop)
    settings["keep_sizes"] = bool(is_cropped) and options.resize is None
    return reading_options.from_arguments(options, **settings)


def _take_reading(options, resumed) -> None:
    """Sets the options by which the data of a saved model were read."""
    card = resumed.card
    if options.data.is_dir():
        options.resize, options.color = card.resize, card.color
    if card.stride is not None:
        options.window, options.stride = resumed.image_shape[0], card.stride


def _scaled(training, validation, resumed):
    """Returns a table's values in `[0, 1]`, by the rows trained on or as for a saved model, and
    notes on values that are cut to the range."""
    given = None if resumed is None else resumed.card.column_range
    if (given is None and not training.needs_scale) or (resumed is not None and given is None):
        return training, validation, []
    scale = scaling.Columns.of(training.images) if given is None else scaling.Columns(*given)
    parts = {"to train on": training, "held out": validation}
    notes = [scale.note(part.images, f"rows {name}") for name, part in parts.items() if part]
    scaled = (part and part.scaled(scale) for part in parts.values())
    return *scaled, [note for note in notes if note is not None]


# --- at the door ----------------------------------------------------------------------------


def _check_order(options) -> None:
    if options.model not in entries.names() and str(options.data) in entries.names():
        raise CommandError(
            f"the model must come before the data. Received: {options.model} {options.data}. "
            f"For example: python -m zoo train {options.data} {options.model} "
            f"--output {options.output}"
        )


def _check_options(options, task: str) -> None:
    for name in ("epochs", "batch_size"):
        if getattr(options, name) < 1:
            flag = f"--{name.replace('_', '-')}"
            raise CommandError(f"{flag} must be at least 1. Received: {getattr(options, name)}.")
    if options.learning_rate is not None and not 0 < options.learning_rate < float("inf"):
        raise CommandError(f"--learning-rate must be above 0. Received: {options.learning_rate}.")
    if not 0 <= options.validation_split < 1:
        raise CommandError(
            "--validation-split must be at least 0 and below 1. "
            f"Received: {options.validation_split}."
        )
    cropping.check_options(options)
    thresholds.check_options(options)
    stopping.check_options(options, task)
    tracking.check_options(options)
    if options.resume is not None:
        given = [name for name in _FIXED_ON_RESUME if getattr(options, name)]
        if given:
            flag = "--set" if given[0] == "arguments" else f"--{given[0]}"
            raise CommandError(f"{flag} must not be given with --resume: the saved model has it.")
    if options.positive is not None and task != "debiasing":
        raise CommandError(f"--positive is for debiasing models, and {options.model} is none.")


def _check_output(options) -> None:
    goes_on = options.resume is not None and options.resume.resolve() == options.output.resolve()
    check_file(options.output, options.overwrite or goes_on, ".keras")


def _resumed(options):
    entry = saved_file.entry(options.resume)
    if entry is not None and entry.name != options.model:
        raise CommandError(
            f"--resume must be a saved model {options.model!r}. Received: {options.resume}, which "
            f"holds {entry.name!r}. Give {entry.name} as the model."
        )
    import keras

    from zoo.optimizers import learning_rates

    model = zoo.load(options.resume)
    if not model.compiled:
        model.compile(keras.optimizers.Adam(options.learning_rate or checks.DEFAULT_LEARNING_RATE))
    elif options.learning_rate is not None:
        learning_rates.set_rate(model.optimizer, options.learning_rate)
    elif learning_rates.has_ended(model.optimizer):
        raise CommandError(
            f"{options.resume}: its learning rate has come to 0 by its schedule, so nothing would "
            f"be learnt. Give another: --learning-rate {checks.DEFAULT_LEARNING_RATE:g}."
        )
    return model


# --- training -------------------------------------------------------------------------------


def _fit_and_save(model, training, validation, options) -> int:
    x, y = cropping.fit_arguments(model, training, options)
    held_out = None if validation is None else create.fit_arguments(model, validation)
    stopping_callbacks = stopping.callbacks(model, validation, options)
    trackers = tracking.callbacks(options)
    screen.say(f"{model.name}: {model.count_params():,} parameters, {model.card.trained_on}")
    start = time.perf_counter()
    is_interrupted = False
    with screen.bar(f"epochs of {model.name}", options.epochs) as advance:
        callback = screen.training_bar(advance)
        try:
            model.fit(
                x,
                y,
                epochs=options.epochs,
                batch_size=options.batch_size if training.crop is None else None,
                validation_batch_size=options.batch_size,
                validation_data=held_out,
                callbacks=[stopping.at_divergence(), callback, *stopping_callbacks, *trackers],
                verbose=0,
            )
        except FloatingPointError as error:
            raise stopping.diverged(str(error)) from error
        except KeyboardInterrupt:
            is_interrupted = True
            for tracker in trackers:
                tracker.stop()
    seconds = time.perf_counter() - start
    if is_interrupted and int(model.optimizer.iterations) == 0:
        screen.say("stopped before the first step: nothing is saved.")
        return 130
    _check_weights(model)
    if not is_interrupted:
        stopping.say_best(stopping_callbacks, options)
    if not is_interrupted:
        _report(model, training, validation, held_out, seconds, options)
    model.save(options.output)
    if is_interrupted:
        screen.say(
            f"stopped after {callback.num_epochs} of {options.epochs} epochs. What was trained so "
            f"far is saved: {options.output}\ngo on with --resume {options.output}"
        )
        return 130
    screen.say(f"saved: {options.output}")
    return 0


def _check_weights(model) -> None:
    for weight in model.trainable_weights:
        if not np.isfinite(weight.numpy()).all():
            raise stopping.diverged(f"{weight.path} holds NaN or infinity")


def _report(model, training, validation, held_out, seconds: float, options) -> None:
    inputs, target = create.fit_arguments(model, training) if held_out is None else held_out
    metrics = model.evaluate(
        inputs, target, batch_size=options.batch_size, verbose=0, return_dict=True
    )
    name = "training loss" if held_out is None else "val_loss"
    terms = "  ".join(f"{key} {value:.5g}" for key, value in metrics.items() if key != "loss")
    screen.say(f"{name} {metrics['loss']:.5g}  ({terms})  {seconds:.1f} s")
    num_held_out = 0 if validation is None else len(validation)
    if not hasattr(model, "anomaly_score"):
        return
    if model.task == "debiasing" and num_held_out:  # its VAE has seen the positive class alone
        inputs = inputs[np.asarray(target) == 1]
        num_held_out = len(inputs)
    if num_held_out < 2:
        screen.say("no anomaly threshold: it needs 2 held-out images or more")
    else:
        is_whole = validation.crop is None  # not cut out of larger images
        if is_whole:
            thresholds.cap_uncertainty(model, [inputs])
        scores = cropping.scores(model, inputs, validation)
        highest = thresholds.highest(model, [inputs], options.batch_size) if is_whole else []
        thresholds.from_scores(model, scores, options, highest)


def add_parser(commands) -> None:
    """Adds the sub-command to the parser."""
    parser = new_command(
        commands,
        "train",
        run,
        "train a model on your images and save it",
        (
            "examples:\n"
            "  python -m zoo train vae photos/ --resize 64x64 --output vae.keras\n"
            "  python -m zoo train autoencoder photos/ --preset small --set latent_dim=8 "
            "--output small.keras\n"
            "  python -m zoo train unet cells/ --preset tiny --output unet.keras"
            "      (cells/images/ and cells/masks/)\n"
            "  python -m zoo train unet scans/ --crop 256x256 --output unet.keras"
            "      (images of any sizes)\n"
            "  python -m zoo train conditional_vae digits/ --output digits.keras"
            "       (a sub-folder for each class)\n"
            "  python -m zoo train autoencoder flowers.csv --label-column species "
            "--output flowers.keras\n"
            "  python -m zoo train autoencoder machine.csv --window 140 --stride 10 "
            "--output machine.keras\n"
            "  python -m zoo train vae photos/ --resume vae.keras --epochs 10 --output vae.keras\n"
        ),
        description="Trains a model on a folder of images, on an .npz file or on a table, and "
        "saves it.",
    )
    parser.add_argument("model", help="registry name; see python -m zoo list")
    parser.add_argument("data", type=Path, help="folder of images, .npz file, or table")
    group = parser.add_argument_group("model")
    group.add_argument("--preset", help="named set of arguments, such as tiny, small or base")
    group.add_argument(
        "--set",
        dest="arguments",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="constructor arguments, such as latent_dim=8 widths=32,64",
    )
    group.add_argument(
        "--positive", metavar="CLASS", help="debiasing models: the class to be debiased"
    )
    group.add_argument("--resume", type=Path, metavar="FILE", help="train this model further")
    group = parser.add_argument_group("data")
    reading_options.add(group)
    cropping.add_options(group)
    group.add_argument(
        "--validation-split",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="of the images that is held out; default: 0.1",
    )
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=int, default=DEFAULT_EPOCHS, help="default: %(default)s")
    group.add_argument("--batch-size", type=int, default=64, help="default: %(default)s")
    group.add_argument(
        "--learning-rate",
        type=float,
        help=f"of Adam; default: {checks.DEFAULT_LEARNING_RATE:g}, with --resume the model's",
    )
    group.add_argument(
        "--seed", type=checks.seed, default=0, help="of weights and noise; default: 0"
    )
    stopping.add_options(group)
    thresholds.add(parser.add_argument_group("anomaly threshold"), "of the held-out images")
    group = parser.add_argument_group("output")
    group.add_argument("--output", type=Path, required=True, help="file to write, .keras")
    group.add_argument("--overwrite", action="store_true", help="replace the output file")
    tracking.add_options(group)
