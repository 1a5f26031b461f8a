"""Rules on predictions and codes: what the model gives, against trivial answers."""

import numpy as np

from zoo.diagnostics.recording import Finding, Recording, percent

SAME = 1e-3  # root mean square of a difference, in standard deviations of the target
CONSTANT = 1e-3  # variance of predictions over images, against that of the targets
NO_BETTER = 0.02  # explained variance
UNRELATED = 0.3  # correlation of what differs from the mean image
EDGE = 0.01  # distance from 0 or 1 at which a sigmoid is saturated
WRONG = 0.1  # and that far from it, at least, lies the target
SATURATED = 0.1  # share of such outputs
COLLAPSED_NATS = 0.01  # KL per unit
COLLAPSED_SHARE = 0.9  # of the units
CODE_VARIANCE = 1e-6  # over images, against the mean square


# --- statistics -----------------------------------------------------------------------------


def variance_over_images(values: np.ndarray) -> float:
    """Returns the variance of each value over images, without bias, averaged; 0 for one image."""
    if len(values) < 2:
        return 0.0
    return float(np.var(np.asarray(values, "float64"), axis=0, ddof=1).mean())


def is_constant(target: np.ndarray) -> bool:
    """Tells whether all images are the same."""
    return variance_over_images(target) <= 1e-12


def explained_variance(target: np.ndarray, prediction: np.ndarray) -> float:
    """Computes `1 - mse(target, prediction) / variance`, the latter over images.

    1 for perfect predictions; 0 for the mean image; without limit below.
    """
    error = np.square(np.asarray(target, "float64") - prediction).mean()
    return float(1 - error / variance_over_images(target))


def correlation(target: np.ndarray, prediction: np.ndarray) -> float:
    """Computes the correlation of what differs from the mean image, in `[-1, 1]`."""
    first, second = (
        np.asarray(values, "float64") - np.mean(values, axis=0, dtype="float64")
        for values in (target, prediction)
    )
    size = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / size) if size > 0 else 0.0


def gaussian_kl_per_unit(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Computes the mean over images of `KL(N(mean, var) || N(0, 1))`, nats, `(units,)`."""
    mean, log_var = np.asarray(mean, "float64"), np.asarray(log_var, "float64")
    kl = 0.5 * (np.exp(log_var) + np.square(mean) - 1 - log_var)
    return kl.reshape(-1, kl.shape[-1]).mean(axis=0)


# --- rules ----------------------------------------------------------------------------------


def findings(recording: Recording) -> list[Finding]:
    """Applies the rules on predictions and codes."""
    all_findings = _range(recording)
    if recording.trained.prediction is not None:
        all_findings += _movement(recording)
        if recording.target is not None:
            all_findings += _saturation(recording) + _against_trivial(recording)
    return all_findings + _collapse(recording)


def _range(recording: Recording) -> list[Finding]:
    prediction = recording.trained.prediction
    if not recording.needs_probabilities or prediction is None:
        return []
    outside = float(((prediction < -1e-6) | (prediction > 1 + 1e-6)).mean())
    is_linear = recording.output_activation in ("linear", None)
    if not outside and not (is_linear and recording.output_layer):
        return []
    layer, kind = recording.output_layer, recording.output_activation or "not a sigmoid"
    text = (
        f"the output layer{f' {layer!r}' if layer else ''} is {kind} but the loss is binary "
        f"cross-entropy: {percent(outside)} of predictions lie outside [0, 1]"
    )
    severity = "error" if outside else "warning"
    remedy = "use a sigmoid or MSE"
    return [Finding("outputs_outside_range", severity, layer, outside, text, remedy)]


def _movement(recording: Recording) -> list[Finding]:
    before, after = recording.untrained.prediction, recording.trained.prediction
    if before is None:
        return []
    size = np.sqrt(variance_over_images(after if recording.target is None else recording.target))
    change = float(np.sqrt(np.square(after - before).mean()) / max(size, 1e-6))
    if change >= SAME:
        return []
    text = (
        "predictions are those of the untrained model: they differ by "
        f"{percent(change)} of the standard deviation"
    )
    remedy = "see whether the weights changed; raise the learning rate, or train longer"
    return [Finding("predictions_unchanged", "error", None, change, text, remedy)]


def _saturation(recording: Recording) -> list[Finding]:
    target, prediction = recording.target, recording.trained.prediction
    if prediction.min() < 0 or prediction.max() > 1:
        return []
    low, high = prediction < EDGE, prediction > 1 - EDGE
    wrong = float(((low & (target > WRONG)) | (high & (target < 1 - WRONG))).mean())
    one_side = float(max(low.mean(), high.mean()))
    if wrong <= SATURATED and one_side < 1:
        return []
    remedy = recording.lower_rate()
    if one_side == 1:
        number = one_side
        text = f"100 % of the outputs are saturated at {0 if low.all() else 1}"
        hint = f"look at the targets, whose mean is {target.mean():.3g}"
        remedy = hint if is_constant(target) else f"{hint}, and {remedy}"
    else:
        number = wrong
        text = (
            f"{percent(wrong)} of the outputs are saturated at 0 or 1 where the target lies "
            f"{WRONG} or more away"
        )
    return [Finding("outputs_saturated", "warning", None, number, text, remedy)]


def _against_trivial(recording: Recording) -> list[Finding]:
    target, prediction = recording.target, recording.trained.prediction
    if len(target) < 2:
        return []
    if is_constant(target):
        text = (
            f"all {len(target)} probe targets are the same image, of mean {target.mean():.3g}: "
            "there is nothing to learn"
        )
        remedy = "check how the data are loaded and scaled"
        return [Finding("constant_target", "error", None, float(target.mean()), text, remedy)]
    share = variance_over_images(prediction) / variance_over_images(target)
    if share < CONSTANT:
        text = (
            "the model gives the same image whatever it sees: its predictions vary by "
            f"{percent(share)} of the variance of the targets"
        )
        remedy = "weaken the penalty on the code, or lower the learning rate"
        return [Finding("predictions_constant", "error", None, share, text, remedy)]
    explained = explained_variance(target, prediction)
    if explained >= NO_BETTER:
        return []
    related = correlation(target, prediction)
    text = (
        f"predictions are no better than the mean image: explained variance {explained:.3g}, "
        f"correlation with what differs from it {related:.2f}"
    )
    severity = "note" if related > UNRELATED else "warning"
    remedy = "train longer, weaken the penalty on the code, or try another learning rate"
    return [Finding("no_better_than_mean_image", severity, None, explained, text, remedy)]


def _collapse(recording: Recording) -> list[Finding]:
    kl, code = recording.trained.kl_per_unit, recording.trained.code
    if kl is not None:
        share = float((kl < COLLAPSED_NATS).mean())
        if not share:
            return []
        text = (
            f"{(kl < COLLAPSED_NATS).sum()} of {len(kl)} code units are collapsed: each carries "
            f"less than {COLLAPSED_NATS} nats, all together {kl.sum():.3g} nats"
        )
        severity = "error" if share == 1 else "warning" if share >= COLLAPSED_SHARE else "note"
        remedy = "lower beta, or raise the KL's weight slowly with zoo.schedules.LinearWarmUp"
        if severity == "note":
            remedy = "a smaller latent_dim would do"
        return [Finding("posterior_collapse", severity, None, share, text, remedy)]
    if code is None or len(code) < 2:
        return []
    code = np.asarray(code, "float64")
    least_variance = max(CODE_VARIANCE * np.square(code).mean(), 1e-12)
    share = float((code.var(axis=0, ddof=1) < least_variance).mean())
    if not share:
        return []
    text = f"{percent(share)} of {code.shape[1]} code units are the same for all {len(code)} images"
    # Sparse codes leave most units off for a few images, and mean it.
    severity = "error" if share == 1 else "note"
    remedy = "a smaller code would do"
    if severity == "error":
        remedy = "lower the learning rate or the penalty on the code"
    return [Finding("code_collapse", severity, None, share, text, remedy)]
