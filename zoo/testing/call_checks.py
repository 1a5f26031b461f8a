"""Checks of calls: outputs and their shapes, and relations between the methods of a model."""

import keras
import numpy as np

from zoo.testing import expect, tensors
from zoo.testing.expect import ExcusedError
from zoo.testing.subject import Subject


def _model_that_can(subject: Subject, method: str):
    model, _, _ = subject.trained()
    if not hasattr(model, method):
        raise ExcusedError(f"the model has no {method}")
    return model


def outputs_are_named_and_shaped(subject: Subject) -> None:
    """`forward` gives `"prediction"`; calls repeat; `predict` gives the same."""
    model, _, _ = subject.trained()
    inputs = subject.inputs(0, 5)
    shape = tuple(model.forward(tensors.constants(inputs))["prediction"].shape)
    expected = (5, *subject.image_shape)
    expect.that(shape == expected, f"prediction must have shape {expected}. It has {shape}")
    first, second = (np.asarray(model(inputs)) for _ in range(2))
    expect.close(second, first, "a second call of the model", rtol=0)
    expect.close(model.predict(inputs, verbose=0), first, "predict beside a call", atol=1e-5)


def arrays_longer_than_a_batch_equal_tensors(subject: Subject) -> None:
    """`reconstruct` of 300 images in pieces is that of one tensor."""
    model = _model_that_can(subject, "reconstruct")
    inputs = subject.inputs(0, 300)
    whole = np.asarray(model.reconstruct(tensors.constants(inputs)))
    in_batches = model.reconstruct(inputs, batch_size=128)
    expect.close(in_batches, whole, "reconstruct in batches of 128", atol=1e-5)


def decoded_codes_are_the_reconstructions(subject: Subject) -> None:
    """`decode(encode(x))` is `reconstruct(x)`."""
    model = _model_that_can(subject, "decode")
    inputs = subject.inputs(0, 300)
    codes = model.encode(inputs)
    expect.that(len(codes) == 300, f"encode must give 300 codes. It gives {len(codes)}")
    if hasattr(model, "labels_of"):
        codes = {"code": codes, "label": model.labels_of(inputs)}
    expect.close(model.decode(codes), model.reconstruct(inputs), "decode(encode(x))", atol=1e-5)


def scores_have_one_value_per_image_and_per_pixel(subject: Subject) -> None:
    """`anomaly_score` is the mean of `score_map` over the pixels."""
    model = _model_that_can(subject, "score_map")
    inputs = subject.inputs(0, 300)
    score, score_map = model.anomaly_score(inputs), model.score_map(inputs)
    places = subject.image_shape[:-1] or subject.image_shape
    expect.that(score.shape == (300,), f"anomaly_score must have shape (300,), not {score.shape}")
    expect.that(
        score_map.shape == (300, *places),
        f"score_map must have shape {(300, *places)}, not {score_map.shape}",
    )
    axes = tuple(range(1, score_map.ndim))
    expect.close(score, score_map.mean(axis=axes), "anomaly_score", rtol=1e-4)


def interpolation_ends_at_the_reconstructions(subject: Subject) -> None:
    """The first and the last step of `interpolate` are the images' own reconstructions."""
    model = _model_that_can(subject, "interpolate")
    rows = subject.labels == 3  # two images of one class: their labels do not matter then
    pair = subject.inputs(0, 0, subject.images[rows][:2])
    if isinstance(pair, dict):
        pair["label"] = np.array([3, 3])
    first, last = (_row(pair, number) for number in (0, 1))
    steps = model.interpolate(first, last, num_steps=5)
    shape = (5, *subject.image_shape)
    expect.that(steps.shape == shape, f"interpolate must give {shape}. It gives {steps.shape}")
    if hasattr(model, "labels_of"):  # all steps have the class that the first image shows
        label = model.labels_of(pair)[[0, 0]]
        ends = model.decode({"code": model.encode(pair), "label": label})
    else:
        ends = model.reconstruct(pair)
    expect.close(steps[[0, -1]], ends, "ends of interpolate", atol=1e-5)


def _row(pair, number: int):
    return keras.tree.map_structure(lambda part: part[number], pair)


CHECKS = (
    outputs_are_named_and_shaped,
    arrays_longer_than_a_batch_equal_tensors,
    decoded_codes_are_the_reconstructions,
    scores_have_one_value_per_image_and_per_pixel,
    interpolation_ends_at_the_reconstructions,
)
