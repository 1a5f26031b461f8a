"""The card of weights that come with the package, in words: from the record of their training."""

from zoo.registry.pretrained import Weights


def lines(weights: Weights) -> list[str]:
    """Returns what is known of weights that come with the package, from the record of a run."""
    facts = weights.facts
    data, training = facts["data"], facts["training"]
    given = "".join(f", {key}={value}" for key, value in facts["arguments"].items())
    shape = " x ".join(map(str, data["image_shape"]))
    told = [
        f"{weights.name}: {facts['model']} {facts['preset'] or ''}{given}, "
        f"{facts['num_parameters']:,} parameters, {weights.num_bytes / 1e6:.2f} MB, "
        f"{weights.bits} bits a weight",
        f"data: {data['name']}{_noise(data)}, {data['num_train']:,} training images of {shape}, "
        f"{data['num_validation']:,} to validate, {data['num_test']:,} to test",
        f"licence: {facts['licence']}",
        f"budget: {_budget(training)}",
        f"chosen: {training['chosen']}",
    ]
    told += [f"test {name}: {_measured(found)}" for name, found in weights.metrics.items()]
    if facts["floors"]:
        floors = ", ".join(f"{name} {value:.4g}" for name, value in facts["floors"].items())
        told.append(f"floors, by test mse: {floors}")
    return told + [f"limit: {limit}" for limit in facts["limits"]]


def _noise(data: dict) -> str:
    return f" with noise {data['loading']['noise']}" if data["loading"].get("noise") else ""


def rate_text(learning_rate: float, decay: str) -> str:
    """Returns `0.003`, or `0.003 falling to 0 (cosine)`."""
    return f"{learning_rate:g}" + ("" if decay == "none" else f" falling to 0 ({decay})")


def _budget(training: dict) -> str:
    most = "at most " if training["patience"] else ""
    stop = f", ended after {training['num_epochs']}" if training["patience"] else ""
    labels = f", {training['num_labels']:,} labels" if training.get("num_labels") else ""
    rate = rate_text(training["learning_rate"], training.get("decay", "none"))
    return (
        f"{most}{training['epochs']} epochs{stop}, batch {training['batch_size']}, "
        f"{training['optimizer']} {rate}, {training['precision']}{labels}, "
        f"seed {training['seed']}"
    )


def _measured(found: dict) -> str:
    text = f"{found['value']:.4g}"
    if "low" in found:
        text += f", 95 % interval over images {found['low']:.4g} to {found['high']:.4g}"
    if found.get("num_seeds", 1) > 1:
        text += (
            f"; over {found['num_seeds']} seeds {found['mean']:.4g}, "
            f"{found['mean_low']:.4g} to {found['mean_high']:.4g}"
        )
    return text
