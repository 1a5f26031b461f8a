"""The remedies of the UPAE: scores as the models give them, and the table."""

import keras
import numpy as np
import pytest

import zoo
from bench.data.dataset import Dataset, Split
from bench.metrics import anomaly
from bench.suites import upae_remedies, upae_table


@pytest.fixture(scope="module")
def members():
    made = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        made.append(zoo.create("upae", (8, 8, 1), latent_dim=4, hidden_units=(16,), widths=()))
    return made


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((20, 8, 8, 1), dtype="float32")


def test_scores_are_those_of_the_model(members, images):
    model, labels = members[0], np.arange(20) % 2
    parts = [upae_remedies.predicted(model, x) for x in (images, images[:6])]
    found = upae_remedies.aurocs(*parts, images, labels)
    assert found["log"] == anomaly.auroc(labels, np.asarray(model.anomaly_score(images)))
    model.cap_uncertainty(images[:6])
    assert found["log_capped"] == anomaly.auroc(labels, np.asarray(model.anomaly_score(images)))
    paper = zoo.create(
        "upae", (8, 8, 1), latent_dim=4, hidden_units=(16,), widths=(), score="paper"
    )
    paper.set_weights(model.get_weights())
    assert found["paper_capped"] == anomaly.auroc(labels, np.asarray(paper.anomaly_score(images)))


def test_members_together_are_the_ensemble(members, images):
    ensemble, labels = zoo.Ensemble(members), np.arange(20) % 2
    test = upae_remedies.together([upae_remedies.predicted(each, images) for each in members])
    np.testing.assert_allclose(
        np.sqrt(test[1]) / 2, ensemble.predict_uncertainty(images), rtol=1e-5
    )
    found = upae_remedies.aurocs(test, test, images, labels)
    assert found["log"] == anomaly.auroc(labels, ensemble.anomaly_score(images))


def test_the_table_says_what_is_gained():
    scores = ("paper", "paper_capped", "log", "log_capped", "squared_error")
    sizes = {"joint": (1, 3, 5), "beta": (1,), "detached": (1,)}
    records = [
        {
            "normal_class": label,
            "seed": seed,
            "epochs": 2,
            "num_train": 100,
            "nll": nll,
            **{
                of: {
                    f"{which} {size}": {
                        score: start + 0.01 * seed + (0.05 if score == "log" else 0)
                        for score in scores
                    }
                    for which in ("last", "best")
                    for size in of_loss
                }
                for of, start in (("auroc", 0.8), ("train_auroc", 0.7))
            },
        }
        for label in (0, 6)
        for seed in (0, 1)
        for nll, of_loss in sizes.items()
    ]
    lines = upae_table.markdown(records).splitlines()
    assert lines[2] == "| as in the paper | 0.805 | 0.805 | 0.805 ± 0.064 |  | 0.705 ± 0.064 |"
    (log,) = [line for line in lines if line.startswith("| log term in the score |")]
    assert log.endswith("| 0.855 ± 0.064 | +0.050 ± 0.000 | 0.755 ± 0.064 |")
    # A seed that lacks a class is in the column of the class alone.
    fewer = [each for each in records if (each["normal_class"], each["seed"]) != (6, 1)]
    assert "| 0.805 | 0.800 | 0.800 |" in upae_table.markdown(fewer).splitlines()[2]


def test_default_is_judged_on_training_images_that_no_network_has_seen(monkeypatch):
    monkeypatch.setattr(upae_remedies, "NUM_TRAIN", 12)
    monkeypatch.setattr(upae_remedies, "NUM_HELD_OUT", 5)
    images = np.random.default_rng(0).random((40, 4, 4, 1), dtype="float32")
    labels = np.arange(40) % 2
    train, other = Split(images, labels), Split(images[:4], labels[:4])
    unit = upae_remedies.Unit(Dataset("made", "reconstruction", train, other, other), 1, 0, 1)
    judged, is_other = unit.judged["train_auroc"]
    np.testing.assert_array_equal(judged[:5], images[labels == 1][12:17])
    np.testing.assert_array_equal(judged[5:], images[labels == 0])
    np.testing.assert_array_equal(is_other, np.arange(25) >= 5)


def test_best_weights_are_those_of_the_lowest_loss():
    class Counting:
        def __init__(self):
            self.calls = 0

        def get_weights(self):
            self.calls += 1
            return [self.calls]

    best = upae_remedies.BestWeights()
    best.set_model(Counting())
    for epoch, loss in enumerate((3.0, 1.0, 2.0)):
        best.on_epoch_end(epoch, {"val_loss": loss})
    assert (best.epoch, best.weights, best.lowest) == (2, [2], 1.0)
