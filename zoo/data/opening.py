"""One image file, opened with Pillow: upright, and what fails in one line with the file's name."""

import contextlib
import logging
import warnings

_ORIENTATION = 0x0112  # the rotation mark of EXIF
# Pillow's readers leak the errors of struct, zlib and of their own parsing.
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError)

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what fails is said once, with its file


class UnreadableImageError(ValueError):
    """A file that should be an image and cannot be read as one; the text names it."""


class OutOfRangeError(UnreadableImageError):
    """A file whose values do not lie where black and white are: the range is wrong, not the file.

    Args:
        text: What is wrong, with the name of the file.
        fix: What to do about it where the range can be given.
    """

    def __init__(self, text: str, fix: str):
        super().__init__(f"{text} {fix}")
        self.text = text


@contextlib.contextmanager
def opened(file, load: bool = True):
    """Opens a file with Pillow; what Pillow raises becomes one line with the file's name.

    Raises:
        UnreadableImageError: if the file is damaged, or what is done with it fails.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                if load:
                    image.load()
                yield image
    except UnreadableImageError:
        raise
    except (Image.DecompressionBombError, MemoryError, *_PILLOW_ERRORS) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        reason = lines[0].split(" '" + str(file))[0]
        raise UnreadableImageError(
            f"{file}: cannot be read as an image ({reason}). Remove or replace the file."
        ) from error


def upright(image):
    """Returns an opened image as it is shown: a camera's rotation mark is applied."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def size_of(file) -> tuple[int, int]:
    """Returns `(height, width)` of an image file, as it is shown; its pixels are not read."""
    with opened(file, load=False) as image:
        is_turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        return (image.width, image.height) if is_turned else (image.height, image.width)


def grey_or_none(image):
    """Returns a picture as greys of one channel, or None if it holds a colour."""
    return image.convert("L") if is_grey(image) else None


def is_grey(image) -> bool:
    """Tells whether an image, or a palette as a grey GIF has one, holds nothing but greys."""
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()
