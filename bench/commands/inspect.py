"""`python -m bench inspect`: layers of a saved model, and pictures of what they hold and see."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np

from bench.commands import inspect_inputs
from bench.errors import BenchError

KINDS = ("layers", "filters", "maps", "traversal", "interpolation")
EXAMPLES = """examples:
  python -m bench inspect vae.keras                              its layers
  python -m bench inspect vae.keras digits --layer encoder/conv1_act --output maps.png
  python -m bench inspect vae.keras --filters --layer encoder/conv1 --output filters.png
  python -m bench inspect vae.keras my_images/ --traversal --image 4 --output traversal.png
  python -m bench inspect vae.keras digits --interpolation --image 0 1 2 3 --output lines.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `inspect`."""
    parser.add_argument("model", type=Path, help="a .keras file, of the zoo or your own")
    parser.add_argument(
        "images", nargs="?", help="name of a data set, folder of images, image file or .npz"
    )
    parser.add_argument("--layer", metavar="NAME", help="such as encoder/conv1; see the list")
    what = parser.add_mutually_exclusive_group()
    for kind, text in (
        ("filters", "the weights of --layer"),
        ("maps", "what --layer puts out for an image (default with --layer)"),
        ("traversal", "an image with one code unit changed at a time"),
        ("interpolation", "codes between pairs of images, decoded"),
    ):
        what.add_argument(f"--{kind}", dest="what", action="store_const", const=kind, help=text)
    parser.add_argument(
        "--image",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="which of the images, counted from 0; pairs for --interpolation (default: 0 1)",
    )
    parser.add_argument("--steps", type=int, default=7, help="pictures of a line (default: 7)")
    parser.add_argument(
        "--most", type=int, help="maps or filters (default: 32), or code units (default: 10)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.png", help="the picture")
    parser.add_argument("--theme", default="light", choices=("light", "dark"))


def command(options: argparse.Namespace) -> int:
    """Draws what is asked for, or lists the layers; returns the exit code 0."""
    what = options.what or ("maps" if options.layer else "layers")
    if options.most is None:
        options.most = 10 if what == "traversal" else 32
    _check(options, what)
    is_of_zoo = _check_model(options.model, what)
    if what not in ("layers", "filters"):
        inspect_inputs.check(options.images)
    import zoo
    from bench.introspection import summary

    if is_of_zoo:
        try:
            model = zoo.load(options.model)
        except (FileNotFoundError, ValueError) as error:
            raise BenchError(str(error)) from error
    else:
        from bench.introspection import foreign

        model = foreign.load(options.model)
    if what == "layers":
        _print_layers(model)
        return 0
    if what == "filters":
        path, layer = summary.find_layer(model, options.layer)
        picture = filters_picture(model, path, layer, options.most, options.theme)
    else:
        inputs = inspect_inputs.load(
            model, options.images, inspect_inputs.MAX_IMAGES + max(options.image)
        )
        draw = {"maps": maps_picture, "traversal": traversal_picture}.get(
            what, interpolation_picture
        )
        picture = draw(model, inputs, options)
    from bench.records.store import write_whole

    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"cannot write {options.output}: {error.strerror}.") from error
    write_whole(options.output, picture)
    print(options.output)
    return 0


def _check(options: argparse.Namespace, what: str) -> None:
    if what == "layers":
        given = [name for name in ("images", "--output") if getattr(options, name.lstrip("-"))]
        if given:
            raise BenchError(
                f"{given[0]} must come with what is to be drawn: --maps --layer NAME, --filters "
                "--layer NAME, --traversal or --interpolation. Without, the layers are listed."
            )
        return
    if what in ("filters", "maps") and options.layer is None:
        raise BenchError(
            f"--{what} needs --layer NAME. The names: python -m bench inspect {options.model}"
        )
    if what != "filters" and options.images is None:
        raise BenchError(
            f"--{what} needs images: the name of a data set, a folder, an image file or an .npz, "
            f"such as python -m bench inspect {options.model} digits ..."
        )
    if options.output is None:
        raise BenchError(f"--{what} needs --output FILE.png.")
    if options.output.suffix.lower() != ".png":
        raise BenchError(f"--output must be a .png file. Received: {options.output}.")
    if min(options.image) < 0:
        raise BenchError(f"--image must be at least 0. Received: {min(options.image)}.")
    if options.steps < 2:
        raise BenchError(f"--steps must be at least 2. Received: {options.steps}.")
    if options.most < 1:
        raise BenchError(f"--most must be at least 1. Received: {options.most}.")
    if what == "interpolation" and options.image != [0] and len(options.image) % 2:
        raise BenchError(
            "--image must name pairs of images for --interpolation. "
            f"Received: {len(options.image)} numbers. For example --image 0 1."
        )


def _check_model(path: Path, what: str) -> bool:
    """Refuses a file that is no model, or one that cannot do this, without Keras.

    Returns:
        Whether it holds a model of the zoo.
    """
    from zoo.registry import saved_file

    try:
        is_of_zoo = not saved_file.is_of_keras(saved_file.contents(path))
        entry = saved_file.entry(path) if is_of_zoo else None
    except (FileNotFoundError, ValueError) as error:
        raise BenchError(str(error)) from error
    needed = {"traversal": "decode", "interpolation": "interpolate"}.get(what)
    cannot = not is_of_zoo or (entry is not None and not entry.has(needed or ""))
    if needed is not None and cannot:
        holds = repr(entry.name) if entry is not None else "none of the zoo's"
        raise BenchError(
            f"--{what} needs a model that decodes codes. Received: {path}, which holds "
            f"{holds}. Try --maps --layer NAME."
        )
    return is_of_zoo


def _print_layers(model: Any) -> None:
    from rich.console import Console

    from bench.introspection import summary
    from zoo import aligned

    console = Console()
    for line in model.describe():
        print(aligned.paragraph(line, console.width))
    rows = []
    for row in summary.layer_rows(model):
        shape = row["output_shape"]
        shown = "-" if shape is None else " x ".join(map(str, shape))
        rows.append((row["layer"], row["kind"], shown, f"{row['parameters']:,}"))
    head = ("layer", "kind", "output", "parameters")
    aligned.show(console, head, rows, numeric=("parameters",), gives_way="layer")


# --- pictures -------------------------------------------------------------------------------


def filters_picture(model: Any, path: str, layer: Any, most: int, theme: str) -> bytes:
    """Draws the weights of a layer; see `filter_rows` of the plots for the colours."""
    from bench.introspection import activations
    from bench.report.plots import training

    kernel = activations.filters(layer, model.image_shape)
    rows = training.filter_rows(kernel, most)
    per_channel = kernel.shape[-1] not in (1, 3) and kernel.ndim != 3
    shown = min(len(kernel), most, training.MAX_SLICES) if per_channel else min(len(kernel), most)
    names = [str(number) for number in range(shown)] if per_channel else _spans(shown)
    note = f"{shown} of {len(kernel)} filters of {' x '.join(map(str, kernel.shape[1:]))}"
    if per_channel:
        note += "; one row per filter, one column per channel that it reads"
    return _drawn(rows, names, theme, f"Filters of {path}", note)


def maps_picture(model: Any, inputs: Any, options: argparse.Namespace) -> bytes:
    """Draws what a layer puts out for one image, beside that image."""
    from bench.introspection import activations, summary
    from bench.report.plots import image_grid, training

    path, layer = summary.find_layer(model, options.layer)
    one = inspect_inputs.pick(inputs, options.image[:1])
    (values,) = activations.activations(model, one, [layer])
    if values.ndim == 1:  # a dense layer: each unit is a tile
        values = values[None, None]
    maps = np.moveaxis(values, -1, 0)
    rows = training.map_rows(maps, options.most)
    shown = min(len(maps), options.most)
    shape = " x ".join(map(str, values.shape))
    low, high = float(values.min()), float(values.max())
    what = "units" if values.shape[:2] == (1, 1) else f"channels of {shape}"
    note = f"{shown} of {len(maps)} {what}, values from {low:.3g} to {high:.3g}"
    title = f"{path}, image {options.image[0]}"
    image = image_grid.as_images(model.image_of(one), model.image_shape)
    if values.ndim == 3 and values.shape[:2] == image.shape[1:3]:
        rows = [image, *rows]
        return _drawn(rows, ["image", *_spans(shown)], options.theme, title, note)
    return _drawn(rows, _spans(shown), options.theme, title, note)


def traversal_picture(model: Any, inputs: Any, options: argparse.Namespace) -> bytes:
    """Draws an image with one code unit changed at a time, the most telling units first."""
    import keras

    from bench.introspection import activations
    from bench.report.plots import image_grid

    if not activations.can_traverse(model):
        raise BenchError(
            "--traversal needs a model with a code of units and a decoder. Received: model "
            f"{model.registry_name!r}. Try --maps --layer NAME."
        )
    first = inspect_inputs.pick(inputs, options.image[:1])
    ordered = keras.tree.map_structure(lambda a, b: np.concatenate([a, b]), first, inputs)
    traversal = activations.traversal(model, ordered, options.most, options.steps)
    rows = [image_grid.as_images(row, model.image_shape) for row in traversal["images"]]
    names = [
        f"unit {unit}: {values[0]:.2g} to {values[-1]:.2g}"
        for unit, values in zip(traversal["units"], traversal["values"], strict=True)
    ]
    note = "each unit from its smallest to its largest value over the images"
    title = f"Code of image {options.image[0]}, one unit at a time"
    return _drawn(rows, names, options.theme, title, note)


def interpolation_picture(model: Any, inputs: Any, options: argparse.Namespace) -> bytes:
    """Draws the images of the codes between pairs of images, with the pair at both ends."""
    from bench.introspection import activations
    from bench.report.plots import image_grid

    numbers = [0, 1] if options.image == [0] else options.image
    pairs = inspect_inputs.pick(inputs, numbers)
    lines = activations.interpolation(model, pairs, options.steps)
    shape = model.image_shape
    images = image_grid.as_images(model.image_of(pairs), shape)
    rows = [
        np.concatenate(
            [images[2 * k : 2 * k + 1], image_grid.as_images(line, shape), images[2 * k + 1 :][:1]]
        )
        for k, line in enumerate(lines)
    ]
    names = [f"{a} to {b}" for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    columns = ["image", *[f"{s:.2g}" for s in np.linspace(0, 1, options.steps)], "image"]
    return _drawn(rows, names, options.theme, "Between codes, decoded", "", columns)


def _spans(count: int) -> list[str]:
    """Names of the rows of eight that `image_grid.folded` makes: `0 - 7`, `8 - 15`."""
    from bench.report.plots.training import ACROSS

    starts = range(0, count, ACROSS)
    return [f"{start} - {min(start + ACROSS, count) - 1}" for start in starts]


def _drawn(
    rows: list[np.ndarray],
    names: list[str],
    theme: str,
    title: str,
    note: str,
    columns: list[str] | None = None,
) -> bytes:
    from bench.report.plots import training

    target = io.BytesIO()
    named = list(zip(names, rows, strict=True))
    training.grid(named, target, theme, title, columns, note)
    return target.getvalue()
