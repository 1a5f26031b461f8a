"""One battery for every registered model: training, calls and documentation."""

import doctest
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.training.model import TASKS

U_NETS = set(zoo.names("*unet*"))
# What a model cannot do, and so does not offer.
WITHOUT = {
    "reconstruct": {"attention_unet", "residual_unet", "unet", "unet_plus_plus"},
    "encode": U_NETS,
    "decode": U_NETS | {"masked_autoencoder"},
    "interpolate": U_NETS | {"masked_autoencoder"},
    "score_map": {"attention_unet", "residual_unet", "unet", "unet_plus_plus"},
    "anomaly_score": {"attention_unet", "residual_unet", "unet", "unet_plus_plus"},
}
# Noise or a statistic of the batch enters the loss: half batches draw others.
NOISY = {"denoising", "contractive", "unet_denoiser", "masked_autoencoder"}


@pytest.mark.parametrize("name", zoo.names())
class TestTraining:
    def test_loss_falls(self, trained, kit, name):
        model, _, before = trained(name)
        data = kit.data(name, 0, 250)
        after = model.evaluate(*data, batch_size=100, verbose=0, return_dict=True)
        assert after["loss"] < before["loss"]

    def test_weighted_terms_add_up_to_the_loss(self, trained, name):
        """1,000 is not a multiple of 64: the short last batch counts by its size."""
        model, history, _ = trained(name)
        weights = {key: float(value) for key, value in model.term_weights.items()}
        for prefix in ("", "val_"):
            total = sum(np.array(history[prefix + key]) * w for key, w in weights.items())
            np.testing.assert_allclose(total, history[prefix + "loss"], rtol=2e-5, atol=1e-5)

    def test_evaluate_equals_validation_loss(self, trained, kit, name):
        model, history, _ = trained(name)
        data = kit.data(name, 1000, 1250)
        found = model.evaluate(*data, batch_size=100, verbose=0, return_dict=True)
        for key, value in found.items():
            assert value == pytest.approx(history[f"val_{key}"][-1], rel=1e-6)

    def test_epoch_log_is_the_mean_over_the_data(self, plain, kit, name):
        """Also on a short last batch, and not the last batch alone: a frozen model tells."""
        model = plain(name, 0.0)
        if name in NOISY or model.term_weights.keys() - {"reconstruction", "mask"}:
            pytest.skip("noise or batch statistics differ between batch sizes")
        data = kit.data(name, 0, 90)
        whole = model.evaluate(*data, batch_size=90, verbose=0, return_dict=True)
        pieces = model.evaluate(*data, batch_size=40, verbose=0, return_dict=True)
        assert pieces["loss"] == pytest.approx(whole["loss"], rel=1e-5)

    def test_every_weight_gets_a_gradient(self, plain, kit, weights_of, name):
        model = plain(name, 1.0, normalization=None)
        before = weights_of(model)
        model.fit(*kit.data(name, 0, 256), batch_size=256, epochs=1, verbose=0)
        for weight, old in zip(model.trainable_weights, before, strict=True):
            assert np.isfinite(weight.numpy()).all()
            assert np.any(weight.numpy() != old), weight.path

    def test_same_seed_same_numbers(self, losses_of_seed_7, kit, name):
        first = losses_of_seed_7(name)
        assert first == pytest.approx(kit.losses(name, 7), rel=1e-5)
        assert first != pytest.approx(kit.losses(name, 8), rel=1e-5)


@pytest.mark.parametrize("name", zoo.names())
class TestCalls:
    def test_outputs_are_named_and_shaped(self, trained, kit, name):
        model, _, _ = trained(name)
        inputs = kit.inputs(name, 0, 5)
        outputs = model.forward(keras.tree.map_structure(tf.constant, inputs))
        assert tuple(outputs["prediction"].shape) == (5, *kit.shape)
        first, second = (model(inputs).numpy() for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(model.predict(inputs, verbose=0), first, atol=1e-5)

    def test_offers_what_it_can_do(self, name):
        for method, cannot in WITHOUT.items():
            assert hasattr(zoo.get(name).model_class, method) == (name not in cannot), method

    def test_arrays_longer_than_a_batch_equal_tensors(self, trained, kit, name):
        if name in WITHOUT["reconstruct"]:
            pytest.skip("segments, does not reconstruct")
        model, _, _ = trained(name)
        inputs = kit.inputs(name, 0, 300)
        whole = model.reconstruct(keras.tree.map_structure(tf.constant, inputs)).numpy()
        np.testing.assert_allclose(model.reconstruct(inputs, batch_size=128), whole, atol=1e-5)

    def test_decoded_codes_are_the_reconstructions(self, trained, kit, name):
        if name in WITHOUT["decode"]:
            pytest.skip("has no code of its own to decode")
        model, _, _ = trained(name)
        inputs = kit.inputs(name, 0, 300)
        codes = model.encode(inputs)
        assert len(codes) == 300
        if hasattr(model, "labels_of"):
            codes = {"code": codes, "label": model.labels_of(inputs)}
        np.testing.assert_allclose(model.decode(codes), model.reconstruct(inputs), atol=1e-5)

    def test_scores_have_one_value_per_image_and_per_pixel(self, trained, kit, name):
        if name in WITHOUT["score_map"]:
            pytest.skip("segments, does not score")
        model, _, _ = trained(name)
        inputs = kit.inputs(name, 0, 300)
        score, score_map = model.anomaly_score(inputs), model.score_map(inputs)
        assert score.shape == (300,)
        assert score_map.shape == (300, 8, 8)
        np.testing.assert_allclose(score, score_map.mean(axis=(1, 2)), rtol=1e-4)

    def test_interpolation_ends_at_the_reconstructions(self, trained, kit, name):
        if name in WITHOUT["interpolate"]:
            pytest.skip("has no code to interpolate")
        model, _, _ = trained(name)
        rows = kit.labels == 3  # two images of one class: their labels do not matter then
        pair = kit.inputs(name, 0, 0, kit.images[rows][:2])
        if isinstance(pair, dict):
            pair["label"] = np.array([3, 3])
        first, last = (keras.tree.map_structure(lambda part: part[row], pair) for row in (0, 1))  # noqa: B023
        steps = model.interpolate(first, last, num_steps=5)
        assert steps.shape == (5, *kit.shape)
        ends = model.reconstruct(pair)
        if name == "semi_supervised_m2":  # all steps have the class that the first image shows
            ends = model.decode(
                {"code": model.encode(pair), "label": model.labels_of(pair)[[0, 0]]}
            )
        np.testing.assert_allclose(steps[[0, -1]], ends, atol=1e-5)


@pytest.mark.parametrize("name", zoo.names())
class TestDocumentation:
    def test_sections_and_arguments(self, name):
        model_class = zoo.get(name).model_class
        text = inspect.getdoc(model_class)
        for section in ("Args:", "Returns:", "Loss terms:", "Raises:", "Example:", "Reference:"):
            assert section in text, section
        arguments = text.split("Args:")[1].split("Call arguments:")[0]
        for key in list(inspect.signature(model_class.__init__).parameters)[1:]:
            name_in_doc = f"**{key}:" if key == "kwargs" else f"{key}:"
            assert name_in_doc in arguments, key

    def test_example_runs(self, name):
        model_class = zoo.get(name).model_class
        parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
        case = parser.get_doctest(model_class.__doc__, {"zoo": zoo}, name, None, 0)
        assert case.examples
        assert runner.run(case).failed == 0

    def test_registry_entry(self, name):
        entry = zoo.get(name)
        assert entry.paper.startswith("https://")
        assert entry.summary.endswith(".")
        assert entry.model_class.task in TASKS
        assert {"tiny", "small", "base"} <= set(entry.presets)
