"""Thresholds of anomalies on the command line: their options, and what is said of them."""

import dataclasses
from typing import NamedTuple

import numpy as np

from zoo.cli import screen
from zoo.cli.files import CommandError
from zoo.registry import conformal, pretrained
from zoo.registry.model_card import FALSE_ALARM_RATE


def add(parser, whose: str) -> None:
    """Adds the options of a threshold that comes from normal images."""
    parser.add_argument(
        "--false-alarm-rate",
        type=float,
        metavar="RATE",
        help=f"share of normal images that may be flagged, on average, by the rank {whose}' "
        f"scores; default: {FALSE_ALARM_RATE:g}, or the lowest rate for so few",
    )
    parser.add_argument("--quantile", type=float, help=f"in its place: the share {whose} that pass")


def check_options(options) -> None:
    """Raises CommandError for a rate or a quantile out of range, and for both."""
    for name in ("false_alarm_rate", "quantile"):
        value = getattr(options, name)
        if value is not None and not 0 < value < 1:
            flag = f"--{name.replace('_', '-')}"
            raise CommandError(f"{flag} must lie between 0 and 1. Received: {value}.")
    if options.false_alarm_rate is not None and options.quantile is not None:
        raise CommandError("--false-alarm-rate must not be given with --quantile. Choose one.")


def check_score_options(options) -> None:
    """Raises CommandError for options of `score` that do not go together."""
    check_options(options)
    if options.threshold is not None and options.normals is not None:
        raise CommandError("--threshold must not be given with --normals. Choose one.")
    if options.normals is not None and options.normals.resolve() == options.folder.resolve():
        raise CommandError(
            f"--normals must be others than those to judge. Received: {options.normals} for both. "
            "A threshold comes from held-out normals: of its own it flags a set share."
        )
    for name in ("quantile", "false_alarm_rate"):
        if getattr(options, name) is not None and options.normals is None:
            raise CommandError(
                f"--{name.replace('_', '-')} needs --normals FOLDER: a threshold comes from normal "
                "images that the model was not trained on, not from the images to judge."
            )
    if options.threshold is not None and not np.isfinite(options.threshold):
        raise CommandError(f"--threshold must be a finite number. Received: {options.threshold}.")
    if options.fdr is not None and not 0 < options.fdr < 1:
        raise CommandError(f"--fdr must lie between 0 and 1. Received: {options.fdr}.")
    if options.fdr is not None and options.threshold is not None:
        raise CommandError("--fdr must not be given with --threshold. Choose one.")
    if options.keep and options.threshold is None and options.normals is None:
        raise CommandError("--keep needs --threshold or --normals: it stores that threshold.")
    if options.keep and pretrained.find(options.model) is not None:
        raise CommandError(
            f"--keep needs a file to store the threshold in. Received: {options.model}. Save the "
            "model first: zoo.load(name).save('model.keras')."
        )


def check_held_out(options, num_held_out: int, model=None) -> None:
    """Raises CommandError where the held-out images are too few for the rate that is asked for.

    Args:
        model: That is to give the scores; one that gives none needs no images.
    """
    if getattr(options, "normals", None) is not None and num_held_out < 2:
        raise CommandError(f"--normals needs 2 images or rows, or more. Received: {num_held_out}.")
    rate = options.false_alarm_rate
    if rate is None or (model is not None and not hasattr(model, "anomaly_score")):
        return
    fewest = conformal.fewest_scores(rate)
    if num_held_out < fewest:
        raise CommandError(
            f"--false-alarm-rate {rate:g} needs {fewest} held-out normal images or more. "
            f"Received: {num_held_out}. Hold out more, or ask for a higher rate."
        )


def leave_out_others(model, scored: str | None, options) -> None:
    """Takes out of a model's card what belongs to scores that were made in another way.

    Args:
        scored: How they are made now: see `ModelCard`.
        options: With `threshold` and `normals`, which give others.
    """
    card = model.card
    if card.scored == scored:
        return
    model.card = card.without_thresholds()
    if card.threshold is not None and options.threshold is None and options.normals is None:
        plain = "of images as the model reads them by itself"
        screen.paragraph(
            f"left out: the model's threshold, which is for scores {card.scored or plain}; these "
            f"are {scored or plain}"
        )


def set_by_hand(model, threshold: float) -> None:
    """Sets the threshold of a model to a number."""
    model.card = dataclasses.replace(model.card, threshold=threshold, threshold_rule="set by hand")


def keep(model, options, normals: str) -> None:
    """Writes the threshold to the model's file, where `--keep` asks for it.

    Args:
        options: With `model`, the path of the file, `fdr` and `keep`.
        normals: What `--normals` takes, for the error.

    Raises:
        CommandError: for `--fdr` and a model with no, or too few, scores of held-out normals.
    """
    if options.fdr is not None and not model.card.held_out_scores:
        raise CommandError(
            f"--fdr needs p-values, and {options.model} keeps no scores of held-out normals. Give "
            f"--normals {normals}."
        )
    num = len(model.card.held_out_scores)
    if options.fdr is not None and num < conformal.fewest_scores(options.fdr):
        raise CommandError(
            f"--fdr {options.fdr:g} needs {conformal.fewest_scores(options.fdr)} held-out scores "
            f"or more: of fewer no p-value is so low. Received: {num}. Give more by --normals "
            f"{normals}, or a higher share."
        )
    if options.keep:
        model.save(options.model)


def from_scores(model, scores: np.ndarray, options, highest=()) -> None:
    """Sets the thresholds of a model from held-out normal images, and says what to expect.

    Args:
        scores: Of the images, `(n,)`.
        options: With `false_alarm_rate` and `quantile`.
        highest: The highest score of a pixel of each image, where there are maps.
    """
    rate = options.false_alarm_rate
    if rate is None and options.quantile is None:
        rate = max(FALSE_ALARM_RATE, conformal.lowest_rate(len(scores)))
        if rate > FALSE_ALARM_RATE:
            screen.say(
                f"{len(scores)} held-out images are too few for a false-alarm rate of "
                f"{FALSE_ALARM_RATE:g}, which needs {conformal.fewest_scores(FALSE_ALARM_RATE)}"
            )
    threshold = model.set_threshold(scores, false_alarm_rate=rate, quantile=options.quantile)
    screen.say(f"anomaly threshold {threshold:.5g}: {model.card.threshold_rule}")
    if len(highest) and rate is not None:
        model.set_pixel_threshold(np.array(highest)[:, None], false_alarm_rate=rate)
    else:  # one of before is of other normals, or of whole images
        model.card = dataclasses.replace(
            model.card, pixel_threshold=None, pixel_threshold_rule=None
        )


def highest(model, batches, batch_size: int) -> list[float]:
    """Returns the highest score of a pixel of each image; maps of all would take much memory."""
    if not hasattr(model, "score_map"):
        return []
    found = []
    for inputs in batches:
        for start in range(0, len(model.image_of(inputs)), batch_size):
            rows = slice(start, start + batch_size)
            is_dict = isinstance(inputs, dict)
            piece = {k: v[rows] for k, v in inputs.items()} if is_dict else inputs[rows]
            maps = np.asarray(model.score_map(piece))
            found += maps.reshape(len(maps), -1).max(axis=1).tolist()
    return found


def cap_uncertainty(model, batches) -> None:
    """Bounds a predicted uncertainty by that of held-out normals, where the model has one."""
    if hasattr(model, "cap_uncertainty"):
        model.cap_uncertainty(np.concatenate(list(batches)))


class Judged(NamedTuple):
    """What is found of the scores: columns of the table, a row each, and a sentence."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    text: str


def judged(card, scores: list[float], fdr: float | None) -> Judged:
    """Judges scores by the thresholds of a card, or with `fdr` by their p-values."""
    columns: list[list[str]] = []
    names: list[str] = []
    p_values = None
    if card.held_out_scores:
        p_values = conformal.p_values(scores, card.held_out_scores)
        names.append("p_value")
        columns.append([f"{p:.4g}" for p in p_values])
    is_strange = None
    if fdr is not None:
        is_strange = conformal.benjamini_hochberg(p_values, fdr)
        text = (
            f"{int(is_strange.sum())} flagged: at most {100 * fdr:g} % of what is flagged "
            "is a false alarm, on average (Benjamini-Hochberg on the p-values of "
            f"{len(card.held_out_scores)} held-out scores)"
        )
        fewest = conformal.fewest_flagged(len(scores), len(card.held_out_scores), fdr)
        if not is_strange.any() and fewest > 1:
            text += (
                f". So few held-out scores can flag no less than {fewest} of {len(scores)}: give "
                "more normals"
            )
    elif card.threshold is not None:
        is_strange = np.array(scores) > card.threshold
        text = f"{int(is_strange.sum())} above {card.threshold:.5g} ({card.threshold_rule})"
    else:
        text = "there is no threshold. Give --threshold, or --normals FOLDER."
    if is_strange is not None:
        names.append("is_anomaly")
        columns.append([str(bool(flag)).lower() for flag in is_strange])
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(scores)
    return Judged(tuple(names), rows, text)
