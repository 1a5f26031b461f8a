"""Arrays of a training, kept in `.npz` files from which its pictures are drawn later.

A Keras callback takes the frames while the model trains. Filters, activation maps, traversals,
interpolations and the map of the codes are taken after training.
"""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bench.data import tasks
from bench.data.dataset import Split
from bench.errors import BenchError
from bench.evaluation.quality import save_arrays, without_void
from bench.introspection import activations
from bench.metrics import representation
from bench.runs.job import Job
from zoo import inspection
from zoo.data import images

MAX_FRAMES = 30
MAX_IMAGES = 6
_MAX_FRAME_VALUES = 60_000  # fewer images where they are large
_NUM_REFERENCES = 256  # images that tell the range of each code unit
_NUM_FILTERS = 32
_NUM_MAPS = 16
_MAX_LAYERS = 6


class FrameRecorder(keras.callbacks.Callback):
    """Records what a model makes of a few images, epoch by epoch, the untrained model included.

    Of many epochs it keeps an even choice with the first and the last one, so that an animation
    has at most `max_frames` frames. Training itself is not changed: no noise is drawn from the
    model's generator, no weight is touched. It also works as a callback of your own `fit`.

    Args:
        inputs: What the model takes: an array of images, or a dict of arrays.
        max_frames: Int >= 2.

    Attributes:
        epochs: Epochs of the frames; 0 is the untrained model.
        frames: Predictions, one array `(num_images, ...)` for each of `epochs`.
        seconds: Time spent here, which is no time of training.

    Raises:
        BenchError: if `max_frames` is below 2.
    """

    def __init__(self, inputs: Any, max_frames: int = MAX_FRAMES):
        super().__init__()
        if max_frames < 2:
            raise BenchError(
                f"FrameRecorder: max_frames must be at least 2. Received: {max_frames}."
            )
        self.inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        self.max_frames = max_frames
        self.epochs: list[int] = []
        self.frames: list[np.ndarray] = []
        self.seconds = 0.0
        self._last = 0
        self._chosen: frozenset[int] = frozenset()

    def on_train_begin(self, logs=None):
        self.epochs, self.frames, self._last = [], [], 0
        self._chosen = chosen_epochs(self.params.get("epochs") or 1, self.max_frames)
        self._record_frame(0)

    def on_epoch_end(self, epoch, logs=None):
        self._last = epoch + 1
        if self._last in self._chosen:
            self._record_frame(self._last)

    def on_train_end(self, logs=None):
        if self.epochs and self.epochs[-1] != self._last:  # stopped early
            if len(self.frames) >= self.max_frames:
                del self.epochs[-1], self.frames[-1]
            self._record_frame(self._last)

    def _record_frame(self, epoch: int) -> None:
        started = time.perf_counter()
        prediction = keras.ops.convert_to_numpy(self.model(self.inputs, training=False))
        self.frames.append(np.nan_to_num(prediction.astype("float32")))
        self.epochs.append(epoch)
        self.seconds += time.perf_counter() - started


def chosen_epochs(num_epochs: int, max_frames: int = MAX_FRAMES) -> frozenset[int]:
    """Chooses at most `max_frames` of the epochs 0 to `num_epochs`, evenly, both ends included."""
    count = min(num_epochs + 1, max_frames)
    return frozenset(int(epoch) for epoch in np.linspace(0, num_epochs, count).round())


def frame_recorder(task: str, dataset) -> FrameRecorder:
    """Returns the callback for a job: it shows the first test images.

    Args:
        task: The model's task.
        dataset: A `bench.data.dataset.Dataset`.
    """
    return FrameRecorder(tasks.inputs(task, dataset.test.take(_shown(dataset))))


def write(job: Job, model, dataset, recorder: FrameRecorder, output: Path) -> dict[str, str]:
    """Writes the files that the pictures of a training are drawn from.

    Args:
        recorder: The callback of `frame_recorder` that `fit` was given.
        output: The folder of the run.

    Returns:
        Fields of the record, each the name of a file in the output folder: `frames_file`;
        `layers_file`, filters of the first convolution and activation maps of one image;
        `latent_file`, traversal and interpolations; `codes_file`, codes of test images.
        A field whose pictures do not exist for the model is left out.
    """
    files = {}
    arrays = {
        "frames": frames_of(model.task, dataset, recorder),
        "layers": layers_of(model, dataset.test),
        "latent": latent_of(model, dataset.test),
        "codes": representation.shown(model, dataset),
    }
    for name, values in arrays.items():
        if values:
            files[f"{name}_file"] = save_arrays(job, output, name, values)
    return files


def frames_of(task: str, dataset, recorder: FrameRecorder) -> dict[str, np.ndarray]:
    """Returns `frames` `(frames, images, ...)`, `targets` `(images, ...)`, uint8, and `epochs`."""
    shown = dataset.test.take(_shown(dataset))
    frames, targets = np.stack(recorder.frames), shown.target
    if task == "segmentation":
        targets = without_void(targets, dataset.ignore_label)
        targets = tasks.overlay(shown.images, tasks.foreground(targets))
        frames = np.stack([tasks.overlay(shown.images, tasks.foreground(f)) for f in frames])
    arrays = {"frames": images.to_bytes(frames), "targets": images.to_bytes(targets)}
    if dataset.task == "denoising":
        arrays["inputs"] = images.to_bytes(shown.images)
    return arrays | {"epochs": np.array(recorder.epochs, "int32")}


def layers_of(model, split: Split) -> dict[str, np.ndarray]:
    """Returns the filters of the first convolution, and activation maps of the first test image.

    `filters` with `filters_layer`; `maps_0`, `maps_1`, ... `(channels, height, width)`, float16,
    at most 16 channels of each, for the layers named in `maps_layers`; `image`.
    """
    layers = inspection.named_layers(model)
    first = _first_of(tasks.inputs(model.task, split), 1)
    arrays: dict[str, np.ndarray] = {}
    for path, layer in layers.items():
        try:
            kernel = activations.filters(layer, model.image_shape)
        except BenchError:
            continue
        arrays["filters"] = kernel[:_NUM_FILTERS].astype("float16")
        arrays["filters_layer"] = np.array(path)
        break
    shapes = activations.output_shapes(model, list(layers.values()))
    paths = [path for path, layer in layers.items() if len(shapes.get(id(layer), ())) in (2, 3)]
    paths = _spread(_after_activation(paths))
    outputs = activations.activations(model, first, [layers[path] for path in paths])
    for number, values in enumerate(outputs):
        maps = np.moveaxis(values, -1, 0)[:_NUM_MAPS]
        arrays[f"maps_{number}"] = np.clip(maps, -6e4, 6e4).astype("float16")
    if paths:
        arrays["maps_layers"] = np.array(paths)
        arrays["image"] = images.to_bytes(split.images[0])
    return arrays


def latent_of(model, split: Split) -> dict[str, np.ndarray]:
    """Returns `traversal` with `units`, `values` and `changes`, and `interpolation`, where known.

    See `bench.introspection.activations`. Images are uint8.
    """
    arrays: dict[str, np.ndarray] = {}
    if activations.can_traverse(model):
        inputs = _first_of(tasks.inputs(model.task, split), _NUM_REFERENCES)
        crossed = activations.traversal(model, inputs)
        arrays |= {"traversal": images.to_bytes(crossed.pop("images")), **crossed}
    if hasattr(model, "interpolate") and len(split) >= 2:
        pairs = _first_of(tasks.inputs(model.task, split), min(MAX_IMAGES, len(split)))
        arrays["interpolation"] = images.to_bytes(activations.interpolation(model, pairs))
    return arrays


def _shown(dataset) -> np.ndarray:
    """The test images of the frames: fewer where they are large."""
    affordable = _MAX_FRAME_VALUES // int(np.prod(dataset.image_shape))
    return np.arange(min(len(dataset.test), max(2, min(MAX_IMAGES, affordable))))


def _first_of(inputs: Any, count: int) -> Any:
    return keras.tree.map_structure(lambda values: values[:count], inputs)


def _after_activation(paths: list[str]) -> list[str]:
    """Leaves out a layer whose own activation, `<name>_act`, follows: its map says the same."""
    known = set(paths)
    return [path for path in paths if f"{path}_act" not in known]


def _spread(paths: list[str]) -> list[str]:
    """Chooses a few evenly, the first and the last among them."""
    places = np.linspace(0, len(paths) - 1, min(len(paths), _MAX_LAYERS)).round().astype(int)
    return [paths[place] for place in places]
