"""Numbers of parameters of published networks, counted in the zoo's models without training."""

from collections.abc import Sequence

from bench.reproduce.entries import Entry, as_tuple


def compute(entries: Sequence[Entry]) -> dict[str, int]:
    """Returns trainable parameters by id, of the entries that are counts of a model here.

    The models have the image shape of their preset's source.
    """
    import math

    import zoo

    counts: dict[str, int] = {}
    models = {}
    for entry in entries:
        if not entry.is_count or not entry.recipe:
            continue
        if entry.model not in models:
            name, preset = entry.recipe["model"].split(":")
            arguments = (entry.recipe.get("arguments") or {}).items()
            given = {key: as_tuple(value) for key, value in arguments}
            models[entry.model] = zoo.create(name, preset=preset, **given)
        part = entry.recipe.get("part")
        counted = models[entry.model] if part is None else getattr(models[entry.model], part)
        counts[entry.id] = sum(math.prod(weight.shape) for weight in counted.trainable_weights)
    return counts
