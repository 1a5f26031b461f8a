"""Networks compute what their sources compute: the same weights give the same numbers."""

import math

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.networks import convolutional

IMAGES = np.random.default_rng(0).random((3, 28, 28, 1), dtype="float32")


def num_trainable(model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def randomize(model) -> None:
    """Gives all weights values, biases too, which start at zero."""
    draw = np.random.default_rng(1)
    model.set_weights([draw.normal(0, 0.2, w.shape).astype("float32") for w in model.get_weights()])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class TestSources:
    def test_keras_blog_convolutional_network(self):
        """28 -> 14 -> 7 -> 4 by pooling, 4 -> 8 -> 16 -> 14 by a "valid" convolution -> 28."""
        blog = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(16, 3, activation="relu", padding="same"),
                layers.MaxPooling2D(2, padding="same"),
                layers.Conv2D(8, 3, activation="relu", padding="same"),
                layers.MaxPooling2D(2, padding="same"),
                layers.Conv2D(8, 3, activation="relu", padding="same"),
                layers.MaxPooling2D(2, padding="same"),
                layers.Conv2D(8, 3, activation="relu", padding="same"),
                layers.UpSampling2D(2),
                layers.Conv2D(8, 3, activation="relu", padding="same"),
                layers.UpSampling2D(2),
                layers.Conv2D(16, 3, activation="relu"),
                layers.UpSampling2D(2),
                layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
            ]
        )
        randomize(blog)
        model = zoo.create("autoencoder", preset="keras_blog_conv")
        model.set_weights(blog.get_weights())
        expected = blog.predict(IMAGES, verbose=0)
        assert expected.std() > 0.01
        np.testing.assert_allclose(model.reconstruct(IMAGES), expected, atol=1e-5)

    def test_tf_tutorial_cvae_encoder(self):
        reference = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, strides=2, activation="relu"),
                layers.Conv2D(64, 3, strides=2, activation="relu"),
                layers.Flatten(),
                layers.Dense(4),
            ]
        )
        randomize(reference)
        model = zoo.create("vae", preset="tf_tutorial_cvae")
        first, second, _, head = reference.layers
        kernel, bias = head.get_weights()
        model.encoder.get_layer("conv1").set_weights(first.get_weights())
        model.encoder.get_layer("conv2").set_weights(second.get_weights())
        model.encoder.get_layer("z_mean").set_weights([kernel[:, :2], bias[:2]])
        model.encoder.get_layer("z_log_var").set_weights([kernel[:, 2:], bias[2:]])
        expected = reference.predict(IMAGES, verbose=0)
        found = np.concatenate(model.encode_distribution(IMAGES), axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_mit_debiasing_network(self):
        """Convolution, ReLU, then batch normalisation; none of it in dense layers and decoder."""
        widths, kernel_size = (12, 24, 48, 72), (5, 5, 3, 3)
        encoder = convolutional.encoder(
            (64, 64, 3),
            widths=widths,
            kernel_size=kernel_size,
            hidden_units=(512,),
            heads={"logit": 1, "z_mean": 100, "z_log_var": 100},
            normalization="batch",
            normalize_last=True,
            normalize_hidden=False,
        )
        decoder = convolutional.decoder(
            (64, 64, 3),
            code_shape=(100,),
            widths=widths,
            kernel_size=kernel_size,
            hidden_units=(),
            head="transpose",
        )
        stages = [(5, 3, 12), (5, 12, 24), (3, 24, 48), (3, 48, 72)]
        convolutions = sum((size**2 * low + 1) * high for size, low, high in stages)
        batch_normalizations = 2 * sum(widths)
        dense = (4 * 4 * 72 + 1) * 512 + (512 + 1) * 201
        assert num_trainable(encoder) == convolutions + batch_normalizations + dense == 743_489
        stages = [(3, 72, 48), (3, 48, 24), (5, 24, 12), (5, 12, 3)]
        deconvolutions = sum((size**2 * low + 1) * high for size, low, high in stages)
        assert num_trainable(decoder) == (100 + 1) * 4 * 4 * 72 + deconvolutions == 166_011
        assert decoder.output_shape == (None, 64, 64, 3)
        names = [layer.name for layer in encoder.layers]
        assert names[1:4] == ["conv1", "conv1_act", "conv1_norm"]
        assert "hidden1_norm" not in names

    def test_upae_baseline_is_upae_with_one_channel(self):
        baseline = zoo.create("autoencoder", preset="upae_baseline")
        model = zoo.create("upae", preset="upae_paper")
        expected, found = (
            [weight.shape for network in (each.encoder, each.decoder) for weight in network.weights]
            for each in (model, baseline)
        )
        assert found[:-1] == expected[:-1]
        assert expected[-1] == (4, 4, 2, 16)
        assert found[-1] == (4, 4, 1, 16)


class TestGatedLayers:
    def test_dense(self):
        """(V x + c) * sigmoid(W x + b): Dauphin et al., 2017, Eq. 1."""
        encoder = convolutional.encoder(
            (6,), widths=(), hidden_units=(5,), heads={"code": 2}, activation="glu"
        )
        randomize(encoder)
        kernel, bias, head_kernel, head_bias = encoder.get_weights()
        x = np.random.default_rng(2).normal(size=(4, 6)).astype("float32")
        linear = x @ kernel + bias
        hidden = linear[:, :5] * sigmoid(linear[:, 5:])
        expected = hidden @ head_kernel + head_bias
        np.testing.assert_allclose(encoder.predict(x, verbose=0), expected, atol=1e-5)

    @pytest.mark.parametrize("normalization", [None, "batch", "group"])
    def test_widths_are_what_comes_out(self, normalization):
        arguments = {"activation": "glu", "widths": (6, 10), "normalization": normalization}
        model = zoo.create("autoencoder", (8, 8, 1), latent_dim=None, **arguments)
        assert model.encoder.output_shape == (None, 2, 2, 10)
        dense = zoo.create("autoencoder", (8, 8, 1), hidden_units=(7,), **arguments)
        assert dense.decoder.get_layer("reshape").output.shape == (None, 2, 2, 10)

    def test_not_for_the_code(self):
        with pytest.raises(ValueError, match="latent_activation must keep the size of the code"):
            zoo.create("autoencoder", (8, 8, 1), latent_activation="glu")


class TestPadToFit:
    def test_code_map_shape_rounds_up(self):
        assert convolutional.code_map_shape((28, 28, 1), 3, 8) == (4, 4, 8)
        assert convolutional.code_map_shape((28, 30, 1), 2, 8) == (7, 8, 8)
        assert convolutional.code_map_shape((141, 3), 1, 5) == (71, 5)

    @pytest.mark.parametrize("down", convolutional.DOWN)
    @pytest.mark.parametrize("up", convolutional.UP)
    @pytest.mark.parametrize("head", convolutional.HEADS)
    @pytest.mark.parametrize("shape", [(9, 14, 2), (13, 1)])
    def test_any_size(self, shape, head, up, down):
        model = zoo.create(
            "autoencoder",
            shape,
            widths=(2, 3),
            latent_dim=None,
            pad_to_fit=True,
            head=head,
            up=up,
            down=down,
        )
        assert model.encoder.output_shape[1:] == model.code_shape
        assert model.decoder.output_shape == (None, *shape)

    def test_crops_the_same_on_both_sides(self):
        arguments = {"code_shape": (4, 4, 3), "widths": (2, 5, 3), "hidden_units": ()}
        whole = convolutional.decoder((32, 32, 1), head="transpose", **arguments)
        cropped = convolutional.decoder((28, 25, 1), head="transpose", **arguments)
        randomize(whole)
        cropped.set_weights(whole.get_weights())
        code = np.random.default_rng(3).normal(size=(2, 4, 4, 3))
        expected = whole.predict(code, verbose=0)[:, 2:30, 3:28]
        np.testing.assert_allclose(cropped.predict(code, verbose=0), expected, atol=1e-6)

    def test_changes_nothing_where_sizes_divide(self):
        fitting = [
            zoo.create("autoencoder", (8, 8, 1), preset="tiny", pad_to_fit=pad)
            for pad in (False, True)
        ]
        layer_names = [[layer.name for layer in model.decoder.layers] for model in fitting]
        assert layer_names[0] == layer_names[1]
        fitting[1].set_weights(fitting[0].get_weights())
        images = IMAGES[:, :8, :8]
        np.testing.assert_array_equal(*(model.reconstruct(images) for model in fitting))

    @pytest.mark.parametrize("name", ["autoencoder", "denoising", "sparse", "vae", "upae"])
    def test_error_names_the_argument_and_it_works(self, name):
        with pytest.raises(
            ValueError, match=r"Pad to \(12, 12, 1\) or use fewer widths, or set pad_to_fit=True\."
        ):
            zoo.create(name, (10, 10, 1), preset="tiny")
        model = zoo.create(name, (10, 10, 1), preset="tiny", pad_to_fit=True)
        assert model.reconstruct(IMAGES[:, :10, :10]).shape == (3, 10, 10, 1)

    def test_trains_saves_and_loads(self, digits, tmp_path):
        images = digits[:256, :7, :7]
        model = zoo.create(
            "autoencoder",
            (7, 7, 1),
            widths=(8, 8),
            latent_dim=None,
            down="maxpool",
            up="conv_upsample",
            pad_to_fit=True,
        )
        model.compile(keras.optimizers.Adam(0.01))
        losses = model.fit(images, batch_size=32, epochs=8, verbose=0).history["loss"]
        assert losses[-1] < 0.7 * losses[0]
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(again.reconstruct(images), model.reconstruct(images), atol=1e-6)


class TestArguments:
    def test_pytorch_uniform(self):
        """Uniform within 1 / sqrt(fan_in), and drawn anew for each layer."""
        encoder = convolutional.encoder(
            (16, 16, 8),
            widths=(8, 8),
            hidden_units=(),
            heads={"code": 64},
            kernel_initializer="pytorch_uniform",
        )
        first, second = (encoder.get_layer(name).kernel.numpy() for name in ("conv1", "conv2"))
        assert np.abs(first - second).max() > 0.01
        for kernel, fan_in in [(first, 72), (encoder.get_layer("code").kernel.numpy(), 128)]:
            bound = 1 / math.sqrt(fan_in)
            assert 0.95 * bound < np.abs(kernel).max() <= bound
            assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)

    @pytest.mark.parametrize(("normalization", "has_bias"), [(None, True), ("batch", False)])
    def test_transposed_head_has_a_bias_only_without_normalization(self, normalization, has_bias):
        model = zoo.create("autoencoder", (8, 8, 1), head="transpose", normalization=normalization)
        pixels = model.decoder.layers[-1]
        assert isinstance(pixels, layers.Conv2DTranspose)
        assert pixels.use_bias == has_bias

    def test_map_channels(self):
        model = zoo.create("autoencoder", (8, 8, 1), widths=(4, 6), map_channels=3)
        assert model.decoder.get_layer("reshape").output.shape == (None, 2, 2, 3)

    def test_unflatten_activation(self):
        model = zoo.create("autoencoder", (8, 8, 1), unflatten_activation="linear")
        names = [layer.name for layer in model.decoder.layers]
        assert "unflatten" in names
        assert "unflatten_act" not in names

    def test_upae_takes_a_convolution_as_head_where_it_upsamples(self):
        assert zoo.create("upae", (8, 8, 1), preset="tiny").head == "transpose"
        assert zoo.create("upae", (8, 8, 1), preset="tiny", up="upsample").head == "conv"
        chosen = zoo.create("upae", (8, 8, 1), preset="tiny", kernel_initializer="he_normal")
        assert chosen.kernel_initializer == "he_normal"

    def test_valid_padding_needs_room_and_a_code_vector(self):
        with pytest.raises(ValueError, match="encoder_padding must be 'same' when a feature map"):
            zoo.create("autoencoder", (16, 16, 1), latent_dim=None, encoder_padding="valid")
        with pytest.raises(ValueError, match=r"a map of \(1, 1\) at stage 3, kernel size 3"):
            zoo.create("autoencoder", (8, 8, 1), widths=(2, 2, 2), encoder_padding="valid")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("head", "dense"), ("encoder_padding", "full"), ("kernel_initializer", "zeros")],
    )
    def test_unknown_names_are_refused(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be one of .*Received: {name}={value!r}"):
            zoo.create("autoencoder", (8, 8, 1), **{name: value})

    def test_outputs_are_float32_under_mixed_precision(self):
        model = zoo.create(
            "autoencoder",
            (10, 10, 1),
            preset="tiny",
            activation="glu",
            pad_to_fit=True,
            head="transpose",
            dtype="mixed_bfloat16",
        )
        assert model.decoder.output.dtype == "float32"
        assert model.encoder.get_layer("conv1_gated").output.dtype == "bfloat16"
