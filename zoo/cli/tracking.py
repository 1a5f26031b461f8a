"""The options by which a training tells trackers of itself."""

from pathlib import Path

from zoo.cli.files import CommandError
from zoo.tracking import runs, trackers


def add_options(parser) -> None:
    """Adds the options to a parser."""
    trackers.add_option(parser, "each epoch")
    parser.add_argument(
        "--track-to",
        type=Path,
        metavar="FOLDER",
        help=f"of what they keep; default: {runs.FOLDER}/ beside --output",
    )


def check_options(options) -> None:
    """Raises CommandError for a tracker whose package is not installed."""
    if options.track_to is not None and not options.track:
        raise CommandError("--track-to needs --track TRACKER.")
    trackers.check(options.track)


def callbacks(options) -> list:
    """Returns the callback that tells the trackers, if there are any."""
    if not options.track:
        return []
    from zoo.diagnostics.tracking import Tracking

    folder = options.track_to or options.output.parent / runs.FOLDER
    names = ("batch_size", "learning_rate", "validation_split", "resume")
    settings = {"data": str(options.data), "preset": options.preset}
    settings |= {name: _plain(getattr(options, name)) for name in names}
    return [Tracking(options.track, folder, name=options.output.stem, settings=settings)]


def _plain(value):
    return str(value) if isinstance(value, Path) else value
