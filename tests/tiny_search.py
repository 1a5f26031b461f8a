"""What the tests of the tuner share: a space of tiny dense autoencoders, searched in silence."""

import io

from rich.console import Console

# What is left open: the code size, the learning rate and the batch size.
DENSE = {
    "widths": [()],
    "hidden_layers": 0,
    "activation": "relu",
    "normalization": None,
    "reconstruction": "mean_squared_error",
    "output_activation": "sigmoid",
}


def quiet(width: int | None = None) -> Console:
    return Console(file=io.StringIO(), width=width)
