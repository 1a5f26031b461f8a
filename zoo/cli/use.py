"""`python -m zoo reconstruct | score | segment`: a saved model on a folder of images."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np

import zoo
from zoo.cli import score_rows, screen, thresholds, tiling
from zoo.cli.files import (
    CommandError,
    check_file,
    check_folder,
    new_table,
    png_names,
)
from zoo.cli.instances import Objects
from zoo.data import files as files_below
from zoo.data import images, layouts
from zoo.data.mask_numbers import nearest
from zoo.data.opening import OutOfRangeError
from zoo.data.reader import Reader
from zoo.files import new_file, new_folder
from zoo.registry import entries, saved_file


class Session:
    """A saved model and the image files that it is to work on.

    Args:
        options: `model`, `folder`, `batch_size` and `skip_unreadable`.
        method: Method that the model must have.
        verb: What the command does, for messages.
    """

    def __init__(self, options, method: str, verb: str):
        self.path, self.folder = options.model, options.folder
        self.batch_size, self.verb = options.batch_size, verb
        if self.batch_size < 1:
            raise CommandError(f"--batch-size must be at least 1. Received: {self.batch_size}.")
        if options.model.is_dir() and options.folder.suffix == ".keras":
            raise CommandError(
                "the model must come before the folder. "
                f"Received: {options.model} {options.folder}."
            )
        check_can(options.model, method, verb)
        self.files = images.find(options.folder)
        layouts.check_no_masks(options.folder, self.files)
        self.model = zoo.load(options.model)
        self.tiling = tiling.of(self.model, options)
        self.reader = self._reader(options.skip_unreadable)
        self._told: set[str] = set()

    def _reader(self, skip_unreadable: bool) -> Reader:
        return reader_of(self.model, self.path, skip_unreadable, self.tiling.is_on)

    def batches(self, folder: Path | None = None):
        """Yields files, images and the model's input for them, and moves the bar on.

        Args:
            folder: Another folder than the command's.
        """
        files = self.files if folder is None else images.find(folder)
        folder = self.folder if folder is None else folder
        reader, num_kept = self.reader.afresh(), 0
        with screen.bar(self.verb, len(files)) as advance, _range_of_the_model():
            # Files of their own size come one by one: a batch is then of tiles.
            num_at_once = 1 if self.tiling.is_on else self.batch_size
            for kept, pixels in reader.batches(files, num_at_once):
                yield kept, pixels, self._inputs(kept, pixels, folder)
                num_kept += len(kept)
                advance(len(kept))
            advance(len(reader.skipped))
        self._tell(reader, folder)
        if reader.skipped:
            screen.say(f"{len(reader.skipped)} of {len(files)} files skipped")
        if not num_kept:
            raise CommandError(f"{folder}: none of {len(files)} files can be read.")

    def _tell(self, reader: Reader, folder: Path) -> None:
        """Prints what was left out of a folder, and what is strange in its values; once each."""
        lines = [
            f"left out: {line}" for line in (*files_below.listing(folder).said(), *reader.said())
        ]
        lines += [
            f"note: {line.replace('give their range', 'train the model with their range')}"
            for line in reader.notes()
        ]
        for line in (*lines, *(f"skipped: {line}" for line in reader.skipped)):
            if line not in self._told:
                screen.say(line)
                self._told.add(line)

    def _inputs(self, files, pixels, folder):
        if self.model.task != "conditional":
            return pixels
        names, labels = [files_below.normal(name) for name in self.model.card.class_names], []
        for file in files:
            name = files_below.normal(file.relative_to(folder).parts[0])
            if name not in names:
                raise CommandError(
                    f"{file}: must lie in the sub-folder of its class, as the model needs labels: "
                    f"{', '.join(names)}."
                )
            labels.append(names.index(name))
        return {"image": pixels, "label": np.array(labels, "int32")}

    def apply(self, method: str, inputs, **settings):
        """Returns what a method of the model gives: see `Tiling.apply`."""
        return self.tiling.apply(self.model, method, inputs, **settings)

    def name(self, file: Path) -> str:
        """Returns a file's path inside the folder, as tables show it."""
        return file.relative_to(self.folder).as_posix()


def reader_of(model, path: Path, skip_unreadable: bool, keeps_size: bool = False) -> Reader:
    """Returns what reads image files as a saved model takes them.

    Args:
        path: Of the model, for errors.
        keeps_size: Whether files keep their own size.
    """
    shape, card = model.image_shape, model.card
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise CommandError(
            f"{path}: the model must take grey or RGB images. Received: a model of "
            f"image_shape={shape}. Call it from Python."
        )
    color = card.color or {1: "grey", 3: "rgb"}[shape[-1]]
    return Reader(None if keeps_size else shape[:2], color, skip_unreadable, card.value_range)


@contextlib.contextmanager
def _range_of_the_model():
    """Says of values out of range what can be done where the model knows the range."""
    try:
        yield
    except OutOfRangeError as error:
        raise CommandError(
            f"{error.text} The model reads files by the range of those it was trained on: convert "
            "this one alike, or leave it out."
        ) from error


def check_can(path: Path, method: str, verb: str) -> None:
    """Raises an error when a file holds no model of the zoo, or one that lacks a method.

    No Keras is needed for that, so the answer comes at once.
    """
    entry = saved_file.entry(path)
    if entry is None or entry.has(method):  # of a class that the registry lacks, `zoo.load` tells
        return
    able = [name for name in entries.names() if entries.get(name).has(method)]
    raise CommandError(
        f"{path}: the model must be able to {verb}. Received: model {entry.name!r}. "
        f"These are: {', '.join(able)}."
    )


# --- reconstruct ----------------------------------------------------------------------------


def reconstruct(options) -> int:
    """Writes the reconstruction of each image, and a table of errors."""
    check_folder(options.output, options.overwrite, options.folder)
    session = Session(options, "reconstruct", "reconstruct")
    names = png_names(session.files, session.folder)
    errors = []
    with new_folder(options.output) as folder, new_table(folder / "errors.csv") as table:
        table.writerow(("file", "mse", "psnr_db"))
        for files, pixels, inputs in session.batches():
            for path, image, result in zip(
                files, pixels, session.apply("reconstruct", inputs), strict=True
            ):
                images.write_png(folder / names[path], images.resized(result, images.size_of(path)))
                error = mean_squared_error(image, result)
                table.writerow((session.name(path), f"{error:.8g}", f"{psnr(error):.6g}"))
                errors.append(error)
    mean = float(np.mean(errors))
    screen.say(f"{len(errors)} images, mean MSE {mean:.5g} ({psnr(mean):.2f} dB): {options.output}")
    return 0


def mean_squared_error(image, result) -> float:
    """Computes the mean over pixels of the squared difference, in `[0, 1]` units."""
    return float(np.mean(np.square(np.asarray(result, "float64") - image)))


def psnr(error: float) -> float:
    """Computes the peak signal-to-noise ratio, dB, of a mean squared error: `-10 log10(mse)`."""
    return float("inf") if error == 0 else -10 * float(np.log10(error))


# --- score ----------------------------------------------------------------------------------


def score(options) -> int:
    """Writes the anomaly score of each image, and whether it is above the threshold."""
    check_file(options.output, options.overwrite, ".csv", options.folder)
    if options.folder.is_file():
        check_can(options.model, "anomaly_score", "score rows")
        return score_rows.run(options)
    _check_for_rows(options)
    if options.maps is not None:
        check_folder(options.maps, options.overwrite, options.folder)
    thresholds.check_score_options(options)
    if options.normals is not None:
        images.find(options.normals)
    if options.maps is not None:
        check_can(options.model, "score_map", "draw score maps")
    session = Session(options, "anomaly_score", "score images")
    model = session.model
    _choose_threshold(session, options)
    card, rows, readable, scale = model.card, [], [], _Scale()
    for files, _, inputs in session.batches():
        maps = None
        if options.maps is not None:
            maps = np.asarray(session.apply("score_map", inputs))
            scale = scale.with_room_for(maps)
        is_of_map = maps is not None and session.tiling.is_on
        scores = (
            [each.mean() for each in maps] if is_of_map else session.tiling.scores(model, inputs)
        )
        readable += files
        strange = [()] * len(files)
        if maps is not None and card.pixel_threshold is not None:
            strange = [(f"{np.mean(each > card.pixel_threshold):.4g}",) for each in maps]
        rows += [
            (session.name(file), float(s), share)
            for file, s, share in zip(files, scores, strange, strict=True)
        ]
    judged = thresholds.judged(card, [value for _, value, _ in rows], options.fdr)
    with new_file(options.output) as temporary, new_table(temporary) as table:
        in_maps = ("strange_pixels",) if rows[0][2] else ()
        table.writerow(("file", "score", *judged.columns, *in_maps))
        for (name, value, share), more in zip(rows, judged.rows, strict=True):
            table.writerow((name, f"{value:.8g}", *more, *share))
    screen.say(f"{len(rows)} images: {options.output}")
    screen.paragraph(judged.text)
    if options.maps is not None:
        session.files = readable
        _write_maps(session, options.maps, scale)
    return 0


def _choose_threshold(session: Session, options) -> None:
    model, scored = session.model, session.tiling.unlike(session.model.card)
    thresholds.leave_out_others(model, scored, options)
    if options.threshold is not None:
        thresholds.set_by_hand(model, options.threshold)
    elif options.normals is not None:
        thresholds.check_held_out(options, len(images.find(options.normals)))
        batches = [inputs for _, _, inputs in session.batches(options.normals)]
        is_whole = not session.tiling.is_on
        if is_whole:
            thresholds.cap_uncertainty(model, batches)
        scores = np.concatenate([session.tiling.scores(model, inputs) for inputs in batches])
        highest = thresholds.highest(model, batches, session.batch_size) if is_whole else []
        thresholds.from_scores(model, scores, options, highest)
    model.card = dataclasses.replace(model.card, scored=scored)
    thresholds.keep(model, options, "FOLDER")


def _check_for_rows(options) -> None:
    for name in ("separator", "label_column", "stride"):
        if getattr(options, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise CommandError(f"{flag} is for tables and series. Received: {options.folder}.")


@dataclasses.dataclass(frozen=True)
class _Scale:
    """What is black and white in the score maps of a folder.

    Black is 0. Logarithms of likelihoods fall below it, and their highest is far above the others:
    then black is the lowest, and the greys follow the logarithm of the distance from it.
    """

    lowest: float = 0.0
    highest: float = 0.0

    def with_room_for(self, maps: np.ndarray) -> "_Scale":
        low, high = float(np.min(maps)), float(np.max(maps))
        return _Scale(min(self.lowest, low), max(self.highest, high))

    @property
    def is_from_below(self) -> bool:
        return self.lowest < -1e-4 * self.highest  # not by rounding

    def greys(self, score_map: np.ndarray) -> np.ndarray:
        """Returns scores as what is drawn, 0 is black and 1 white."""
        if not self.is_from_below:
            return score_map / (self.highest or 1.0)
        return np.log1p(score_map - self.lowest) / np.log1p(self.highest - self.lowest)

    def __str__(self) -> str:
        if not self.is_from_below:
            return f"white is {self.highest:.5g}"
        return f"black is {self.lowest:.5g}, white {self.highest:.5g}, by logarithm above black"


def _write_maps(session: Session, path: Path, scale: _Scale) -> None:
    """Writes score maps on one scale for the whole folder."""
    names = png_names(session.files, session.folder)
    with new_folder(path) as folder:
        for files, _, inputs in session.batches():
            maps = np.asarray(session.apply("score_map", inputs))
            for file, score_map in zip(files, maps, strict=True):
                shown = images.resized(scale.greys(score_map), images.size_of(file))
                images.write_png(folder / names[file], shown)
    screen.say(f"score maps, {scale}: {path}")


# --- segment --------------------------------------------------------------------------------


def segment(options) -> int:
    """Writes the mask of each image, the image with the mask painted over, and a table."""
    check_folder(options.output, options.overwrite, options.folder)
    session = Session(options, "segment", "segment images")
    names = png_names(session.files, session.folder)
    is_binary = session.model.num_classes == 1
    classes = range(1, max(2, session.model.num_classes))
    num_images = 0
    if options.min_distance < 1:
        raise CommandError(f"--min-distance must be at least 1. Received: {options.min_distance}.")
    with new_folder(options.output) as folder, new_table(folder / "shares.csv") as table:
        objects = Objects(folder, options.min_distance) if options.instances else None
        columns = ["foreground"] if is_binary else [f"class_{number}" for number in classes]
        table.writerow(("file", *columns))
        for files, pixels, inputs in session.batches():
            masks, doubts = _masks_and_doubts(session, inputs)
            for path, image, mask, doubt in zip(files, pixels, masks, doubts, strict=True):
                whole, image = _as_large_as_the_file(path, mask, image, session.reader)
                shown = (whole * 255 if is_binary else whole).astype("uint8")
                images.write_png(folder / "masks" / names[path], shown)
                painted = images.overlay(image, whole)
                images.write_png(folder / "overlays" / names[path], painted)
                if objects is not None:
                    objects.add(session.name(path), names[path], whole)
                if doubt is not None:
                    doubt = images.resized(2 * doubt, whole.shape)  # at most 1/2: white
                    images.write_png(folder / "doubts" / names[path], doubt)
                shares = [f"{np.mean(whole == number):.6g}" for number in classes]
                table.writerow((session.name(path), *shares))
                num_images += 1
        if objects is not None:
            objects.write()
    written = ["masks/", "overlays/", *(["doubts/"] if options.views != "none" else [])]
    if objects is not None:
        screen.say(f"{len(objects.rows)} objects: labels/ and objects.csv")
    screen.say(f"{num_images} images: {', '.join(written)} and shares.csv in {options.output}")
    return 0


def _masks_and_doubts(session: Session, inputs):
    """Returns masks, and with views the deviations of probabilities over them, else Nones."""
    if session.tiling.views == "none":
        masks = np.asarray(session.apply("segment", inputs))
        return masks, [None] * len(masks)
    return session.apply("segment", inputs, with_deviation=True)


def _as_large_as_the_file(path: Path, mask, image, reader: Reader):
    """Returns mask and image in the file's own size; the mask by the nearest pixel."""
    size = images.size_of(path)
    if size == mask.shape:
        return mask, image
    whole = images.read(path, color=reader.color, value_range=reader.value_range)
    return nearest(np.asarray(mask), size), whole
