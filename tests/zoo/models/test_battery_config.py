"""One battery for every registered model: arguments, files, shapes and errors."""

import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

# An off-default value for every constructor argument.
OFF_DEFAULT = {
    "image_shape": (24, 24, 2),
    "latent_dim": 5,
    "widths": (4, 6),
    "hidden_units": (7, 9),
    "mirror_hidden": False,
    "kernel_size": (5, 3),
    "activation": "tanh",
    "latent_activation": "tanh",
    "normalization": "layer",
    "down": "maxpool",
    "up": "upsample",
    "convs_per_stage": 2,
    "output_activation": "linear",
    "reconstruction": "mean_huber",
    "seed": 3,
    "corruption": "masking",
    "level": 0.4,
    "penalty": "top_k",
    "sparsity_weight": 0.5,
    "target_rate": 0.2,
    "num_active": 2,
    "contraction_weight": 0.3,
    "method": "exact",
    "num_probes": 3,
    "likelihood": "laplace",
    "scale": 0.7,
    "learn_scale": True,
    "kl": "monte_carlo",
    "beta": 2.5,
    "capacity": 3.0,
    "log_variance_bounds": (-3.0, 2.0),
    "num_classes": 4,
    "embedding_dim": 6,
    "feature_dim": 11,
    "classification_weight": 3.5,
    "labelled_share": 0.25,
    "vae_weight": 0.3,
    "resample": False,
    "num_bins": 7,
    "smoothing": 0.02,
    "combine": "product",
    "normalize_encoder_only": True,
    "encoder_padding": "valid",
    "pad_to_fit": True,
    "map_channels": 3,
    "unflatten_activation": "tanh",
    "head": "transpose",
    "kernel_initializer": "he_normal",
    "prior": "uniform",
    "adversarial_weight": 0.2,
    "discriminator_units": (5,),
    "discriminator_learning_rate": 0.01,
    "alpha": 0.5,
    "gamma": 3.0,
    "num_train": 500,
    "sampling": "weighted",
    "lambda_scale": 4.0,
    "kernel": "inverse_multiquadratic",
    "kernel_scales": (0.5, 2.0),
    "num_importance_samples": 3,
    "estimator": "doubly_reparameterized",
    "patch_size": 6,
    "mask_ratio": 0.5,
    "num_blocks": 1,
    "num_heads": 3,
    "decoder_dim": 12,
    "num_decoder_blocks": 1,
    "num_decoder_heads": 2,
    "normalize_patches": True,
    "num_auxiliary": 4,
    "auxiliary_weight": 0.1,
    "dead_after": 20,
    "num_embeddings": 9,
    "num_groups": 3,
    "codebook": "gradient",
    "decay": 0.9,
    "revive_after": 10,
    "data_variance": 0.5,
    "mmd_weight": 2.0,
    "stochastic_encoder": True,
    "mask_loss": "focal",
    "deep_supervision": False,
    "residual": False,
    "dropout": 0.2,
    "interpolation": "bilinear",
}
# Where the value for all does not fit a model.
_U_NET = {"kernel_size": 5, "convs_per_stage": 3, "down": "strided"}
OWN_OFF_DEFAULT = {
    "sparse": {"latent_activation": "linear"},
    "masked_autoencoder": {"embedding_dim": 24},
    "wae_mmd": {"kernel": "gaussian"},
    "unet": _U_NET,
    "attention_unet": _U_NET,
    "unet_plus_plus": _U_NET,
    "unet_denoiser": _U_NET,
    "residual_unet": {**_U_NET, "down": "maxpool", "up": "transpose", "interpolation": "nearest"},
}


@pytest.mark.parametrize("name", zoo.names())
class TestConfig:
    def test_round_trip_with_every_argument_off_its_default(self, name):
        model_class = zoo.get(name).model_class
        own = OWN_OFF_DEFAULT.get(name, {})
        arguments = {
            key: own[key] if key in own else OFF_DEFAULT[key]
            for key in model_class.argument_names()
        }
        defaults = {}
        for base in model_class.__mro__:
            if base is keras.Model:
                break
            if "__init__" in vars(base):
                for key, parameter in inspect.signature(base.__init__).parameters.items():
                    defaults.setdefault(key, parameter.default)
        for key, value in arguments.items():
            assert value != defaults[key] or own.get(key) == value, f"{key} is at its default"
        model = model_class(**arguments, name="other")
        config = json.loads(json.dumps(model.get_config()))
        again = model_class.from_config(config)
        assert again.get_config() == model.get_config()
        for key, value in arguments.items():
            assert getattr(again, key) == value
        shapes = [weight.shape for weight in model.weights]
        assert [weight.shape for weight in again.weights] == shapes

    def test_unknown_argument_is_refused(self, kit, name):
        with pytest.raises(TypeError, match=r"unknown argument 'image_shap'.*'image_shape'"):
            zoo.get(name).model_class(kit.shape, image_shap=3)


SERVER = """
import sys, keras, numpy as np, zoo
for line in sys.stdin:
    folder = line.strip()
    data = np.load(folder + "/data.npy", allow_pickle=True)[0]
    model = keras.saving.load_model(folder + "/model.keras")
    before = model.predict(data[0], verbose=0)
    model.fit(*data, batch_size=64, epochs=1, shuffle=False, verbose=0)
    np.savez(folder + "/found.npz", before=before, after=model.predict(data[0], verbose=0))
    print("done", flush=True)
"""


@pytest.fixture(scope="session")
def reload_in_another_process():
    """Gives a function that loads a model where none was ever made, predicts, trains, predicts."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def reload(folder):
        process.stdin.write(f"{folder}\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "done"
        return np.load(folder / "found.npz")

    yield reload
    process.stdin.close()
    process.wait(timeout=60)


@pytest.mark.parametrize("name", zoo.names())
def test_reload_in_a_fresh_process(trained, kit, reload_in_another_process, tmp_path, name):
    """Outputs, optimizer and noise come back: training goes on as if it had not stopped."""
    model, _, _ = trained(name)
    data, inputs = kit.data(name, 0, 192), kit.inputs(name, 0, 192)
    model.save(tmp_path / "model.keras")
    box = np.empty(1, dtype=object)
    box[0] = data
    np.save(tmp_path / "data.npy", box, allow_pickle=True)
    before = model.predict(inputs, verbose=0)
    kept = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    model.fit(*data, batch_size=64, epochs=1, shuffle=False, verbose=0)
    after = model.predict(inputs, verbose=0)
    variables = (*model.variables, *model.optimizer.variables)
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)  # other tests use the model as it was
    found = reload_in_another_process(tmp_path)
    np.testing.assert_allclose(found["before"], before, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["after"], after, atol=2e-4)
    assert np.abs(after - before).max() > 1e-4


@pytest.mark.parametrize("name", zoo.names())
class TestShapesAndErrors:
    @pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 1), (140, 1), (784,)])
    def test_any_shape_that_fits(self, kit, name, shape):
        if "unet" in name and len(shape) == 1:
            with pytest.raises(ValueError, match="image_shape must be"):
                kit.make(name, image_shape=shape)
            return
        model = kit.make(name, image_shape=shape)
        images = np.random.default_rng(0).random((3, *shape), dtype="float32")
        data = kit.data(name, 0, 3, images)
        prediction = model.predict(data[0], verbose=0)
        channels = 1 if kit.task(name) == "segmentation" else shape[-1]
        assert prediction.shape == (3, *shape[:-1], channels)
        assert np.isfinite(model.test_on_batch(*data, return_dict=True)["loss"])

    def test_shape_that_does_not_divide_says_how_to_pad(self, name):
        if name in {"masked_autoencoder", "top_k_sparse"}:
            assert zoo.create(name, (30, 30, 1), preset="tiny").built
            return
        with pytest.raises(
            ValueError, match=r"divisible by \d.*\(30, 30, 1\).*Pad to \(32, 32, 1\)"
        ):
            zoo.create(name, (30, 30, 1), preset="tiny", widths=(4, 4, 4))
        with pytest.raises(ValueError, match=r"length must be divisible by \d.*Pad to \(144, 1\)"):
            zoo.create(name, (141, 1), preset="tiny", widths=(4, 4, 4))

    @pytest.mark.parametrize("shape", [(28, 28, 1, 1), (), (28, 0, 1), "28x28", None, (2.5, 4)])
    def test_what_is_not_a_shape_is_refused(self, name, shape):
        with pytest.raises(ValueError, match="image_shape must be"):
            zoo.get(name).model_class(shape)

    def test_wrong_data_are_refused_at_the_door(self, trained, kit, name):
        model, _, _ = trained(name)

        def hole(value):
            def change(images):
                images = images.copy()
                images[3, 2, 2] = value
                return images

            return change

        bad = [
            (lambda x: np.zeros((20, 10, 8, 1), "float32"), r"must have shape \(batch, 8, 8, 1\)"),
            (lambda x: x[..., 0], r"Add the channel axis: x.*\[..., None\]"),
            (hole(np.nan), r"NaN or infinity in 1 of 20.*at index 3"),
            (hole(np.inf), r"NaN or infinity in 1 of 20.*at index 3"),
            (lambda x: x * 255, r"\[0, 1\].*maximum 255.*Divide by 255"),
            (lambda x: x * 2 - 1, r"\[0, 1\].*minimum -1"),
        ]
        for change, message in bad:
            data = kit.with_images(name, change)
            for method in (model.fit, model.evaluate):
                with pytest.raises(ValueError, match=message):
                    method(*data)
            names = ("predict", "reconstruct", "segment", "anomaly_score", "encode")
            for method in (getattr(model, key) for key in names if hasattr(model, key)):
                with pytest.raises(ValueError, match=message):
                    method(data[0])
        with pytest.raises(ValueError, match=r"\[0, 1\].*maximum 9"):
            model.fit(*kit.with_images(name, lambda x: tf.constant(x * 9)))

    def test_wrong_targets_are_refused_at_the_door(self, trained, kit, name):
        model, _, _ = trained(name)
        x, *y = kit.data(name, 0, 20)
        target = y[0] if y else model.image_of(x)
        with pytest.raises(ValueError, match=r"must (lie in|hold)"):
            model.fit(x, target * 9 + 9)
        with pytest.raises(ValueError, match="same length"):
            model.fit(x, target[:5])
        if y:
            with pytest.raises(ValueError, match="y must be given"):
                model.fit(x)
            with pytest.raises(ValueError, match="y must be given"):
                model.fit(x, target, validation_data=(x,))
        cut = kit.with_images(name, lambda images: images[:, :4])
        with pytest.raises(ValueError, match="must have shape"):
            model.fit(*kit.data(name, 0, 20), validation_data=cut)
        stream = tf.data.Dataset.from_tensor_slices(cut if len(cut) > 1 else cut[0]).batch(2)
        with pytest.raises(ValueError, match="must have shape"):
            model.fit(stream)

    def test_fit_needs_compile_without_a_loss(self, kit, name):
        model = zoo.create(name, kit.shape, preset="tiny")
        data = kit.data(name, 0, 20)
        with pytest.raises(ValueError, match=r"must be compiled first.*model.compile"):
            model.fit(*data)
        model.compile("adam", loss="mse")
        with pytest.raises(ValueError, match="compile must be called without a loss"):
            model.fit(*data)
