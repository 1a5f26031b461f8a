"""Mask losses against counts, scikit-learn, scipy and brute force."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, special
from sklearn import metrics

from zoo import losses

RANDOM = np.random.default_rng(0)
SHAPE = (3, 6, 5)
BINARY = (RANDOM.uniform(size=(*SHAPE, 1)) < 0.4).astype("float32")
BINARY_LOGITS = RANDOM.normal(size=(*SHAPE, 1)).astype("float32")
LABELS = RANDOM.integers(0, 4, SHAPE)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
CLASS_LOGITS = RANDOM.normal(size=(*SHAPE, 4)).astype("float32")

BOTH_KINDS = {"binary": (BINARY, BINARY_LOGITS), "classes": (ONE_HOT, CLASS_LOGITS)}
OVERLAP = {
    "dice": losses.dice,
    "jaccard": losses.jaccard,
    "tversky": losses.tversky,
    "focal_tversky": losses.focal_tversky,
    "lovasz": losses.lovasz,
}
BY_PIXEL = {
    "crossentropy": losses.mask_crossentropy,
    "focal": losses.focal,
    "boundary": losses.boundary,
}
ALL = OVERLAP | BY_PIXEL
kinds = pytest.mark.parametrize("kind", BOTH_KINDS)
overlaps = pytest.mark.parametrize("name", OVERLAP)
every_loss = pytest.mark.parametrize("name", ALL)


def saturated(target):
    """Logits whose probabilities are the mask itself."""
    return (200 * target - 100).astype("float32")


def values(name, target, logits, **options):
    return ALL[name](target, logits, **options).numpy()


def value_and_gradient(function, target, logits):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = function(tf.convert_to_tensor(target), logits)
    return value.numpy(), tape.gradient(value, logits).numpy()


# --- values ---------------------------------------------------------------------------------


def test_overlaps_of_hard_masks_are_those_of_scikit_learn():
    predicted = (RANDOM.uniform(size=BINARY.shape) < 0.5).astype("float32")
    logits = saturated(predicted)
    dice = values("dice", BINARY, logits, smoothing=1e-6)
    jaccard = values("jaccard", BINARY, logits, smoothing=1e-6)
    # F-beta weighs false negatives by beta^2 / (1 + beta^2): 4 / 5.
    tversky = values("tversky", BINARY, logits, fp_weight=0.2, fn_weight=0.8, smoothing=1e-6)
    for index in range(len(BINARY)):
        truth, found = BINARY[index].ravel(), predicted[index].ravel()
        assert dice[index] == pytest.approx(1 - metrics.f1_score(truth, found), abs=1e-5)
        assert jaccard[index] == pytest.approx(1 - metrics.jaccard_score(truth, found), abs=1e-5)
        f2 = metrics.fbeta_score(truth, found, beta=2)
        assert tversky[index] == pytest.approx(1 - f2, abs=1e-5)


def test_class_overlaps_are_the_mean_over_classes():
    predicted = RANDOM.integers(0, 4, SHAPE)
    logits = saturated(np.eye(4)[predicted])
    dice = values("dice", ONE_HOT, logits, smoothing=1e-6)
    pooled = values("dice", ONE_HOT, logits, smoothing=1e-6, reduction="batch")
    for index in range(len(LABELS)):
        f1 = metrics.f1_score(LABELS[index].ravel(), predicted[index].ravel(), average="macro")
        assert dice[index] == pytest.approx(1 - f1, abs=1e-5)
    f1 = metrics.f1_score(LABELS.ravel(), predicted.ravel(), average="macro")
    np.testing.assert_allclose(pooled, [1 - f1] * 3, atol=1e-5)


def test_smoothing_is_a_number_of_pixels_found_by_both():
    target = np.array([1, 1, 0, 0], "float32").reshape(1, 4, 1)
    logits = saturated(np.array([1, 0, 1, 0]).reshape(1, 4, 1))  # TP = FP = FN = 1
    assert values("dice", target, logits, smoothing=3.0)[0] == pytest.approx(1 - 4 / 5)
    assert values("jaccard", target, logits, smoothing=3.0)[0] == pytest.approx(1 - 4 / 6)
    assert values(
        "tversky", target, logits, fp_weight=0.3, fn_weight=0.9, smoothing=1.0
    ) == pytest.approx(1 - 2 / 3.2)


def test_false_negatives_and_false_positives_are_not_confused():
    target = np.array([1, 1, 0, 0], "float32").reshape(1, 4, 1)
    too_much = saturated(np.array([1, 1, 1, 0]).reshape(1, 4, 1))
    too_little = saturated(np.array([1, 0, 0, 0]).reshape(1, 4, 1))
    options = {"fp_weight": 0.1, "fn_weight": 0.9, "smoothing": 1e-6}
    assert values("tversky", target, too_much, **options)[0] == pytest.approx(1 - 2 / 2.1, abs=1e-5)
    assert values("tversky", target, too_little, **options)[0] == pytest.approx(
        1 - 1 / 1.9, abs=1e-5
    )


@kinds
def test_focal_tversky_is_a_power_of_tversky(kind):
    target, logits = BOTH_KINDS[kind]
    np.testing.assert_allclose(
        values("focal_tversky", target, logits, gamma=1.0),
        values("tversky", target, logits),
        rtol=1e-5,
    )
    if kind == "binary":
        np.testing.assert_allclose(
            values("focal_tversky", target, logits),
            values("tversky", target, logits) ** 0.75,
            rtol=1e-5,
        )


def test_crossentropies_are_those_of_scikit_learn():
    binary = losses.mask_binary_crossentropy(BINARY, BINARY_LOGITS).numpy()
    classes = losses.mask_categorical_crossentropy(ONE_HOT, CLASS_LOGITS).numpy()
    for index in range(3):
        probabilities = special.expit(BINARY_LOGITS[index].ravel().astype("float64"))
        expected = metrics.log_loss(BINARY[index].ravel(), probabilities)
        assert binary[index] == pytest.approx(expected, rel=1e-5)
        probabilities = special.softmax(CLASS_LOGITS[index].reshape(-1, 4).astype("float64"), -1)
        expected = metrics.log_loss(LABELS[index].ravel(), probabilities, labels=range(4))
        assert classes[index] == pytest.approx(expected, rel=1e-5)


@kinds
def test_crossentropy_chooses_by_the_channels(kind):
    target, logits = BOTH_KINDS[kind]
    chosen = {
        "binary": losses.mask_binary_crossentropy,
        "classes": losses.mask_categorical_crossentropy,
    }[kind]
    np.testing.assert_array_equal(losses.mask_crossentropy(target, logits), chosen(target, logits))


def test_focal_is_its_formula():
    probability = special.expit(BINARY_LOGITS.astype("float64"))
    of_truth = np.where(BINARY == 1, probability, 1 - probability)
    weight = np.where(BINARY == 1, 0.25, 0.75)
    expected = np.mean(-weight * (1 - of_truth) ** 2 * np.log(of_truth), axis=(1, 2, 3))
    np.testing.assert_allclose(values("focal", BINARY, BINARY_LOGITS), expected, rtol=1e-5)
    of_truth = np.sum(ONE_HOT * special.softmax(CLASS_LOGITS.astype("float64"), -1), -1)
    expected = np.mean(-0.4 * (1 - of_truth) ** 1.5 * np.log(of_truth), axis=(1, 2))
    found = values("focal", ONE_HOT, CLASS_LOGITS, gamma=1.5, alpha=0.4)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@kinds
def test_focal_without_focus_is_the_crossentropy(kind):
    target, logits = BOTH_KINDS[kind]
    np.testing.assert_allclose(
        values("focal", target, logits, gamma=0.0, alpha=None),
        losses.mask_crossentropy(target, logits),
        rtol=1e-5,
    )


def jaccard_loss_of_mistakes(truth, mistakes):
    """Jaccard loss of the prediction that is wrong at `mistakes`; empty over empty is 0."""
    predicted = np.where(mistakes, 1 - truth, truth)
    union = np.sum(np.maximum(truth, predicted))
    return 0.0 if union == 0 else 1 - np.sum(np.minimum(truth, predicted)) / union


def lovasz_extension(truth, errors):
    """The integral of the set function over the level sets of the errors (Lovasz, 1983)."""
    levels = np.unique(np.append(errors, 0.0))
    widths = np.diff(levels)
    values = [jaccard_loss_of_mistakes(truth, errors > level) for level in levels[:-1]]
    return float(np.sum(widths * values))


def test_lovasz_hinge_is_the_integral_over_level_sets():
    found = values("lovasz", BINARY, BINARY_LOGITS)
    pooled = values("lovasz", BINARY, BINARY_LOGITS, reduction="batch")
    errors = np.maximum(0, 1 - BINARY_LOGITS.astype("float64") * (2 * BINARY - 1))
    expected = [lovasz_extension(t.ravel(), e.ravel()) for t, e in zip(BINARY, errors, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(pooled, [lovasz_extension(BINARY.ravel(), errors.ravel())] * 3, 1e-5)


@pytest.mark.parametrize("classes", ["present", "all"])
def test_lovasz_softmax_is_the_integral_over_level_sets(classes):
    labels = np.where(LABELS == 3, 0, LABELS)  # class 3 is absent
    target = np.eye(4)[labels]
    errors = np.abs(target - special.softmax(CLASS_LOGITS.astype("float64"), -1))
    counted = range(3) if classes == "present" else range(4)
    expected = [
        np.mean(
            [
                lovasz_extension(target[i, ..., c].ravel(), errors[i, ..., c].ravel())
                for c in counted
            ]
        )
        for i in range(3)
    ]
    found = values("lovasz", target, CLASS_LOGITS, classes=classes)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_lovasz_softmax_of_certain_predictions_is_the_jaccard_loss():
    predicted = RANDOM.integers(0, 4, SHAPE)
    found = values("lovasz", ONE_HOT, saturated(np.eye(4)[predicted]))
    for index in range(3):
        iou = metrics.jaccard_score(
            LABELS[index].ravel(), predicted[index].ravel(), average="macro"
        )
        assert found[index] == pytest.approx(1 - iou, abs=1e-5)


# --- distances ------------------------------------------------------------------------------


def scipy_distance(mask):
    outside = ndimage.distance_transform_edt(mask == 0)
    inside = ndimage.distance_transform_edt(mask)
    return np.where(mask > 0, 1 - inside, outside)


@pytest.mark.parametrize("density", [0.02, 0.3, 0.97])
def test_distance_map_is_that_of_scipy(density):
    masks = (RANDOM.uniform(size=(4, 19, 24, 2)) < density).astype("float32")
    masks[:, 7, 11] = [1, 0]  # neither empty nor full
    masks[:, 0, 0] = [0, 1]
    found = losses.distance_map(masks)
    for index, channel in itertools.product(range(4), range(2)):
        expected = scipy_distance(masks[index, ..., channel])
        np.testing.assert_allclose(found[index, ..., channel], expected, atol=1e-4)


def test_distance_map_of_a_series():
    mask = np.array([0, 0, 0, 1, 1, 1, 1, 0], "float32").reshape(1, 8, 1)
    found = np.ravel(losses.distance_map(mask))
    np.testing.assert_allclose(found, [3, 2, 1, 0, -1, -1, 0, 1])


def test_masks_without_a_border_have_no_distance():
    masks = np.stack([np.zeros((5, 4, 1)), np.ones((5, 4, 1))])
    np.testing.assert_array_equal(losses.distance_map(masks), np.zeros_like(masks))


def test_boundary_is_the_mean_of_distance_times_probability():
    found = values("boundary", BINARY, BINARY_LOGITS)
    for index in range(3):
        distance = scipy_distance(BINARY[index, ..., 0])
        expected = np.mean(distance * special.expit(BINARY_LOGITS[index, ..., 0]))
        assert found[index] == pytest.approx(expected, abs=1e-5)


def test_boundary_is_least_for_the_true_mask():
    square = np.zeros((1, 12, 12, 1), "float32")
    square[:, 4:9, 3:8] = 1
    truth = values("boundary", square, saturated(square))[0]
    for shift in range(1, 4):
        moved = values("boundary", square, saturated(np.roll(square, shift, axis=2)))[0]
        assert moved > truth
        truth = moved  # the farther, the worse


def test_unknown_sizes_have_no_distance():
    with pytest.raises(ValueError, match=r"distance_map: mask must have .* of known sizes"):
        losses.distance_map(np.zeros((3, 4), "float32"))


# --- properties -----------------------------------------------------------------------------


@every_loss
@kinds
def test_one_float32_value_per_image(name, kind):
    target, logits = BOTH_KINDS[kind]
    value, gradient = value_and_gradient(ALL[name], target, logits.astype("float16"))
    assert value.shape == (3,)
    assert value.dtype == np.float32
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    expected = ALL[name](target, logits.astype("float16").astype("float32"))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@every_loss
@kinds
def test_a_series_is_an_image_of_one_row(name, kind):
    target, logits = BOTH_KINDS[kind]
    row = ALL[name](target[:, 0], logits[:, 0])
    np.testing.assert_allclose(row, ALL[name](target[:, :1], logits[:, :1]), rtol=1e-5)


@every_loss
@kinds
def test_an_image_does_not_depend_on_the_others(name, kind):
    target, logits = BOTH_KINDS[kind]
    alone = ALL[name](target[1:2], logits[1:2])
    np.testing.assert_allclose(ALL[name](target, logits)[1], alone[0], rtol=1e-5)


@overlaps
@kinds
def test_batch_reduction_is_one_image_of_all_pixels(name, kind):
    target, logits = BOTH_KINDS[kind]
    pooled = OVERLAP[name](target, logits, reduction="batch")
    joined = OVERLAP[name](target.reshape(1, 18, 5, -1), logits.reshape(1, 18, 5, -1))
    np.testing.assert_allclose(pooled, np.repeat(joined, 3), rtol=1e-5)
    assert np.ptp(OVERLAP[name](target, logits)) > 1e-3  # images differ, the batch does not


@overlaps
@pytest.mark.parametrize("reduction", ["image", "batch"])
def test_empty_mask(name, reduction):
    empty = np.zeros((2, 8, 8, 1), "float32")
    loss = lambda t, l: OVERLAP[name](t, l, reduction=reduction)  # noqa: E731, E741
    np.testing.assert_allclose(loss(empty, saturated(empty)), 0.0, atol=1e-4)
    np.testing.assert_allclose(loss(1 - empty, saturated(1 - empty)), 0.0, atol=1e-4)
    value, gradient = value_and_gradient(loss, empty, np.zeros_like(empty))
    assert value.min() > 0.5
    assert gradient.max() > 1e-6  # down, towards the empty prediction
    assert gradient.min() >= 0
    value, _ = value_and_gradient(loss, 1 - empty, saturated(empty))
    assert value.min() > 0.9


@overlaps
def test_a_class_that_is_absent_and_not_predicted_costs_nothing(name):
    target = np.eye(3, dtype="float32")[np.zeros((2, 4, 4), int)]
    np.testing.assert_allclose(OVERLAP[name](target, saturated(target)), 0.0, atol=1e-4)


@every_loss
@kinds
@pytest.mark.parametrize("size", [0.0, 1e4])
def test_extreme_logits(name, kind, size):
    """Right and wrong, with certainty or none: values and gradients stay finite."""
    target, _ = BOTH_KINDS[kind]
    empty = np.zeros_like(target)
    empty[..., 0] = 0.0 if kind == "binary" else 1.0
    for mask, sign in itertools.product((target, empty, 1 - empty), (1, -1)):
        logits = (sign * size * (2 * mask - 1)).astype("float16")
        value, gradient = value_and_gradient(ALL[name], mask, logits)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


def test_boundary_leaves_the_outermost_pixels_of_the_mask_to_the_other_losses():
    square = np.zeros((1, 12, 12, 1), "float32")
    square[:, 4:9, 3:8] = 1
    core = np.zeros_like(square)
    core[:, 5:8, 4:7] = 1
    np.testing.assert_allclose(
        values("boundary", square, saturated(core)), values("boundary", square, saturated(square))
    )


def gradient_in_a_graph(function):
    def run(target, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = function(target, logits)
        return value, tape.gradient(value, logits)

    return run


@pytest.mark.parametrize(
    "spec", ["crossentropy", "focal", "focal_tversky", "lovasz", "dice + 0.1 * boundary"]
)
@kinds
def test_descent_finds_the_mask(spec, kind):
    """The gradient is that of the loss: following it raises the overlap."""
    target, logits = BOTH_KINDS[kind]
    mask = np.zeros_like(target)
    mask[..., 0] = 0 if kind == "binary" else 1
    mask[:, 1:4, 1:4] = 1 if kind == "binary" else np.eye(target.shape[-1])[1]
    step = tf.function(gradient_in_a_graph(losses.mask_loss(spec)))
    logits = tf.Variable(logits)
    before, _ = step(mask, logits)
    for _ in range(60):
        after, gradient = step(mask, logits)
        logits.assign_sub(0.3 * gradient / (np.abs(gradient).max() + 1e-12))
    assert np.mean(after) < np.mean(before) - 0.01
    if kind == "binary":
        predicted = logits.numpy() > 0
    else:
        predicted = logits.numpy().argmax(-1) == 1
        mask = mask[..., 1]
    assert metrics.f1_score(mask.ravel(), predicted.ravel()) > 0.95


EVERY_TERM = "crossentropy + focal + focal_tversky + batch_dice + batch_lovasz + boundary"


@kinds
def test_compiled_value_and_gradient(kind):
    target, logits = BOTH_KINDS[kind]
    loss = losses.mask_loss(EVERY_TERM)
    value, gradient = value_and_gradient(loss, target, logits)
    compiled = tf.function(gradient_in_a_graph(loss), jit_compile=True)
    found = compiled(tf.constant(target), tf.constant(logits))
    np.testing.assert_allclose(found[0], value, rtol=1e-4)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-3, atol=1e-6)


@kinds
def test_unknown_batch_size(kind):
    target, logits = BOTH_KINDS[kind]
    loss = losses.mask_loss(EVERY_TERM)
    signature = [tf.TensorSpec((None, *target.shape[1:]))] * 2
    graph = tf.function(gradient_in_a_graph(loss), input_signature=signature)
    value, _ = graph(target, logits)
    np.testing.assert_allclose(value, loss(target, logits), rtol=1e-5)


# --- errors ---------------------------------------------------------------------------------


@every_loss
def test_shapes_must_agree(name):
    with pytest.raises(ValueError, match=r"target must have .* Add the channel axis"):
        ALL[name](BINARY[..., 0], BINARY_LOGITS)
    with pytest.raises(ValueError, match=r"target must have .* Make the mask one-hot"):
        ALL[name](BINARY, CLASS_LOGITS)
    with pytest.raises(ValueError, match=r"target must have .* Resize"):
        ALL[name](BINARY[:, 1:], BINARY_LOGITS)


def test_each_crossentropy_names_the_other():
    with pytest.raises(ValueError, match="Use categorical_crossentropy"):
        losses.mask_binary_crossentropy(ONE_HOT, CLASS_LOGITS)
    with pytest.raises(ValueError, match="Use binary_crossentropy"):
        losses.mask_categorical_crossentropy(BINARY, BINARY_LOGITS)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dice", {"smoothing": 0.0}, r"dice: smoothing must be a number in \[1e-07, inf\]"),
        ("jaccard", {"reduction": "mean"}, "jaccard: reduction must be one of 'image', 'batch'"),
        ("tversky", {"fp_weight": -1.0}, "tversky: fp_weight must be a number"),
        ("tversky", {"fp_weight": 0.0, "fn_weight": 0.0}, "fp_weight or fn_weight must be above 0"),
        ("focal_tversky", {"gamma": 0.0}, "focal_tversky: gamma must be a number"),
        ("focal", {"alpha": 1.5}, r"focal: alpha must be a number in \[0, 1\]"),
        ("lovasz", {"classes": "some"}, "lovasz: classes must be one of"),
    ],
)
def test_options_out_of_range(name, options, message):
    with pytest.raises(ValueError, match=message):
        ALL[name](BINARY, BINARY_LOGITS, **options)
    text = ", ".join(f"{key}={value}" for key, value in options.items() if key != "reduction")
    if text:
        with pytest.raises(ValueError, match=message):
            losses.mask_loss(f"{name}({text})")
