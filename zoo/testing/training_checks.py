"""Checks of training: losses fall, terms add up, logs are means over the data, seeds repeat."""

import numpy as np

from zoo.testing import expect
from zoo.testing.expect import ExcusedError
from zoo.testing.subject import Subject, weights_of


def loss_falls(subject: Subject) -> None:
    """Four epochs lower the loss."""
    model, _, before = subject.trained()
    after = model.evaluate(*subject.data(0, 250), batch_size=100, verbose=0, return_dict=True)
    expect.that(
        after["loss"] < before["loss"],
        f"the loss must fall. It was {before['loss']:.6g} and is {after['loss']:.6g}",
    )


def weighted_terms_add_up_to_the_loss(subject: Subject) -> None:
    """`loss` is the sum of `term_weights` times terms, also where the last batch is short."""
    model, history, _ = subject.trained()
    weights = {key: float(value) for key, value in model.term_weights.items()}
    for prefix in ("", "val_"):
        total = sum(np.array(history[prefix + key]) * weight for key, weight in weights.items())
        what = f"{prefix}loss beside the sum of {', '.join(weights)}"
        expect.close(total, history[f"{prefix}loss"], what, rtol=2e-5, atol=1e-5)


def evaluate_equals_the_validation_loss(subject: Subject) -> None:
    """`evaluate` gives what `fit` logs as `val_loss` on the same data."""
    model, history, _ = subject.trained()
    data = subject.data(1000, 1250)
    evaluated = model.evaluate(*data, batch_size=100, verbose=0, return_dict=True)
    for key, value in evaluated.items():
        expect.close(value, history[f"val_{key}"][-1], key, rtol=1e-6)


def epoch_log_is_the_mean_over_the_data(subject: Subject) -> None:
    """The loss of batches of 40, 40 and 10 is that of one batch of 90: the model is frozen."""
    model = subject.plain(0.0)
    if reason := subject.excuse("equal_parts"):
        raise ExcusedError(reason)
    if model.term_weights.keys() - {"reconstruction", "mask"}:
        raise ExcusedError("a further term may be a statistic of the batch")
    data = subject.data(0, 90)
    whole, pieces = (
        model.evaluate(*data, batch_size=size, verbose=0, return_dict=True)["loss"]
        for size in (90, 40)
    )
    expect.close(pieces, whole, "loss by batches of 40 beside one batch of 90", rtol=1e-5)


def every_weight_gets_a_gradient(subject: Subject) -> None:
    """One step of SGD moves every trainable weight, and leaves it finite.

    Kernels that start at 0 are moved off it first: the layers before them would get no gradient.
    """
    model = subject.plain(1.0, normalization=None)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1 and not np.any(weight.numpy()):
            weight.assign(np.random.default_rng(0).normal(scale=0.01, size=weight.shape))
    before = weights_of(model)
    model.fit(*subject.data(0, 256), batch_size=256, epochs=1, verbose=0)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        new = weight.numpy()
        expect.that(np.isfinite(new).all(), f"{weight.path} must stay finite")
        expect.that(np.any(new != old), f"{weight.path} must get a gradient, and did not move")


def same_seed_same_numbers(subject: Subject) -> None:
    """Two trainings of one seed have equal losses, and another seed has others."""
    few = {"num_rows": 64, "epochs": 1, "run_eagerly": True}
    first, again, other = (subject.losses(seed, **few) for seed in (7, 7, 8))
    expect.close(again, first, "losses of the same seed", rtol=1e-5)
    expect.that(
        not np.allclose(first, other, rtol=1e-5), f"another seed must give others than {first}"
    )


CHECKS = (
    loss_falls,
    weighted_terms_add_up_to_the_loss,
    evaluate_equals_the_validation_loss,
    epoch_log_is_the_mean_over_the_data,
    every_weight_gets_a_gradient,
    same_seed_same_numbers,
)
