"""What works on a stock Keras model works here: precision, replicas, weights, optimizers, data."""

import keras
import numpy as np

from zoo import inspection
from zoo.testing import expect, tensors
from zoo.testing.subject import Subject, update_of, weights_of

POLICIES = ("mixed_float16", "mixed_bfloat16")


def update_is_the_same_in_mixed_precision(subject: Subject) -> None:
    """A step of SGD under `mixed_float16` is that of float32: losses are scaled, and back."""
    full = subject.plain(normalization=None)
    # The default start of 2^15 overflows on losses that sum over pixels, and skips a step.
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=64)
    mixed = subject.steady_start(scaled, dtype="mixed_float16", normalization=None, eager=True)
    mixed.set_weights(full.get_weights())
    start = weights_of(full)
    for model in (full, mixed):
        model.fit(*subject.data(0, 64), batch_size=64, epochs=1, shuffle=False, verbose=0)
    updates = [update_of(model, start) for model in (full, mixed)]
    size = np.linalg.norm(updates[0])
    expect.that(size > 0, "a step must move the weights")
    share = np.linalg.norm(updates[1] - updates[0]) / size
    expect.that(share < 0.03, f"the update differs by {share:.2g} of its length, not below 0.03")


def outputs_are_float32_in_mixed_precision(subject: Subject) -> None:
    """Predictions and loss terms are finite float32, while layers work in 16 bits."""
    for policy in POLICIES:
        model = subject.make(dtype=policy)
        x, *y = (tensors.constants(part) for part in subject.data(0, 4))
        outputs = model.forward(x)
        target = model.target_of(x, y[0] if y else None)
        terms = model.loss_terms(x, target, outputs)
        for name, value in {"prediction": outputs["prediction"], **terms}.items():
            dtype = keras.backend.standardize_dtype(value.dtype)
            expect.that(dtype == "float32", f"{name} must be float32 under {policy}, not {dtype}")
            expect.that(np.isfinite(value).all(), f"{name} must be finite under {policy}")
        kinds = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D)
        layers = inspection.named_layers(model).values()
        dtypes = {layer.compute_dtype for layer in layers if isinstance(layer, kinds)}
        wanted = policy.removeprefix("mixed_")
        expect.that(not dtypes or wanted in dtypes, f"no layer works in {wanted} under {policy}")


def two_replicas_train_as_one_device(subject: Subject) -> None:
    """A step on two replicas is the step on one device with the whole batch."""
    with tensors.two_replicas():
        two = subject.steady_start(keras.optimizers.SGD(0.5), **subject.steady)
    one = subject.plain(**subject.steady, eager=False)
    two.set_weights(one.get_weights())
    losses = [
        model.fit(*subject.data(0, 128), batch_size=64, epochs=1, shuffle=False, verbose=0)
        for model in (one, two)
    ]
    losses = [history.history["loss"] for history in losses]
    expect.that(np.isfinite(losses).all(), f"losses must be finite. They are {losses}")
    if subject.excuse("equal_parts"):
        expect.close(losses[0], losses[1], "loss on two replicas", rtol=0.2)
        return
    for first, second in zip(weights_of(one), weights_of(two), strict=True):
        expect.close(second, first, "weights after steps on two replicas", atol=2e-5)


def sample_weights_count(subject: Subject) -> None:
    """Rows of weight 0 do not count, weight 2 counts twice, and parts add up to the whole.

    Statistics of a batch do not add up: with rows of weight 0 they are those of the others alone.
    """
    model = subject.plain(0.0)
    data = subject.data(0, 40)
    weights = np.zeros(40, "float32")

    def loss(sample_weight):
        options = {"batch_size": 40, "verbose": 0, "return_dict": True}
        return model.evaluate(*data, sample_weight=sample_weight, **options)["loss"]

    expect.close(loss(weights), 0.0, "loss of rows of weight 0", atol=1e-6)
    whole = loss(weights + 1)
    unweighted = model.evaluate(*data, batch_size=40, verbose=0, return_dict=True)["loss"]
    expect.close(whole, unweighted, "loss of rows of weight 1", rtol=1e-5)
    weights[:10] = 1
    if subject.excuse("weights_add_up"):
        few = subject.data(0, 10)
        alone = model.evaluate(*few, batch_size=10, verbose=0, return_dict=True)["loss"]
        what = "loss of 10 rows of weight 2 beside 30 of weight 0"
        expect.close(loss(2 * weights), alone / 2, what, rtol=1e-4)
    else:
        parts = loss(2 * weights) + loss(2 * (1 - weights))
        what = "losses of 10 rows of weight 2 and of the other 30"
        expect.close(parts, 2 * whole, what, rtol=1e-5)
    history = model.fit(*data, sample_weight=weights, batch_size=40, verbose=0).history
    expect.that(np.isfinite(history["loss"]).all(), "fit with sample_weight must stay finite")
    with expect.refusal(ValueError, r"sample_weight must have shape \(batch,\)", "weights (40, 8)"):
        model.evaluate(*data, sample_weight=np.ones((40, 8)), verbose=0)


def gradient_accumulation_is_a_larger_batch(subject: Subject) -> None:
    """Two accumulated steps of 32 images are one step of 64."""
    data = subject.data(0, 64)
    large = subject.plain(**subject.steady)
    accumulating = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
    small = subject.steady_start(accumulating, **subject.steady, eager=True)
    small.set_weights(large.get_weights())
    start = weights_of(large)
    large.fit(*data, batch_size=64, shuffle=False, verbose=0)
    small.fit(*data, batch_size=32, shuffle=False, verbose=0)
    if subject.excuse("equal_parts"):
        expect.that(update_of(small, start).any(), "an accumulated step must move the weights")
        return
    for first, second in zip(weights_of(large), weights_of(small), strict=True):
        expect.close(second, first, "weights after an accumulated step", atol=2e-5)


def clipping_bounds_the_update(subject: Subject) -> None:
    """`global_clipnorm` bounds the length of a step."""
    clipped = keras.optimizers.SGD(1.0, global_clipnorm=1e-3)
    model = subject.steady_start(clipped, eager=True)
    before = weights_of(model)
    model.fit(*subject.data(0, 32), batch_size=32, verbose=0, shuffle=False)
    length = np.linalg.norm(update_of(model, before))
    expect.that(0 < length <= 1.01e-3, f"the step must be at most 0.001 long. It is {length:.3g}")


def ema_is_written_at_the_end_of_fit(subject: Subject) -> None:
    """Two steps, to w1 and on to w2, with momentum m leave `m w1 + (1 - m) w2`."""
    without = subject.plain()
    with_ema = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    average = subject.steady_start(with_ema, eager=True)
    average.set_weights(without.get_weights())
    data = subject.data(0, 64)
    steps = []
    for _ in range(2):
        without.fit(*data, batch_size=64, shuffle=False, verbose=0)
        steps.append(weights_of(without))
    average.fit(*data, batch_size=64, shuffle=False, verbose=0, epochs=2)
    for weight, old, new in zip(average.trainable_weights, *steps, strict=True):
        # Keras averages before it applies a constraint, such as rows of norm 1.
        atol = 2e-4 if weight.constraint is not None else 1e-5
        expect.close(weight.numpy(), 0.75 * old + 0.25 * new, weight.path, atol=atol)


def steps_per_execution_change_nothing(subject: Subject) -> None:
    """Losses with three steps per call are those of the plain way."""
    plain, grouped = subject.losses(7), subject.losses(7, steps_per_execution=3)
    expect.close(grouped, plain, "losses with steps_per_execution=3", rtol=1e-5)


def xla_changes_nothing(subject: Subject) -> None:
    """Losses under `jit_compile=True` are near those without."""
    few = {"num_rows": 32, "epochs": 2}
    noisy = subject.excuse("equal_parts")  # XLA draws other noise
    compiled = subject.losses(7, **few, jit_compile=True)
    plain = subject.losses(7, **few, run_eagerly=True)
    expect.close(compiled, plain, "losses with jit_compile", rtol=0.2 if noisy else 1e-2)


def any_source_of_data_gives_the_same(subject: Subject) -> None:
    """Arrays, a `tf.data.Dataset` and a `PyDataset` give the same losses and metrics."""
    data = subject.data(0, 64)
    model = subject.plain(0.0, metrics=["mae"], eager=False)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = slice(32 * index, 32 * index + 32)
            return keras.tree.map_structure(lambda part: part[rows], data)

    expected = model.evaluate(*data, batch_size=32, verbose=0, return_dict=True)
    for source in (tensors.stream(data, 32), Batches()):
        reported = model.evaluate(source, verbose=0, return_dict=True)
        names = sorted(expected)
        expect.that(sorted(reported) == names, f"{type(source).__name__} gives other names")
        for name in names:  # MMD is a small difference
            what = f"{name} of a {type(source).__name__}"
            expect.close(reported[name], expected[name], what, rtol=1e-4, atol=1e-6)
    history = model.fit(tensors.stream(data, 32), verbose=0, shuffle=False).history
    expect.that(set(history) == set(expected), f"fit logs {sorted(history)}, not {names}")
    split = model.fit(*data, validation_split=0.25, batch_size=48, verbose=0).history
    expect.that(np.isfinite(split["val_loss"]).all(), "val_loss must be finite")


def compiled_metrics_compare_prediction_and_target(subject: Subject) -> None:
    """A metric of `compile` sees the prediction and the clean image, or the mask."""
    model = subject.plain(0.0, metrics=["mae"])
    data = subject.data(0, 50)
    reported = model.evaluate(*data, batch_size=50, verbose=0, return_dict=True)["mae"]
    x, *y = (tensors.constants(part) for part in data)
    inputs = model.corrupt(x, training=False)
    target = y[0] if y and subject.task == "segmentation" else model.image_of(x)
    prediction = np.asarray(model.forward(inputs)["prediction"])
    expected = np.abs(prediction - np.asarray(target, "float32")).mean()
    expect.close(reported, expected, "mean absolute error", rtol=1e-5)


CHECKS = (
    update_is_the_same_in_mixed_precision,
    outputs_are_float32_in_mixed_precision,
    two_replicas_train_as_one_device,
    sample_weights_count,
    gradient_accumulation_is_a_larger_batch,
    clipping_bounds_the_update,
    ema_is_written_at_the_end_of_fit,
    steps_per_execution_change_nothing,
    xla_changes_nothing,
    any_source_of_data_gives_the_same,
    compiled_metrics_compare_prediction_and_target,
)
