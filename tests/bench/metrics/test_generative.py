"""Likelihoods of a linear Gaussian model, and scores of point sets, against closed forms."""

import types

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import zoo
from bench.data import catalog
from bench.data.dataset import Dataset, Split
from bench.metrics import generative, point_sets
from bench.records import schema

LATENT_DIM, NUM_PIXELS, SCALE = 2, 6, 0.3


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def dataset_of(images, labels=None, targets=None, num_classes=0):
    split = Split(images.astype("float32"), labels, targets)
    names = tuple(map(str, range(num_classes)))
    return Dataset("made", "reconstruction", split, split, split, names)


class LinearGaussian:
    """`x = W z + b + noise`, in closed form, as a VAE whose networks hold its matrices."""

    def __init__(self, generator):
        self.weights = generator.standard_normal((LATENT_DIM, NUM_PIXELS)) * 0.4
        self.offset = generator.uniform(0.3, 0.7, NUM_PIXELS)
        precision = np.eye(LATENT_DIM) + self.weights @ self.weights.T / SCALE**2
        self.posterior_covariance = np.linalg.inv(precision)
        self.encoder = self.weights.T @ self.posterior_covariance / SCALE**2

    def log_density(self, images):
        covariance = self.weights.T @ self.weights + SCALE**2 * np.eye(NUM_PIXELS)
        return multivariate_normal(self.offset, covariance).logpdf(images)

    def vae(self, posterior_scale=1.0):
        """A VAE with this decoder and the best encoder whose covariance is diagonal, or wider."""
        model = zoo.create(
            "vae",
            image_shape=(NUM_PIXELS,),
            widths=(),
            hidden_units=(),
            latent_dim=LATENT_DIM,
            likelihood="gaussian",
            scale=SCALE,
            output_activation="linear",
        )
        log_var = np.log(posterior_scale**2 / np.diag(np.linalg.inv(self.posterior_covariance)))
        model.decoder.set_weights([self.weights, self.offset])
        heads = {
            "z_mean": (self.encoder, -self.offset @ self.encoder),
            "z_log_var": (np.zeros_like(self.encoder), log_var),
        }
        for name, (kernel, bias) in heads.items():
            model.encoder.get_layer(name).set_weights([kernel, bias])
        return model


@pytest.fixture
def exact(generator):
    return LinearGaussian(generator)


def test_likelihood_tends_to_that_of_the_linear_gaussian_model(exact, generator):
    images = generator.random((400, NUM_PIXELS))
    found = generative.likelihood(exact.vae(3.0), dataset_of(images))
    expected = -exact.log_density(images).mean()
    nll = found["test_nll_by_samples"]
    assert list(nll) == ["1", "8", "64"]
    assert nll["1"] > nll["8"] > nll["64"] > expected - 0.01
    # Of 64 samples it is 0.029 above, by NumPy's draws too, and varies by 0.012 for 400 images.
    assert found["test_nll"] == nll["64"] == pytest.approx(expected + 0.029, abs=0.04)
    assert -found["test_elbo"] > expected + 0.1
    assert found["test_bits_per_dimension"] * NUM_PIXELS * np.log(2) == pytest.approx(nll["64"])
    assert found["test_likelihood"] == "gaussian"
    assert found["num_likelihood_images"] == 400
    low, high = found["test_likelihood_intervals"]["nll"]
    assert low < found["test_nll"] < high
    assert 0 < found["test_likelihood_noise"]["nll"] < 0.02


def test_monte_carlo_error_is_that_of_other_samples(generator):
    """Over many draws of the samples, means scatter by as much as one draw says on average."""
    draws = generator.normal(3.0, 2.0, size=(300, 40, 8))  # trials, images, samples
    whole, half = draws.mean(axis=-1), draws[..., :4].mean(axis=-1)
    said = [generative.monte_carlo_error(*pair) for pair in zip(whole, half, strict=True)]
    true = 2.0 / np.sqrt(8 * 40)
    assert whole.mean(axis=-1).std() == pytest.approx(true, rel=0.15)
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(true, rel=0.05)
    weights = np.exp(0.1 * draws)
    whole, half = -np.log(weights.mean(axis=-1)), -np.log(weights[..., :4].mean(axis=-1))
    said = [generative.monte_carlo_error(*pair, True) for pair in zip(whole, half, strict=True)]
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(whole.mean(axis=-1).std(), rel=0.15)


def test_elbo_is_that_of_the_closed_form(exact, generator):
    """The gap between density and bound is `KL(q || posterior)`, of two Gaussians."""
    images = generator.random((1_000, NUM_PIXELS))
    precision = np.linalg.inv(exact.posterior_covariance)
    variance = 4 / np.diag(precision)
    gap = 0.5 * (
        np.trace(precision * variance)
        - LATENT_DIM
        + np.log(np.linalg.det(exact.posterior_covariance))
        - np.log(variance).sum()
    )
    found = generative.likelihood(exact.vae(2.0), dataset_of(images))
    assert gap > 1
    assert found["test_elbo"] == pytest.approx(exact.log_density(images).mean() - gap, abs=0.15)


def test_code_use_counts_units_that_vary(exact, generator):
    images = generator.random((300, NUM_PIXELS))
    model = exact.vae()
    found = generative.code_use(model, dataset_of(images))
    mean = (images - exact.offset) @ exact.encoder
    variance = 1 / np.diag(np.linalg.inv(exact.posterior_covariance))
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).mean(axis=0)
    np.testing.assert_allclose(found["test_kl_per_latent"], kl, rtol=1e-4)
    assert found["test_active_units"] == 2
    head = model.encoder.get_layer("z_mean")
    kernel, bias = head.get_weights()
    kernel[:, 1] *= 0.05 / (images @ kernel)[:, 1].std()  # a variance of 0.0025
    head.set_weights([kernel, bias])
    assert generative.code_use(model, dataset_of(images))["test_active_units"] == 1


def test_noisy_images_are_judged_by_their_clean_ones(exact, generator):
    clean = generator.random((50, NUM_PIXELS)).astype("float32")
    noisy = dataset_of(np.zeros_like(clean), targets=clean)
    model = exact.vae()
    assert generative.likelihood(model, noisy) == generative.likelihood(model, dataset_of(clean))


# --- scores of point sets -----------------------------------------------------------------------


def brute_force(real, generated, k):
    """The definitions, point by point."""

    def radius(points, index):
        distances = [np.linalg.norm(points[index] - p) for i, p in enumerate(points) if i != index]
        return sorted(distances)[k - 1]

    real_radii = [radius(real, i) for i in range(len(real))]
    generated_radii = [radius(generated, j) for j in range(len(generated))]
    precision = recall = density = coverage = 0
    for point in generated:
        balls = [np.linalg.norm(point - r) <= d for r, d in zip(real, real_radii, strict=True)]
        precision += any(balls) / len(generated)
        density += sum(balls) / (k * len(generated))
    for point, reach in zip(real, real_radii, strict=True):
        distances = [np.linalg.norm(point - g) for g in generated]
        recall += any(d <= r for d, r in zip(distances, generated_radii, strict=True)) / len(real)
        coverage += (min(distances) <= reach) / len(real)
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbour_scores_are_those_of_the_definitions(generator, k):
    real = generator.standard_normal((40, 3))
    generated = 0.7 * generator.standard_normal((30, 3)) + 0.5
    found = point_sets.neighbour_scores(real, generated, k)
    assert found == pytest.approx(brute_force(real, generated, k))
    assert 0 < found["recall"] < 1  # else the comparison says little


def test_neighbour_scores_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # balls of radius 1, 1, 1 and 8
    generated = np.array([[0.5], [0.6], [30.0]])  # balls of radius 0.1, 0.1 and 29.4
    found = point_sets.neighbour_scores(real, generated, 1)
    assert found == pytest.approx(
        {"precision": 2 / 3, "recall": 3 / 4, "density": 4 / 3, "coverage": 2 / 4}
    )


def test_copies_of_the_real_images_score_one_and_strangers_zero(generator):
    real = generator.standard_normal((50, 4))
    copied = point_sets.neighbour_scores(real, real)
    assert copied["precision"] == copied["recall"] == copied["coverage"] == 1
    far = point_sets.neighbour_scores(real, real + 1_000)
    assert set(far.values()) == {0.0}


def test_one_mode_dropped_costs_recall_and_coverage_not_precision(generator):
    real = generator.standard_normal((200, 2)) + np.repeat([[0, 0], [50, 50]], 100, axis=0)
    found = point_sets.neighbour_scores(real, generator.standard_normal((200, 2)))
    assert found["precision"] > 0.9
    assert found["recall"] < 0.6
    assert found["coverage"] < 0.6


@pytest.mark.parametrize("num_neighbours", [0, 5, 6])
def test_too_few_points_are_refused(generator, num_neighbours):
    points = generator.random((5, 2))
    with pytest.raises(ValueError, match="less than the points of either set"):
        point_sets.neighbour_scores(points, points, num_neighbours)
    with pytest.raises(ValueError, match=r"shape \(points, features\)"):
        point_sets.neighbour_scores(points, points[:, :1])


def whitened(generator, num, size):
    """Points of mean 0 and sample covariance `I`, exactly."""
    points = generator.standard_normal((num, size))
    points -= points.mean(axis=0)
    return points @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False))).T


def test_frechet_distance_of_two_gaussians(generator):
    """Covariances that commute: the squared distance of means and of standard deviations."""
    scales = np.array([[1.0, 2.0, 0.5], [3.0, 0.1, 0.5]])
    shift = np.array([1.0, -2.0, 0.0])
    first = whitened(generator, 60, 3) * scales[0]
    second = whitened(generator, 40, 3) * scales[1] + shift
    expected = (shift**2).sum() + ((scales[0] - scales[1]) ** 2).sum()
    assert point_sets.frechet_distance(first, second) == pytest.approx(expected)
    rotation = np.linalg.qr(generator.standard_normal((3, 3)))[0]
    turned = point_sets.frechet_distance(first @ rotation, second @ rotation)
    assert turned == pytest.approx(expected)


def test_frechet_distance_of_covariances_that_do_not_commute(generator):
    from scipy.linalg import sqrtm

    mix = generator.standard_normal((3, 3))
    first, second = whitened(generator, 50, 3) * [1, 2, 3], whitened(generator, 50, 3) @ mix
    one, two = np.diag([1.0, 4.0, 9.0]), mix.T @ mix
    expected = np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert point_sets.frechet_distance(first, second) == pytest.approx(expected)
    assert point_sets.frechet_distance(second, first) == pytest.approx(expected)


def test_frechet_distance_of_few_points_stays_finite(generator):
    points = generator.standard_normal((4, 20))  # covariances without full rank
    assert point_sets.frechet_distance(points, points) == pytest.approx(0, abs=1e-8)
    assert point_sets.frechet_distance(points, points + 1) == pytest.approx(20)
    with pytest.raises(ValueError, match="two points"):
        point_sets.frechet_distance(points[:1], points)


# --- the summary of models ----------------------------------------------------------------------


class PixelReader:
    """Takes the pixels for the features, so that scores have closed forms."""

    accuracy, checksum = 0.5, "abc"

    def features(self, images):
        return images.reshape(len(images), -1)


class Drawer:
    """Draws what it was given."""

    task = "reconstruction"

    def __init__(self, images):
        self.images = images

    def sample(self, num_images, *, seed=None):
        return self.images[:num_images]


def test_samples_are_compared_with_as_many_test_images(generator):
    test = generator.random((60, 4, 4, 1)).astype("float32")
    labels = np.arange(60) % 2
    data = dataset_of(test, labels, num_classes=2)
    found = generative.summary(Drawer(test), data, PixelReader())
    assert found["num_sample_images"] == 60
    assert found["test_sample_precision"] == found["test_sample_coverage"] == 1
    assert found["test_frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert found["test_sample_reference"]["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert found["classifier_checksum"] == "abc"
    white = generative.summary(Drawer(np.full_like(test, 7)), data, PixelReader())
    clipped = ((1 - test.mean(axis=0)) ** 2).sum() + np.var(test, axis=0, ddof=1).sum()
    assert white["test_frechet_distance"] == pytest.approx(clipped, rel=1e-5)
    assert "test_nll" not in white


def test_without_labels_there_is_a_reason(generator):
    images = generator.random((20, 4, 4, 1))
    data = dataset_of(images)
    assert not generative.needs_classifier(Drawer(images), data)
    found = generative.summary(Drawer(images), data)
    assert found == {"sample_quality_reason": "samples were not judged: no labels"}


def test_too_few_test_images_have_a_reason(generator):
    images = generator.random((5, 4, 4, 1))
    data = dataset_of(images, np.arange(5) % 2, num_classes=2)
    found = generative.summary(Drawer(images), data, PixelReader())
    assert "5 test images" in found["sample_quality_reason"]


def test_a_diverged_model_is_named(generator):
    images = generator.random((20, 4, 4, 1))
    data = dataset_of(images, np.arange(20) % 2, num_classes=2)
    with pytest.raises(FloatingPointError, match="samples"):
        generative.summary(Drawer(images * np.nan), data, PixelReader())


def test_models_that_draw_nothing_are_left_out():
    model = types.SimpleNamespace(task="reconstruction")
    assert generative.summary(model, catalog.load("digits")) == {}


def test_a_model_of_the_positive_class_is_judged_on_it(generator):
    images = generator.random((40, 4, 4, 1)).astype("float32")
    labels = np.arange(40) % 2
    images[labels == 0] = 0
    model = Drawer(images[labels == 1])
    model.task = "debiasing"
    found = generative.summary(model, dataset_of(images, labels, num_classes=2), PixelReader())
    assert found["num_sample_images"] == 20
    assert found["test_frechet_distance"] == pytest.approx(0, abs=1e-6)


ARGUMENTS = {
    "vae": {},
    "conditional_vae": {"num_classes": 10},
    "semi_supervised_m2": {"num_classes": 10},
    "wae_mmd": {},
    "adversarial_autoencoder": {},
    "autoencoder": {},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_models_of_the_zoo(name, monkeypatch):
    monkeypatch.setattr(generative, "NUM_LIKELIHOOD_IMAGES", 24)
    monkeypatch.setattr(generative, "NUM_SAMPLE_IMAGES", 24)
    monkeypatch.setattr(generative, "IMPORTANCE_SAMPLES", (1, 32))
    keras.utils.set_random_seed(0)
    model = zoo.create(name, image_shape=(8, 8, 1), preset="tiny", seed=0, **ARGUMENTS[name])
    found = generative.summary(model, catalog.load("digits"), PixelReader())
    assert set(found) <= set(schema.NAMES)
    has_likelihood = name not in ("wae_mmd", "adversarial_autoencoder", "autoencoder")
    assert ("test_nll" in found) == has_likelihood
    assert ("test_sample_recall" in found) == (name != "autoencoder")
    if has_likelihood:
        nll = found["test_nll_by_samples"]
        assert nll["1"] > nll["32"] - 0.1  # in the mean; of 24 images the draws show
        assert len(found["test_kl_per_latent"]) == model.latent_dim
        # one sample gives the negative ELBO, but for the noise of the code
        assert nll["1"] == pytest.approx(-found["test_elbo"], rel=0.02)
