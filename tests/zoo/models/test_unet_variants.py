"""What sets the attention, the residual and the nested U-Net apart from the plain one."""

import keras
import numpy as np
import pytest

import zoo
from zoo import losses

SHAPE = (16, 16, 2)
WIDTHS = (4, 6, 8)
IMAGES = np.random.default_rng(0).random((4, *SHAPE), dtype="float32")
MASKS = (np.random.default_rng(1).random((4, 16, 16, 1)) > 0.6).astype("uint8")


def make(name, **arguments):
    model = zoo.create(name, SHAPE, **{"widths": WIDTHS, "seed": 1, **arguments})
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def num_trainable(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def copy_shared_layers(source, target):
    """Copies the weights of all layers of the same name."""
    for layer in source.network.layers:
        if layer.weights:
            target.network.get_layer(layer.name).set_weights(layer.get_weights())


def set_gates(model, value):
    for level in (1, 2):
        psi = model.network.get_layer(f"gate{level}_psi")
        psi.kernel.assign(0 * psi.kernel)
        psi.bias.assign([value])


# --- attention ----------------------------------------------------------------------------------


def test_attention_lies_between_zero_and_one():
    model = make("attention_unet")
    maps = model.attention_maps(IMAGES)
    assert {level: found.shape for level, found in maps.items()} == {1: (4, 16, 16), 2: (4, 8, 8)}
    for found in maps.values():
        assert found.dtype == np.float32
        assert 0 < found.min() < found.max() < 1


def test_attention_of_series():
    model = zoo.create("attention_unet", (16, 1), widths=WIDTHS)
    maps = model.attention_maps(IMAGES[..., 0, :1])
    assert {level: found.shape for level, found in maps.items()} == {1: (4, 16), 2: (4, 8)}


def test_open_gates_give_the_unet():
    plain, gated = make("unet"), make("attention_unet")
    copy_shared_layers(plain, gated)
    assert np.abs(gated(IMAGES).numpy() - plain(IMAGES).numpy()).max() > 1e-4
    set_gates(gated, 30.0)
    np.testing.assert_allclose(gated(IMAGES), plain(IMAGES), atol=1e-6)


def test_closed_gates_shut_the_skips():
    plain, gated = make("unet"), make("attention_unet")
    copy_shared_layers(plain, gated)
    set_gates(gated, -30.0)
    for level, width in ((1, 4), (2, 6)):  # the skip's channels come first
        kernel = plain.network.get_layer(f"decode{level}_conv1").kernel
        value = kernel.numpy()
        value[:, :, :width] = 0
        kernel.assign(value)
    np.testing.assert_allclose(gated(IMAGES), plain(IMAGES), atol=1e-6)


def test_parameters_of_the_gates():
    """W_x: 2x2, no bias; W_g and psi: 1x1 with bias; half as many channels as the skip."""
    gate1 = 4 * 4 * 2 + (6 * 2 + 2) + (2 + 1)
    gate2 = 4 * 6 * 3 + (8 * 3 + 3) + (3 + 1)
    extra = num_trainable(make("attention_unet")) - num_trainable(make("unet"))
    assert extra == gate1 + gate2


# --- residual -----------------------------------------------------------------------------------


def residual_stage(channels_in, width, *, first=False):
    """Parameters of two 3x3 convolutions, their normalisations before, and the shortcut."""
    norm = 0 if first else 2 * channels_in
    return norm + 9 * channels_in * width + 2 * width + 9 * width**2 + width + channels_in * width


def test_parameters_of_zhang():
    expected = residual_stage(3, 64, first=True)
    expected += residual_stage(64, 128) + residual_stage(128, 256) + residual_stage(256, 512)
    expected += residual_stage(512 + 256, 256) + residual_stage(256 + 128, 128)
    expected += residual_stage(128 + 64, 64) + (64 + 1)
    assert num_trainable(zoo.create("residual_unet", preset="zhang")) == expected == 8_218_177


def test_a_stage_without_its_convolutions_is_its_shortcut():
    model = make("residual_unet", normalization=None, widths=(2, 2, 2))
    features = keras.Model(
        model.network.input, [model.network.get_layer(f"encode{i}_add").output for i in (1, 2)]
    )
    for layer in model.network.layers:
        if "_conv" in layer.name:
            layer.set_weights([0 * value for value in layer.get_weights()])
    first, second = features(IMAGES)
    np.testing.assert_array_equal(first, IMAGES)  # as many channels: the identity
    kernel = model.network.get_layer("encode2_shortcut").kernel.numpy()[0, 0]
    np.testing.assert_allclose(second, IMAGES[:, ::2, ::2] @ kernel, atol=1e-6)


@pytest.mark.parametrize("down", ["strided", "maxpool"])
@pytest.mark.parametrize("up", ["transpose", "upsample"])
def test_residual_with_every_down_and_up(down, up):
    model = make("residual_unet", down=down, up=up)
    kinds = [type(layer).__name__ for layer in model.network.layers]
    num_pools = sum(layer.name.startswith("pool") for layer in model.network.layers)
    assert num_pools == (2 if down == "maxpool" else 0)
    assert kinds.count("Conv2DTranspose") == (2 if up == "transpose" else 0)
    assert model.network.get_layer("skip2").output.shape[-1] == (12 if up == "transpose" else 14)
    assert np.isfinite(model.fit(IMAGES, MASKS, verbose=0).history["loss"]).all()


# --- nested -------------------------------------------------------------------------------------


def test_loss_and_prediction_are_means_over_the_heads():
    model = make("unet_plus_plus")
    outputs = model.forward(IMAGES)
    logits = [outputs["heads"][f"head{j}"].numpy().astype("float64") for j in (1, 2)]
    assert np.abs(logits[0] - logits[1]).max() > 1e-3
    cross_entropies = [np.mean(np.log1p(np.exp(z)) - MASKS * z) for z in logits]
    found = model.evaluate(IMAGES, MASKS, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(np.mean(cross_entropies), rel=1e-5)
    expected = np.mean([1 / (1 + np.exp(-z)) for z in logits], axis=0)
    np.testing.assert_allclose(model(IMAGES), expected, atol=1e-6)


def test_without_deep_supervision_the_deepest_head_counts_alone():
    deep, single = make("unet_plus_plus"), make("unet_plus_plus", deep_supervision=False)
    copy_shared_layers(single, deep)
    assert num_trainable(deep) - num_trainable(single) == 4 + 1
    head = deep.forward(IMAGES)["heads"]["head2"].numpy()
    np.testing.assert_allclose(single(IMAGES), 1 / (1 + np.exp(-head)), atol=1e-6)


def test_parameters_of_the_nested_network():
    def block(channels_in, width):
        return 9 * channels_in * width + width + 9 * width**2 + width

    def up(channels_in, width):
        return 4 * channels_in * width + width

    expected = block(2, 4) + block(4, 6) + block(6, 8)  # column 0
    expected += up(6, 4) + block(4 + 4, 4) + up(8, 6) + block(6 + 6, 6)  # column 1
    expected += up(6, 4) + block(4 + 4 + 4, 4)  # column 2: two skips and one from below
    assert num_trainable(make("unet_plus_plus")) == expected + 2 * (4 + 1)


def test_two_levels_give_the_unet():
    """With one halving the triangle has no node that the plain U-Net lacks."""
    plain, nested = make("unet", widths=(4, 8)), make("unet_plus_plus", widths=(4, 8))
    assert [w.shape for w in nested.weights] == [w.shape for w in plain.weights]
    nested.set_weights(plain.get_weights())
    np.testing.assert_allclose(nested(IMAGES), plain(IMAGES), atol=1e-6)


def test_zhou_has_its_loss():
    model = zoo.create("unet_plus_plus", (16, 16, 1), preset="zhou", widths=(4, 6))
    logits = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype("float32")
    target = MASKS[:2].astype("float32")
    found = model.loss_terms(None, target, {"heads": {"head1": logits}})["mask"]
    expected = 0.5 * losses.binary_crossentropy(target, logits) + losses.dice(target, logits)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["attention_unet", "residual_unet", "unet_plus_plus"])
def test_variants_train_on_several_classes(name):
    model = make(name, num_classes=3, normalization=None)
    labels = np.random.default_rng(2).integers(0, 3, (4, 16, 16))
    steps = model.fit(IMAGES, labels, epochs=4, verbose=0).history["loss"]
    assert steps[-1] < steps[0]
    assert model.segment(IMAGES).max() <= 2
