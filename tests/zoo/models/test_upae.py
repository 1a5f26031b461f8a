"""The uncertainty of UPAE: its loss, its bounds, its units, and that it learns where to doubt."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import zoo
from zoo.models import upae

DIGITS = (load_digits().images[:512, ..., None] / 16).astype("float32")
RANDOM = np.random.default_rng(0)
SHAPES = {"image": (8, 8, 2), "series": (16, 3), "flat": (10,)}


def make(image_shape=(8, 8, 1), **arguments):
    keras.utils.set_random_seed(2)
    return zoo.create("upae", image_shape, preset="tiny", **arguments)


def make_constant(mean, log_variance, **arguments):
    """A UPAE of three features that gives the same mean and log-variance for all inputs."""
    model = make((3,), **arguments)
    pixels = model.decoder.get_layer("pixels")
    bias = np.concatenate([np.full(3, mean), np.full(3, log_variance)])
    pixels.set_weights([np.zeros_like(pixels.kernel), bias])
    return model


def random_images(shape, count=5):
    return RANDOM.uniform(size=(count, *shape)).astype("float32")


@pytest.mark.parametrize("kind", SHAPES)
def test_loss_and_score_are_the_formulas(kind):
    shape = SHAPES[kind]
    model, x = make(shape), random_images(shape)
    outputs = model.forward(x)
    mean, s = (np.asarray(outputs[key], "float64") for key in ("mean", "log_variance"))
    assert mean.shape == s.shape == x.shape
    error = np.exp(-s) * (2 * x - 1 - mean) ** 2
    axes = tuple(range(1, x.ndim))
    squared = (2 * x - 1 - mean) ** 2
    for nll, values in (("joint", error + s), ("detached", squared + error + s)):
        loss = make(shape, nll=nll).loss_terms(x, x, outputs)["reconstruction"]
        np.testing.assert_allclose(loss, values.mean(axes), rtol=1e-4, atol=1e-5)
    for score, values in (("log_likelihood", error + s), ("paper", error)):
        model = make(shape, score=score)
        score_map = values.mean(axis=-1) if kind != "flat" else values
        np.testing.assert_allclose(model.score_map(x), score_map, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.anomaly_score(x), values.mean(axes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict_uncertainty(x), np.exp(s / 2) / 2, rtol=1e-4)


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes(kind):
    shape = SHAPES[kind]
    model, x = make(shape), random_images(shape)
    assert model.score_map(x).shape == ((5, *shape[:-1]) if kind != "flat" else (5, *shape))
    assert model.anomaly_score(x).shape == (5,)
    assert model.predict_uncertainty(x).shape == x.shape
    assert model.predict(x, verbose=0).shape == x.shape
    assert model.decode(model.encode(x)).shape == x.shape


def test_loss_of_known_outputs():
    x = np.full((2, 3), 0.9, "float32")  # x' = 0.8: an error of 0.6
    for nll, more in (("joint", 0), ("detached", 0.36)):
        model = make_constant(0.2, np.log(0.25), log_variance_bounds=None, nll=nll)
        loss = model.loss_terms(x, x, model.forward(x))["reconstruction"]
        np.testing.assert_allclose(loss, more + 0.36 / 0.25 + np.log(0.25), rtol=1e-5)
    np.testing.assert_allclose(model.anomaly_score(x), 0.36 / 0.25 + np.log(0.25), rtol=1e-5)


@pytest.mark.parametrize(("mean", "pixel"), [(-1.0, 0.0), (0.0, 0.5), (1.0, 1.0), (1.2, 1.1)])
def test_prediction_is_in_pixel_units_and_not_clipped(mean, pixel):
    model, x = make_constant(mean, 0.0), random_images((3,), 2)
    np.testing.assert_allclose(model.predict(x, verbose=0), pixel, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(x), pixel, atol=1e-6)
    np.testing.assert_allclose(model.decode(model.encode(x)), pixel, atol=1e-6)


def test_uncertainty_is_in_pixel_units():
    model = make_constant(0.0, 2 * np.log(0.5), log_variance_bounds=None)
    # sigma = 0.5 of a range of 2 is a quarter of the range of 1.
    np.testing.assert_allclose(model.predict_uncertainty(random_images((3,), 2)), 0.25, rtol=1e-5)


@pytest.mark.parametrize("bounds", [(-6.0, 6.0), (-3.0, 1.0)])
@pytest.mark.parametrize("raw", [-1e4, -8.0, 8.0, 1e4])
def test_bounds_hold(bounds, raw):
    model = make_constant(0.0, raw, log_variance_bounds=bounds)
    value = np.asarray(model.forward(random_images((3,)))["log_variance"])
    assert (value >= bounds[0]).all()
    assert (value <= bounds[1]).all()
    middle, half = sum(bounds) / 2, (bounds[1] - bounds[0]) / 2
    np.testing.assert_allclose(value, middle + half * np.tanh((raw - middle) / half), rtol=1e-5)


def test_between_the_bounds_little_changes():
    model = make_constant(0.0, 1.0, log_variance_bounds=(-6, 6))
    value = model.forward(random_images((3,)))["log_variance"]
    np.testing.assert_allclose(value, 1.0, atol=0.02)


def test_the_paper_has_no_bounds():
    assert zoo.presets.config("upae", "upae_paper")["log_variance_bounds"] is None
    free = make_constant(0.0, -40.0, log_variance_bounds=None)
    np.testing.assert_allclose(free.forward(random_images((3,)))["log_variance"], -40.0)


def test_uncertainty_is_learned_where_the_pixels_are_noise():
    noise = np.random.default_rng(1).integers(0, 2, DIGITS.shape).astype("float32")
    x = np.concatenate([DIGITS, noise], axis=2)  # (512, 8, 16, 1), the right half unpredictable
    model = make((8, 16, 1))
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(x[:384], epochs=20, batch_size=64, verbose=0)
    uncertainty = model.predict_uncertainty(x[384:])
    clean, noisy = uncertainty[:, :, :8].mean(), uncertainty[:, :, 8:].mean()
    assert noisy > 1.5 * clean
    assert noisy == pytest.approx(0.5, abs=0.15)  # the standard deviation of a fair coin
    error = np.abs(model.reconstruct(x[384:]) - x[384:])
    relative_error = error[:, :, 8:].mean() / error[:, :, :8].mean()
    scores = np.exp(-2 * np.log(2 * uncertainty)) * (2 * error) ** 2
    # Noise that was expected counts for less in the score than in the error.
    assert scores[:, :, 8:].mean() / scores[:, :, :8].mean() < 0.7 * relative_error**2


@pytest.mark.parametrize(
    ("nll", "gradient_of_mean", "gradient_of_s"),
    [
        # Of one pixel with an error of 0.6 and s = log 0.25: d/dmu and d/ds of each loss.
        ("joint", -2 * 0.6 / 0.25, 1 - 0.36 / 0.25),
        ("beta", 0.5 * -2 * 0.6 / 0.25, 0.5 * (1 - 0.36 / 0.25)),
        ("detached", -2 * 0.6, 1 - 0.36 / 0.25),
    ],
)
def test_what_each_loss_teaches(nll, gradient_of_mean, gradient_of_s):
    mean, s = tf.Variable([[0.2]]), tf.Variable([[np.log(0.25).astype("float32")]])
    with tf.GradientTape() as tape:
        loss = upae.LOSSES[nll](tf.constant([[0.8]]), mean, s)
    found = [gradient.numpy().item() for gradient in tape.gradient(loss, [mean, s])]
    assert found == pytest.approx([gradient_of_mean, gradient_of_s], rel=1e-4)


def test_recalibration_makes_the_mean_squared_ratio_one():
    model, held_out = make(), random_images((8, 8, 1), 40)
    model.recalibrate(held_out)
    ratio = (held_out - model.reconstruct(held_out)) / model.predict_uncertainty(held_out)
    np.testing.assert_allclose(np.square(ratio).mean(axis=0), 1, rtol=0.05)
    again = zoo.models.UPAE.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(
        again.predict_uncertainty(held_out), model.predict_uncertainty(held_out), rtol=1e-5
    )


def test_uncertainty_is_capped_by_that_of_held_out_normals(tmp_path):
    """A pixel whose s is above all that normals have counts as if it had their highest."""
    model = make()
    held_out, x = random_images((8, 8, 1), 6), random_images((8, 8, 1), 3)
    capped_at = 2 * np.log(2 * model.predict_uncertainty(held_out)).max(axis=0)
    model.cap_uncertainty(held_out)
    outputs = model.forward(x)
    s = np.minimum(outputs["log_variance"], capped_at)
    assert (s < np.asarray(outputs["log_variance"])).any()
    expected = np.exp(-s) * (2 * x - 1 - np.asarray(outputs["mean"])) ** 2 + s
    np.testing.assert_allclose(model.score_map(x), expected[..., 0], rtol=1e-3, atol=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = zoo.load(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.score_map(x), model.score_map(x), rtol=1e-5)


def test_paper_defaults_are_cut_to_the_shape():
    def widths(shape):
        return zoo.create("upae", shape, hidden_units=(), latent_dim=2).widths

    assert widths((32, 16, 1)) == (16, 32, 64, 64)
    assert widths((12, 28, 1)) == (16, 32)
    assert widths((10, 1)) == (16,)
    assert widths((9,)) == ()


@pytest.mark.parametrize(
    ("arguments", "activations"),
    [
        ({"hidden_units": (16,)}, []),  # as in the paper, whose decoder begins with dense layers
        ({"hidden_units": ()}, ["relu"]),
        ({"hidden_units": (), "activation": "silu"}, ["silu"]),
        ({"hidden_units": (16,), "mirror_hidden": False}, ["relu"]),
        ({"hidden_units": (16,), "unflatten_activation": "tanh"}, ["tanh"]),
        ({"hidden_units": (), "unflatten_activation": "linear"}, []),
    ],
)
def test_the_map_is_linear_only_behind_dense_layers(arguments, activations):
    model = make(**arguments)
    for each in (model, type(model).from_config(model.get_config())):
        found = [layer for layer in each.decoder.layers if layer.name == "unflatten_act"]
        assert [layer.activation.__name__ for layer in found] == activations


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (0.0, 0.0), (1.0,), 5, "ab", (None, 1.0)])
def test_bounds_that_are_no_rising_pair_are_refused(bounds):
    with pytest.raises(ValueError, match=r"UPAE: log_variance_bounds must be a pair \(low, high\)"):
        make(log_variance_bounds=bounds)


@pytest.mark.parametrize("shape", [("a", 8, 1), (8.0, 8, 1), None, (0, 8, 1)])
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(ValueError, match=r"UPAE: image_shape must be \(height, width, channels\)"):
        zoo.models.UPAE(shape)


def test_odd_sides_are_refused():
    with pytest.raises(ValueError, match=r"UPAE: image_shape height and width must be divisible"):
        zoo.models.UPAE((7, 7, 1))


@pytest.mark.parametrize("name", ["output_activation", "reconstruction", "latent_activation"])
def test_fixed_arguments_are_refused(name):
    with pytest.raises(TypeError, match=rf"UPAE: {name} is fixed by the model's loss"):
        make(**{name: "relu"})
