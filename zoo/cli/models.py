"""`python -m zoo list | sample | export`: what models there are, and what one makes."""

import shlex
from pathlib import Path

import numpy as np

import zoo
from zoo import aligned, checks
from zoo.cli import create, screen
from zoo.cli.files import CommandError, check_file, check_folder, check_new, finite
from zoo.cli.use import check_can, reader_of
from zoo.data import images
from zoo.files import new_file, new_folder
from zoo.parser import new_command
from zoo.registry import entries, presets, saved_file
from zoo.registry.pretrained import MODEL_HELP

_OF_SIZES = "this project: shared size"
FEWEST_TO_CALIBRATE, MOST_TO_COMPARE = 10, 256


def list_models(options) -> int:
    """Prints the registered models, or their presets with the sources."""
    names = entries.names(options.pattern)
    if not names:
        raise CommandError(
            f"no model matches {options.pattern!r}. See python -m zoo list; or use a wildcard, "
            f"such as '*{options.pattern.strip('*')}*'."
        )
    console = screen.console()
    if options.presets:
        _show_presets(console, names)
    elif names == [options.pattern]:
        _show_one(console, options.pattern)
    else:
        aligned.show(console, ("model", "what it does"), entries.by_task(names))
    return 0


def _show_presets(console, names: list[str]) -> None:
    """Prints the presets of models with their sources, a line for each."""
    parts: dict[str, list[tuple[str, ...]]] = {}
    for name in names:
        parts[name] = [
            (preset, _parameters(name, preset), _source(name, preset) or _OF_SIZES)
            for preset in presets.names(name)
        ]
    aligned.show(console, ("preset", "parameters", "source"), parts, numeric=("parameters",))


def _show_one(console, name: str) -> None:
    """Prints what a model does, its presets with their arguments and whole sources, and its use."""
    entry = entries.get(name)
    screen.say(f"{name}: {entry.summary}")
    screen.say(f"paper: {entry.paper}")
    rows = [
        (preset, _parameters(name, preset), _arguments(name, preset))
        for preset in presets.names(name)
    ]
    head: tuple[str, ...] = ("preset", "parameters", "arguments")
    if not any(number for _, number, _ in rows):  # they follow from the size of the images
        head, rows = ("preset", "arguments"), [(preset, last) for preset, _, last in rows]
    aligned.show(console, head, rows, numeric=("parameters",))
    for preset in presets.names(name):
        if source := _source(name, preset):
            screen.paragraph(f"{preset}: {source}")
    screen.say(f"train it: python -m zoo train {name} IMAGES/ --output my.keras")


def _source(name: str, preset: str) -> str:
    return "" if preset in presets.SIZES else presets.get(name, preset).source


def _parameters(name: str, preset: str) -> str:
    """Returns the published number; of the sizes it follows from the images."""
    number = None if preset in presets.SIZES else presets.get(name, preset).num_parameters
    return f"{number:,}" if number else ""


def _arguments(name: str, preset: str) -> str:
    """Returns the words that `--set` would take in its place."""
    given = presets.config(name, preset)
    return " ".join(f"{key}={shlex.quote(create.as_text(each))}" for key, each in given.items())


def sample(options) -> int:
    """Writes new images of a generative model, one file each or as a grid."""
    if options.num < 1:
        raise CommandError(f"--num must be at least 1. Received: {options.num}.")
    if options.grid:
        check_file(options.output, options.overwrite, ".png")
    else:
        check_folder(options.output, options.overwrite)
    check_can(options.model, "sample", "sample images")
    model = zoo.load(options.model)
    if len(model.image_shape) != 3 or model.image_shape[-1] not in (1, 3):
        raise CommandError(
            f"{options.model}: the model must make grey or RGB images. Received: a model of "
            f"image_shape={model.image_shape}. Call it from Python."
        )
    drawn = finite(_draw(model, options), model)
    if options.grid:
        with new_file(options.output) as temporary:
            images.write_png(temporary, images.grid(drawn))
    else:
        digits = len(str(options.num - 1))
        with new_folder(options.output) as folder:
            for number, image in enumerate(drawn):
                images.write_png(folder / f"sample_{number:0{digits}d}.png", image)
    screen.say(f"{len(drawn)} images: {options.output}")
    return 0


def _draw(model, options) -> np.ndarray:
    import inspect

    import keras

    keras.utils.set_random_seed(options.seed)
    takes = inspect.signature(model.sample).parameters
    arguments = {"seed": options.seed} if "seed" in takes else {}
    if options.label is not None:
        if "label" not in takes:
            raise CommandError(
                f"--label is for models of classes, and {model.registry_name} is none."
            )
        arguments["label"] = _label(model, options.label)
    return np.asarray(model.sample(options.num, **arguments))


def _label(model, text: str) -> int:
    """Returns the number of a class given by its name, or by its number where no name is one."""
    names = model.card.class_names
    if text in names:
        return names.index(text)
    are_numbers = any(name.isdecimal() for name in names)  # "0" would mean another class then
    if text.isdecimal() and int(text) < model.num_classes and not are_numbers:
        return int(text)
    numbers = f"0 to {model.num_classes - 1}"
    expected = f"a class of the model, {numbers} ({', '.join(names) or 'none named'})"
    if are_numbers:
        expected = f"the name of a class: {', '.join(names)}"
    raise CommandError(f"--label must be {expected}. Received: {text}.")


def export(options) -> int:
    """Writes the model as a file or folder that runs without the zoo."""
    path = options.output
    if path.suffix not in ("", ".onnx", ".tflite", ".xml"):
        raise CommandError(
            "the path must end in .onnx, .tflite or .xml (OpenVINO), or have no suffix for a "
            f"SavedModel folder. Received: {path}."
        )
    if options.calibrate is not None and path.suffix != ".tflite":
        raise CommandError(
            f"--calibrate is for whole numbers of 8 bits in a .tflite file. Received: {path}."
        )
    if options.calibrate is not None and options.method != "call":
        raise CommandError(
            "--calibrate is for whole models. Received: --method "
            f"{options.method} too. Leave one of them out."
        )
    check_new(path, options.overwrite)
    saved_file.header(options.model)
    files = [] if options.calibrate is None else images.find(options.calibrate)
    if options.calibrate is not None:
        _check_enough(len(files), options.calibrate)
    model = zoo.load(options.model)
    from zoo.persistence.export import export as write

    calibration = held_out = None
    if files and isinstance(model.example_inputs(), dict):
        raise CommandError(
            f"{options.model}: --calibrate is for models that take images alone. Call zoo.export "
            "with calibration={'image': ..., 'label': ...} from Python."
        )
    if files:
        # Each fifth image is not calibrated with: on these it is told what was lost.
        reader = reader_of(model, options.model, options.skip_unreadable)
        pixels = reader.all(files)[1]
        for line in reader.skipped:
            screen.say(f"skipped: {line}")
        _check_enough(len(pixels), options.calibrate)
        is_held_out = np.arange(len(pixels)) % 5 == 4
        calibration, held_out = pixels[~is_held_out], pixels[is_held_out]
    try:
        write(
            model,
            path,
            method=options.method,
            calibration=calibration,
            overwrite=options.overwrite,
        )
    except (ImportError, TypeError) as error:  # the converter is missing, or cannot do the model
        raise CommandError(str(error)) from error
    screen.say(f"exported: {path}")
    if held_out is not None:
        _tell_quality(model, path, held_out[:MOST_TO_COMPARE], len(calibration))
    return 0


def _check_enough(num: int, folder: Path) -> None:
    if num < FEWEST_TO_CALIBRATE:
        raise CommandError(
            f"--calibrate must be a folder of at least {FEWEST_TO_CALIBRATE} images, such as those "
            f"of the training. Received: {num} in {folder}."
        )


def _tell_quality(model, path: Path, held_out: np.ndarray, num_calibrated: int) -> None:
    from zoo.persistence import running

    predicted = running.load(path)(held_out)
    reference = model.predict(held_out, verbose=0)
    found = running.fidelity(held_out, predicted, reference, model.task == "segmentation")
    screen.say(f"8 bits, calibrated with {num_calibrated} images.")
    screen.say(f"On {found.num_images} others: {found.text}.")


def add_parsers(commands) -> None:
    """Adds the sub-commands of this module to the parser."""
    parser = new_command(
        commands,
        "list",
        list_models,
        "show the models and what each does",
        (
            "examples:\n"
            "  python -m zoo list\n"
            '  python -m zoo list "*vae*"\n'
            "  python -m zoo list autoencoder --presets\n"
        ),
    )
    parser.add_argument("pattern", nargs="?", default="*", help='wildcard, such as "*vae*"')
    parser.add_argument("--presets", action="store_true", help="show presets and their sources")

    parser = new_command(
        commands,
        "sample",
        sample,
        "draw new images from a generative model",
        (
            "examples:\n"
            "  python -m zoo sample vae.keras --num 100 --output samples/\n"
            "  python -m zoo sample vae.keras --num 25 --grid --output samples.png\n"
            "  python -m zoo sample digits.keras --label 3 --output threes/\n"
        ),
    )
    parser.add_argument("model", type=Path, help=MODEL_HELP)
    parser.add_argument("--output", type=Path, required=True, help="folder, or .png with --grid")
    parser.add_argument("--num", type=int, default=25, help="number of images; default: 25")
    parser.add_argument("--grid", action="store_true", help="one picture of all images")
    parser.add_argument("--label", help="class, by number or name, of a conditional model")
    parser.add_argument(
        "--seed", type=checks.seed, default=0, help="same seed, same images; default: 0"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")

    parser = new_command(
        commands,
        "export",
        export,
        "write a saved model for other programs to run",
        (
            "examples:\n"
            "  python -m zoo export vae.keras exported/\n"
            "  python -m zoo export vae.keras vae.onnx\n"
            "  python -m zoo export vae.keras scores.onnx --method anomaly_score\n"
            "  python -m zoo export vae.keras vae.xml                  OpenVINO\n"
            "  python -m zoo export vae.keras vae_int8.tflite --calibrate photos/\n"
        ),
    )
    parser.add_argument("model", type=Path, help=MODEL_HELP)
    parser.add_argument(
        "output",
        type=Path,
        metavar="path",
        help="folder, or file ending in .onnx, .tflite or .xml (OpenVINO)",
    )
    parser.add_argument(
        "--method",
        default="call",
        help="what to write: encode, decode, anomaly_score, ...; default: call, the prediction",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FOLDER",
        help="images by which a .tflite file becomes one of 8 bits; what is lost is told",
    )
    parser.add_argument("--skip-unreadable", action="store_true", help="leave damaged files out")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
