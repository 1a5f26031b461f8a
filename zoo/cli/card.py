"""`python -m zoo card`: what a saved model is, how it reads images, and what it was trained on."""

import argparse
from pathlib import Path

import zoo
from zoo.cli import screen
from zoo.parser import new_command
from zoo.registry import pretrained, weights_card
from zoo.registry.model_card import ModelCard
from zoo.registry.pretrained import MODEL_HELP, Weights


def run(options: argparse.Namespace) -> int:
    """Prints the model's description and its card."""
    found = pretrained.find(options.model)
    if isinstance(found, Weights):
        card = ModelCard.from_config(found.header()["config"].get("card"))
        told = [*weights_card.lines(found), *lines(card)]
        if card.threshold is not None:
            told.append(f"anomaly threshold: {card.threshold:.4g} ({card.threshold_rule})")
    else:
        model = zoo.load(options.model)
        told = [*model.describe(), *lines(model.card)]
    for line in told:
        screen.paragraph(line)
    return 0


def lines(card: ModelCard) -> list[str]:
    """Returns what a card says, but for the threshold, which `describe` of the model has."""
    told = [f"saved by: zoo {card.version}"]
    reading = []
    if card.resize is not None:
        reading.append("resized to " + "x".join(map(str, card.resize)))
    if card.crop is not None:
        reading.append("in their own size, on tiles of " + "x".join(map(str, card.crop)))
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
