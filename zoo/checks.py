"""Argument errors in one style: owner, expectation, what came, and the fix."""

import argparse
import difflib
import numbers
import re

import numpy as np

DEFAULT_LEARNING_RATE = 1e-3  # of Adam, where nobody chooses
LARGEST_SEED = 2**32 - 1  # that NumPy takes
# By what share a faster way to compute may be worse than the plain one and still be as good.
MOST_LOSS_OF_QUALITY = 0.001
_ERROR_LENGTH = 500  # characters that are kept of an error
_COLOURS = re.compile(r"\x1b\[[\d;]*m")  # of a terminal, in errors of Keras
_OF_OURS = re.compile(r"[\w.]+: .* must ")
_BLOCK_BYTES = 2**24  # of values looked at together


def suggestion(value, allowed) -> str:
    """Returns `" Did you mean 'x'?"` for the nearest allowed name, or an empty string."""
    near = difflib.get_close_matches(str(value), [str(name) for name in allowed], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class TextError(ValueError, argparse.ArgumentTypeError):
    """A text is not what it has to be; a command line shows the message too."""


def size(text: str) -> tuple[int, int]:
    """Returns `(height, width)` in pixels of `"64x48"`.

    Raises:
        TextError: if the text is not two whole numbers of at least 1.
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise TextError(f"must be HEIGHTxWIDTH, such as 64x64, not {text!r}")
    height, width = map(int, parts)
    return height, width


def seed(text: str) -> int:
    """Returns the seed of a text.

    Raises:
        TextError: if it is no whole number that NumPy takes.
    """
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise TextError(f"must be a whole number from 0 to {LARGEST_SEED}, not {text!r}")
    return int(text)


def one_line(error: BaseException, most: int = _ERROR_LENGTH, *, with_kind: bool = True) -> str:
    """Returns an exception as one line, cut between two words where it is long.

    Args:
        most: Number of characters.
        with_kind: Whether it begins with the name of the exception's class, as it always does
            where there is no message.
    """
    kind, text = type(error).__name__, " ".join(_COLOURS.sub("", str(error)).split())
    if not text:
        return kind
    text = f"{kind}: {text}" if with_kind else text
    if len(text) <= most:
        return text
    place = text.rfind(" ", 0, most - 1)
    kept = text[: place if place > most // 2 else most - 2]  # one word may be longer than all
    return f"{kept.rstrip(' .,;:')} …"


def no_defect(error: BaseException) -> str | None:
    """Returns a line on an error that machine, files or data cause; None: on a defect of ours.

    These are what memory, disk or terminal cannot do, and a `TypeError` in the words of `zoo`,
    which begin with who refuses what.
    """
    text = one_line(error, with_kind=False)
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return f"memory is too small. Use a smaller model, batch or image. ({text})"[:_ERROR_LENGTH]
    is_ours = isinstance(error, TypeError) and _OF_OURS.match(str(error))
    return text if is_ours or isinstance(error, (OSError, UnicodeError)) else None


def one_of(owner: str, **arguments) -> None:
    """Checks `name=(value, allowed)` pairs."""
    for name, (value, allowed) in arguments.items():
        if value not in allowed:
            raise ValueError(
                f"{owner}: {name} must be one of {', '.join(repr(a) for a in allowed)}. "
                f"Received: {name}={value!r}.{suggestion(value, allowed)}"
            )


def known_arguments(owner: str, names, allowed, taken=()) -> None:
    """Raises TypeError for the first name, by the alphabet, that is none of those allowed.

    Args:
        taken: Arguments that are shown beside those allowed: these must not come twice.
    """
    unknown = sorted(set(names) - set(allowed))
    if unknown:
        shown = [*taken, *allowed]
        raise TypeError(
            f"{owner}: unknown argument {unknown[0]!r}.{suggestion(unknown[0], shown)} "
            f"Its arguments: {', '.join(shown)}."
        )


def positive_int(owner: str, **arguments) -> None:
    """Checks that each argument is an int of at least 1."""
    int_from(1, owner, **arguments)


def int_from(least: int, owner: str, **arguments) -> None:
    """Checks that each argument is an int of at least `least`."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
            raise ValueError(
                f"{owner}: {name} must be an int >= {least}. Received: {name}={value!r}."
            )


def seed_number(owner: str, seed) -> int | None:
    """Returns a seed as an int; None stays None."""
    if seed is None:
        return None
    is_int = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not is_int or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(
            f"{owner}: seed must be an int from 0 to {LARGEST_SEED}, or None. "
            f"Received: seed={seed!r}."
        )
    return int(seed)


def number(owner: str, *, low=-np.inf, high=np.inf, **arguments) -> None:
    """Checks that each argument is a finite number in `[low, high]`."""
    for name, value in arguments.items():
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not is_number or not np.isfinite(value) or not low <= value <= high:
            is_bounded = np.isfinite(low) or np.isfinite(high)
            kind = f"a number in [{low:g}, {high:g}]" if is_bounded else "a finite number"
            raise ValueError(f"{owner}: {name} must be {kind}. Received: {name}={value!r}.")


def ints(owner: str, name: str, values, *, allow_empty: bool = False) -> tuple[int, ...]:
    """Returns `values` as a tuple of positive ints."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(
            f"{owner}: {name} must be a tuple of ints, such as (32, 64). "
            f"Received: {name}={values!r}."
        )
    values = tuple(values)
    if not values and not allow_empty:
        raise ValueError(f"{owner}: {name} must not be empty. Received: {name}={values!r}.")
    for value in values:
        positive_int(owner, **{name: value})
    return tuple(int(value) for value in values)


def image_shape(owner: str, shape) -> tuple[int, ...]:
    """Returns `shape` as a tuple: an image, a series, or a flat vector."""
    if isinstance(shape, numbers.Integral):
        shape = (shape,)
    if shape is None or isinstance(shape, str) or not hasattr(shape, "__iter__"):
        shape_error(owner, shape)
    shape = tuple(shape)
    sizes_ok = all(isinstance(n, numbers.Integral) and n >= 1 for n in shape)
    if len(shape) not in (1, 2, 3) or not sizes_ok:
        shape_error(owner, shape)
    return tuple(int(n) for n in shape)


def shape_error(owner: str, shape):
    raise ValueError(
        f"{owner}: image_shape must be (height, width, channels) for images, "
        "(length, channels) for series or (features,) for flat vectors, without the batch axis. "
        f"Received: image_shape={shape!r}. For example (28, 28, 1)."
    )


def divisible(owner: str, shape: tuple[int, ...], num_halvings: int, or_set: str = "") -> None:
    """Checks that every spatial size of `shape` can be halved `num_halvings` times.

    Args:
        or_set: An argument, such as `"pad_to_fit=True"`, that makes the model take any size.
    """
    factor = 2**num_halvings
    spatial, channels = shape[:-1], shape[-1:]
    if all(size % factor == 0 for size in spatial):
        return
    padded = tuple(-(-size // factor) * factor for size in spatial) + channels
    axes = "height and width" if len(spatial) == 2 else "length"
    raise ValueError(
        f"{owner}: image_shape {axes} must be divisible by {factor}, as the network "
        f"halves it {num_halvings} times. Received: image_shape={shape}. "
        f"Pad to {padded} or use fewer widths" + (f", or set {or_set}." if or_set else ".")
    )


def images(owner: str, values, shape: tuple[int, ...], name: str = "x") -> None:
    """Checks a batch of images at the door, before any long work.

    Args:
        values: Array `(batch, *shape)`, expected finite and in `[0, 1]`.
        shape: The model's `image_shape`.
    """
    if isinstance(values, dict):
        keys = ", ".join(map(repr, values))
        raise TypeError(
            f"{owner}: {name} must be an array, not a dict. Received: the keys {keys}. Give one of "
            "them, or a tuple of x and y."
        )
    values = np.asarray(values)
    if values.dtype.kind not in "uif":
        fixes = {"b": f" Convert it: {name}.astype('float32')."}
        if values.dtype == object and values.size and values.flat[0] is not None:
            fixes["O"] = f" Convert it: numpy.stack({name}).astype('float32')."
        raise TypeError(
            f"{owner}: {name} must be a numeric array of shape (batch, "
            f"{', '.join(map(str, shape))}). Received: dtype {values.dtype}."
            + fixes.get(values.dtype.kind, "")
        )
    array_shape(owner, values.shape, shape, name)
    if values.size == 0:
        raise ValueError(f"{owner}: {name} must hold at least one image. Received: 0 images.")
    low, high = _range(values)
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        raise ValueError(
            f"{owner}: {name} must be finite. Received: NaN or infinity in {bad.sum()} of "
            f"{len(values)} images, the first at index {int(bad.argmax())}. "
            f"Remove them, or replace them with numpy.nan_to_num."
        )
    if low < 0 or high > 1:
        if low >= -0.01 and high <= 1.01:
            fix = f"Clip it: {name}.clip(0, 1)."
        elif low >= 0 and 1.5 < high <= 255:
            fix = f"Divide by 255: {name}.astype('float32') / 255."
        else:
            fix = f"Rescale with ({name} - {name}.min()) / ({name}.max() - {name}.min())."
        raise ValueError(
            f"{owner}: {name} must lie in [0, 1]. "
            f"Received: minimum {low:.8g}, maximum {high:.8g}. {fix}"
        )


def _range(values: np.ndarray) -> tuple[float, float]:
    """Returns the lowest and the highest value, read once: the array may lie in a file."""
    num_rows = max(1, _BLOCK_BYTES * len(values) // values.nbytes)
    blocks = [values[start : start + num_rows] for start in range(0, len(values), num_rows)]
    low, high = np.transpose([(block.min(), block.max()) for block in blocks])
    return low.min(), high.max()


def finite(owner: str, values, name: str) -> None:
    """Checks that an array has neither NaN nor infinity."""
    is_finite = np.isfinite(np.asarray(values, "float32"))
    if not is_finite.all():
        raise ValueError(
            f"{owner}: {name} must be finite. Received: NaN or infinity in "
            f"{int((~is_finite).sum())} of {is_finite.size} values."
        )


def channels_last(owner: str) -> None:
    """Checks that Keras lays images out as the zoo does."""
    import keras

    received = keras.config.image_data_format()
    if received != "channels_last":
        raise ValueError(
            f"{owner}: image_data_format must be 'channels_last', as images are (height, width, "
            f"channels). Received: image_data_format={received!r}. "
            "Call keras.config.set_image_data_format('channels_last') first."
        )


def not_fixed(owner: str, given: dict, fixed: dict[str, str]) -> None:
    """Refuses arguments that a model sets itself.

    Args:
        given: Arguments by name.
        fixed: Why, and what to use instead, by name.
    """
    for name in given:
        if name in fixed:
            raise TypeError(f"{owner}: {name} {fixed[name]}")


def keys(owner: str, values, expected: tuple[str, ...], name: str = "x") -> None:
    """Checks that `values` is a dict with exactly these keys."""
    wanted = ", ".join(f"{key!r}: ..." for key in expected)
    if not isinstance(values, dict):
        raise TypeError(
            f"{owner}: {name} must be a dict {{{wanted}}}. Received: {type(values).__name__}. "
            f"Give all parts together, as {name}={{{wanted}}}."
        )
    if set(values) != set(expected):
        raise ValueError(
            f"{owner}: {name} must have the keys {', '.join(map(repr, expected))}. "
            f"Received: {', '.join(map(repr, values))}. Give {{{wanted}}}."
        )


def codes(owner: str, values, shape: tuple[int, ...], name: str = "codes") -> None:
    """Checks codes `(batch, *shape)`: at least one, and finite."""
    array_shape(owner, np.shape(values), shape, name, or_else="Give codes as encode returns them.")
    if np.shape(values)[0] == 0:
        raise ValueError(f"{owner}: {name} must hold at least one code. Received: 0 codes.")
    finite(owner, values, name)


def array_shape(
    owner: str,
    received,
    shape: tuple[int, ...],
    name: str = "x",
    or_else: str | None = None,
) -> None:
    """Checks `(batch, *shape)`; unknown (None) sizes pass.

    Args:
        or_else: What to do where no change of the array is the remedy; that of images by default.
    """
    received = tuple(received)
    expected = f"(batch, {', '.join(map(str, shape))})"
    if len(received) == len(shape) + 1 and all(
        got is None or got == want for got, want in zip(received[1:], shape, strict=True)
    ):
        return
    if received == shape:
        fix = f"Add the batch axis: {name}[None]."
    elif (*received, 1) == (received[0] if received else 0, *shape):
        fix = f"Add the channel axis: {name}[..., None]."
    elif received[1:] == (shape[-1], *shape[:-1]) and shape[-1] > 1:
        fix = f"Move the channels last: numpy.moveaxis({name}, 1, -1)."
    elif len(shape) == 3 and received[1:] == (shape[1], shape[0], shape[2]):
        fix = f"Height comes before width: {name}.swapaxes(1, 2)."
    elif _holds_in_this_order(received[1:], shape):
        fix = f"Reshape it: {name}.reshape((-1, {', '.join(map(str, shape))}))."
    elif or_else is not None:
        fix = or_else
    elif len(received) > 1:
        fix = f"Create the model with image_shape={received[1:]}, or resize the images."
    else:
        fix = "Give one row per image."
    raise ValueError(
        f"{owner}: {name} must have shape {expected}. Received: shape {received}. {fix}"
    )


def _holds_in_this_order(received: tuple, shape: tuple[int, ...]) -> bool:
    """Tells whether values of one shape lie as those of another: flat, or but for axes of 1."""
    sizes = [[size or 1 for size in each if size != 1] for each in (received, shape)]
    is_flat = len(sizes[0]) == 1 or len(sizes[1]) == 1
    return bool(received) and (
        sizes[0] == sizes[1] or (is_flat and np.prod(sizes[0]) == np.prod(sizes[1]))
    )


def activation(owner: str, name: str, value) -> None:
    """Checks that a name is an activation of Keras."""
    import keras

    try:
        keras.activations.get(value)
    except (ValueError, TypeError):
        value_is_known = False
    else:
        value_is_known = isinstance(value, str)
    if not value_is_known:
        known = [n for n in dir(keras.activations) if n.islower() and n[0] != "_"]
        raise ValueError(
            f"{owner}: {name} must be the name of a Keras activation. "
            f"Received: {name}={value!r}.{suggestion(value, known)} See keras.activations."
        )
