"""The quantiser agrees with numpy, its codebook with cluster means, the model with its source."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import zoo
from zoo.layers.quantizer import VectorQuantizer, perplexity

K, D = 6, 3


def quantizer(**arguments):
    """Returns a built layer whose entries are standard normal."""
    layer = VectorQuantizer(K, **{"revive_after": None, **arguments})
    layer.build((None, D))
    layer.embeddings.assign(np.random.default_rng(0).normal(size=(K, D)))
    return layer


def vectors(num_vectors=200, seed=1):
    return np.random.default_rng(seed).normal(size=(num_vectors, D)).astype("float32")


def nearest_by_numpy(x, entries):
    distance = ((x[:, None].astype("float64") - entries[None]) ** 2).sum(-1)
    return distance.argmin(axis=1)


def test_nearest_entries_agree_with_numpy():
    layer, x = quantizer(), vectors()
    entries = layer.embeddings.numpy()
    expected = nearest_by_numpy(x, entries)
    found = layer(x)
    np.testing.assert_array_equal(found["index"], expected)
    np.testing.assert_array_equal(found["quantized"], entries[expected])
    maps = layer(x.reshape(5, 8, 5, D))
    np.testing.assert_array_equal(maps["index"], expected.reshape(5, 8, 5))


def test_gradient_goes_straight_through():
    """Any function of the quantised vectors has the same gradient with respect to the input."""
    layer, x = quantizer(), tf.constant(vectors())
    with tf.GradientTape() as tape:
        tape.watch(x)
        quantized = layer(x, training=True)["quantized"]
        value = ops.sum(ops.sin(quantized) * ops.square(quantized))
    q = quantized.numpy()
    expected = np.cos(q) * q**2 + 2 * q * np.sin(q)
    np.testing.assert_allclose(tape.gradient(value, x), expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_two_losses_meet_at_the_cluster():
    """Codebook loss: d/de_k = -2 sum(z - e_k) / size. Commitment moves the vectors alone."""
    layer, x = quantizer(codebook="gradient"), tf.constant(vectors())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        embedding = layer(x, training=True)["embedding"]
        codebook = ops.mean(ops.square(ops.stop_gradient(x) - embedding))
        commitment = ops.mean(ops.square(x - ops.stop_gradient(embedding)))
    entries = layer.embeddings.numpy()
    index = nearest_by_numpy(x.numpy(), entries)
    expected = [
        -2 * (x.numpy()[index == entry] - entries[entry]).sum(axis=0) / x.numpy().size
        for entry in range(K)
    ]
    found = tf.convert_to_tensor(tape.gradient(codebook, layer.embeddings.value))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert tape.gradient(codebook, x) is None
    assert tape.gradient(commitment, layer.embeddings.value) is None
    np.testing.assert_allclose(
        tape.gradient(commitment, x), 2 * (x - entries[index]) / x.numpy().size, atol=1e-6
    )


def test_ema_without_memory_gives_the_cluster_means():
    layer, x = quantizer(decay=0.0), vectors()
    entries = layer.embeddings.numpy()
    entries[2] = 50.0  # nobody's
    layer.embeddings.assign(entries)
    index = nearest_by_numpy(x, entries)
    layer(x, training=True)
    expected = [x[index == k].mean(axis=0) if (index == k).any() else entries[k] for k in range(K)]
    np.testing.assert_allclose(layer.embeddings, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.embeddings[2], entries[2])


def test_ema_is_the_weighted_mean_of_past_batches():
    """Appendix A.1 written out in numpy for three batches."""
    layer, decay = quantizer(decay=0.7), 0.7
    entries = layer.embeddings.numpy().astype("float64")
    counts, sums = np.zeros(K), np.zeros((K, D))
    for seed in range(3):
        x = vectors(seed=seed)
        choice = np.eye(K)[nearest_by_numpy(x, entries)]
        counts = decay * counts + (1 - decay) * choice.sum(axis=0)
        sums = decay * sums + (1 - decay) * choice.T @ x
        entries = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1e-9)[:, None], entries)
        layer(x, training=True)
    np.testing.assert_allclose(layer.embeddings, entries, rtol=1e-4, atol=1e-5)


def test_repeated_steps_are_k_means():
    """With no memory a step is one of Lloyd's: the distortion falls, to a point that stays."""
    layer, x = quantizer(decay=0.0), vectors()
    distortion = []
    for _ in range(40):
        distortion.append(np.square(x - layer(x, training=True)["quantized"]).mean())
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(distortion))
    assert distortion[-1] < 0.8 * distortion[0]
    settled = layer.embeddings.numpy()
    layer(x, training=True)
    np.testing.assert_allclose(layer.embeddings, settled, rtol=1e-4, atol=1e-5)


def test_inference_changes_nothing():
    layer = quantizer(revive_after=1)
    before = [weight.numpy() for weight in layer.weights]
    layer(vectors(), training=False)
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("codebook", ["ema", "gradient"])
def test_dead_codes_revive_as_vectors_of_the_batch(codebook):
    layer, x = quantizer(codebook=codebook, revive_after=3), vectors()
    entries = layer.embeddings.numpy()
    entries[[1, 4]] = 50.0
    layer.embeddings.assign(entries)
    for _ in range(2):
        layer(x, training=True)
        np.testing.assert_array_equal(layer.embeddings.numpy()[[1, 4]], entries[[1, 4]])
    layer(x, training=True)
    revived = layer.embeddings.numpy()[[1, 4]]
    for entry in revived:
        assert (x == entry).all(axis=1).any()
    assert set(range(K)) == set(np.unique(layer(x)["index"]))
    np.testing.assert_array_equal(layer.steps_unused, 0)


def test_perplexity_counts_the_entries_in_use():
    assert float(perplexity(np.array([7.0, 0, 0, 0]))) == pytest.approx(1.0)
    assert float(perplexity(np.array([3.0, 3, 3, 3]))) == pytest.approx(4.0, rel=1e-6)
    share = np.array([5, 3, 2]) / 10
    expected = np.exp(-(share * np.log(share)).sum())
    assert float(perplexity(np.array([5.0, 3, 0, 2]))) == pytest.approx(expected, rel=1e-6)
    found = float(quantizer()(vectors())["perplexity"])
    assert 1 <= found <= K


def test_two_replicas_hold_the_codebook_of_one_device(digits):
    """Also where a code is chosen on one replica only: counts are summed before they are used."""
    one_device = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)
    arguments = {"image_shape": (8, 8, 1), "preset": "tiny", "num_embeddings": 24, "decay": 0.5}

    def make():
        model = zoo.create("vq_vae", **arguments, revive_after=None)
        model.compile(keras.optimizers.SGD(0.1))
        return model

    one = make()
    one.quantizer.embeddings.assign(0.2 * np.random.default_rng(0).normal(size=(24, 8)))
    with strategy.scope():
        two = make()
    two.set_weights(one.get_weights())
    histories = [
        model.fit(digits[:96], batch_size=32, shuffle=False, verbose=0).history
        for model in (one, two)
    ]
    for first, second in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(first.numpy(), second.numpy(), atol=2e-5, err_msg=first.path)
    assert histories[0]["perplexity"] == pytest.approx(histories[1]["perplexity"], rel=1e-4)


def test_replicas_agree_on_revived_codes(digits):
    one_device = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)
    with strategy.scope():
        model = zoo.create("vq_vae", (8, 8, 1), preset="tiny", revive_after=1)
        model.compile("adam")
    before = model.quantizer.embeddings.numpy()
    model.fit(digits[:64], batch_size=32, verbose=0)
    copies = strategy.experimental_local_results(model.quantizer.embeddings.value)
    np.testing.assert_array_equal(copies[0].numpy(), copies[1].numpy())
    assert (copies[0].numpy() != before).any()


def test_codes_are_images_in_short(digits):
    """Quantised maps, their indices and reconstructions say the same."""
    model = zoo.create("vq_vae", (8, 8, 1), preset="tiny")
    images = digits[:20]
    codes, indices = model.encode(images), model.encode_indices(images)
    assert codes.shape == (20, 2, 2, 8)
    assert indices.shape == (20, 2, 2)
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(codes, model.quantizer.embeddings.numpy()[indices])
    reconstructions = model.reconstruct(images)
    np.testing.assert_allclose(model.decode(codes), reconstructions, atol=1e-6)
    np.testing.assert_allclose(model.decode_indices(indices), reconstructions, atol=1e-6)


def test_interpolation_decodes_entries_of_the_codebook_alone(digits):
    model = zoo.create("vq_vae", (8, 8, 1), preset="tiny")
    line = np.linspace(*model.encode(digits[:2]), num=4)  # the middle would be a tie
    entries = model.quantizer.embeddings.numpy()
    distance = np.square(line[..., None, :] - entries).sum(axis=-1)
    expected = model.decode(entries[distance.argmin(axis=-1)])
    found = model.interpolate(digits[0], digits[1], num_steps=4)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("image_shape", "code_shape"), [((16, 2), (4, 8)), ((12,), (5, 8)), ((16, 8, 3), (4, 2, 8))]
)
def test_series_and_vectors_have_rows_of_codes(image_shape, code_shape):
    model = zoo.create("vq_vae", image_shape, preset="tiny", num_groups=5)
    x = np.random.default_rng(0).random((3, *image_shape), dtype="float32")
    assert model.encode(x).shape == (3, *code_shape)
    assert model.encode_indices(x).shape == (3, *code_shape[:-1])
    np.testing.assert_allclose(model.decode(model.encode(x)), model.reconstruct(x), atol=1e-6)


def test_keras_io_network_by_network():
    model = zoo.create("vq_vae", preset="keras_io")
    counts = [part.count_params() for part in (model.encoder, model.quantizer, model.decoder)]
    assert counts == [19_856, 1_024, 28_033]
    assert model.code_shape == (7, 7, 16)
    assert len(model.trainable_weights) == len(model.weights)


def test_terms_by_numpy(digits):
    model = zoo.create("vq_vae", (8, 8, 1), preset="tiny", codebook="gradient", data_variance=0.2)
    model.compile("adam")
    images = digits[:30]
    found = model.evaluate(images, batch_size=30, verbose=0, return_dict=True)
    z = model.encode_vectors(tf.constant(images)).numpy().reshape(-1, 8)
    index = nearest_by_numpy(z, model.quantizer.embeddings.numpy())
    distance = np.square(z - model.quantizer.embeddings.numpy()[index]).mean()
    share = np.bincount(index) / len(index)
    share = share[share > 0]
    error = np.square(model.reconstruct(images) - images).mean()
    assert found["commitment"] == pytest.approx(distance, rel=1e-4)
    assert found["codebook"] == pytest.approx(distance, rel=1e-4)
    assert found["perplexity"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-4)
    assert found["reconstruction"] == pytest.approx(error, rel=1e-4)
    assert found["loss"] == pytest.approx(error / 0.2 + 1.25 * distance, rel=1e-4)


def test_revival_uses_more_of_the_codebook(digits):
    def trained(revive_after):
        keras.utils.set_random_seed(3)
        model = zoo.create("vq_vae", (8, 8, 1), preset="tiny", revive_after=revive_after)
        model.compile(keras.optimizers.Adam(3e-3))
        history = model.fit(digits[:512], batch_size=64, epochs=8, verbose=0).history
        return history["perplexity"][-1]

    assert trained(4) > 1.5 * trained(None)


def test_arguments_are_checked():
    def create(**arguments):
        zoo.create("vq_vae", (8, 8, 1), **arguments)

    with pytest.raises(ValueError, match="num_embeddings must be an int >= 2"):
        create(num_embeddings=1)
    with pytest.raises(ValueError, match=r"codebook must be one of 'ema', 'gradient'.*Did you"):
        create(codebook="emma")
    with pytest.raises(ValueError, match=r"decay must be a number in \[0, 1\]"):
        create(decay=1.5)
    with pytest.raises(ValueError, match="latent_dim must be an int >= 1"):
        create(latent_dim=None)
    with pytest.raises(ValueError, match="revive_after must be an int >= 1"):
        create(revive_after=0)
    with pytest.raises(TypeError, match="map_channels is for codes that are one vector"):
        create(map_channels=3)
    model = zoo.create("vq_vae", (8, 8, 1), preset="tiny")
    with pytest.raises(ValueError, match=r"indices must lie in \[0, 128\).*maximum 128"):
        model.decode_indices(np.full((1, 2, 2), 128))
    with pytest.raises(TypeError, match="indices must be integers"):
        model.decode_indices(np.zeros((1, 2, 2)))
