"""Saved models: the card survives, the threshold is the quantile, damaged files are named."""

import dataclasses
import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

import zoo
from zoo.persistence import saving
from zoo.registry.model_card import ModelCard

SHAPE = (8, 8, 1)


def small_autoencoder():
    return zoo.create("autoencoder", SHAPE, widths=(), hidden_units=(), latent_dim=2)


@pytest.fixture
def model():
    return small_autoencoder()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    saved = small_autoencoder()
    saved.compile("adam")
    saved.save(path)
    return path


def rewritten(file, folder, **parts):
    """Returns a copy of a `.keras` file with some of its parts changed."""
    path = folder / "changed.keras"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, parts.get(name.split(".")[0], source.read(name)))
    return path


def header(file) -> dict:
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("config.json"))


# --- the card -------------------------------------------------------------------------------


def test_the_card_survives_the_file(model, digits, tmp_path):
    model.card = ModelCard(
        resize=(8, 8),
        color="grey",
        threshold=0.25,
        threshold_rule="set by hand",
        class_names=("zero", "one"),
        trained_on="digits",
    )
    model.save(tmp_path / "model.keras")
    again = zoo.load(tmp_path / "model.keras")
    assert again.card == model.card
    assert again.get_config() == model.get_config()
    assert again.card.version == zoo.__version__
    np.testing.assert_allclose(again.reconstruct(digits[:9]), model.reconstruct(digits[:9]))
    np.testing.assert_array_equal(again.is_anomaly(digits[:9]), model.is_anomaly(digits[:9]))


def test_the_card_is_no_constructor_argument(model):
    assert "card" not in model.argument_names()
    assert set(model.get_config()) - set(model.argument_names()) == {
        *("card", "name", "dtype", "trainable")
    }
    with pytest.raises(TypeError, match="unknown argument 'card'"):
        zoo.create("autoencoder", SHAPE, card={})


def test_a_config_without_a_card_gives_an_empty_one(model):
    config = model.get_config()
    del config["card"]
    assert type(model).from_config(config).card == ModelCard()


def test_a_clone_carries_the_card(model):
    model.card = ModelCard(class_names=("a", "b"))
    assert keras.models.clone_model(model).card == model.card


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("color", "gray", "color must be one of 'grey', 'rgb'.*Did you mean 'grey'"),
        ("resize", (8,), r"resize must be \(height, width\)"),
        ("threshold", float("nan"), "threshold must be a finite number"),
    ],
)
def test_a_wrong_card_is_refused(field, value, text):
    with pytest.raises(ValueError, match=text):
        dataclasses.replace(ModelCard(), **{field: value})


# --- thresholds -----------------------------------------------------------------------------


def test_threshold_lets_its_share_of_the_normals_pass(model, digits):
    scores = model.anomaly_score(digits[:400])
    threshold = model.set_threshold(scores, quantile=0.9)
    assert np.mean(scores <= threshold) == pytest.approx(0.9, abs=1 / 400)
    assert model.card.threshold == threshold
    assert model.card.threshold_rule == "0.9 quantile of 400 held-out scores"
    found = model.is_anomaly(digits[:400])
    assert found.dtype == bool
    np.testing.assert_array_equal(found, scores > threshold)


def test_threshold_by_sigmas(model):
    """Mean 3, and a standard deviation of sqrt(10 / 4) with one degree of freedom less."""
    found = model.set_threshold([1, 2, 3, 4, 5], num_sigmas=2)
    assert found == pytest.approx(3 + 2 * 2.5**0.5)
    assert model.card.threshold_rule.startswith("mean + 2 sigma of 5")


def test_by_default_one_in_twenty_is_flagged(model):
    """Of 99 scores the fifth largest: (99 + 1) * 0.05."""
    assert model.set_threshold(np.arange(99.0)) == 94.0


@pytest.mark.parametrize(
    ("scores", "options", "text"),
    [
        ([1.0], {}, "at least 2 numbers"),
        ([[1.0, 2.0]], {}, "must be a vector"),
        (["a", "b"], {}, "must be a vector"),
        ([1.0, float("inf")], {}, "finite.*1 of 2"),
        ([1.0, 2.0], {"quantile": 1.0}, "above 0 and below 1"),
        ([1.0, 2.0], {"quantile": 95}, r"number in \[0, 1\]"),
        ([1.0, 2.0], {"quantile": 0.9, "num_sigmas": 3}, "Choose one"),
    ],
)
def test_wrong_scores_are_refused(model, scores, options, text):
    with pytest.raises(ValueError, match=text):
        model.set_threshold(scores, **options)
    assert model.card.threshold is None


def test_is_anomaly_needs_a_threshold(model, digits):
    with pytest.raises(ValueError, match=r"card.threshold must be set.*set_threshold"):
        model.is_anomaly(digits[:2])


@pytest.mark.parametrize("judge", ["is_anomaly", "p_values"])
def test_scores_that_are_no_numbers_are_not_judged(model, digits, monkeypatch, judge):
    """NaN is above no threshold, so it would pass for normal; as a rank it would be the rarest."""
    model.set_threshold(np.arange(30.0))
    monkeypatch.setattr(model, "anomaly_score", lambda x: np.full(len(x), np.nan, "float32"))
    with pytest.raises(ValueError, match=r"scores must be numbers. Received: NaN in 2 of 2"):
        getattr(model, judge)(digits[:2])


def test_p_values_and_thresholds_stay_in_the_file(model, digits, tmp_path):
    held_out, new = digits[:99], digits[99:150]
    scores = model.anomaly_score(held_out)
    model.set_threshold(scores, false_alarm_rate=0.1)
    model.set_pixel_threshold(model.score_map(held_out), false_alarm_rate=0.1)
    model.save(tmp_path / "model.keras")
    loaded = zoo.load(tmp_path / "model.keras")
    assert loaded.card == model.card
    p_values = loaded.p_values(new)
    own = np.asarray(loaded.anomaly_score(new))
    expected = [(1 + (scores >= score - 1e-12).sum()) / 100 for score in own]
    np.testing.assert_allclose(p_values, expected, atol=0.011)
    np.testing.assert_array_equal(p_values <= 0.1, loaded.is_anomaly(new))
    above = (model.score_map(held_out) > model.card.pixel_threshold).any(axis=(1, 2))
    assert above.sum() == 9  # the tenth largest of 99 is the threshold


def test_p_values_need_held_out_scores(model, digits):
    with pytest.raises(ValueError, match=r"card.held_out_scores must not be empty.*set_threshold"):
        model.p_values(digits[:2])
    with pytest.raises(ValueError, match="one map for each image"):
        model.set_pixel_threshold(np.zeros(30))


# --- summary --------------------------------------------------------------------------------


def test_summary_says_what_the_model_is():
    lines = []
    model = zoo.create("beta_vae", SHAPE, preset="tiny", beta=3.0)
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert lines[0] == "beta_vae: " + zoo.get("beta_vae").summary
    assert f"{model.count_params():,} parameters" in lines[1]
    assert "image_shape (8, 8, 1)" in lines[1]
    assert "loss = reconstruction + 3 * kl" in lines[1]
    assert zoo.get("beta_vae").paper in lines[1]
    assert any("Total params" in line for line in lines[2:])


def test_summary_shows_the_threshold(model, capsys):
    model.set_threshold([1.0, 1.0, 1.0], quantile=0.95)
    model.summary()
    assert "anomalies: score above 1 (0.95 quantile of 3 held-out" in capsys.readouterr().out


# --- files that cannot be loaded ------------------------------------------------------------


def test_missing_file_names_those_that_are_there(file):
    with pytest.raises(FileNotFoundError, match=r"modle.keras. There: 'model.keras'"):
        zoo.load(file.with_name("modle.keras"))
    with pytest.raises(ValueError, match="Received: the folder"):
        zoo.load(file.parent)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_cut_off_files_are_named(file, tmp_path, share):
    content = file.read_bytes()
    path = tmp_path / "cut.keras"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"cut.keras is no Keras file, or is cut off") as caught:
        zoo.load(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_in_the_weights_is_found(file, tmp_path):
    content = bytearray(file.read_bytes())
    path = tmp_path / "flipped.keras"
    for place in (len(content) // 3, len(content) // 2):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="damaged"):
            zoo.load(path)


def test_other_files_are_named(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(ValueError, match="is no Keras file"):
        zoo.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")
    with pytest.raises(ValueError, match=r"is no Keras file.*config.json"):
        zoo.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[]")
    with pytest.raises(ValueError, match="holds no config"):
        zoo.load(path)


def test_a_foreign_model_is_named(tmp_path):
    foreign = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    foreign.save(tmp_path / "foreign.keras")
    with pytest.raises(ValueError, match=r"Sequential\. Use keras.saving.load_model"):
        zoo.load(tmp_path / "foreign.keras")


def test_a_model_of_ones_own_that_is_not_registered_is_named(tmp_path):
    class Mine(zoo.models.Autoencoder):
        """Copies."""

    path = tmp_path / "mine.keras"
    Mine((8, 8, 1), widths=()).save(path)
    with pytest.raises(ValueError, match=r"holds .*\.Mine, a model of your own.*@zoo\.register"):
        zoo.load(path)
    assert isinstance(keras.saving.load_model(path, custom_objects={"Mine": Mine}), Mine)


def test_an_unknown_model_of_a_zoo_is_named(file, tmp_path):
    config = header(file) | {
        "registered_name": "zoo>Mine",
        "class_name": "Mine",
        "module": "my.models",
    }
    path = rewritten(file, tmp_path, config=json.dumps(config))
    with pytest.raises(ValueError, match=r"holds Mine.*Import the module.*my\.models"):
        zoo.load(path)


@pytest.mark.parametrize("version", ["0.10.0", "1.0", "99.1.2.dev3"])
def test_a_newer_version_is_refused(file, tmp_path, version):
    config = header(file)
    config["config"]["card"]["version"] = version
    path = rewritten(file, tmp_path, config=json.dumps(config))
    with pytest.raises(ValueError, match=f"written by version {version}.*Update"):
        zoo.load(path)


@pytest.mark.parametrize("version", ["0.0.9", zoo.__version__])
def test_an_older_version_is_loaded_and_written_anew(file, tmp_path, version):
    config = header(file)
    config["config"]["card"]["version"] = version
    again = zoo.load(rewritten(file, tmp_path, config=json.dumps(config)))
    assert again.card.version == version
    assert again.get_config()["card"]["version"] == zoo.__version__


def test_arguments_that_do_not_fit_are_told_in_one_line(file, tmp_path):
    config = header(file)
    config["config"]["unheard_of"] = 3
    path = rewritten(file, tmp_path, config=json.dumps(config))
    with pytest.raises(ValueError, match=r"cannot be loaded \(.*unheard_of.*not compatible"):
        zoo.load(path)


# --- saving ---------------------------------------------------------------------------------


def test_a_save_that_fails_leaves_the_old_file(model, file, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    shutil.copy(file, path)
    before = path.read_bytes()

    def half(target):
        target.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "save", half)
    with pytest.raises(KeyboardInterrupt):
        saving.save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("hook", ["get_config", "save_own_variables"])
def test_the_models_own_save_that_fails_leaves_the_old_file(
    model, file, tmp_path, monkeypatch, hook
):
    path, link = tmp_path / "model.keras", tmp_path / "link.keras"
    shutil.copy(file, path)
    link.symlink_to(path)
    before = path.read_bytes()

    def fails(*arguments):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="in the middle"):
        patched.setattr(type(model), hook, fails)
        model.save(path)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [link, path]
    model.save(link)
    assert link.is_symlink()
    assert path.read_bytes() != before
    assert zoo.load(path).count_params() == model.count_params()


def test_an_earlier_file_is_asked_about_where_it_may_not_be_replaced(
    model, file, tmp_path, monkeypatch
):
    path = tmp_path / "model.keras"
    shutil.copy(file, path)
    before = path.read_bytes()
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    model.save(path, overwrite=False)
    assert path.read_bytes() == before
    model.save(tmp_path / "unzipped", zipped=False)
    assert (tmp_path / "unzipped" / "config.json").exists()
