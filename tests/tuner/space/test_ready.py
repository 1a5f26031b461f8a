"""The search spaces against the constructors, and how they are narrowed."""

import inspect
import math

import pytest

import zoo
from bench.errors import BenchError
from tuner.space import ready
from tuner.space.parameters import Boolean, Choice, Fixed, Float, Int, When, is_active, parse
from tuner.space.space import DERIVED, TRAINING, Space, narrow, parse_settings, read_settings
from zoo.models import sparse

DERIVED_PARTS = {part for parts in DERIVED.values() for part in parts}


def signature_defaults(model_class):
    """Returns the default of every constructor argument, the nearest class first."""
    found = {}
    for base in model_class.__mro__:
        if "__init__" not in vars(base) or not base.__module__.startswith("zoo."):
            continue
        for parameter in inspect.signature(base.__init__).parameters.values():
            if parameter.default is not parameter.empty:
                found.setdefault(parameter.name, parameter.default)
    return found


def own_parameters(name):
    parameters = ready.get(name).parameters
    return {
        key: value
        for key, value in parameters.items()
        if key not in TRAINING and key not in DERIVED_PARTS
    }


# --- every model --------------------------------------------------------------------------------


def test_every_model_has_a_space_and_every_space_a_model():
    missing = sorted(set(zoo.names()) - set(ready.SPACES))
    assert not missing, f"{missing} need a line in SPACES, tuner/space/ready.py"
    assert not set(ready.SPACES) - set(zoo.names())


@pytest.mark.parametrize("name", zoo.names())
def test_defaults_are_those_of_the_constructor(name):
    assert name in ready.SPACES, f"{name} needs a line in SPACES, tuner/space/ready.py"
    expected = signature_defaults(zoo.get(name).model_class)
    if name == "sparse":  # None there: what it means for the default penalty
        expected["sparsity_weight"] = sparse.DEFAULT_WEIGHTS[expected["penalty"]]
    if name == "feature_autoencoder":  # the same, of features of the whole image
        expected["latent_dim"] = zoo.create(name, (32, 32, 1)).latent_dim
    found = {key: value.default for key, value in own_parameters(name).items()}
    assert found == {key: expected[key] for key in found}


@pytest.mark.parametrize("name", zoo.names())
def test_parameters_are_arguments_of_the_model(name):
    arguments = zoo.get(name).model_class.argument_names()
    assert set(own_parameters(name)) <= set(arguments)
    derived = {argument for argument, parts in DERIVED.items() if parts[0] in ready.SPACES[name]}
    assert derived <= set(arguments)


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [
        (name, image_shape)
        for name in zoo.names()
        for image_shape in ((28, 28, 1), (140, 1), (30,))
        if len(image_shape) > 1 or "unet" not in name  # U-Nets take no vectors
    ],
)
def test_a_default_is_in_its_own_range_and_parents_come_first(name, image_shape):
    known = []
    for key, parameter in ready.for_data(ready.get(name), image_shape).parameters.items():
        assert parameter.accepts(parameter.default), key
        if isinstance(parameter, Choice):
            assert parameter.default in parameter.values, key
            assert len(set(map(repr, parameter.values))) == len(parameter.values), key
        if isinstance(parameter, Int):
            low, step, default = parameter.low, parameter.step, parameter.default
            steps = math.log(default / low, step) if parameter.log else (default - low) / step
            assert steps == pytest.approx(round(steps)), key
        if parameter.when is not None:
            assert parameter.when.parent in known, key
        known.append(key)


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [
        ("autoencoder", (8, 8, 1)),
        ("autoencoder", (30,)),
        ("upae", (8, 8, 1)),
        ("upae", (12, 12, 1)),
        ("unet", (8, 8, 1)),
    ],
)
def test_defaults_build_the_default_model(name, image_shape):
    space = ready.for_data(ready.get(name), image_shape)
    found = zoo.create(name, image_shape, **space.arguments({})).get_config()
    assert found == zoo.create(name, image_shape).get_config()


# --- what a space makes of values ---------------------------------------------------------------


def test_widths_double_and_stop_but_for_unets():
    values = {"depth": 4, "base_width": 32}
    assert ready.get("vae").arguments(values)["widths"] == (32, 64, 128, 128)
    assert ready.get("unet").arguments(values)["widths"] == (32, 64, 128, 256)


def test_hidden_layers_halve():
    values = {"hidden_layers": 2, "hidden_width": 128}
    assert ready.get("vae").arguments(values)["hidden_units"] == (128, 64)
    assert ready.get("vae").arguments({})["hidden_units"] == ()


def test_what_is_not_active_is_left_to_the_constructor():
    space = ready.get("vae")
    assert "scale" not in space.arguments({"likelihood": "bernoulli", "scale": 0.1})
    assert space.arguments({"likelihood": "laplace", "scale": 0.1})["scale"] == 0.1


def test_a_condition_looks_at_its_parent():
    child = Float(0.0, 1.0, 0.5, when=When("kind", ("b", "c")))
    assert is_active(child, {"kind": "b"})
    assert not is_active(child, {"kind": "a"})
    assert not is_active(child, {})


@pytest.mark.parametrize(
    ("name", "image_shape", "deepest"),
    [
        ("vae", (28, 28, 1), 2),
        ("vae", (8, 8, 1), 3),
        ("vae", (64, 64, 3), 4),
        ("vae", (140, 1), 2),
        ("unet", (28, 28, 1), 3),
        ("unet", (64, 64, 3), 5),
    ],
)
def test_as_many_stages_as_the_sides_can_be_halved(name, image_shape, deepest):
    assert ready.for_data(ready.get(name), image_shape).parameters["depth"].high == deepest


def test_odd_images_are_rounded_up_by_autoencoders_and_refused_by_unets():
    found = ready.for_data(ready.get("vae"), (7, 5, 1))
    assert found.arguments({})["pad_to_fit"] is True
    assert found.parameters["depth"].high == 2
    with pytest.raises(BenchError, match="cannot be halved"):
        ready.for_data(ready.get("unet"), (7, 5, 1))


def test_vectors_have_dense_layers_only():
    found = ready.for_data(ready.get("vq_vae"), (30,))
    assert not {"depth", "base_width", "kernel_size", "down", "up"} & set(found.parameters)
    assert found.arguments({})["hidden_units"] == (128,)
    assert "num_groups" in found.parameters
    assert "num_groups" not in ready.for_data(ready.get("vq_vae"), (8, 8, 1)).parameters


def test_the_batch_size_follows_the_number_of_images():
    for num_train, expected in ((1_000, 64), (60_000, 128)):
        found = ready.for_data(ready.get("vae"), (8, 8, 1), num_train)
        assert found.training({})["batch_size"] == expected


def test_a_model_without_a_space_is_told_where_to_add_it(monkeypatch):
    monkeypatch.delitem(ready.SPACES, "upae")
    with pytest.raises(BenchError, match=r"Add its line to SPACES in tuner/space/ready\.py"):
        ready.get("upae")


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(BenchError, match=r"unknown model 'autoencodr'\. Did you mean 'autoenc"):
        ready.get("autoencodr")


@pytest.mark.parametrize("model", ["mine.py:build", "my_module:build", "mine.keras", "mine.py"])
def test_a_model_of_your_own_is_told_where_it_is_measured(model):
    with pytest.raises(BenchError, match=f"'{model}' has no search space: .* bench run --models"):
        ready.get(model)
    with pytest.raises(BenchError, match=r"unknown model 'vae:small'\. Did you mean 'vae'"):
        ready.get("vae:small")


def test_the_checksum_names_the_content():
    space = ready.get("vae")
    assert space.checksum == ready.get("vae").checksum
    others = [
        narrow(space, {"latent_dim": [4, 8]}),
        narrow(space, {"latent_dim": [8, 4]}),
        narrow(space, {"beta": 1.0}),
        ready.get("beta_vae"),
        ready.for_data(space, (8, 8, 1)),
    ]
    assert len({space.checksum, *(other.checksum for other in others)}) == 6


# --- narrowing ----------------------------------------------------------------------------------


def test_values_and_ranges_narrow():
    found = narrow(
        ready.get("vae"),
        {"latent_dim": [4, 24], "beta": 1, "learning_rate": "0.001..0.002", "depth": "2..3"},
    ).parameters
    assert found["latent_dim"] == Choice((4, 24), 4)
    assert found["beta"] == Fixed(1.0)
    assert isinstance(found["beta"].value, float)
    assert found["learning_rate"] == Float(1e-3, 2e-3, 2e-3, log=True)
    assert found["depth"] == Int(2, 3, 2)


def test_a_default_stays_where_it_is_among_the_values():
    assert narrow(ready.get("vae"), {"latent_dim": [8, 16]}).parameters["latent_dim"].default == 16


def test_a_condition_survives_narrowing():
    found = narrow(ready.get("vae"), {"scale": [0.1, 0.2], "learn_scale": True}).parameters
    assert (
        found["scale"].when
        == found["learn_scale"].when
        == When("likelihood", ("gaussian", "laplace"))
    )


def test_none_is_a_value():
    found = narrow(ready.get("autoencoder"), parse_settings(["normalization=none,batch"]))
    assert found.parameters["normalization"] == Choice((None, "batch"), None)


def test_widths_stand_in_for_depth_and_base_width():
    found = narrow(ready.get("vae"), parse_settings(["widths=(8,16),(16,32)"]))
    assert found.parameters["widths"] == Choice(((8, 16), (16, 32)), (8, 16))
    assert not {"depth", "base_width"} & set(found.parameters)
    assert found.arguments({"widths": (16, 32)})["widths"] == (16, 32)


def test_constructor_arguments_beyond_the_space_are_taken():
    found = narrow(ready.get("vae"), {"kernel_initializer": "he_normal"})
    assert found.arguments({})["kernel_initializer"] == "he_normal"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dims": 4}, "unknown parameter 'latent_dims' of 'vae'. Did you mean 'latent_dim'"),
        ({"seed": 4}, "unknown parameter 'seed'"),
        ({"latent_dim": 1}, r"latent_dim must be among 2\.\.256. Received: latent_dim=1"),
        ({"latent_dim": 4.5}, "latent_dim must be among"),
        ({"latent_dim": True}, "latent_dim must be among"),
        ({"latent_dim": "4..1000"}, r"latent_dim must be within 2\.\.256"),
        ({"latent_dim": "8..4"}, "low < high"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
        ({"activation": "a..b"}, "of single values, not a range"),
        ({"beta": "much"}, "beta must be among"),
        ({"beta": []}, "at least one value"),
        ({"learn_scale": 1}, "learn_scale must be among False, True"),
        ({"widths": [8], "depth": 2}, "widths and depth exclude each other"),
    ],
)
def test_what_does_not_fit_is_an_error(settings, message):
    with pytest.raises(BenchError, match=message):
        narrow(ready.get("vae"), settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8", 8),
        ("4,8", [4, 8]),
        ("1e-3", 1e-3),
        ("relu, gelu", ["relu", "gelu"]),
        ("none,batch", [None, "batch"]),
        ("true", True),
        ("(16,32)", (16, 32)),
        ("(16,32),(8,)", [(16, 32), (8,)]),
        ("4..64", "4..64"),
    ],
)
def test_values_of_the_command_line(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "texts", [["beta"], ["beta="], ["=1"], ["beta=1", "beta=2"], ["beta=1,,2"]]
)
def test_settings_that_cannot_be_read(texts):
    with pytest.raises(BenchError):
        parse_settings(texts)


@pytest.mark.parametrize("model", sorted(ready.SPACES))
def test_every_value_may_be_given_by_the_name_that_is_shown(model):
    """`tuner space` shows `none`, which is a text in YAML and in a program."""
    space = ready.get(model)
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Choice):
            assert narrow(space, {name: list(parameter.labels)}).parameters[name] == parameter


@pytest.mark.parametrize(
    ("name", "in_yaml", "on_the_command_line"),
    [
        ("normalization", "[none, batch]", "none,batch"),
        ("normalization", "none", "none"),
        ("normalization", "[null, layer]", "none,layer"),
        ("learning_rate", "1e-3", "1e-3"),
        ("learning_rate", "[1e-3, 0.01]", "1e-3,0.01"),
        ("learning_rate", "1e-3..1e-2", "1e-3..1e-2"),
        ("latent_dim", "4, 8", "4,8"),
        ("widths", "[[8, 16], [16]]", "(8,16),(16,)"),
        ("latent_activation", "none", "none"),
        ("activation", "[relu, gelu]", "relu,gelu"),
    ],
)
def test_a_file_means_what_the_command_line_means(name, in_yaml, on_the_command_line, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(f"{name}: {in_yaml}\n")
    space = ready.get("autoencoder")
    of_file = narrow(space, read_settings(path))
    assert of_file == narrow(space, parse_settings([f"{name}={on_the_command_line}"]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("latent_dim: 4\nbeta: 1\nlatent_dim: 8\n", r":3: key 'latent_dim' is there already, on"),
        ("latent_dim: [4\n", r"space\.yaml:2: no YAML"),
        ("", "must hold lines such as .* Received: nothing"),
        ("- beta\n", "must hold lines such as .* Received: a list"),
    ],
)
def test_files_that_hold_no_settings(content, error, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(content)
    with pytest.raises(BenchError, match=error):
        read_settings(path)


def test_settings_of_a_file(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(
        "latent_dim: [4, 8]\nbeta: 1.0\nlearning_rate: 0.001..0.002\nwidths: [[8, 16]]\n"
    )
    found = narrow(ready.get("vae"), read_settings(path))
    assert found.parameters["latent_dim"] == Choice((4, 8), 4)
    assert found.parameters["learning_rate"].high == 2e-3
    assert found.parameters["widths"] == Fixed((8, 16))
    with pytest.raises(BenchError, match="cannot read"):
        read_settings(tmp_path / "missing.yaml")


# --- values as the algorithms see them ----------------------------------------------------------


def test_labels_are_of_one_kind_and_lead_back():
    mixed = Choice((None, "batch", (8, 16)), None)
    assert mixed.labels == ("none", "batch", "(8, 16)")
    assert [mixed.value_of(label) for label in mixed.labels] == list(mixed.values)
    assert Choice((4, 8), 4).labels == (4, 8)
    assert Choice((True, False), True).labels == ("True", "False")


def test_free_parameters_are_those_that_vary():
    space = Space("vae", {"beta": Fixed(1.0), "learn_scale": Boolean(False)})
    assert list(space.free) == ["learn_scale"]
