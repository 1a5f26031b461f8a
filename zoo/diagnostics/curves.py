"""Rules on the loss: does it move, has it settled, do held-out images follow."""

import math

import numpy as np

from zoo.diagnostics.outputs import NO_BETTER, explained_variance, is_constant
from zoo.diagnostics.recording import Finding, Recording, percent

FLAT = 1e-3  # change of the loss, relative to the untrained loss
EXPLODED = 9.0  # rise of the loss, likewise
RISEN = 0.01
PLATEAU_EPOCHS = 5  # shorter curves cannot tell
PLATEAU = 0.02  # of all that was gained, gained in the last fifth of the epochs
STILL_FALLING = 0.02  # of all that was gained, gained per epoch at the end
GAP = 0.25  # of the gain on training images, missing on the held-out ones
RISE = 0.1  # of the gain on held-out images, lost again after their best epoch
POORLY_EXPLAINED = 0.15


def breakdown(recording: Recording) -> list[Finding]:
    """Finds numbers that are no longer finite."""
    curve = recording.history.get("loss", [])
    epoch = next((i for i, loss in enumerate(curve, 1) if not math.isfinite(loss)), None)
    remedy = (
        f"{recording.lower_rate()}, clip gradients with clipnorm=1, and look for NaN in the data"
    )
    if epoch is not None:
        text = f"the loss became {curve[epoch - 1]} in epoch {epoch}"
        return [Finding("loss_not_finite", "error", None, epoch, text, remedy)]
    changes = recording.trained.layer_changes
    layers = [layer for layer, change in changes.items() if not math.isfinite(change)]
    if layers:
        text = f"the weights of {len(layers)} of {len(changes)} layers hold NaN or infinity"
        return [Finding("weights_not_finite", "error", layers[0], len(layers), text, remedy)]
    loss = recording.trained.loss()
    if loss is not None and not math.isfinite(loss):
        text = f"the loss of the trained model is {loss}"
        return [Finding("loss_not_finite", "error", None, recording.trained.epoch, text, remedy)]
    return []


def findings(recording: Recording) -> list[Finding]:
    """Applies the rules on curves."""
    movement = _movement(recording)
    if movement:
        return movement
    settled = _settling(recording)
    return [*settled, *_fit(recording, bool(settled) and settled[0].code == "plateau")]


def _movement(recording: Recording) -> list[Finding]:
    start, end = recording.losses()
    if start is None or end is None or not math.isfinite(start):
        return []
    size = max(abs(start), 1e-12)
    if end - start > EXPLODED * size:
        text = f"the loss exploded from {start:.4g}, untrained, to {end:.4g}"
        remedy = f"{recording.lower_rate()} to a tenth or less, or clip gradients with clipnorm=1"
        return [Finding("loss_exploded", "error", None, end, text, remedy)]
    if abs(end - start) <= FLAT * size and not _curve_moves(recording, size):
        text = (
            f"the loss did not move: {start:.4g} untrained, {end:.4g} after "
            f"{recording.trained.epoch} epochs"
        )
        remedy = recording.higher_rate("see which layers changed")
        return [Finding("loss_flat", "error", None, end - start, text, remedy)]
    if end - start > RISEN * size:
        text = f"the loss rose from {start:.4g}, untrained, to {end:.4g}"
        return [Finding("loss_rose", "warning", None, end, text, recording.lower_rate())]
    return []


def _curve_moves(recording: Recording, size: float) -> bool:
    curve = recording.history.get("loss", [])
    return len(curve) > 1 and max(curve) - min(curve) > 10 * FLAT * size


def _settling(recording: Recording) -> list[Finding]:
    """Tells whether the loss has settled, in parts of all that was gained."""
    curve = recording.history.get("loss", [])
    start = recording.untrained.loss(recording.trained.term_weights)
    if len(curve) < 3:
        return []
    top = curve[0] if start is None else max(start, curve[0])
    gained = top - min(curve)
    if gained <= 0:
        return []
    window = max(1, len(curve) // 5)
    recent = (np.median(curve[-2 * window : -window]) - np.median(curve[-window:])) / gained
    is_long = len(curve) >= PLATEAU_EPOCHS
    if recent / window > STILL_FALLING or (is_long and recent >= PLATEAU):
        text = f"the loss was still falling, by {percent(recent / window)} of its gain per epoch"
        remedy = "train longer"
        return [Finding("still_improving", "note", None, float(recent / window), text, remedy)]
    if is_long:
        goal = curve[-1] + PLATEAU * gained
        epoch = next(i for i, loss in enumerate(curve, 1) if loss <= goal)
        text = f"the loss has settled at {curve[-1]:.4g}, near to which it was from epoch {epoch}"
        return [Finding("plateau", "note", None, epoch, text)]
    return []


def _fit(recording: Recording, settled: bool) -> list[Finding]:
    history = recording.history
    train, held_out = history.get("loss", []), history.get("val_loss", [])
    if not held_out:
        text = f"no loss of held-out images in {len(train)} epochs: overfitting would not show"
        remedy = "pass validation_data to fit"
        fit_findings = [Finding("no_validation", "note", None, len(train), text, remedy)]
    else:
        start = recording.untrained.loss(recording.trained.term_weights)
        fit_findings = _overfitting(train, held_out, start)
    return fit_findings or (_underfitting(recording) if settled else [])


def _overfitting(train: list[float], held_out: list[float], start: float | None) -> list[Finding]:
    top = train[0] if start is None else start
    gained = top - train[-1]
    gap = (held_out[-1] - train[-1]) / gained if gained > 0 else 0.0
    remedy = "use more images, augmentation, a smaller model, or EarlyStopping on val_loss"
    best = int(np.argmin(held_out))
    own_gain = max(top, held_out[0]) - held_out[best]
    risen = (held_out[-1] - held_out[best]) / own_gain if own_gain > 0 else 0.0
    if risen > RISE and train[-1] < train[best]:
        text = (
            f"held-out images got worse after epoch {best + 1} of {len(held_out)}: their loss "
            f"rose from {held_out[best]:.4g} to {held_out[-1]:.4g} while that of training images "
            f"fell to {train[-1]:.4g}"
        )
        return [Finding("overfitting", "warning", None, best + 1, text, remedy)]
    if gap > GAP:
        text = (
            f"held-out images keep {percent(1 - gap)} of what training images gain: their loss is "
            f"{held_out[-1]:.4g} against {train[-1]:.4g}"
        )
        return [Finding("overfitting", "warning", None, gap, text, remedy)]
    return []


def _underfitting(recording: Recording) -> list[Finding]:
    target, prediction = recording.target, recording.trained.prediction
    if target is None or prediction is None or is_constant(target):
        return []
    explained = explained_variance(target, prediction)
    if not NO_BETTER <= explained < POORLY_EXPLAINED:  # below, it is no better than the mean image
        return []
    text = f"the loss has settled, yet only {percent(explained)} of the variance is explained"
    remedy = "use a larger code or model, a weaker penalty or another learning rate"
    return [Finding("underfitting", "warning", None, explained, text, remedy)]
