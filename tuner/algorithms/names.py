"""The search algorithms by name, and what each cannot do: known before Keras is imported."""

from bench.errors import BenchError
from zoo import checks

TUNERS = ("random", "grid", "bayesian", "hyperband")


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
    if tuner != "hyperband":
        return
    if costs:
        raise BenchError(
            "--tuner hyperband keeps trials by their score alone and takes no --costs. "
            "Use --tuner bayesian, random or grid, or leave the costs out."
        )
    if epochs is not None and epochs < 2:
        raise BenchError(f"--tuner hyperband needs --epochs of at least 2. Received: {epochs}.")
