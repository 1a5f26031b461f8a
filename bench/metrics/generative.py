"""Quality of models that draw images: likelihood, use of the code, and drawn samples.

Likelihoods are those of the model itself and compare only with others of the same likelihood
function; samples are compared with real images in the features of a classifier that the harness
trains, whatever the model.
"""

import dataclasses
import inspect
import math
from typing import Any

import numpy as np

from bench.data import tasks
from bench.data.dataset import Dataset, Split, class_balanced_order
from bench.metrics import point_sets, reconstruction
from bench.metrics.feature_classifier import Classifier

NUM_LIKELIHOOD_IMAGES = 1_000
NUM_SAMPLE_IMAGES = 1_000
ELBO_SAMPLES = 8
IMPORTANCE_SAMPLES = (1, 8, 64)
ACTIVE_VARIANCE = 0.01
_BATCH_SIZE = 256


def summary(
    model, dataset: Dataset, classifier: Classifier | None = None, seed: int = 0
) -> dict[str, Any]:
    """Measures what a trained model knows of the distribution of images.

    The images are the clean ones of the test split, the same for each model and seed; for a model
    of the positive class alone (`debiasing`), those of that class.

    Args:
        model: Trained. What it has no method for is left out: `elbo` and `log_likelihood`,
            `encode_distribution`, `sample`.
        classifier: Of this data set, for the features; None where `needs_classifier` is False.
        seed: Of the samples.

    Returns:
        Fields of a record, `{}` for a model that neither draws images nor has a likelihood: those
        of `likelihood`, `code_use` and `sample_quality`.
    """
    metrics = {}
    if has_posterior(model):
        metrics |= likelihood(model, dataset) | code_use(model, dataset)
    if hasattr(model, "sample"):
        metrics |= sample_quality(model, dataset, classifier, seed)
    return metrics


def needs_classifier(model, dataset: Dataset) -> bool:
    """Tells whether `summary` can use a classifier: the model draws images of labelled data."""
    return hasattr(model, "sample") and dataset.num_classes >= 2


def has_posterior(model) -> bool:
    """Tells whether the model has a density `q(z | x)`, and with it a bound on the likelihood."""
    return hasattr(model, "encode_distribution") and getattr(model, "stochastic_encoder", True)


# --- likelihood ---------------------------------------------------------------------------------


def likelihood(model, dataset: Dataset) -> dict[str, Any]:
    """Measures the likelihood of at most 1,000 test images, in nats per image.

    A model that has to try each class itself gets as many fewer images, but at least 100.

        test_nll = -log (1 / S) sum_s p(x | z_s) p(z_s) / q(z_s | x),  z_s ~ q(z | x)
        test_bits_per_dimension = test_nll / (numbers of an image * log 2)

    The noise is the same for each model and call, and the first samples of a larger `S` are those
    of a smaller one.

    Returns:
        `test_elbo`: with `beta = 1`, from 8 samples of the code. `test_nll` and
        `test_bits_per_dimension`: importance-weighted, with the most samples;
        `test_nll_by_samples`: the same by `S`, which falls to the true value as `S` grows.
        `test_likelihood_intervals`: `[low, high]` of `elbo` and `nll` over images.
        `test_likelihood_noise`: Monte-Carlo standard errors of both means: how far they would move
        with other samples of the code, for the same images.
        `test_likelihood`: the function of pixels that all of these belong to. Numbers of two such
        functions must not be compared: `"gaussian"` and `"laplace"` are densities of pixels in
        `[0, 1]` (bits may be negative), and `"bernoulli"` of grey pixels is a cross-entropy, not a
        normalised density. `num_likelihood_images`.

    Reference: Burda et al., 2016, Eq. 8. https://arxiv.org/abs/1509.00519
    """
    inputs, num = _inputs(model, dataset)
    size = {"batch_size": _batch_size(num)}
    elbo = _finite("ELBO", model.elbo(inputs, num_samples=ELBO_SAMPLES, **size))
    nll = {
        n: -_finite("likelihood", model.log_likelihood(inputs, num_samples=n, **size))
        for n in IMPORTANCE_SAMPLES
    }
    most = IMPORTANCE_SAMPLES[-1]
    best = nll[most]
    halves = {
        "elbo": (elbo, model.elbo(inputs, num_samples=ELBO_SAMPLES // 2, **size)),
        "nll": (best, -model.log_likelihood(inputs, num_samples=most // 2, **size)),
    }
    return {
        "test_likelihood": model.likelihood,
        "test_elbo": float(elbo.mean()),
        "test_nll": float(best.mean()),
        "test_bits_per_dimension": float(best.mean())
        / (math.prod(model.image_shape) * math.log(2)),
        "test_nll_by_samples": {str(n): float(values.mean()) for n, values in nll.items()},
        "test_likelihood_intervals": reconstruction.intervals({"elbo": elbo, "nll": best}),
        "test_likelihood_noise": {
            "elbo": monte_carlo_error(*halves["elbo"]),
            "nll": monte_carlo_error(*halves["nll"], is_log_mean=True),
        },
        "num_likelihood_images": num,
    }


def monte_carlo_error(whole: np.ndarray, half: np.ndarray, is_log_mean: bool = False) -> float:
    """Computes the standard error of a mean over images, as far as the codes' samples make it.

        error = sqrt(sum_i d_i^2) / n,  d_i = half_i - whole_i

    The first half of the samples of an image is off by `d`, the second by `-d`, and both are drawn
    independently of each other: `d` is one draw of the error of their mean.

    Args:
        whole: Of all samples, nats, `(images,)`.
        half: Of the first half of them.
        is_log_mean: Whether values are `-log` of a mean over samples, not means: `d` is then the
            relative error of that mean, at most 1.
    """
    whole, half = (np.asarray(values, "float64") for values in (whole, half))
    off = np.expm1(np.minimum(whole - half, math.log(2))) if is_log_mean else half - whole
    return float(np.sqrt(np.sum(np.square(off))) / len(whole))


def code_use(model, dataset: Dataset) -> dict[str, Any]:
    """Measures how much of its code a model uses, on the images of `likelihood`.

    Returns:
        `test_kl_per_latent`: `KL(q(z_i | x) || N(0, 1))` of each unit, mean over images, in nats.
        `test_active_units`: units whose posterior mean varies over images by more than 0.01
        (its variance); the others hold next to nothing of the image.

    Reference: Burda et al., 2016, section 4.2 (active units). https://arxiv.org/abs/1509.00519
    """
    inputs, num = _inputs(model, dataset)
    parts = []
    for start in range(0, num, size := _batch_size(num)):
        rows = slice(start, start + size)
        if isinstance(inputs, dict):
            batch = {key: values[rows] for key, values in inputs.items()}
        else:
            batch = inputs[rows]
        parts.append([np.asarray(values, "float64") for values in model.encode_distribution(batch)])
    mean, log_var = (np.concatenate(values) for values in zip(*parts, strict=True))
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)
    return {
        "test_kl_per_latent": [float(value) for value in _finite("KL", kl.mean(axis=0))],
        "test_active_units": int((mean.var(axis=0) > ACTIVE_VARIANCE).sum()),
    }


# --- samples ------------------------------------------------------------------------------------


def sample_quality(
    model, dataset: Dataset, classifier: Classifier | None, seed: int = 0
) -> dict[str, Any]:
    """Compares new samples with as many test images, at most 1,000, in a classifier's features.

    A model that takes a class is asked for the classes of the test images.

    Returns:
        `test_sample_precision`, `test_sample_recall`, `test_sample_density`,
        `test_sample_coverage`: see `point_sets.neighbour_scores`. `test_frechet_distance`: see
        `point_sets.frechet_distance`. The Frechet distance is biased upwards for few images, so
        `test_sample_reference` stands beside it: all five for real images of the validation
        split, then of the training split, which is what perfect samples would get.
        `num_sample_images`, `sample_neighbours`, `classifier_accuracy`, `classifier_checksum`;
        `sample_quality_reason`, a sentence, where the numbers are missing.
    """
    if classifier is None:
        why = "no labels" if dataset.num_classes < 2 else "no classifier was given"
        return {"sample_quality_reason": f"samples were not judged: {why}"}
    test = _modelled(model, dataset.test, NUM_SAMPLE_IMAGES)
    if len(test) <= point_sets.NEAREST:
        why = f"{len(test)} test images, and more than {point_sets.NEAREST} are needed"
        return {"sample_quality_reason": f"samples were not judged: {why}"}
    drawn = _finite("samples", _drawn(model, test, seed))
    others = [_modelled(model, split, len(test)) for split in (dataset.validation, dataset.train)]
    others = np.concatenate([split.images for split in others])[: len(test)]
    real = classifier.features(test.images)
    distances = _compared(real, classifier.features(np.clip(drawn, 0, 1)))
    return {
        **{f"test_{name}": value for name, value in distances.items()},
        "test_sample_reference": (
            _compared(real, classifier.features(others)) if len(others) == len(test) else None
        ),
        "num_sample_images": len(test),
        "sample_neighbours": point_sets.NEAREST,
        "classifier_accuracy": classifier.accuracy,
        "classifier_checksum": classifier.checksum,
    }


def _compared(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    scores = point_sets.neighbour_scores(real, generated)
    return {f"sample_{name}": value for name, value in scores.items()} | {
        "frechet_distance": point_sets.frechet_distance(real, generated)
    }


# --- what is measured ---------------------------------------------------------------------------


def _modelled(model, split: Split, limit: int) -> Split:
    """At most `limit` clean images of what the model learns, the classes in their shares."""
    clean = dataclasses.replace(split, images=split.target, targets=None)
    if model.task == "debiasing":
        clean = clean.take(np.flatnonzero(split.labels == 1))
    return clean.take(np.sort(class_balanced_order(clean.labels, len(clean), 0)[:limit]))


def _inputs(model, dataset: Dataset) -> tuple[Any, int]:
    limit = NUM_LIKELIHOOD_IMAGES
    if _takes_label(model) and model.task != "conditional":  # then it tries each class
        limit = max(limit // model.num_classes, min(limit, 100))
    test = _modelled(model, dataset.test, limit)
    return tasks.inputs(model.task, test), len(test)


def _batch_size(num: int) -> int:
    """At most 256, and alike but for the last batch: each new size is traced anew."""
    return math.ceil(num / math.ceil(num / _BATCH_SIZE))


def _drawn(model, split: Split, seed: int) -> np.ndarray:
    label = {"label": split.labels} if _takes_label(model) else {}
    return model.sample(len(split), seed=seed, **label)


def _takes_label(model) -> bool:
    return hasattr(model, "sample") and "label" in inspect.signature(model.sample).parameters


def _finite(name: str, values) -> np.ndarray:
    values = np.asarray(values, dtype="float64")
    if not np.isfinite(values).all():
        raise FloatingPointError(f"the {name} holds NaN or infinity; the training diverged")
    return values
