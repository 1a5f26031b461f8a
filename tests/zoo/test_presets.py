"""Presets hold what their sources publish: parameter counts are the strictest check."""

import math

import pytest

import zoo
from zoo import presets

NAMED = [(model, preset) for model, table in presets.NAMED.items() for preset in table]
COUNTED = [
    (model, preset) for model, preset in NAMED if presets.NAMED[model][preset].num_parameters
]
SHAPES = {"image": (16, 16, 1), "series": (16, 2), "flat": (20,)}
# Trainable parameters as the sources print them, or as their layers add up to.
PUBLISHED = {
    ("autoencoder", "tf_tutorial_dense"): 101_200,
    ("autoencoder", "tf_tutorial_ecg"): 10_484,
    ("autoencoder", "keras_blog_simple"): 50_992,
    ("autoencoder", "keras_blog_deep"): 222_384,
    ("denoising", "tf_tutorial_denoiser"): 3_217,
    ("denoising", "keras_io_denoiser"): 28_353,
    ("sparse", "keras_blog_l1"): 50_992,
    ("vae", "keras_io"): 69_076 + 65_089,
    ("vae", "pytorch_example"): 652_824,
    ("vae", "iwae_network"): 425_284,
    ("upae", "upae_paper"): 4_487_504,
}


def num_trainable(model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def test_the_published_counts_are_all_there():
    assert set(COUNTED) == set(PUBLISHED)


@pytest.mark.parametrize(("model", "preset"), COUNTED)
def test_parameter_count(model, preset):
    expected = PUBLISHED[model, preset]
    assert num_trainable(zoo.create(model, preset=preset)) == expected
    assert presets.get(model, preset).num_parameters == expected


def test_keras_io_vae_network_by_network():
    model = zoo.create("vae", preset="keras_io")
    assert num_trainable(model.encoder) == 69_076
    assert num_trainable(model.decoder) == 65_089


def test_tf_tutorial_code_sizes():
    assert zoo.create("autoencoder", preset="tf_tutorial_dense").code_shape == (64,)
    assert zoo.create("autoencoder", preset="tf_tutorial_ecg").code_shape == (8,)
    assert zoo.create("denoising", preset="tf_tutorial_denoiser").code_shape == (7, 7, 8)


@pytest.mark.parametrize(("model", "preset"), [pair for pair in NAMED if pair not in COUNTED])
def test_presets_without_a_count_build(model, preset):
    created = zoo.create(
        model, presets.get(model, preset).image_shape or (28, 28, 1), preset=preset
    )
    for name, value in presets.get(model, preset).arguments.items():
        assert getattr(created, name) == value
    assert created.decoder.output_shape == (None, *created.image_shape)


@pytest.mark.parametrize(("model", "preset"), NAMED)
def test_sources(model, preset):
    chosen = presets.get(model, preset)
    assert len(chosen.source) > 10
    if chosen.num_parameters is not None:
        assert "https://" in chosen.source
        assert chosen.image_shape is not None


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("model", zoo.names())
def test_shared_sizes_fit_every_kind_of_data_and_grow(model, kind):
    counts = []
    for size, latent_dim in {"tiny": 8, "small": 16, "base": 32}.items():
        created = zoo.create(model, SHAPES[kind], preset=size)
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
