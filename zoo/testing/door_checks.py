"""Checks that wrong data are refused before long work, with an error that says what is wrong."""

import numpy as np

from zoo.testing import expect, tensors
from zoo.testing.subject import Subject

_METHODS = ("predict", "reconstruct", "segment", "anomaly_score", "encode")
_INDEX = 3


def wrong_images_are_refused(subject: Subject) -> None:
    """Wrong shapes, NaN, infinity and values outside [0, 1], by every method that takes images."""
    model, _, _ = subject.trained()

    def hole(value):
        def change(images):
            images = images.copy()
            images[_INDEX].flat[0] = value
            return images

        return change

    shape = subject.image_shape
    text = ", ".join(map(str, shape))
    bad = [
        (
            "more rows",
            lambda x: np.zeros((20, shape[0] + 2, *shape[1:]), "float32"),
            rf"must have shape \(batch, {text}\)",
        ),
        ("NaN", hole(np.nan), r"NaN or infinity in 1 of 20.*at index 3"),
        ("infinity", hole(np.inf), r"NaN or infinity in 1 of 20.*at index 3"),
        ("pixels up to 255", lambda x: x / x.max() * 255, r"\[0, 1\].*maximum 255.*Divide by 255"),
        ("pixels down to -1", lambda x: (x - x.min()) * 2 - 1, r"\[0, 1\].*minimum -1"),
    ]
    if len(shape) > 1:
        no_axis = r"Add the channel axis: x.*\[..., None\]"
        bad.append(("images without channels", lambda x: x[..., 0], no_axis))
    for what, change, pattern in bad:
        data = subject.with_images(change)
        for method in (model.fit, model.evaluate):
            with expect.refusal(ValueError, pattern, f"{method.__name__} of {what}"):
                method(*data)
        for name in _METHODS:
            if hasattr(model, name):
                with expect.refusal(ValueError, pattern, f"{name} of {what}"):
                    getattr(model, name)(data[0])
    brightest = np.max(subject.images[:20])
    data = subject.with_images(lambda x: tensors.constants(x / brightest * 9))
    with expect.refusal(ValueError, r"\[0, 1\].*maximum 9", "a tensor of pixels up to 9"):
        model.fit(*data)


def wrong_targets_are_refused(subject: Subject) -> None:
    """Targets out of range, of another length, or missing; validation data and streams alike."""
    model, _, _ = subject.trained()
    x, *y = subject.data(0, 20)
    target = y[0] if y else model.image_of(x)
    with expect.refusal(ValueError, r"must (lie in|hold)", "a target out of range"):
        model.fit(x, target * 9 + 9)
    with expect.refusal(ValueError, "same length", "a target of 5 rows for 20 images"):
        model.fit(x, target[:5])
    if y:
        with expect.refusal(ValueError, "y must be given", "fit without y"):
            model.fit(x)
        with expect.refusal(ValueError, "y must be given", "validation data without y"):
            model.fit(x, target, validation_data=(x,))
    cut = subject.with_images(lambda images: images[:, : subject.image_shape[0] // 2])
    with expect.refusal(ValueError, "must have shape", "validation images of half the size"):
        model.fit(*subject.data(0, 20), validation_data=cut)
    with expect.refusal(ValueError, "must have shape", "a stream of images of half the size"):
        model.fit(tensors.stream(cut, 2))


def fit_needs_compile_without_a_loss(subject: Subject) -> None:
    """`fit` asks for `compile`, and `compile` for no loss: it belongs to the model."""
    model = subject.uncompiled()
    data = subject.data(0, 20)
    with expect.refusal(ValueError, r"must be compiled first.*model.compile", "no compile"):
        model.fit(*data)
    with expect.refusal(ValueError, "loss must be left out", "loss='mse'"):
        model.compile("adam", loss="mse")


CHECKS = (wrong_images_are_refused, wrong_targets_are_refused, fit_needs_compile_without_a_loss)
