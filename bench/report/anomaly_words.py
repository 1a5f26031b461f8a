"""What a table of anomalies says in words when its models are worse than guessing."""

from collections.abc import Sequence

from bench.leaderboard.rows import Row

CHANCE = 0.5


def sentences(rows: Sequence[Row]) -> list[str]:
    """Returns what to know of each table of anomalies whose models are all below 0.5.

    Anomalies look more normal to them than normal images do. `[]` where a model is above.

    Args:
        rows: Of a leaderboard, as `bench.leaderboard.rows.rows` gives them.
    """
    tables: dict[str, list[Row]] = {}
    for row in rows:
        if not row.failed and row.ranked_by == "auroc" and "auroc" in row.quality:
            tables.setdefault(row.table, []).append(row)
    several = len(tables) > 1
    said = []
    for name, members in tables.items():
        text = _of_table(members)
        if text:
            said.append(f"{name}: {text}" if several else text)
    return said


def _of_table(members: Sequence[Row]) -> str | None:
    models = [row for row in members if not row.baseline]
    baselines = [row for row in members if row.baseline]
    if not models:
        return None
    best, floor = _best(models), _best(baselines)
    value = best.quality["auroc"].mean
    than = None if floor is None else floor.quality["auroc"].mean
    instead = "" if than is None or than <= max(value, CHANCE) else f"{floor.name} ({than:.3f})"
    if value < CHANCE:
        use = f"Use {instead}, or" if instead else "Try"
        return (
            f"No model is above an AUROC of 0.5 (the best, {best.name}, has {value:.3f}): to them "
            f"the anomalies look more normal than the normals, as errors of pixels do where "
            f"anomalies are smoother. {use} a model of features: feature_autoencoder, for textures "
            "its preset textures."
        )
    return None


def _best(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: row.quality["auroc"].mean, default=None)
