"""Presets hold what their sources publish: parameter counts are the strictest check.

Each count is the sum of the source's layers, written out below; where the source prints a total,
`PRINTED` holds it too.
"""

import functools
import math

import pytest
from kinds import every_model

import zoo
from zoo.registry import presets

NAMED = [(model, preset) for model, table in presets.NAMED.items() for preset in table]
COUNTED = [
    (model, preset) for model, preset in NAMED if presets.NAMED[model][preset].num_parameters
]
SHAPES = {"image": (16, 16, 1), "series": (16, 2), "flat": (20,)}


def dense(inputs, *units):
    """Weights and biases of dense layers, one after the other."""
    return sum((i + 1) * o for i, o in zip((inputs, *units), units, strict=False))


def conv(inputs, outputs, size=3, bias=True):
    """Weights and biases of a convolution, transposed or not."""
    return (size * size * inputs + bias) * outputs


def upae(heads, output_channels):
    """4x4 kernels without biases, batch normalisation (scale and shift) but on code and pixels."""
    pairs = [(16, 32), (32, 64), (64, 64)]
    between = sum(conv(low, high, 4, bias=False) for low, high in pairs)
    encoder = conv(1, 16, 4, bias=False) + between + 2 * (16 + 32 + 64 + 64)
    encoder += dense(4 * 4 * 64, 2048) + 2 * 2048 + heads * dense(2048, 16)
    decoder = dense(16, 2048) + 2 * 2048 + dense(2048, 4 * 4 * 64)
    decoder += between + 2 * (64 + 32 + 16) + conv(16, output_channels, 4, bias=False)
    return encoder + decoder


def gated(inputs, *units):
    """Dense layers, each with a second one for its gate."""
    return 2 * dense(inputs, *units)


STRUCTURE_1 = (
    (conv(1, 32) + conv(32, 16) + conv(16, 16))
    + (conv(16, 16) + conv(16, 16) + conv(16, 32))
    + conv(32, 1)
)
STRUCTURE_4 = (
    (conv(1, 64, 5) + conv(64, 32, 5) + conv(32, 16, 2))
    + (conv(16, 16, 2) + conv(16, 32, 5) + conv(32, 64, 5))
    + conv(64, 1, 5)
)
STRUCTURE_6 = (
    (conv(1, 16) + conv(16, 8) + conv(8, 8)) + (conv(8, 8) + conv(8, 8) + conv(8, 16)) + conv(16, 1)
)
DOUBLE = (
    (conv(1, 128) + conv(128, 128) + conv(128, 64) + conv(64, 64) + conv(64, 32) + conv(32, 32))
    + (conv(32, 32) + conv(32, 32))
    + (conv(32, 64) + conv(64, 64))
    + (conv(64, 128) + conv(128, 128))
    + conv(128, 1)
)
TF_CONV = conv(1, 16) + conv(16, 8) + conv(8, 8) + conv(8, 16) + conv(16, 1)
MIT_CONVOLUTIONS = conv(3, 12, 5) + conv(12, 24, 5) + conv(24, 48) + conv(48, 72)
SUMS = {
    ("debiasing_vae", "mit_course"): (
        (MIT_CONVOLUTIONS + 2 * (12 + 24 + 48 + 72) + dense(4 * 4 * 72, 512, 1 + 2 * 100))
        + (dense(100, 4 * 4 * 72) + conv(72, 48) + conv(48, 24) + conv(24, 12, 5) + conv(12, 3, 5))
    ),
    ("autoencoder", "tf_tutorial_dense"): dense(784, 64, 784),
    ("autoencoder", "tf_tutorial_ecg"): dense(140, 32, 16, 8, 16, 32, 140),
    ("autoencoder", "tf_tutorial_conv"): TF_CONV,
    ("autoencoder", "tf_tutorial_deep"): dense(784, 256, 128, 64, 128, 256, 784),
    ("autoencoder", "keras_io_timeseries"): (  # convolutions of 7 steps
        (7 * 1 + 1) * 32 + (7 * 32 + 1) * 16 + (7 * 16 + 1) * 16 + (7 * 16 + 1) * 32 + 7 * 32 + 1
    ),
    ("autoencoder", "keras_blog_simple"): dense(784, 32, 784),
    ("autoencoder", "keras_blog_deep"): dense(784, 128, 64, 32, 64, 128, 784),
    ("autoencoder", "keras_blog_conv"): STRUCTURE_6,
    ("autoencoder", "timsainb_conv"): (
        (conv(1, 32) + conv(32, 64) + dense(6 * 6 * 64, 64))
        + (dense(64, 7 * 7 * 64) + conv(64, 64) + conv(64, 32) + conv(32, 1))
    ),
    ("autoencoder", "upae_baseline"): upae(1, 1),
    ("autoencoder", "conv_1_relu"): STRUCTURE_1,
    ("autoencoder", "conv_1_sigmoid"): STRUCTURE_1,
    ("autoencoder", "conv_1_linear"): STRUCTURE_1,
    ("autoencoder", "conv_4_sigmoid"): STRUCTURE_4,
    ("autoencoder", "conv_4_linear"): STRUCTURE_4,
    ("autoencoder", "conv_6_sigmoid"): STRUCTURE_6,
    ("autoencoder", "conv_double_sigmoid"): DOUBLE,
    ("autoencoder", "conv_double_linear"): DOUBLE,
    ("denoising", "tf_tutorial_denoiser"): TF_CONV,
    ("denoising", "keras_io_denoiser"): conv(1, 32) + 3 * conv(32, 32) + conv(32, 1),
    ("sparse", "keras_blog_l1"): dense(784, 32, 784),
    ("vae", "keras_io"): (
        (conv(1, 32) + conv(32, 64) + dense(7 * 7 * 64, 16) + 2 * dense(16, 2))
        + (dense(2, 7 * 7 * 64) + conv(64, 64) + conv(64, 32) + conv(32, 1))
    ),
    ("vae", "pytorch_example"): dense(784, 400) + 2 * dense(400, 20) + dense(20, 400, 784),
    ("vae", "iwae_network"): (dense(784, 200, 200) + 2 * dense(200, 50) + dense(50, 200, 200, 784)),
    ("iwae", "iwae_network"): (
        dense(784, 200, 200) + 2 * dense(200, 50) + dense(50, 200, 200, 784)
    ),
    ("vae", "tf_tutorial_cvae"): (
        (conv(1, 32) + conv(32, 64) + dense(6 * 6 * 64, 2 + 2))
        + (dense(2, 7 * 7 * 32) + conv(32, 64) + conv(64, 32) + conv(32, 1))
    ),
    ("vae", "pythae_mnist"): dense(784, 400) + 2 * dense(400, 40) + dense(40, 400, 784),
    ("vae", "burgess_network"): (
        (conv(1, 32, 4) + 2 * conv(32, 32, 4) + dense(4 * 4 * 32, 256, 256, 2 * 10))
        + (dense(10, 256, 256, 4 * 4 * 32) + 2 * conv(32, 32, 4) + conv(32, 1, 4))
    ),
    ("vae", "vampprior_network"): (
        (gated(784, 300, 300) + 2 * dense(300, 40)) + (gated(40, 300, 300) + dense(300, 784))
    ),
    ("vae", "upae_encoder"): upae(2, 1),
    ("upae", "upae_paper"): upae(1, 2),
    ("vq_vae", "keras_io"): (
        (conv(1, 32) + conv(32, 64) + conv(64, 16, 1) + 64 * 16)
        + (conv(16, 64) + conv(64, 32) + conv(32, 1))
    ),
}
PRINTED = {
    ("autoencoder", "tf_tutorial_dense"): 101_200,
    ("autoencoder", "tf_tutorial_ecg"): 10_484,
    ("autoencoder", "keras_io_timeseries"): 9_505,
    ("autoencoder", "keras_blog_simple"): 50_992,
    ("autoencoder", "keras_blog_deep"): 222_384,
    ("autoencoder", "keras_blog_conv"): 4_385,
    ("autoencoder", "timsainb_conv"): 166_336 + 259_521,
    ("autoencoder", "upae_baseline"): 4_487_248,
    ("denoising", "tf_tutorial_denoiser"): 1_320 + 1_897,
    ("denoising", "keras_io_denoiser"): 28_353,
    ("vae", "keras_io"): 69_076 + 65_089,
    ("vae", "pytorch_example"): 652_824,
    ("vae", "iwae_network"): 425_284,
    ("iwae", "iwae_network"): 425_284,
    ("vae", "tf_tutorial_cvae"): 28_036 + 41_953,
    ("vae", "pythae_mnist"): 676_864,
    ("vae", "burgess_network"): 235_636 + 233_537,
    ("vae", "vampprior_network"): 1_116_864,
    ("upae", "upae_paper"): 4_487_504,
    ("vq_vae", "keras_io"): 19_856 + 1_024 + 28_033,
}


def num_trainable(model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


@functools.cache
def published(model, preset):
    """Returns a model of a named preset, made once."""
    shape = presets.get(model, preset).image_shape or (28, 28, 1)
    arguments = {}
    if "features" in presets.get(model, preset).arguments:  # a network, without its download
        shape, arguments = (32, 32, 3), {"feature_weights": None}
    return zoo.create(model, shape, preset=preset, **arguments)


@pytest.fixture(autouse=True, scope="module")
def let_go():
    yield
    published.cache_clear()


def test_every_count_has_its_sum():
    assert set(COUNTED) == set(SUMS)


@pytest.mark.parametrize(("model", "preset"), PRINTED)
def test_sum_is_what_the_source_prints(model, preset):
    assert SUMS[model, preset] == PRINTED[model, preset]


@pytest.mark.parametrize(("model", "preset"), COUNTED)
def test_parameter_count(model, preset):
    expected = SUMS[model, preset]
    assert presets.get(model, preset).num_parameters == expected
    assert num_trainable(published(model, preset)) == expected


@pytest.mark.parametrize(
    ("preset", "encoder", "decoder"),
    [
        ("keras_io", 69_076, 65_089),
        ("tf_tutorial_cvae", 28_036, 41_953),
        ("burgess_network", 235_636, 233_537),
    ],
)
def test_count_network_by_network(preset, encoder, decoder):
    model = published("vae", preset)
    assert num_trainable(model.encoder) == encoder
    assert num_trainable(model.decoder) == decoder


@pytest.mark.parametrize(
    ("model", "preset", "shape"),
    [
        ("autoencoder", "tf_tutorial_dense", (64,)),
        ("autoencoder", "tf_tutorial_ecg", (8,)),
        ("autoencoder", "conv_1_relu", (4, 4, 16)),
        ("autoencoder", "conv_4_linear", (4, 4, 16)),
        ("autoencoder", "conv_6_sigmoid", (4, 4, 8)),
        ("autoencoder", "conv_double_linear", (4, 4, 32)),
        ("denoising", "tf_tutorial_denoiser", (7, 7, 8)),
    ],
)
def test_code_shapes(model, preset, shape):
    created = published(model, preset)
    assert created.code_shape == shape
    assert created.encoder.output_shape == (None, *shape)


def test_eight_convolutional_exercises():
    exercises = [name for name in presets.NAMED["autoencoder"] if name.startswith("conv_")]
    assert len(exercises) == 8
    for name in exercises:
        arguments = presets.get("autoencoder", name).arguments
        assert name.endswith(arguments["output_activation"])
        assert arguments["latent_dim"] is None


@pytest.mark.parametrize(("model", "preset"), [pair for pair in NAMED if pair not in COUNTED])
def test_presets_without_a_count_build(model, preset):
    created = published(model, preset)
    for name, value in presets.get(model, preset).arguments.items():
        assert getattr(created, name) == value
    assert num_trainable(created) > 0


@pytest.mark.parametrize(("model", "preset"), NAMED)
def test_sources(model, preset):
    chosen = presets.get(model, preset)
    assert len(chosen.source) > 10
    if chosen.num_parameters is not None:
        assert "https://" in chosen.source
        assert chosen.image_shape is not None


@pytest.mark.parametrize("model", every_model())
def test_small_is_larger_than_tiny(model):
    tiny, small = (
        num_trainable(zoo.create(model, SHAPES["image"], preset=size)) for size in ("tiny", "small")
    )
    assert tiny < small


@pytest.mark.parametrize("kind", SHAPES)
def test_shared_sizes_fit_every_kind_of_data_and_grow(kind):
    counts = []
    for size, latent_dim in {"tiny": 8, "small": 16, "base": 32}.items():
        created = zoo.create("autoencoder", SHAPES[kind], preset=size)
        assert created.latent_dim == latent_dim
        assert bool(created.widths) == (kind != "flat")
        counts.append(num_trainable(created))
    assert counts[0] < counts[1] < counts[2]


def test_names_give_the_shared_sizes_first():
    assert presets.names("vae")[:3] == ["tiny", "small", "base"]
    assert "keras_io" in presets.names("vae")
    assert presets.names("a_model_without_named_presets") == ["tiny", "small", "base"]


def test_every_table_belongs_to_a_model():
    assert set(presets.NAMED) <= set(zoo.names())
    assert set(presets.OWN_SIZES) <= set(zoo.names())
    for sizes in presets.OWN_SIZES.values():
        assert list(sizes) == ["tiny", "small", "base"]


def test_config_is_a_copy():
    presets.config("vae", "tiny", (8, 8, 1))["latent_dim"] = 999
    presets.config("vae", "keras_io")["latent_dim"] = 999
    assert presets.config("vae", "tiny", (8, 8, 1))["latent_dim"] == 8
    assert presets.config("vae", "keras_io")["latent_dim"] == 2


def test_config_gives_the_shape_only_when_there_is_none():
    assert presets.config("upae", "upae_paper")["image_shape"] == (64, 64, 1)
    assert "image_shape" not in presets.config("upae", "upae_paper", (32, 32, 3))


def test_unknown_preset_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown preset 'tini' of 'vae'\. Did you mean 'tiny'\?"):
        presets.config("vae", "tini", (8, 8, 1))
    with pytest.raises(ValueError, match=r"Its presets: tiny, small, base, keras_io"):
        presets.get("vae", "qqqq")
