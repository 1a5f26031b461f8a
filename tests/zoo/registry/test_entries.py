"""Models are found by name, and a slip of the pen is answered with the right name."""

import keras
import pytest

import zoo
from zoo.models import VAE, Autoencoder
from zoo.registry import entries

SHAPE = (8, 8, 1)


@pytest.fixture
def own_registry(monkeypatch):
    """A registry that a test may add to."""
    monkeypatch.setattr(entries, "_ENTRIES", dict(entries._ENTRIES))


def test_create_gives_the_class():
    model = zoo.create("vae", SHAPE, preset="tiny")
    assert type(model) is VAE
    assert model.name == "vae"
    assert model.registry_name == "vae"
    assert model.built
    assert not model.compiled


def test_a_flat_shape_may_be_an_int():
    assert zoo.create("autoencoder", 12).image_shape == (12,)


def test_name_may_be_chosen():
    assert zoo.create("autoencoder", SHAPE, preset="tiny", name="mine").name == "mine"


def test_names_are_sorted_and_filtered_by_wildcards():
    assert zoo.names() == sorted(zoo.names())
    assert {"autoencoder", "vae", "beta_vae", "upae"} <= set(zoo.names())
    assert {"vae", "beta_vae"} <= set(zoo.names("*vae*"))
    assert zoo.names("*vae*") == [name for name in zoo.names() if "vae" in name]
    assert zoo.names("va?") == ["vae"]
    assert zoo.names("nothing*") == []


def test_entries_describe_the_model():
    entry = zoo.get("vae")
    assert entry.model_class is VAE
    assert entry.paper == "https://arxiv.org/abs/1312.6114"
    assert entry.summary == "Learns a distribution of images by Gaussian code."
    assert entry.presets[:3] == ["tiny", "small", "base"]


def test_methods_are_known_without_the_class():
    methods = ("anomaly_score", "classify", "decode", "elbo", "encode", "interpolate", "nothing")
    methods += ("predict_uncertainty", "reconstruct", "sample", "score_map", "segment")
    for name in zoo.names():
        entry = zoo.get(name)
        known = {method for method in methods if entry.has(method)}
        assert known == {m for m in methods if hasattr(entry.model_class, m)}, name


def test_unknown_model_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown model 'beta-vae'\. Did you mean 'beta_vae'\?"):
        zoo.create("beta-vae", SHAPE)
    with pytest.raises(ValueError, match=r"Unknown model 'xyz'\. See zoo\.names\(\)"):
        zoo.get("xyz")


def test_unknown_preset_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown preset 'keras-io' of 'vae'.*'keras_io'\?"):
        zoo.create("vae", SHAPE, preset="keras-io")


@pytest.mark.parametrize("name", zoo.names())
def test_unknown_argument_suggests_the_nearest(name):
    with pytest.raises(TypeError, match=r"unknown argument 'image_shap'\. Did you mean 'image_sh"):
        zoo.get(name).model_class(SHAPE, image_shap=3)


def test_missing_image_shape():
    with pytest.raises(ValueError, match=r"create: image_shape must be given for 'vae'\. For exam"):
        zoo.create("vae")
    with pytest.raises(ValueError, match=r"image_shape must be given"):
        zoo.create("vae", preset="tiny")


def test_preset_gives_the_shape_and_the_caller_may_change_it():
    assert zoo.create("autoencoder", preset="tf_tutorial_ecg").image_shape == (140, 1)
    other = zoo.create("autoencoder", (96, 1), preset="tf_tutorial_ecg")
    assert other.image_shape == (96, 1)
    assert other.hidden_units == (32, 16)


def test_arguments_win_over_the_preset():
    model = zoo.create("vae", SHAPE, preset="tiny", latent_dim=3)
    assert model.latent_dim == 3
    assert model.widths == (8, 16)
    assert model.encode_distribution(keras.ops.zeros((1, *SHAPE)))[0].shape == (1, 3)


def test_without_a_preset_the_defaults_hold():
    assert zoo.create("autoencoder", SHAPE).widths == (32, 64)
    assert zoo.create("autoencoder", (20,)).hidden_units == (128,)


def test_duplicates_are_refused(own_registry):
    class Copy(Autoencoder):
        """Copies."""

    with pytest.raises(ValueError, match=r"name must be new\. Received: name='vae', which is VAE"):
        zoo.register("vae", paper="https://example.org")(Copy)
    assert zoo.get("vae").model_class is VAE


def test_a_new_model_is_one_decorated_class(own_registry):
    @zoo.register("test_registry_new", paper="https://example.org")
    class New(Autoencoder):
        """Does what its parent does."""

    model = zoo.create("test_registry_new", SHAPE, preset="tiny")
    assert type(model) is New
    assert keras.saving.get_registered_name(New) == "zoo>New"
    assert zoo.get("test_registry_new").summary == "Does what its parent does."


def test_the_fixture_leaves_no_trace():
    assert "test_registry_new" not in zoo.names()


def test_summaries_fit_a_line_of_each_list():
    """Beside the longest name and the number of parameters that `tuner space` shows."""
    assert all(len(entries.get(name).summary) <= 49 for name in entries.names())
