"""What every registered model offers and how it is documented."""

import doctest
import inspect

import pytest

import zoo
from zoo.testing.battery import CHECKS, PROPERTIES
from zoo.training.model import TASKS

U_NETS = set(zoo.names("*unet*"))
SEGMENTING = U_NETS - {"unet_denoiser"}
OF_FEATURES = {"feature_autoencoder"}
SECTIONS = (
    *("Args:", "Returns:", "Loss terms:", "Raises:", "When not to use it:", "Example:"),
    "Reference:",
)
# What a model cannot do, and so does not offer.
WITHOUT = {
    "reconstruct": SEGMENTING | OF_FEATURES,
    "encode": U_NETS | OF_FEATURES,
    "decode": U_NETS | OF_FEATURES | {"masked_autoencoder"},
    "interpolate": U_NETS | OF_FEATURES | {"masked_autoencoder"},
    "score_map": SEGMENTING,
    "anomaly_score": SEGMENTING,
}
# Noise, or a statistic of the batch, enters the loss.
NOISY = {
    *(name for name in zoo.names("*vae*") if name != "vq_vae"),
    *("iwae", "wae_mmd", "adversarial_autoencoder", "denoising", "contractive"),
    *("semi_supervised_m2", "unet_denoiser", "masked_autoencoder"),
}
EXPECTED_EXCEPTIONS = {
    "equal_parts": NOISY,
    "weights_add_up": {"beta_tc_vae", "info_vae", "wae_mmd"},
    "flat_vectors": U_NETS | OF_FEATURES,
    "divisible_shapes": {"masked_autoencoder", "top_k_sparse"} | OF_FEATURES,
    "outputs_are_named_and_shaped": OF_FEATURES,
    "any_shape_that_fits": OF_FEATURES,
    "loss_falls": OF_FEATURES,
    "compiled_metrics_compare_prediction_and_target": {"masked_autoencoder"} | OF_FEATURES,
}


def test_no_model_excepts_itself_from_more_than_it_must(kit):
    found = {name: set() for name in (*PROPERTIES, *CHECKS)}
    for name in zoo.names():
        for base in zoo.get(name).model_class.__mro__:
            for exception in vars(base).get("EXCEPTIONS", {}):
                found[exception].add(name)
    assert {name: models for name, models in found.items() if models} == EXPECTED_EXCEPTIONS


@pytest.mark.parametrize("name", zoo.names())
class TestDocumentation:
    def test_offers_what_it_can_do(self, name):
        for method, cannot in WITHOUT.items():
            assert hasattr(zoo.get(name).model_class, method) == (name not in cannot), method

    def test_sections_and_arguments(self, name):
        model_class = zoo.get(name).model_class
        text = inspect.getdoc(model_class)
        for section in SECTIONS:
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
        assert entry.task in TASKS
        assert {"tiny", "small", "base"} <= set(entry.presets)
