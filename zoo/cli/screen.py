"""What a command shows: one console, a bar for files, and a bar for training."""

import contextlib

from zoo import aligned


def console():
    """Returns the console of standard output."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Prints a line as it is: brackets in file names are no markup, and odd bytes are escaped."""
    console().print(text.encode("utf-8", "backslashreplace").decode(), markup=False)


def paragraph(text: str) -> None:
    """Prints a text in lines as wide as the console."""
    say(aligned.paragraph(text, console().width))


@contextlib.contextmanager
def bar(title: str, total: int, stays: bool = True):
    """Yields `advance(number, note)`, which moves a progress bar on.

    Where nobody looks, in a pipe or a log, each note is a line.

    Args:
        stays: Whether the bar is there still at its end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeRemaining

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemaining(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    terminal = Console(stderr=True)  # what a command prints on standard output can be piped on
    if not terminal.is_terminal:
        yield lambda number=1, note=None: note and say(note)
        return
    with Progress(*columns, console=terminal, transient=not stays) as progress:
        task = progress.add_task(title, total=total, note="")

        def advance(number: int = 1, note: str | None = None) -> None:
            fields = {} if note is None else {"note": note}
            progress.update(task, advance=number, **fields)

        yield advance


def reading_bar(total: int):
    """Returns the bar of image files that are read, gone when they are."""
    return bar("reading", total, stays=False)


def training_bar(advance):
    """Returns a Keras callback that moves a bar on by one per epoch and shows the losses."""
    import keras

    class TrainingBar(keras.callbacks.Callback):
        num_epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.num_epochs += 1
            shown = {key: value for key, value in (logs or {}).items() if key.endswith("loss")}
            values = "  ".join(f"{key} {value:.4g}" for key, value in shown.items())
            advance(1, f"epoch {self.num_epochs}  {values}")

    return TrainingBar()
