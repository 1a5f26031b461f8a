"""The selection check: its statistics on made-up records, and that it goes on where it stopped."""

import json

import numpy as np
import pytest

from bench.suites import selection_check, selection_table


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(selection_table, "NUM_RESAMPLES", 20)


def record(network, epochs, auroc, **measures):
    values = dict.fromkeys(selection_table.MEASURES, 0.5) | measures
    return {"normal_class": 0, "network": network, "epochs": epochs, "auroc": auroc, **values}


def test_correlation_is_that_of_scipy():
    from scipy.stats import spearmanr

    a, b = np.random.default_rng(0).integers(0, 6, (2, 30))
    assert selection_table.correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(selection_table.correlation([1, 1], [1, 2]))


def test_a_perfect_measure_chooses_the_best_setting():
    records = [
        record(name, epochs, auroc, auroc_synthetic=auroc, aucp_50=-auroc, val_loss=1 - auroc)
        for name, values in {"a": (0.6, 0.7, 0.9), "b": (0.5, 0.8, 0.65)}.items()
        for epochs, auroc in zip((3, 15, 60), values, strict=True)
    ]
    assert selection_table.all_settings(records, "auroc_synthetic") == pytest.approx(1)
    assert selection_table.all_settings(records, "aucp_50") == pytest.approx(-1)
    assert selection_table.within_a_network(records[:3], "val_loss") == pytest.approx([1])
    assert selection_table.chosen(records, "auroc_synthetic") == 0.9
    assert selection_table.chosen(records, "aucp_50") == 0.5
    text = selection_table.markdown(records)
    assert "| `auroc_synthetic` | 1.00 (1.00 to 1.00) | 1.00 (1.00 to 1.00) | 0.9000 |" in text
    assert "the labels: the best setting |  |  | 0.9000 |" in text


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    trained = []

    def train(network, label, seed, task):
        trained.append((network, label))
        return [record(network, n, 0.5 + n / 100) for n in selection_check.CHECKPOINTS]

    monkeypatch.setattr(selection_check, "train", train)
    monkeypatch.setattr(selection_check, "Task", lambda dataset, label: None)
    options = ["--classes", "0", "--networks", "vae-8", "--output", str(tmp_path / "s.jsonl")]
    assert selection_check.main(options) == 0
    assert selection_check.main(options) == 0
    assert trained == [("vae-8", 0)]
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [line["epochs"] for line in lines] == list(selection_check.CHECKPOINTS)
    assert "3 trained settings" in capsys.readouterr().out


def test_a_task_holds_anomalies_in_the_shares_that_are_said(monkeypatch):
    from bench.data import catalog

    dataset = catalog.load("fashion_mnist_small")
    task = selection_check.Task(dataset, 6)
    assert (len(task.train), len(task.normals)) == (200, 100)
    normals = {image.tobytes() for image in dataset.train.images[dataset.train.labels == 6]}
    normals |= {i.tobytes() for i in dataset.validation.images[dataset.validation.labels == 6]}
    for name, share in selection_check.SHARES.items():
        odd = [image.tobytes() not in normals for image in task.unlabelled[name]]
        assert np.mean(odd) == pytest.approx(share, abs=0.01)
    known = {image.tobytes() for image in (*task.train, *task.normals)}
    assert not known & {image.tobytes() for image in task.unlabelled["aucp_50"]}
