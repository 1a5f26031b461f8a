"""Sides that train the same network, and what is said of their times."""

import importlib
import json
import os
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from bench.commands import docs
from bench.errors import BenchError
from bench.peers import __main__ as command
from bench.peers import run, table, worker, workloads
from bench.peers.workloads import WORKLOADS, Data, Workload
from bench.records import store

RESULTS = Path(__file__).parents[3] / "bench/results/peers.jsonl"

# The weights of a U-Net are the same for images of any size.
SHAPES = {"dense": (28, 28, 1), "vae": (28, 28, 1), "upae": (64, 64, 1), "unet": (16, 16, 1)}


def _small(network: str, num_images: int = 4) -> tuple[Workload, Data]:
    known = next(part for part in WORKLOADS.values() if part.network == network)
    workload = Workload("small", "small", network, 4, num_images, known.num_parameters)
    images = np.random.default_rng(0).random((num_images, *SHAPES[network]), "float32")
    masks = (images > 0.5).astype("float32") if network == "unet" else None
    return workload, Data(images, images, masks, masks)


def _contenders():
    for contender in ("zoo", "keras", "torch", "torch bfloat16", "pythae"):
        for network in SHAPES:
            if worker.does(contender, network, "train"):
                marks = pytest.mark.slow if network in ("upae", "unet") else ()
                yield pytest.param(contender, network, marks=marks)
    yield "zoo bfloat16", "dense"
    yield "zoo model(x)", "dense"


@pytest.mark.parametrize(("contender", "network"), list(_contenders()))
def test_contenders_train_the_same_network(contender, network):
    if worker.CONTENDERS[contender] is not None:
        pytest.importorskip(worker.CONTENDERS[contender])
    workload, data = _small(network)
    made = worker.make(contender, workload, data, seed=0)
    assert made.num_parameters == workload.num_parameters
    made.train()
    made.infer()
    made.infer_singly()
    outputs = made.outputs()
    assert outputs["prediction"].shape == data.test.shape
    assert np.isfinite(workloads.loss(workload, data, outputs))


def test_first_losses_agree_between_keras_and_the_zoo():
    """From the same weights both compute the same outputs, so the same loss."""
    workload, data = _small("upae")
    plain = worker.make("keras", workload, data, seed=0)
    ours = worker.make("zoo", workload, data, seed=0)
    ours.model.set_weights(_in_order(plain.model.weights, ours.model.weights))
    found = [workloads.loss(workload, data, contender.outputs()) for contender in (plain, ours)]
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_a_backend_is_chosen_before_keras_is_there(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setitem(sys.modules, "tensorflow", sys.modules["tensorflow"])
    worker.choose_backend("zoo")
    assert "TF_ENABLE_ONEDNN_OPTS" in os.environ  # the zoo asks for these kernels
    worker.choose_backend("keras")
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    assert sys.modules["tensorflow"] is not None
    worker.choose_backend("keras on jax")
    assert os.environ["KERAS_BACKEND"] == "jax"
    with pytest.raises(ImportError):
        importlib.import_module("tensorflow")


def test_what_a_contender_does():
    assert not worker.does("pythae", "unet", "train")
    assert worker.does("zoo model(x)", "unet", "latency")
    assert not worker.does("zoo model(x)", "unet", "infer")


def test_numbers_of_bfloat16_have_no_share_of_the_rate_of_float32():
    workload, data = _small("dense")
    made = worker.make("zoo bfloat16", workload, data, seed=0)
    assert made.facts() == {}
    assert made.outputs()["prediction"].dtype == np.float32


@pytest.mark.parametrize("network", ["vae", "upae"])
def test_loss_of_plain_keras_is_the_one_that_is_compared(network):
    """`compute_loss`, which every backend calls, is the formula in NumPy, here without noise."""
    workload, data = _small(network)
    plain = worker.make("keras", workload, data, seed=0)
    outputs = plain.model.outputs_of(keras.ops.convert_to_tensor(data.test))
    found = float(plain.model.compute_loss(data.test, None, outputs))
    assert found == pytest.approx(workloads.loss(workload, data, plain.outputs()), rel=1e-4)


def _in_order(weights, wanted):
    """Returns the values of layers in the order of the network, which both have."""
    values = [np.asarray(weight) for weight in weights]
    found = []
    for weight in wanted:
        place = next((n for n, v in enumerate(values) if v.shape == tuple(weight.shape)), None)
        found.append(np.asarray(weight) if place is None else values.pop(place))
    return found


def test_losses_are_the_textbooks():
    workload, data = _small("unet")
    outputs = {"prediction": np.random.default_rng(1).uniform(0.1, 0.9, data.test.shape)}
    expected = keras.losses.binary_crossentropy(data.test_masks, outputs["prediction"])
    value = workloads.loss(workload, data, outputs)
    assert value == pytest.approx(float(np.mean(expected)), rel=1e-5)
    workload, data = _small("vae")
    zeros = np.zeros((len(data.test), 2))
    outputs = {"prediction": np.full(data.test.shape, 0.5), "mean": zeros, "log_variance": zeros}
    assert workloads.loss(workload, data, outputs) == pytest.approx(784 * np.log(2))
    outputs["mean"] = zeros + 1.0  # KL of N(1, I) from N(0, I) in two dimensions: 1
    assert workloads.loss(workload, data, outputs) == pytest.approx(784 * np.log(2) + 1)


def test_ratio_is_of_what_happened_at_the_same_time():
    """A machine that becomes ten times as slow in half of the turns changes nothing."""
    slow = [1.0, 10.0, 1.0, 10.0, 1.0, 10.0]
    ours = [[(1.0 * factor, 1.0 * factor) for factor in slow]]
    theirs = [[(2.5 * factor, 2.5 * factor) for factor in slow]]
    assert run.ratio_of(ours, theirs) == pytest.approx((2.5, 2.5, 2.5))


def test_same_loss_is_within_noise():
    assert run.same_loss([1.0, 1.0], [1.02, 1.02])
    assert not run.same_loss([1.0, 1.001, 0.999], [1.1, 1.101, 1.099])
    assert run.same_loss([1.0, 1.3, 0.8], [1.1, 1.4, 0.9])  # seeds differ by more


@pytest.mark.slow
def test_command_writes_records_and_shows_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    workload, data = _small("dense", num_images=64)
    monkeypatch.setitem(WORKLOADS, "dense32", workload)
    monkeypatch.setattr(workloads, "load", lambda workload: data)
    output = tmp_path / "peers.jsonl"
    arguments = ["--workloads", "dense32", "--contenders", "zoo", "keras", "--pairs", "2"]
    assert command.main([*arguments, "--rounds", "1", "--output", str(output)]) == 0
    found = [json.loads(line) for line in output.read_text().splitlines()]
    whats = ("train", "infer", "latency")
    assert [(r["side"], r["what"], r["status"]) for r in found] == [
        (contender, what, "ok") for what in whats for contender in ("zoo", "keras")
    ]
    plain = found[1]
    assert plain["seconds_by_ours_low"] <= plain["seconds_by_ours"] <= plain["seconds_by_ours_high"]
    assert len(plain["losses"]) == 1
    assert plain["images_per_second"] == pytest.approx(64 / plain["seconds_per_turn"])
    capsys.readouterr()
    assert command.main(["--show", str(output)]) == 0
    assert "keras" in capsys.readouterr().out
    readme = f"a\n<!-- peers: {output.name} -->\nold\n<!-- end of peers -->\nb"
    filled = docs.fill(readme, tmp_path)
    ratio = f"{plain['seconds_by_ours']:.2f} ({plain['seconds_by_ours_low']:.2f} to"
    assert ratio in filled.replace("\N{NO-BREAK SPACE}", " ")
    assert "old" not in filled
    assert docs.fill(filled, tmp_path) == filled


def test_at_80_columns_each_side_has_its_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    records = store.read_lines(RESULTS, "python -m bench.peers")
    assert command.main(["--show", str(RESULTS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for side in {record["side"] for record in records}:
        found = [line for line in lines if re.match(rf" *{re.escape(side)}  ", line)]
        assert len(found) == sum(record["side"] == side for record in records), side


def _with_plain_spaces(text: str) -> list[str]:
    return text.replace("\N{NO-BREAK SPACE}", " ").splitlines()


def test_page_has_a_line_for_each_of_ours():
    own = {"workload": "w", "title": "a net", "what": "train", "status": "ok"}
    own |= {"images_per_second": 2000.0, "share_of_machine": 0.25}
    tuned = {"side": "zoo autotuned", "note": "jit_compile=True: 0.6 ms", "images_per_second": 4000}
    keras_record = {"side": "keras"}
    for key, value, same in (("ours", 3.0, True), ("ours_autotuned", 6.0, False)):
        keras_record |= {f"seconds_by_{key}": value, f"same_loss_as_{key}": same}
        keras_record |= {f"seconds_by_{key}_low": value - 1, f"seconds_by_{key}_high": value + 1}
    found = [own | {"side": "zoo"}, own | tuned, own | keras_record]
    text = table.markdown([*found, own | {"side": "torch", "status": "failed"}])
    assert "2.00\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}4.00" in text  # on one line
    assert _with_plain_spaces(text)[2:] == [
        "| a net | 2,000 | 25% | 3.00 (2.00 to 4.00) | failed |",
        "| `autotune`: jit_compile=True | 4,000 | 25% | 6.00 (5.00 to 7.00) \\* | failed |",
    ]


def _record(side: str, what: str, **more):
    ratios = {"seconds_by_ours": 3.0, "seconds_by_ours_bfloat16": 5.0}
    bounds = {f"{key}_{end}": value for key, value in ratios.items() for end in ("low", "high")}
    known = {"workload": "w", "title": "a net", "status": "ok", "images_per_second": 2000.0}
    return known | ratios | bounds | {"side": side, "what": what} | more


def test_each_line_is_at_one_precision():
    sides = ("zoo", "zoo bfloat16", "keras", "torch bfloat16", "zoo model(x)")
    records = [_record(side, "latency") for side in sides]
    assert _with_plain_spaces(table.markdown(records)) == [
        "| one image at a time | ms | of the rate | keras | torch | zoo model(x) |",
        "| --- | --: | --: | --: | --: | --: |",
        "| a net | 0.5 |  | 3.00 (3.00 to 3.00) | - | 3.00 (3.00 to 3.00) |",
        "| a net, `mixed_bfloat16` | 0.5 |  | - | 5.00 (5.00 to 5.00) | - |",
    ]
    shown = {row[2]: row[4] for row in table.rows(records)}
    assert shown["torch bfloat16"].startswith("5.00")
    assert shown["zoo bfloat16"].startswith("3.00")  # of ours, how much it gains
    assert {row[3] for row in table.rows(records)} == {"0.5 ms"}


def test_what_is_not_installed_is_said_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "_installed", lambda name: name.startswith("zoo"))
    asked = []

    def measure(request, name, tell):
        asked.extend(request.contenders)
        return [_record("zoo", "train")]

    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setenv("COLUMNS", "200")
    output = ["--output", str(tmp_path / "peers.jsonl")]
    assert command.main(["--workloads", "dense32", *output]) == 0
    assert asked == ["zoo", "zoo autotuned", "zoo bfloat16", "zoo model(x)"]
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("without keras, keras on jax, keras on torch, torch, torch bfloat16,")
    assert "pip install -r bench/peers/requirements.txt" in first
    assert command.main(["--contenders", "zoo", "keras on jax", *output]) == 2
    assert "keras on jax is not installed" in capsys.readouterr().err


def test_a_contender_that_fails_is_a_row(monkeypatch):
    data = _small("dense", num_images=64)[1]
    wrong = Workload("wrong", "wrong", "dense", 4, 64, num_parameters=1)
    monkeypatch.setitem(WORKLOADS, "dense32", wrong)
    monkeypatch.setattr(workloads, "load", lambda workload: data)
    request = run.Request(("dense32",), ("zoo",), ("train",), pairs=2, rounds=1)
    (record,) = run.measure(request, "dense32")
    assert record["status"] == "failed"
    assert "101,200 parameters, not 1" in record["error"]
    assert "parameters" in table.rows([record])[0][-1]


@pytest.mark.parametrize(
    "changes",
    [{"names": ("x",)}, {"contenders": ("keras",)}, {"what": ()}, {"pairs": 1}, {"rounds": 0}],
)
def test_wrong_requests_are_refused(changes):
    with pytest.raises(BenchError, match="--"):
        run.check(run.Request(**changes))


def test_unreadable_file_is_told(tmp_path, capsys):
    assert command.main(["--show", str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
