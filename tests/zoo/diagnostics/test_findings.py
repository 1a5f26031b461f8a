"""The rules of `zoo.diagnostics`, on recordings made by hand: each value is known beforehand."""

import dataclasses

import numpy as np
import pytest

from zoo import diagnostics
from zoo.diagnostics import outputs
from zoo.diagnostics.recording import percent

RNG = np.random.default_rng(0)
TARGET = RNG.random((20, 6)).astype("float32")
GOOD = (TARGET + 0.05 * RNG.standard_normal(TARGET.shape)).clip(0.02, 0.98).astype("float32")
START = np.full_like(TARGET, 0.5)
FALLING = [0.5, 0.3, 0.2, 0.15, 0.12, 0.11, 0.105, 0.102, 0.101, 0.1005]


def probe(epoch=0, loss=1.0, prediction=START, **measured):
    return diagnostics.Probe(epoch, {"loss": loss}, {"loss": 1.0}, prediction, **measured)


def recording(before=None, after=None, **changed):
    """Returns a training in which all is well, but for what is given."""
    layers = {
        "layer_changes": {"one": 0.5, "two": 0.3},
        "relative_gradients": {"one": 0.1, "two": 0.02},
        "dead_shares": {"one": 0.0},
    }
    probes = [
        probe(**{**layers, "layer_changes": {"one": 0.0, "two": 0.0}, **(before or {})}),
        probe(**{"epoch": 10, "loss": 0.1, "prediction": GOOD, **layers, **(after or {})}),
    ]
    held_out = [loss + 0.01 for loss in FALLING]
    settings = {"history": {"loss": FALLING, "val_loss": held_out}, "learning_rate": 0.01}
    return diagnostics.Recording(target=TARGET, probes=probes, **(settings | changed))


def codes(found):
    return {finding.code: finding for finding in diagnostics.diagnose(found)}


def test_all_is_well():
    (finding,) = diagnostics.diagnose(recording())
    assert (finding.code, finding.severity) == ("plateau", "note")


def test_nothing_is_said_before_there_is_something_to_compare():
    assert diagnostics.diagnose(diagnostics.Recording()) == []
    assert diagnostics.diagnose(diagnostics.Recording(probes=[probe()])) == []


class TestStatistics:
    def test_explained_variance_of_trivial_answers(self):
        mean = np.broadcast_to(TARGET.mean(axis=0), TARGET.shape)
        assert outputs.explained_variance(TARGET, TARGET) == 1
        biased = len(TARGET) / (len(TARGET) - 1)  # the mean is that of the same images
        assert outputs.explained_variance(TARGET, mean) == pytest.approx(1 - 1 / biased)

    def test_correlation_is_that_of_numpy(self):
        first, second = ((a - a.mean(axis=0)).ravel() for a in (TARGET, GOOD))
        expected = np.corrcoef(first, second)[0, 1]
        assert outputs.correlation(TARGET, GOOD) == pytest.approx(expected, rel=1e-6)
        assert outputs.correlation(TARGET, START) == 0

    def test_kl_per_unit(self):
        """KL(N(m, v) || N(0, 1)) = m^2 / 2 at v = 1, and 0 at the prior."""
        mean = np.array([[0.0, 1.0], [0.0, 3.0]])
        kl = outputs.gaussian_kl_per_unit(mean, np.zeros((2, 2)))
        np.testing.assert_allclose(kl, [0.0, (0.5 + 4.5) / 2])
        kl = outputs.gaussian_kl_per_unit(np.zeros((1, 1)), np.log([[4.0]]))
        np.testing.assert_allclose(kl, [0.5 * (4 - 1 - np.log(4))])

    @pytest.mark.parametrize(
        ("share", "text"),
        [(0.432, "43 %"), (0.0432, "4.3 %"), (0.000012, "0.0012 %"), (0, "0 %"), (12.0, "1200 %")],
    )
    def test_percent(self, share, text):
        assert percent(share) == text


class TestLoss:
    def test_not_finite_is_all_that_is_said(self):
        found = recording(
            history={"loss": [0.5, 0.4, float("nan")]},
            after={"loss": float("nan"), "layer_changes": {"one": float("nan")}},
        )
        (finding,) = diagnostics.diagnose(found)
        assert (finding.code, finding.number) == ("loss_not_finite", 3)
        assert "0.01" in finding.remedy

    def test_weights_that_are_not_finite(self):
        found = recording(after={"layer_changes": {"one": 0.1, "two": float("inf")}})
        (finding,) = diagnostics.diagnose(found)
        assert (finding.code, finding.layer) == ("weights_not_finite", "two")

    @pytest.mark.parametrize(
        ("end", "code"), [(11.0, "loss_exploded"), (1.2, "loss_rose"), (1.0005, "loss_flat")]
    )
    def test_loss_does_not_fall(self, end, code):
        found = recording(after={"loss": end}, history={"loss": [1.0, 1.0, 1.0]})
        assert code in codes(found)
        assert not {"loss_exploded", "loss_rose", "loss_flat"} - {code} & set(codes(found))

    def test_both_ends_are_judged_by_the_final_weights(self):
        """A KL of 3 nats throughout, whose weight rises from 0 to 1, is no rise of the loss."""
        first = diagnostics.Probe(0, {"a": 9.0, "kl": 3.0}, {"a": 1.0, "kl": 0.0})
        last = diagnostics.Probe(5, {"a": 8.0, "kl": 3.0}, {"a": 1.0, "kl": 1.0})
        found = diagnostics.Recording(probes=[first, last])
        assert found.losses() == (12.0, 11.0)
        assert "loss_rose" not in codes(found)

    def test_still_falling(self):
        curve = [0.9 - 0.08 * epoch for epoch in range(10)]
        finding = codes(recording(history={"loss": curve, "val_loss": curve}))["still_improving"]
        # One epoch gains 0.08 of the 0.82 from the untrained 1.0 to 0.18.
        assert finding.number == pytest.approx(0.08 / 0.82)

    def test_plateau_names_the_epoch(self):
        """0.1005 and 2 % of the gain of 0.8995 are 0.11849: reached by 0.11, the sixth."""
        assert codes(recording())["plateau"].number == 6

    def test_without_held_out_images(self):
        assert codes(recording(history={"loss": FALLING}))["no_validation"].severity == "note"

    def test_held_out_loss_rises(self):
        held_out = [0.6, 0.4, 0.3, 0.3, 0.32, 0.35, 0.38, 0.4, 0.42, 0.45]
        finding = codes(recording(history={"loss": FALLING, "val_loss": held_out}))["overfitting"]
        assert finding.number == 3
        assert "after epoch 3 of 10" in finding.text

    def test_held_out_loss_stays_behind(self):
        held_out = [max(loss, 0.4) for loss in FALLING]
        finding = codes(recording(history={"loss": FALLING, "val_loss": held_out}))["overfitting"]
        assert finding.number == pytest.approx((0.4 - 0.1005) / (1 - 0.1005))

    def test_underfitting(self):
        mean = TARGET.mean(axis=0)
        weak = (mean + 0.04 * (TARGET - mean)).astype("float32")
        finding = codes(recording(after={"prediction": weak}))["underfitting"]
        # mse / variance = 0.96^2, less what the mean of the same 20 images takes off
        assert finding.number == pytest.approx(1 - 0.96**2 * 19 / 20, rel=1e-5)


class TestLayers:
    def test_frozen_and_unchanged(self):
        changes = {"one": 0.5, "two": 0.0, "three": 0.0}
        found = codes(recording(after={"layer_changes": changes}, frozen_layers=("three",)))
        assert found["layer_frozen"].layer == "three"
        assert (found["layer_unchanged"].layer, found["layer_unchanged"].number) == ("two", 1)

    def test_none_changed(self):
        found = recording(after={"layer_changes": {"one": 0.0}}, learning_rate=0.0)
        assert "learning rate is 0" in codes(found)["weights_unchanged"].remedy

    def test_barely_changed(self):
        found = codes(recording(after={"layer_changes": {"one": 2e-4, "two": 1e-5}}))
        assert found["weights_barely_changed"].number == 2e-4

    def test_exploded(self):
        found = codes(recording(after={"layer_changes": {"one": 5000.0, "two": 0.1}}))
        assert found["weights_exploded"].layer == "one"

    def test_gradient_counts_as_vanished_if_it_is_in_all_probes(self):
        gone, there = {"one": 1.0, "two": 1e-7}, {"one": 1.0, "two": 1e-2}
        both = recording({"relative_gradients": gone}, {"relative_gradients": gone})
        finding = codes(both)["vanishing_gradients"]
        assert (finding.layer, finding.number) == ("two", 1e-7)
        once = recording({"relative_gradients": there}, {"relative_gradients": gone})
        assert "vanishing_gradients" not in codes(once)

    def test_no_gradient_at_all(self):
        none = {"relative_gradients": {"one": 0.0, "two": 0.0}}
        assert codes(recording(none, none))["vanishing_gradients"].severity == "error"

    @pytest.mark.parametrize(
        ("share", "severity"), [(1.0, "error"), (0.8, "warning"), (0.3, "note"), (0.1, None)]
    )
    def test_dead_units(self, share, severity):
        finding = codes(recording(after={"dead_shares": {"one": share}})).get("dead_units")
        assert (finding.severity if finding else None) == severity


class TestOutputs:
    def test_linear_output_with_cross_entropy(self):
        prediction = GOOD.copy()
        prediction[:5] -= 2  # a quarter
        found = recording(
            after={"prediction": prediction},
            needs_probabilities=True,
            output_layer="pixels",
            output_activation="linear",
        )
        assert str(codes(found)["outputs_outside_range"]) == (
            "the output layer 'pixels' is linear but the loss is binary cross-entropy: "
            "25 % of predictions lie outside [0, 1]; use a sigmoid or MSE"
        )

    def test_sigmoid_with_cross_entropy(self):
        found = recording(needs_probabilities=True, output_activation="sigmoid", output_layer="p")
        assert "outputs_outside_range" not in codes(found)

    def test_predictions_of_the_untrained_model(self):
        assert "predictions_unchanged" in codes(recording(after={"prediction": START}))

    def test_the_same_image_whatever_it_sees(self):
        mean = np.broadcast_to(TARGET.mean(axis=0), TARGET.shape)
        found = codes(recording(after={"prediction": mean}))
        assert found["predictions_constant"].number == pytest.approx(0, abs=1e-9)
        assert "no_better_than_mean_image" not in found

    def test_errors_are_warnings_while_the_loss_falls(self):
        curve = [0.9 - 0.08 * epoch for epoch in range(10)]
        mean = np.broadcast_to(TARGET.mean(axis=0), TARGET.shape)
        found = recording(history={"loss": curve, "val_loss": curve}, after={"prediction": mean})
        assert codes(found)["predictions_constant"].severity == "warning"

    def test_no_better_than_the_mean_image(self):
        noise = RNG.random(TARGET.shape).astype("float32")
        finding = codes(recording(after={"prediction": noise}))["no_better_than_mean_image"]
        assert (finding.severity, finding.number < 0) == ("warning", True)
        bold = (TARGET + 1.2 * (TARGET - 0.5)).astype("float32")  # too bold, but right in kind
        assert outputs.explained_variance(TARGET, bold) < 0.02
        finding = codes(recording(after={"prediction": bold}))["no_better_than_mean_image"]
        assert finding.severity == "note"

    def test_saturated_where_the_target_is_elsewhere(self):
        wrong = np.where(TARGET > 0.5, 0.999, 0.001).astype("float32")
        middle = ((TARGET > 0.1) & (TARGET < 0.9)).mean()
        finding = codes(recording(after={"prediction": wrong}))["outputs_saturated"]
        assert finding.number == pytest.approx(middle)

    def test_saturated_and_right(self):
        masks = (TARGET > 0.5).astype("float32")
        found = recording(after={"prediction": masks.clip(0.001, 0.999)})
        found.target = masks
        assert set(codes(found)) == {"plateau"}

    def test_constant_target_comes_first_and_alone_of_its_effects(self):
        found = recording(after={"dead_shares": {"one": 1.0}})
        found.target = np.zeros_like(TARGET)
        first, *rest = diagnostics.diagnose(found)
        assert (first.code, first.number) == ("constant_target", 0)
        assert "dead_units" not in {finding.code for finding in rest}

    def test_predictions_that_cannot_be_compared(self):
        found = dataclasses.replace(recording(), target=None)
        assert set(codes(found)) == {"plateau"}


class TestCodes:
    @pytest.mark.parametrize(
        ("kl", "severity"),
        [([0.001] * 20, "error"), ([0.001] * 19 + [1.0], "warning"), ([0.001, 1.0], "note")],
    )
    def test_posterior_collapse(self, kl, severity):
        finding = codes(recording(after={"kl_per_unit": np.array(kl)}))["posterior_collapse"]
        assert finding.severity == severity
        assert finding.number == pytest.approx(np.mean(np.array(kl) < 0.01))

    def test_active_units(self):
        found = recording(after={"kl_per_unit": np.array([0.5, 1.0])})
        assert "posterior_collapse" not in codes(found)

    @pytest.mark.parametrize(("idle", "severity"), [(4, "error"), (1, "note"), (0, None)])
    def test_code_collapse(self, idle, severity):
        code = RNG.standard_normal((20, 4))
        code[:, :idle] = 0.7
        finding = codes(recording(after={"code": code})).get("code_collapse")
        assert (finding.severity if finding else None) == severity
