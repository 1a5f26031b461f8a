"""What is said of anomalies where all models of a table are worse than guessing."""

from collections.abc import Sequence

from bench.leaderboard.rows import Row

CHANCE = 0.5


def all_below_chance(models: Sequence[Row]) -> bool:
    """Tells whether anomalies look more normal than the normals to each of these models."""
    known = [row.quality["auroc"].mean for row in models if row.ranked_by == "auroc"]
    return bool(known) and max(known) < CHANCE


def why() -> str:
    """Returns why that happens."""
    return (
        "All are below an AUROC of 0.5, which is guessing: to them the anomalies look more normal "
        "than the normals, as errors of pixels do where anomalies are smoother."
    )


def advice(models: Sequence[Row], floor: Row | None) -> str:
    """Returns what to use instead: the floor, where it is above guessing, or other models.

    Args:
        models: All below 0.5.
        floor: The best baseline, or None.
    """
    is_of_use = floor is not None and floor.quality["auroc"].mean > CHANCE
    use = f"use {floor.name}, which needs no training, or" if is_of_use else "try"
    return (
        f"{use} a model of features: feature_autoencoder, for textures its preset textures "
        "(--models feature_autoencoder:textures)"
    )
