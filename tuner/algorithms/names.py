"""The search algorithms by name, and what each cannot do: known before Keras is imported."""

import importlib.util

from bench.errors import BenchError
from zoo import checks

OPTUNA = "optuna:"
SAMPLERS = ("tpe", "gp", "cmaes", "nsgaii")
TUNERS = ("random", "grid", "bayesian", "hyperband", *(f"{OPTUNA}{name}" for name in SAMPLERS))
DEFAULT = "bayesian"  # the best after 10, 20 and 40 trials: see docs/tune.md
_NEEDS = {"gp": ("optuna", "torch"), "cmaes": ("optuna", "cmaes")}
_INSTALL = {"torch": "pip install torch"}
_INSTALL_OPTUNA = "pip install 'keras-autoencoder-zoo[optuna]'"


def check(tuner: str, costs: tuple[str, ...] = (), epochs: int | None = None) -> None:
    """Checks that an algorithm can do what is asked for.

    Args:
        costs: Names of what it is to keep small beside the objective.
        epochs: Of each trial; None: not known yet.

    Raises:
        BenchError: for an unknown name, or what the algorithm cannot do.
    """
    if tuner not in TUNERS:
        raise BenchError(
            f"--tuner must be one of {', '.join(TUNERS)}. Received: {tuner!r}."
            f"{checks.suggestion(tuner, TUNERS)}"
        )
    if tuner.startswith(OPTUNA):
        check_installed(tuner)
    if costs and tuner == f"{OPTUNA}cmaes":
        raise BenchError(
            "--tuner optuna:cmaes takes no --costs. Use optuna:nsgaii, optuna:tpe or bayesian."
        )
    if tuner != "hyperband":
        return
    if costs:
        raise BenchError(
            "--tuner hyperband keeps trials by their score alone and takes no --costs. "
            "Use --tuner bayesian, random or grid, or leave the costs out."
        )
    if epochs is not None and epochs < 2:
        raise BenchError(f"--tuner hyperband needs --epochs of at least 2. Received: {epochs}.")


def check_warm(tuner: str, is_warm: bool) -> None:
    """Checks that an algorithm takes settings of a user, and ends by its scores.

    Args:
        is_warm: Whether it is asked to.

    Raises:
        BenchError: if it cannot.
    """
    if is_warm and tuner in ("grid", "hyperband"):
        raise BenchError(
            f"--tuner {tuner} has its own order and takes no --enqueue, --from and "
            "--search-patience. Use bayesian, random or one of Optuna's, or leave them out."
        )


def is_installed(tuner: str) -> bool:
    """Tells whether what an algorithm needs can be imported."""
    return not _missing(tuner)


def check_installed(tuner: str) -> None:
    """Checks that what an algorithm needs can be imported.

    Raises:
        BenchError: with the command that installs it.
    """
    for module in _missing(tuner):
        raise BenchError(
            f"--tuner {tuner} needs {module}, which is not installed. "
            f"Install it: {_INSTALL.get(module, _INSTALL_OPTUNA)}"
        )


def _missing(tuner: str) -> list[str]:
    if not tuner.startswith(OPTUNA):
        return []
    needed = _NEEDS.get(tuner.removeprefix(OPTUNA), ("optuna",))
    return [module for module in needed if importlib.util.find_spec(module) is None]
