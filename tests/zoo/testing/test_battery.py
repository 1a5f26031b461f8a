"""`zoo.testing.check_model` finds what is wrong with a model, says it, and lets the rest pass."""

import importlib

import numpy as np
import pytest

import zoo
from zoo.testing import CHECKS, ModelCheckError, Reloader, Subject, battery, check_model
from zoo.testing.battery import PROPERTIES
from zoo.testing.images import spots

SMALL = {"widths": (), "hidden_units": (8,), "latent_dim": 4}
CHEAP = ("unknown_arguments_are_refused", "what_is_not_a_shape_is_refused")


class Fine(zoo.models.Autoencoder):
    """Copies, with one more argument."""

    def __init__(self, image_shape, *, gain=1.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.gain = gain


class Forgets(zoo.models.Autoencoder):
    """Does not keep its argument as it came."""

    def __init__(self, image_shape, *, gain=1.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.gain = gain + 1


class Penalised(zoo.models.Autoencoder):
    """Has a penalty on a weight, which sample weights do not reach."""

    def build_networks(self):
        super().build_networks()
        self.more = self.add_weight(shape=(2,), initializer="ones", regularizer="l2", name="more")


class Stuck(zoo.models.Autoencoder):
    """Has a weight that the loss does not see."""

    def build_networks(self):
        super().build_networks()
        self.unused = self.add_weight(shape=(2,), name="unused")


class LetsAnythingIn(zoo.models.Autoencoder):
    """Looks at no data."""

    def check_inputs(self, x, name="x"):
        pass


class Excused(Penalised):
    """Says why."""

    EXCEPTIONS = {"sample_weights_count": "the penalty has no rows."}  # noqa: RUF012


def test_a_model_that_is_right_passes():
    only = (*CHEAP, "round_trip_keeps_every_argument")
    report = check_model(Fine, changed={"gain": 2.5}, only=only)
    assert [finding.status for finding in report.findings] == ["passed"] * 3
    assert str(report) == "Fine: 3 passed, 0 excused, 0 failed"


@pytest.mark.parametrize(
    ("model_class", "check", "message"),
    [
        (
            Forgets,
            "round_trip_keeps_every_argument",
            "must come back",
        ),
        (Penalised, "sample_weights_count", "loss of rows of weight 0"),
        (Stuck, "every_weight_gets_a_gradient", "unused must get a gradient, and did not move"),
        (LetsAnythingIn, "wrong_images_are_refused", "fit of"),
    ],
)
def test_what_is_wrong_is_named(model_class, check, message):
    changed = {"gain": 2.5} if model_class is Forgets else None
    with pytest.raises(ModelCheckError, match=message) as error:
        check_model(model_class, arguments=SMALL, changed=changed, only=(check, CHEAP[0]))
    report = error.value.report
    assert [finding.name for finding in report.failures] == [check]
    lines = str(report).splitlines()
    assert lines[0] == f"{model_class.__name__}: 1 passed, 0 excused, 1 failed"
    assert lines[1].startswith(f"failed: {check}: ")


def test_a_failure_is_no_error_if_so_asked():
    only = ("round_trip_keeps_every_argument",)
    assert check_model(Forgets, changed={"gain": 2.5}, only=only, raises=False).failures


def test_a_new_argument_needs_a_value_to_be_checked_with():
    with pytest.raises(ModelCheckError, match=r"off its default for gain: changed=\{\.\.\.\}"):
        check_model(Fine, only=("round_trip_keeps_every_argument",))


def test_an_exception_is_declared_with_its_reason():
    report = check_model(Excused, only=("sample_weights_count",))
    assert str(report).endswith("the penalty has no rows.")
    assert report.findings[0].status == "excused"

    class Slip(Fine):
        """Misspells."""

        EXCEPTIONS = {"sample_weight_counts": "no reason"}  # noqa: RUF012

    with pytest.raises(ValueError, match=r"EXCEPTIONS must be one of .*'sample_weights_count'"):
        check_model(Slip, only=CHEAP)


def test_wrong_calls_are_refused():
    with pytest.raises(TypeError, match="must be a subclass of zoo"):
        check_model(zoo.create("vae", (8, 8, 1), preset="tiny"))
    with pytest.raises(ValueError, match="only must be one of"):
        check_model(Fine, only=("everything",))
    with pytest.raises(ValueError, match="images must be at least 1250"):
        check_model(Fine, images=np.zeros((3, 8, 8, 1), "float32"))
    with pytest.raises(ValueError, match="Received: labels alone"):
        check_model(Fine, labels=np.zeros(1250, int))
    for name in ("arguments", "changed"):
        with pytest.raises(TypeError, match=r"unknown argument 'gian'\. Did you mean 'gain'"):
            check_model(Fine, **{name: {"gian": 2.5}})


class NotConstructed(zoo.models.Autoencoder):
    """Forgets the constructor of its base."""

    def __init__(self, image_shape, **kwargs):
        self.gain = 1.0


def test_a_reason_is_said_once_and_a_property_in_a_line():
    only = ("loss_falls", "every_weight_gets_a_gradient", "sample_weights_count")
    report = check_model(NotConstructed, only=only, raises=False)
    assert str(report).splitlines() == [
        "NotConstructed: 0 passed, 0 excused, 3 failed",
        "failed: loss_falls: Four epochs lower the loss.",
        "    TypeError: NotConstructed.__init__() must call super().__init__(image_shape, "
        "**kwargs), as its first line. Received: no such call.",
        "failed: every_weight_gets_a_gradient: One step of SGD moves every trainable weight, "
        "and leaves it finite.",
        "    as loss_falls",
        "failed: sample_weights_count: Rows of weight 0 do not count, weight 2 counts twice, "
        "and parts add up to the whole.",
        "    as loss_falls",
    ]


MODULE = """
import zoo
from zoo.models import Autoencoder

class Own(Autoencoder):
    '''Copies.'''

@zoo.register("registered_own", paper="https://example.org")
class RegisteredOwn(Autoencoder):
    '''Copies.'''
"""


def test_saved_models_of_a_users_module_load_elsewhere_once_registered(tmp_path, monkeypatch):
    (tmp_path / "users_models.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(zoo.registry.entries, "_ENTRIES", dict(zoo.registry.entries._ENTRIES))
    module = importlib.import_module("users_models")
    reloader = Reloader()
    registered, own = (
        battery.run(
            Subject(model_class, arguments=SMALL, reloader=reloader),
            "saved_models_go_on_in_another_process",
        )
        for model_class in (module.RegisteredOwn, module.Own)
    )
    assert registered.status == "passed", registered.reason
    assert own.status == "failed"
    assert "must load in another process" in own.reason


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3), (20, 2), (15,)])
def test_images_fit_and_show_their_class(shape):
    images, labels = spots(400, shape)
    assert images.shape == (400, *shape)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.bincount(labels).tolist() == [40] * 10
    means = np.array([images[labels == label].mean(axis=0).ravel() for label in range(10)])
    nearest = np.argmin(((images.reshape(400, 1, -1) - means) ** 2).sum(axis=2), axis=1)
    assert (nearest == labels).mean() > (0.5 if len(shape) == 3 else 0.25)  # one axis: folded
    assert len(np.unique(images.reshape(400, -1), axis=0)) == 400


def test_every_check_says_its_property():
    for name, check in CHECKS.items():
        assert check.__doc__.strip().endswith("."), name
    assert not set(PROPERTIES) & set(CHECKS)
