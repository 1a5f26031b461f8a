"""A run becomes weights: chosen by validation, checked by their outputs, measured again."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import bench.__main__ as command_line
import zoo
from bench.errors import BenchError
from bench.execution import session
from bench.packing import checking, choosing, facts, shelf, writing
from bench.records import store
from zoo.registry import pretrained, weights_card


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_request, quiet):
    """A run of two seeds that kept its models."""
    output = tmp_path_factory.mktemp("run")
    asked = tiny_request(output, epochs=3, patience=2, keep_models=True)
    assert session.run(asked, quiet).num_failed == 0
    return output


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    output = tmp_path_factory.mktemp("weights")
    assert command_line.main(["pack", str(run), "--output", str(output)]) == 0
    return output


def records_of(run):
    found, _ = store.read(run)
    return [record for record in found if record.kind == "model"]


def test_the_seed_is_chosen_by_validation_alone(run, tmp_path):
    """With the test errors exchanged, the choice stays."""
    (choice,) = choosing.choose([run])
    losses = {record.seed: record.training.val_loss for record in records_of(run)}
    assert choice.record.seed == min(losses, key=losses.get)
    first, second = records_of(run)
    errors = [first["test_mse"], second["test_mse"]]
    for record, error in zip((first, second), reversed(errors), strict=True):
        store.append(tmp_path / store.FILE_NAME, record | {"test_mse": error})
    (tmp_path / "models").symlink_to(run / "models")
    (again,) = choosing.choose([tmp_path])
    assert again.record.seed == choice.record.seed


def test_the_card_tells_what_the_record_says(run, packed):
    (choice,) = choosing.choose([run])
    weights = pretrained.pretrained(packed)["digits/autoencoder"]
    found = weights.metrics["mse"]
    both = np.array([record["test_mse"] for record in records_of(run)])
    assert found["value"] == choice.record["test_mse"]
    assert found["low"] < found["value"] < found["high"]
    assert found["mean"] == pytest.approx(both.mean())
    half = 12.706 * both.std(ddof=1) / np.sqrt(2)  # Student's t of one degree of freedom
    assert found["mean_high"] - found["mean"] == pytest.approx(half, rel=1e-4)
    text = "\n".join(weights_card.lines(weights))
    assert "licence: CC BY 4.0" in text
    assert "at most 3 epochs, ended after 3, batch 64, adam 0.003" in text
    assert f"seed {choice.record.seed} of 2, by the least validation loss" in text
    assert "floors, by test mse: mean_image" in text
    assert "limit: knows images of 8 x 8 x 1 like those of digits" in text


def test_the_weights_give_the_outputs_of_the_model(run, packed, monkeypatch, digits):
    (choice,) = choosing.choose([run])
    monkeypatch.setattr(pretrained, "FOLDER", packed)
    loaded = zoo.load("digits/autoencoder")
    images = digits[:50]
    expected = zoo.load(choice.model_file).predict(images, verbose=0)
    assert np.abs(loaded.predict(images, verbose=0) - expected).max() <= writing.TOLERANCE
    weights = zoo.pretrained()["digits/autoencoder"]
    assert weights.dtype == "float16"
    assert loaded.card.resize == (8, 8)
    assert loaded.card.class_names == tuple("0123456789")
    assert loaded.card.threshold > 0


def test_weights_are_kept_in_as_few_bits_as_their_outputs_allow(run, monkeypatch):
    from bench.data import catalog

    (choice,) = choosing.choose([run])
    sizes = []
    for tolerance in (1e-3, 1e-5, 0.0):
        monkeypatch.setattr(writing, "TOLERANCE", tolerance)
        found = writing.pack(choice, catalog.load("digits", limit=60), facts.of(choice))
        assert found.difference <= tolerance
        sizes.append((found.bits, len(found.content), found.dtype))
    assert sizes == sorted(sizes)
    assert sizes[0][::2] == (16, "float16") and sizes[2][::2] == (32, "float32")
    assert 16 < sizes[1][0] < 32 and sizes[1][1] < sizes[2][1]


def test_a_float_is_rounded_to_the_nearest_of_fewer_bits():
    values = np.array([1 + 2**-11, 1 + 2**-12, -(1 - 2**-14), 0.0, 3e-40], "float32")
    found = writing.rounded(values, 20)  # 11 of the fraction
    np.testing.assert_array_equal(found[:4], np.array([1 + 2**-11, 1 + 2**-11, -1, 0], "float32"))
    random = np.random.default_rng(0).normal(size=1_000).astype("float32")
    for bits in (20, 25):
        moved = np.abs(writing.rounded(random, bits) / random - 1)
        assert moved.max() <= 2.0 ** (8 - bits)  # half of the last bit
    np.testing.assert_array_equal(writing.rounded(random, 32), random)
    np.testing.assert_array_equal(writing.rounded(np.arange(3), 20), np.arange(3))
    assert writing.rounded(np.array(0.1, "float32"), 20).shape == ()


def test_a_check_measures_them_again(packed, capsys, tmp_path):
    assert command_line.main(["pack", "--check", "--output", str(packed)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["agrees", "digits/autoencoder", f"{metric}:"] for metric in ("mse", "ssim", "psnr")
    ]
    index = json.loads((packed / "index.json").read_text())
    row = index["weights"]["digits/autoencoder"]
    row["file"] = str(packed / row["file"])
    for bound in ("value", "low", "high"):
        row["facts"]["metrics"]["mse"][bound] *= 0.5
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert command_line.main(["pack", "--check", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("differs  digits/autoencoder mse: card")
    row["facts"]["data"]["argument"] = "mnist_of_nowhere"
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert command_line.main(["pack", "--check", "--output", str(tmp_path)]) == 0
    assert "skipped  digits/autoencoder: mnist_of_nowhere is not" in capsys.readouterr().out


def test_files_of_the_index_before_are_removed_and_others_stay(packed, tmp_path):
    old = pretrained.pretrained(packed)["digits/autoencoder"]
    content = old.path.read_bytes()

    def named(name):
        return shelf.Packed(name, content, "float16", 16, 0.0, old.facts)

    shelf.write([named("digits/a"), named("digits/b")], tmp_path)
    (tmp_path / "digits/mine.txt").write_text("stays")
    shelf.write([named("digits/b")], tmp_path)
    assert sorted(path.name for path in (tmp_path / "digits").iterdir()) == ["b.npz", "mine.txt"]
    assert list(pretrained.pretrained(tmp_path)) == ["digits/b"]


def test_what_was_packed_stays_until_its_training_is_another(run, packed, tmp_path, capsys):
    """Of a folder with other weights, one of them damaged; then the run has a better seed."""
    shutil.copytree(packed, tmp_path / "w")
    content = (tmp_path / "w/digits/autoencoder.npz").read_bytes()
    about = pretrained.pretrained(packed)["digits/autoencoder"].facts
    mine = [
        shelf.Packed(name, content, "float16", 16, 0.0, about) for name in ("digits/a", "mine/b")
    ]
    shelf.write([*shelf.there(tmp_path / "w").values(), *mine], tmp_path / "w")
    (tmp_path / "w/mine/b.npz").write_bytes(content[:-1])
    command = ["pack", str(run), "--output", str(tmp_path / "w")]
    assert command_line.main(command) == 0
    shown = capsys.readouterr().out
    assert "left out: mine/b, whose file is missing or damaged" in shown
    assert [line.split()[-1] for line in shown.splitlines() if "digits/" in line] == ["kept"] * 2
    assert list(pretrained.pretrained(tmp_path / "w")) == ["digits/a", "digits/autoencoder"]

    (choice,) = choosing.choose([run])
    other = next(each for each in records_of(run) if each.seed != choice.record.seed)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/models").symlink_to(run / "models")
    for record in (choice.record, other | {"val_loss": choice.record.training.val_loss / 2}):
        store.append(tmp_path / "run" / store.FILE_NAME, record)
    command[1] = str(tmp_path / "run")
    assert command_line.main([*command, "--fresh"]) == 0
    weights = pretrained.pretrained(tmp_path / "w")
    assert list(weights) == ["digits/autoencoder"]  # the others are removed
    assert weights["digits/autoencoder"].facts["training"]["seed"] == other.seed
    assert not (tmp_path / "w/digits/a.npz").exists()
    (tmp_path / "w/index.json").write_text("{")
    assert command_line.main(command) == 2
    assert "the index of the weights is damaged" in capsys.readouterr().err


def test_more_than_15_mb_are_refused_and_nothing_is_written(tmp_path):
    large = [
        shelf.Packed(f"digits/{name}", bytes(8_000_000), "float16", 16, 0.0, {}) for name in "ab"
    ]
    with pytest.raises(BenchError, match=r"16\.0 MB, and 15 MB is the limit.*digits/a 8\.00"):
        shelf.write(large, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_packed_is_refused(run, tmp_path, quiet):
    with pytest.raises(BenchError, match="no records at"):
        choosing.choose([tmp_path])
    with pytest.raises(BenchError, match="no model that was kept matches vea"):
        choosing.choose([run], ["vea"])
    with pytest.raises(BenchError, match="would be the name of two: autoencoder:tiny in"):
        choosing.choose([run, run])
    for record in records_of(run):
        store.append(tmp_path / store.FILE_NAME, record)
    with pytest.raises(BenchError, match=r"keeps no trained models\. .* --keep-models"):
        choosing.choose([tmp_path])
    (choice,) = choosing.choose([run])
    record = choice.record
    theirs = dataclasses.replace(record.data, name="photos")
    unknown = dataclasses.replace(choice, record=dataclasses.replace(record, data=theirs))
    with pytest.raises(BenchError, match="licence of photos is not known"):
        facts.of(unknown)
    assert facts.of(unknown, "mine")["licence"] == "mine"


def test_an_accuracy_has_the_interval_of_a_share():
    low, high = facts.share_interval(0.9, 1000)
    assert (low + high) / 2 == pytest.approx(0.9)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.9 * 0.1 / 1000), rel=5e-3)


def test_shipped_weights_are_small_and_whole():
    shipped = zoo.pretrained()
    assert sum(each.num_bytes for each in shipped.values()) <= shelf.MOST_BYTES
    for each in shipped.values():
        assert saved_name(each) in zoo.names(), each.name
    listed = {each.path for each in shipped.values()}
    assert set(pretrained.FOLDER.rglob("*.npz")) == listed


def saved_name(weights):
    header = weights.header()  # whose file has the checksum of the index
    names = {zoo.get(name).class_name: name for name in zoo.names()}
    return names.get(header["class_name"])


def test_shipped_weights_give_the_metric_of_their_card():
    """Of the smallest one: `python -m bench pack --check` asks all."""
    from bench.packing.command import _Datasets, _problem

    shipped = sorted(zoo.pretrained().values(), key=lambda each: each.num_bytes)
    if not shipped or _problem(shipped[0].facts["data"]):
        pytest.skip("no weights, or their data are not on this machine")
    dataset = _Datasets().get(shipped[0].facts["data"])
    assert all(each.agrees for each in checking.verdicts(shipped[0], dataset))
    assert Path(shipped[0].path).is_file()
