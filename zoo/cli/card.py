"""`python -m zoo card`: what a saved model is, how it reads images, and what it was trained on."""

import argparse
from pathlib import Path

import zoo
from zoo import aligned
from zoo.cli import screen
from zoo.parser import new_command
from zoo.registry import pretrained
from zoo.registry.model_card import ModelCard
from zoo.registry.pretrained import MODEL_HELP, Weights


def run(options: argparse.Namespace) -> int:
    """Prints the model's description and its card."""
    found = pretrained.find(options.model)
    if isinstance(found, Weights):
        card = ModelCard.from_config(found.header()["config"].get("card"))
        told = [*weights_lines(found), *lines(card)]
        if card.threshold is not None:
            told.append(f"anomaly threshold: {card.threshold:.4g} ({card.threshold_rule})")
    else:
        model = zoo.load(options.model)
        told = [*model.describe(), *lines(model.card)]
    for line in told:
        screen.say(aligned.paragraph(line, screen.console().width))
    return 0


def weights_lines(weights: Weights) -> list[str]:
    """Returns what is known of weights that come with the package, from the record of a run."""
    facts = weights.facts
    data, training = facts["data"], facts["training"]
    given = "".join(f", {key}={value}" for key, value in facts["arguments"].items())
    shape = " x ".join(map(str, data["image_shape"]))
    lines = [
        f"{weights.name}: {facts['model']} {facts['preset'] or ''}{given}, "
        f"{facts['num_parameters']:,} parameters, {weights.num_bytes / 1e6:.2f} MB in "
        f"{weights.dtype}",
        f"data: {data['name']}{_noise(data)}, {data['num_train']:,} training images of {shape}, "
        f"{data['num_validation']:,} to validate, {data['num_test']:,} to test",
        f"licence: {facts['licence']}",
        f"budget: {_budget(training)}",
        f"chosen: {training['chosen']}",
    ]
    lines += [f"test {name}: {_measured(found)}" for name, found in weights.metrics.items()]
    if facts["floors"]:
        floors = ", ".join(f"{name} {value:.4g}" for name, value in facts["floors"].items())
        lines.append(f"floors, by test mse: {floors}")
    return lines + [f"limit: {limit}" for limit in facts["limits"]]


def _noise(data: dict) -> str:
    return f" with noise {data['loading']['noise']}" if data["loading"].get("noise") else ""


def _budget(training: dict) -> str:
    most = "at most " if training["patience"] else ""
    stop = f", ended after {training['num_epochs']}" if training["patience"] else ""
    labels = f", {training['num_labels']:,} labels" if training.get("num_labels") else ""
    return (
        f"{most}{training['epochs']} epochs{stop}, batch {training['batch_size']}, "
        f"{training['optimizer']} {training['learning_rate']:g}, {training['precision']}{labels}, "
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


def lines(card: ModelCard) -> list[str]:
    """Returns what a card says, but for the threshold, which `describe` of the model has."""
    told = [f"saved by: zoo {card.version}"]
    reading = []
    if card.resize is not None:
        reading.append("resized to " + "x".join(map(str, card.resize)))
    if card.color is not None:
        reading.append(card.color)
    if card.value_range is not None:
        low, high = card.value_range
        reading.append(f"black is {low:g}, white {high:g}")
    if reading:
        told.append(f"reads images: {', '.join(reading)}")
    if card.class_names:
        told.append(f"labels: {', '.join(card.class_names)}")
    if card.trained_on is not None:
        told.append(f"trained on: {card.trained_on}")
    if card.data is not None:
        told += [f"layout: {card.data.layout}", *card.data.lines()]
    return told


def add_parser(commands) -> None:
    """Adds the sub-command to the parser."""
    parser = new_command(
        commands,
        "card",
        run,
        "say what a saved model is, and what was read to train it",
        "examples:\n  python -m zoo card vae.keras\n  python -m zoo card fashion_mnist/vae\n",
        description="Says what a saved model is, how it reads images, its threshold and labels, "
        "and what was read to train it: layout, numbers, classes, and what was left out and why.",
    )
    parser.add_argument("model", type=Path, help=MODEL_HELP)
