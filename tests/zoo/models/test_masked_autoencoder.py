"""Patches, masks that hide what they should, and a loss on hidden patches alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.util import view_as_blocks

import zoo
from zoo.layers import transformer
from zoo.models.masked_autoencoder import default_patch_size

TINY = {
    "embedding_dim": 8,
    "num_blocks": 1,
    "num_heads": 2,
    "decoder_dim": 8,
    "num_decoder_blocks": 1,
    "num_decoder_heads": 1,
}


def make(image_shape=(8, 8, 1), **arguments):
    return zoo.create("masked_autoencoder", image_shape, **(TINY | arguments))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    return make()


# --- layers ---------------------------------------------------------------------------------


def test_patches_are_blocks_in_reading_order():
    images = np.random.default_rng(0).random((2, 6, 9, 2), dtype="float32")
    patches = np.asarray(transformer.to_patches(images, 3))
    blocks = np.stack([view_as_blocks(image, (3, 3, 2)) for image in images])
    np.testing.assert_array_equal(patches, blocks.reshape(2, 6, 18))


@pytest.mark.parametrize(("shape", "size"), [((6, 9, 2), 3), ((12, 2), 4), ((12,), 3), ((4, 4), 1)])
def test_patches_go_back_to_the_image(shape, size):
    x = np.random.default_rng(0).random((3, *shape), dtype="float32")
    patches = transformer.to_patches(x, size)
    grid = transformer.patch_grid(shape, size)
    assert patches.shape == (3, np.prod(grid), transformer.patch_dim(shape, size))
    np.testing.assert_array_equal(transformer.from_patches(patches, shape, size), x)
    if len(shape) < 3:
        np.testing.assert_array_equal(
            np.asarray(patches)[:, 1].ravel(), x[:, size : 2 * size].ravel()
        )


def test_positions_are_sines_and_cosines_of_each_axis():
    found = transformer.sinusoidal_positions((3, 5), 8)
    row, column = 2, 4
    expected = []
    for place in (row, column):
        angles = [place / 10_000 ** (k / 2) for k in range(2)]
        expected += [*np.sin(angles), *np.cos(angles)]
    np.testing.assert_allclose(found[row * 5 + column], expected, atol=1e-6)
    assert len(np.unique(found.round(5), axis=0)) == 15


def test_take_tokens_is_take_along_axis():
    generator = np.random.default_rng(0)
    tokens = generator.random((4, 6, 3), dtype="float32")
    indices = generator.integers(0, 6, (4, 2))
    expected = np.take_along_axis(tokens, indices[..., None], axis=1)
    np.testing.assert_array_equal(transformer.take_tokens(tokens, indices), expected)


def test_attention_is_softmax_of_scaled_products():
    layer = transformer.SelfAttention(2)
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    found = np.asarray(layer(x))
    kernel, bias, mix, mix_bias = (weight.numpy() for weight in layer.weights)
    query, key, value = np.split(x @ kernel + bias, 3, axis=-1)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = np.exp(query[..., head] @ key[..., head].transpose(0, 2, 1) / np.sqrt(3))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        heads.append(shares @ value[..., head])
    expected = np.concatenate(heads, axis=-1) @ mix + mix_bias
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_vit_base_has_its_published_number_of_parameters():
    """12 blocks of width 768 on patches of 16 x 16 x 3, with 197 positions and a class token."""
    block = transformer.TransformerBlock(12)
    block.build((None, None, 768))
    rest = (16 * 16 * 3 + 1) * 768 + 197 * 768 + 768 + 2 * 768
    assert 12 * block.count_params() + rest == 85_798_656


# --- masks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask_ratio", "num_visible"), [(0.75, 4), (0.3, 11), (0.01, 15), (0.99, 1)]
)
def test_the_same_number_of_patches_is_hidden_in_every_image(mask_ratio, num_visible):
    model = make(mask_ratio=mask_ratio)
    assert (model.num_patches, model.num_visible) == (16, num_visible)
    outputs = model.forward(tf.random.uniform((40, 8, 8, 1)))
    hidden = np.asarray(outputs["hidden"])
    np.testing.assert_array_equal(hidden.sum(axis=1), 16 - num_visible)
    assert len(np.unique(hidden, axis=0)) > 5  # masks differ between images
    # The fixed masks of `call` hide each patch at least once, and none hides more or less.
    positions = np.argsort(model.fixed_orders, axis=1)
    assert ((positions >= num_visible).sum(axis=0) >= 1).all()
    assert ((positions < num_visible).sum(axis=1) == num_visible).all()
    np.testing.assert_array_equal(np.sort(model.fixed_orders, axis=1)[0], np.arange(16))


def test_masks_are_random_in_training_and_fixed_at_evaluation(model):
    x = tf.random.uniform((6, 8, 8, 1))
    first, second = (np.asarray(model.forward(x)["hidden"]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    first, second = (np.asarray(model.forward(x, training=True)["hidden"]) for _ in range(2))
    assert (first != second).any()


def test_predictions_depend_on_visible_patches_only(model):
    generator = np.random.default_rng(0)
    patches = generator.random((1, 16, 4), dtype="float32")
    order = generator.permutation(16)[None]
    base = np.asarray(model.predict_patches(patches, order))
    for place in (0, model.num_visible - 1, model.num_visible, 15):
        changed = patches.copy()
        changed[0, order[0, place]] += 0.5
        moved = np.abs(np.asarray(model.predict_patches(changed, order)) - base).max()
        assert (moved > 1e-4) == (place < model.num_visible)


def test_call_predicts_each_patch_from_the_others(model):
    """Changing a patch changes its neighbours' predictions, and not its own."""
    x = np.random.default_rng(1).random((1, 8, 8, 1), dtype="float32")
    base = model.reconstruct(x)
    for row, column in ((0, 0), (2, 6), (4, 2)):
        changed = x.copy()
        changed[0, row : row + 2, column : column + 2] = (
            1 - x[0, row : row + 2, column : column + 2]
        )
        moved = np.abs(model.reconstruct(changed) - base)[0, ..., 0]
        np.testing.assert_array_equal(moved[row : row + 2, column : column + 2], 0)
        assert moved.max() > 1e-4


def test_call_is_the_mean_over_the_masks_that_hide_a_patch(model):
    x = np.random.default_rng(2).random((3, 8, 8, 1), dtype="float32")
    patches = np.asarray(transformer.to_patches(x, 2))
    total, count = np.zeros_like(patches), np.zeros((16, 1))
    for order in model.fixed_orders:
        predicted = np.asarray(model.predict_patches(patches, np.tile(order, (3, 1))))
        hidden = order[model.num_visible :]
        total[:, hidden] += predicted[:, hidden]
        count[hidden] += 1
    expected = transformer.from_patches(total / count, (8, 8, 1), 2)
    np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-5)


# --- loss -----------------------------------------------------------------------------------


def test_loss_is_the_error_on_hidden_patches_alone(model):
    x = np.random.default_rng(0).random((5, 8, 8, 1), dtype="float32")
    outputs = model.forward(x)
    patches = np.asarray(transformer.to_patches(x, 2))
    hidden = np.asarray(outputs["hidden"]).astype(bool)
    error = (np.asarray(outputs["patches"]) - patches) ** 2
    expected = [error[i][hidden[i]].mean() for i in range(5)]
    found = model.loss_terms(x, x, outputs)["reconstruction"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # The prediction of `forward` shows what was visible, so its error is that of hidden patches.
    whole = np.mean((np.asarray(outputs["prediction"]) - x) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(whole * 16 / 12, expected, rtol=1e-4)


def test_normalized_patches_have_mean_0_and_deviation_1():
    model = make(normalize_patches=True)
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32")
    patches = np.asarray(transformer.to_patches(x, 2))
    perfect = (patches - patches.mean(axis=-1, keepdims=True)) / patches.std(axis=-1, keepdims=True)
    outputs = {"patches": perfect, "hidden": np.ones((4, 16), "float32")}
    np.testing.assert_allclose(model.loss_terms(x, x, outputs)["reconstruction"], 0, atol=1e-4)
    outputs = {"patches": 0 * perfect, "hidden": np.eye(16, dtype="float32")[[0, 3, 5, 9]]}
    found = model.loss_terms(x, x, outputs)["reconstruction"]
    np.testing.assert_allclose(found, 1 / 12, rtol=1e-3)  # variance 1 on one patch of twelve
    np.testing.assert_allclose(model._to_pixels(perfect, patches), patches, atol=1e-4)
    assert np.isfinite(model.anomaly_score(np.zeros((2, 8, 8, 1), "float32"))).all()


def test_it_learns_what_the_visible_patches_tell():
    """Images of one colour: hidden patches have the colour of the others."""
    keras.utils.set_random_seed(0)
    levels = np.random.default_rng(0).random((512, 1), dtype="float32")
    images = np.repeat(levels, 12, axis=1)
    model = make((12,), patch_size=2)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(images, batch_size=64, epochs=10, verbose=0)
    error = model.evaluate(images, verbose=0, return_dict=True)["loss"]
    assert error < 0.1 * levels.var()  # 1 for the mean colour


# --- use ------------------------------------------------------------------------------------


def test_code_sees_every_patch_and_its_place(model):
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype="float32")
    base = model.encode(x)
    assert base.shape == (1, 8)
    for place in ((0, 0), (3, 5), (7, 7)):
        changed = x.copy()
        changed[0, place[0], place[1]] += 0.5
        assert np.abs(model.encode(np.clip(changed, 0, 1)) - base).max() > 1e-5
    assert np.abs(model.encode(x[:, ::-1]) - base).max() > 1e-5
    for name in ("decode", "interpolate"):
        assert not hasattr(model, name)


@pytest.mark.parametrize(
    ("shape", "patch_size"),
    [
        ((8, 8, 1), 2),
        ((28, 28, 1), 4),
        ((32, 32, 3), 4),
        ((64, 64, 1), 8),
        ((224, 224, 3), 16),
        ((48, 30, 1), 3),
        ((140, 1), 5),
        ((784,), 16),
        ((31, 31, 1), None),
    ],
)
def test_default_patch_size(shape, patch_size):
    assert default_patch_size(shape) == patch_size


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((30, 30, 1), {"patch_size": 4}, r"height and width must be divisible by patch_size.*Pad"),
        ((30, 30, 1), {"patch_size": 4}, r"patch_size=4\. Pad to \(32, 32, 1\)"),
        ((141, 1), {"patch_size": 4}, r"length must be.*Pad to \(144, 1\)"),
        ((30,), {"patch_size": 4}, r"length must be.*Pad to \(32,\)"),
        ((31, 31, 1), {}, r"common divisor.*Pad to \(32, 32, 1\), or give patch_size=1"),
        ((8, 8, 1), {"patch_size": 8}, r"patch_size must leave at least 2 patches"),
        ((8, 8, 1), {"patch_size": 0}, r"patch_size must be an int >= 1"),
        ((8, 8, 1), {"mask_ratio": 1.0}, r"mask_ratio must be a number in"),
        ((8, 8, 1), {"embedding_dim": 10}, r"divisible by num_heads and by 4.*embedding_dim=12"),
        ((8, 8, 1), {"decoder_dim": 8, "num_decoder_heads": 3}, r"For example decoder_dim=12"),
    ],
)
def test_arguments_that_do_not_fit(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(shape, **arguments)


@pytest.mark.parametrize("normalize", [False, True])
def test_metrics_see_hidden_patches_alone(normalize):
    """The mean squared error of `compile` is the loss where patches are not normalised."""
    images = np.random.default_rng(0).random((20, 8, 8, 1), dtype="float32")
    model = make(normalize_patches=normalize)
    model.compile(metrics=["mse"], run_eagerly=True)
    logs = model.evaluate(images, batch_size=20, verbose=0, return_dict=True)
    outputs = model.forward(images)
    hidden = np.asarray(outputs["hidden"])[..., None] > 0
    pixels = np.asarray(transformer.from_patches(hidden * np.ones(4), (8, 8, 1), 2)) > 0
    error = np.square(images - np.asarray(outputs["prediction"]))[pixels]
    assert logs["mse"] == pytest.approx(error.mean(), rel=1e-5)
    if not normalize:
        assert logs["mse"] == pytest.approx(logs["reconstruction"], rel=1e-5)
