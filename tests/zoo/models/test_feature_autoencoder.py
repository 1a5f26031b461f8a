"""Features, their Gaussian, and that what is strange is found: objects, textures, photographs."""

import keras
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import zoo
from zoo.layers.features import LocalGradients
from zoo.layers.gradient_histograms import direction_shares
from zoo.training import normal_images


def trained(images, epochs=30, **arguments):
    keras.utils.set_random_seed(0)
    model = zoo.create("feature_autoencoder", images.shape[1:], **arguments)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(images, epochs=epochs, batch_size=32, verbose=0)
    return model


def auroc(normal, strange):
    return np.mean(np.asarray(strange)[:, None] > np.asarray(normal)[None])


def noise(num, sigma, seed, size=32):
    """Smooth noise of a grain, every image with the same mean and contrast."""
    generator = np.random.default_rng(seed)
    frequencies = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size)] * 2))
    spectrum = np.exp(-2 * (np.pi * sigma * frequencies) ** 2)
    images = np.fft.ifft2(np.fft.fft2(generator.normal(size=(num, size, size))) * spectrum).real
    images /= images.std(axis=(1, 2), keepdims=True)
    return np.clip(0.5 + 0.15 * images, 0, 1)[..., None].astype("float32")


@pytest.fixture(scope="module")
def on_zeros(kit):
    digits, labels = kit.images, kit.labels
    normals = digits[labels == 0]
    return trained(normals[:120], num_neighbours=0), normals[120:], digits[labels != 0]


@pytest.fixture(scope="module")
def with_neighbours(kit):
    digits, labels = kit.images, kit.labels
    normals = digits[labels == 0]
    return trained(normals[:120], latent_dim=24), normals[120:], digits[labels != 0]


class TestFeatures:
    def test_local_gradients_are_means_over_windows(self):
        images = np.random.default_rng(0).random((1, 16, 12, 3), dtype="float32")
        found = np.asarray(LocalGradients()(images))
        assert found.shape == (1, 4, 3, 30) == LocalGradients().compute_output_shape(images.shape)
        shares = np.stack([np.asarray(s)[0] for s in direction_shares(images)], axis=-1) / 3
        grey = images[0].mean(axis=-1)
        window = slice(4, 8), slice(4, 8)  # of 4 x 4 pixels, the second of each side
        np.testing.assert_allclose(found[0, 1, 1, :8], shares[window].mean(axis=(0, 1)), rtol=1e-4)
        assert found[0, 1, 1, 8] == pytest.approx(grey[window].mean(), rel=1e-5)
        assert found[0, 1, 1, 9] == pytest.approx(grey[window].std(), rel=1e-3)

    def test_they_are_scaled_by_the_training_images(self, on_zeros):
        model, _, _ = on_zeros
        assert model.feature_shape == (4, 4, 8)
        assert np.ptp(model.feature_scale.numpy()) == 0  # one scale: small features stay small
        features = np.asarray(model.extractor(np.zeros((1, 8, 8, 1))))
        scaled = np.asarray(model.scaled_features(np.zeros((1, 8, 8, 1), "float32")))
        expected = (features - model.feature_mean.numpy()) / model.feature_scale.numpy()
        np.testing.assert_allclose(scaled, expected, rtol=1e-5)

    def test_the_loss_falls_once_they_are(self, on_zeros):
        model, _, _ = on_zeros
        curve = model.history.history["loss"]
        assert curve[-1] < 0.9 * curve[0]

    def test_no_contrast_no_difference(self, on_zeros):
        model, normals, _ = on_zeros
        pale = model.anomaly_score(0.4 * normals)
        np.testing.assert_allclose(pale, model.anomaly_score(normals), rtol=0.02)


class TestScore:
    def test_formula(self, on_zeros):
        model, normals, _ = on_zeros
        outputs = {name: np.asarray(value) for name, value in model.forward(normals[:5]).items()}
        offset = outputs["code"] - model.code_mean.numpy()
        distance = np.einsum("ni,ij,nj->n", offset, model.code_precision.numpy(), offset)
        error = np.square(outputs["features"] - outputs["prediction"]).reshape(5, -1)
        size, units = error.shape[1], model.latent_dim
        freedom = (size - units) * error.mean(axis=1) / model.normal_error.numpy()
        expected = (distance + freedom) / size
        np.testing.assert_allclose(model.anomaly_score(normals[:5]), expected, rtol=1e-3)
        maps = model.score_map(normals[:5])
        assert maps.shape == (5, 8, 8)
        np.testing.assert_allclose(maps[:, ::2, ::2], maps[:, 1::2, 1::2])  # cells of 2 x 2

    def test_distance_to_what_is_rebuilt_of_the_nearest(self, with_neighbours, kit):
        model, normals, _ = with_neighbours
        known = kit.images[kit.labels == 0][:120]
        features = np.asarray(model.scaled_features(normals[:5])).reshape(5, -1)
        rebuilt, of_known = (model.predict(x, verbose=0) for x in (normals[:5], known))
        rebuilt, of_known = rebuilt.reshape(5, -1), of_known.reshape(120, -1)
        nearest = NearestNeighbors(n_neighbors=5).fit(of_known)
        squared = np.square(nearest.kneighbors(rebuilt)[0]).mean(axis=1)
        raw = squared + 0.5 * np.square(features - rebuilt).sum(axis=1)
        scores = model.anomaly_score(normals[:5])
        np.testing.assert_allclose(scores / scores[0], raw / raw[0], rtol=1e-3)

    def test_only_what_the_score_reads_is_kept(self, with_neighbours, on_zeros):
        """Codes of neighbours, or else their Gaussian."""
        names = {variable.name for variable in with_neighbours[0].non_trainable_variables}
        assert {"normal_codes", "num_normals"} <= names
        assert not {"code_mean", "code_precision"} & names
        names = {variable.name for variable in on_zeros[0].non_trainable_variables}
        assert {"code_mean", "code_precision"} <= names
        assert not {"normal_codes", "num_normals"} & names

    def test_fewer_images_than_neighbours(self, kit):
        images = kit.images[kit.labels == 0]
        model = trained(images[:3], epochs=1, num_neighbours=5)
        assert np.isfinite(model.anomaly_score(images[3:9])).all()
        assert float(model.num_normals) == 3

    @pytest.mark.parametrize("num_neighbours", [0, 5])
    def test_normal_images_score_one_on_average(self, kit, num_neighbours):
        """Of neighbours an image is compared with the others; a new one is no stranger."""
        images = kit.images[kit.labels == 3]
        model = trained(images[:150], epochs=2, latent_dim=16, num_neighbours=num_neighbours)
        if num_neighbours:
            assert model.anomaly_score(images[150:]).mean() == pytest.approx(1, rel=0.3)
            return
        images = images[:150]
        assert model.anomaly_score(images).mean() == pytest.approx(1, rel=0.1)

    def test_of_places_mean_spread_and_error_count(self):
        images = noise(30, 1.0, seed=0)
        model = trained(images, epochs=1, preset="textures", latent_dim=3)
        outputs = {name: np.asarray(value) for name, value in model.forward(images).items()}
        codes = outputs["code"].reshape(30, -1, 3)
        error = np.square(outputs["features"] - outputs["prediction"]).mean(axis=(1, 2, 3))
        numbers = np.concatenate(
            [codes.mean(axis=1), np.log(codes.std(axis=1)), np.log(error)[:, None]], axis=1
        )
        mean, precision = normal_images.mean_and_precision(numbers)
        offset = numbers - mean
        expected = np.einsum("ni,ij,nj->n", offset, precision, offset) / 7
        np.testing.assert_allclose(model.anomaly_score(images), expected, rtol=0.02)

    def test_mean_and_precision(self):
        rows = np.random.default_rng(0).normal(size=(20_000, 3)) @ np.diag([1.0, 2.0, 3.0])
        rows[:, 1] += 0.5 * rows[:, 0]
        mean, precision = normal_images.mean_and_precision(rows + 5)
        np.testing.assert_allclose(mean, 5, atol=0.1)
        np.testing.assert_allclose(np.linalg.inv(precision), np.cov(rows.T), rtol=0.05, atol=0.1)
        _, of_few = normal_images.mean_and_precision(rows[:2])
        assert (np.linalg.eigvalsh(of_few) > 0).all()


class TestFinds:
    @pytest.mark.parametrize("fixture", ["on_zeros", "with_neighbours"])
    def test_other_digits(self, fixture, request):
        model, normals, others = request.getfixturevalue(fixture)
        assert auroc(model.anomaly_score(normals), model.anomaly_score(others)) > 0.97

    def test_the_place_of_a_hole(self, with_neighbours):
        model, normals, _ = with_neighbours
        damaged = normals.copy()
        damaged[:, :4, :4] = 1
        maps = model.score_map(damaged)
        assert maps[:, :4, :4].mean() > 1.5 * maps[:, 4:, 4:].mean()

    def test_textures_that_are_smoother_and_rougher_and_damaged(self):
        """Where an error of pixels calls a smoother texture normal; and the place of a hole."""
        model = trained(noise(60, 1.5, seed=0), epochs=10, preset="textures")
        normal = model.anomaly_score(noise(40, 1.5, seed=1))
        for sigma in (1.0, 2.5):
            assert auroc(normal, model.anomaly_score(noise(40, sigma, seed=2))) > 0.95
        damaged = noise(20, 1.5, seed=1)
        damaged[:, 8:16, 16:24] = 0  # a hole
        maps = model.score_map(damaged)
        assert maps[:, 8:16, 16:24].mean() > 1.5 * maps.mean()


class TestMemory:
    @pytest.mark.parametrize("shared", [None, True])
    def test_features_are_rebuilt_from_items_alone(self, kit, tmp_path, shared):
        """Of two equal items nothing but that item can be read, whatever the image."""
        model = trained(kit.images[:40], epochs=1, latent_dim=4, num_items=2, shared=shared)
        entropy = np.asarray(
            model.loss_terms(kit.images[:5], kit.images[:5], model.forward(kit.images[:5]))[
                "entropy"
            ]
        )
        assert entropy.shape == (5,)
        assert (entropy >= 0).all() and (entropy <= np.log(2) + 1e-5).all()
        items = model.memory.items.numpy()
        model.memory.items.assign(np.broadcast_to(items[:1], items.shape))
        rebuilt = model.predict(kit.images[:10], verbose=0)
        np.testing.assert_allclose(rebuilt, np.broadcast_to(rebuilt[:1], rebuilt.shape), atol=1e-5)
        model.save(tmp_path / "model.keras")
        again = zoo.load(tmp_path / "model.keras").anomaly_score(kit.images[:5])
        np.testing.assert_allclose(again, model.anomaly_score(kit.images[:5]), rtol=1e-4)


class TestExport:
    def test_features_are_inside_the_graph(self, with_neighbours, tmp_path):
        import tensorflow as tf

        model, normals, _ = with_neighbours
        zoo.export(model, tmp_path / "saved", method="anomaly_score")
        restored = tf.saved_model.load(str(tmp_path / "saved"))
        served = restored.serve(normals[:3])
        np.testing.assert_allclose(served, model.anomaly_score(normals[:3]), rtol=1e-4)


class TestNetwork:
    def test_maps_of_a_frozen_network(self, tmp_path):
        """Random weights: no download. They are frozen, and come back with the file."""
        arguments = {"features": "mobilenet_v2", "feature_weights": None, "latent_dim": 4}
        images = np.random.default_rng(0).random((6, 32, 32, 1), dtype="float32")
        model = trained(
            images, epochs=1, feature_layers=["block_1_expand_relu", "Conv1_relu"], **arguments
        )
        assert model.feature_shape == (16, 16, 96 + 32)
        assert all("dense" in w.path or "linear" in w.path for w in model.trainable_weights)
        model.save(tmp_path / "model.keras")
        loaded = zoo.load(tmp_path / "model.keras")
        np.testing.assert_allclose(
            loaded.anomaly_score(images), model.anomaly_score(images), rtol=1e-4
        )

    def test_weights_of_a_file(self, tmp_path):
        network = keras.applications.MobileNetV2(
            include_top=False, weights=None, input_shape=(32, 32, 3)
        )
        network.save_weights(tmp_path / "network.weights.h5")
        model = zoo.create(
            "feature_autoencoder",
            (32, 32, 3),
            features="mobilenet_v2",
            feature_weights=str(tmp_path / "network.weights.h5"),
        )
        inner = next(layer for layer in model.extractor.layers if isinstance(layer, keras.Model))
        name = "block_3_expand"
        np.testing.assert_array_equal(
            inner.get_layer(name).get_weights()[0], network.get_layer(name).get_weights()[0]
        )
        assert model.feature_shape[:2] == (4, 4)  # an eighth of the image


@pytest.mark.parametrize(
    ("shape", "arguments", "text"),
    [
        ((8, 8, 1), {"features": "hogg"}, "features must be one of.*Did you mean 'hog'"),
        ((4, 8, 1), {}, "at least 8 x 8 pixels"),
        ((64, 1), {}, r"image_shape must be \(height, width, channels\)"),
        ((16, 16, 3), {"features": "vgg16"}, "at least 32 x 32"),
        ((32, 32, 3), {"features": "vgg16", "shared": False}, "not False for maps of a network"),
        ((8, 8, 1), {"feature_layers": ["a"]}, "feature_layers must be None"),
        ((8, 8, 1), {"num_neighbours": 2000}, "num_neighbours must be .*1999"),
        ((8, 8, 1), {"num_neighbours": 1.5}, "num_neighbours must be an int >= 1"),
        ((8, 8, 1), {"num_neighbours": 3, "shared": True}, "num_neighbours must be 0 where"),
    ],
)
def test_wrong_arguments(shape, arguments, text):
    with pytest.raises(ValueError, match=text):
        zoo.create("feature_autoencoder", shape, **arguments)


def test_data_sets_and_generators_are_looked_at_too(kit):
    images = kit.images[:64]
    scores = []
    for data in (images, zoo.batches(images, batch_size=32), iter([images[:32], images[32:]])):
        keras.utils.set_random_seed(0)
        model = zoo.create("feature_autoencoder", (8, 8, 1), preset="tiny")
        model.compile("adam")
        model.fit(data, epochs=1, verbose=0, shuffle=False)
        assert np.any(model.feature_mean.numpy()) and float(model.normal_error) != 1
        scores.append(model.anomaly_score(images[:5]))
    assert all(np.isfinite(score).all() for score in scores)


@pytest.mark.parametrize("arguments", [{}, {"num_neighbours": 0}, {"shared": True}])
@pytest.mark.parametrize("kind", ["black", "grey", "one image", "one image many times"])
def test_normals_that_are_all_alike(kit, kind, arguments):
    """No spread, and no error: what they look like scores low, all else high and finite."""
    first = kit.images[:1]
    normals = {
        "black": np.zeros_like(kit.images[:8]),
        "grey": np.full_like(kit.images[:8], 0.5),
        "one image": first,
        "one image many times": np.repeat(first, 8, axis=0),
    }[kind]
    model = trained(normals, epochs=1, **arguments)
    own, others = (np.asarray(model.score_map(x)) for x in (normals, kit.images[1:30]))
    assert np.isfinite(own).all() and np.isfinite(others).all()
    assert own.mean(axis=(1, 2)).max() < 1e-3 * others.mean(axis=(1, 2)).min()
