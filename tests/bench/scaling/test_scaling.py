"""Scaling: the fit against closed forms, and a tiny run that is stopped and goes on."""

import dataclasses
import json
import math

import numpy as np
import pytest

from bench import __main__ as command_line
from bench.errors import BenchError
from bench.scaling import command, plots, power_law, tables, timing
from bench.scaling import memory as memory_scaling
from bench.scaling import points as scaling_points
from bench.scaling.command import Request
from bench.scaling.points import Point

TINY = "autoencoder:dense:hidden_units=[8],latent_dim=2"


# --- slopes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_a_power_law_gives_its_exponent(exponent):
    found = power_law.fit([1, 2, 4, 8], [3e-3 * x**exponent for x in (1, 2, 4, 8)])
    assert found.value == pytest.approx(exponent, abs=1e-9)
    assert math.exp(found.intercept) == pytest.approx(3e-3)
    assert found.low == pytest.approx(exponent, abs=1e-6)


def test_the_interval_is_that_of_the_normal_equations():
    x, y = np.log([1, 2, 4, 8, 16]), np.log([1.0, 2.3, 3.6, 9.0, 15.0])
    design = np.column_stack([np.ones(5), x])
    (intercept, slope), residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    variance = residual[0] / 3 * np.linalg.inv(design.T @ design)[1, 1]
    half = 3.182446 * math.sqrt(variance)  # Student's t, 3 degrees of freedom
    found = power_law.fit(np.exp(x), np.exp(y))
    assert (found.value, found.intercept) == pytest.approx((slope, intercept))
    assert (found.low, found.high) == pytest.approx((slope - half, slope + half), rel=1e-5)


def test_the_interval_covers_the_true_exponent():
    """Of 400 intervals of 95 %, with a standard deviation of 1.1 % of the count."""
    generator = np.random.default_rng(0)
    x = np.array([1, 2, 4, 8, 16])
    covered = 0
    for _ in range(400):
        found = power_law.fit(x, 0.01 * x**0.8 * np.exp(generator.normal(0, 0.1, 5)))
        covered += found.low <= 0.8 <= found.high
    assert 0.91 <= covered / 400 <= 0.99


def test_two_points_have_a_slope_but_no_interval():
    found = power_law.fit([2, 8], [1.0, 4.0])
    assert (found.value, found.low, found.high) == (pytest.approx(1.0), None, None)
    with pytest.raises(ValueError, match="at least 2 different values"):
        power_law.fit([2, 2], [1.0, 4.0])


# --- points ---------------------------------------------------------------------------------


def test_an_axis_changes_one_setting():
    for axis, field in (("batch", "batch_size"), ("image", "image_size"), ("width", "width")):
        for value, point in scaling_points.along("vae", axis):
            changed = {field: value}
            assert point == Point("vae", point.what, **changed)


def test_the_base_is_measured_once():
    points = scaling_points.chosen(["vae"], ["batch", "image", "width"])
    assert len(points) == len(set(points)) == 2 * (5 + 4 + 4 - 2)
    with pytest.raises(BenchError, match="no axis 'depth'"):
        scaling_points.chosen(["vae"], ["depth"])


def test_another_machine_is_another_point():
    point = Point("vae", "train")
    assert point.id({"cpu_model": "a"}) != point.id({"cpu_model": "b"})
    assert point.id({}) != Point("vae", "infer").id({})


def test_widths_are_multiplied():
    def of(width):
        model, _ = timing._model(Point("unet:tiny", "train", image_size=16, width=width))
        return model

    assert list(of(0.5).widths) == [4, 8]
    assert list(of(2).widths) == [16, 32]


# --- a run ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    """Few and small points, and few samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scaling_points._QUICK_VALUES, "batch", (2, 4, 8))
        patch.setitem(scaling_points._QUICK_VALUES, "data", (32, 64))
        settings = {"min_samples": 3, "min_seconds": 0.0, "warmup_calls": 1}
        patch.setitem(timing._SETTINGS, True, settings | {"warmup_limit_seconds": 0.05})
        patch.setitem(timing._NUM_EPOCHS, True, 1)
        yield


@pytest.fixture(scope="module")
def done(small, tmp_path_factory, quiet):
    folder = tmp_path_factory.mktemp("scale")
    request = Request((TINY,), ("batch", "data"), quick=True, output=folder)
    return request, command.run(request, quiet)


def test_every_point_is_measured_in_every_round(done):
    request, outcome = done
    found = command.read(outcome.folder / command.FILE_NAME)
    points = scaling_points.chosen(request.models, request.axes, quick=True)
    assert len(points) == 10
    assert len(found) == len({(r["point_id"], r["round"]) for r in found}) == 20
    for record in found:
        assert record["status"] == "ok", record["error"]
        assert 0 < record["seconds_low"] <= record["seconds"] <= record["seconds_high"]
        assert record["tensorflow_version"]
    orders = [[r["point_id"] for r in found if r["round"] == turn] for turn in (0, 1)]
    assert set(orders[0]) == set(orders[1]) and orders[0] != orders[1]


def test_lines_hold_the_rounds(done):
    _, outcome = done
    found = command.read(outcome.folder / command.FILE_NAME)
    line = next(line for line in outcome.lines if line.what == "train")
    assert line.values == (2, 4, 8)
    rounds = [r for r in found if r["what"] == "train" and r["batch_size"] == 4]
    assert line.seconds[1] == min(r["seconds"] for r in rounds)
    assert line.low[1] == min(r["seconds_low"] for r in rounds)
    assert {(line.axis, line.what) for line in outcome.lines} == {
        *(("batch", what) for what in scaling_points.STEPS),
        *(("data", what) for what in scaling_points.WHOLE),
    }


def test_the_markdown_table_says_what_the_records_say(done):
    _, outcome = done
    records = command.read(outcome.folder / command.FILE_NAME)
    memory = dataclasses.asdict(flatness(0.25, -0.5, 0.75)) | {"kind": "memory"}
    slopes, of_memory = tables.markdown([*records, memory]).split("\n\n")
    rows = [row.strip("| ").split(" | ") for row in slopes.splitlines()[2:]]
    assert len(rows) == len(outcome.lines)
    for row, line in zip(rows, outcome.lines, strict=True):
        assert (row[0], row[2]) == (line.model, line.axis)
        assert float(row[5].split()[0]) == pytest.approx(line.slope.value, abs=0.006)
    assert of_memory.splitlines()[2].endswith("| 0.25 | -0.50 to 0.75 | 2 |")


def test_a_picture_is_drawn(done):
    path = done[1].folder / command.PICTURE_NAME
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not plots.costs([], path)


def test_what_is_there_is_not_measured_again(done, quiet, monkeypatch):
    """Of a run that lost its last line half-way, that one alone."""
    request, outcome = done
    path = outcome.folder / command.FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    command.run(request, quiet)
    again = path.read_bytes()
    assert again.startswith(whole[:-30])
    assert len(command.read(path)) == 20
    lost, made = json.loads(whole.splitlines()[-1]), json.loads(again.splitlines()[-1])
    assert (lost["point_id"], lost["round"]) == (made["point_id"], made["round"])


def test_a_point_that_fails_is_a_record(small, tmp_path, quiet):
    """A U-Net of three widths halves its images twice: 6 pixels do not go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scaling_points._QUICK_VALUES, "image", (6, 8))
        request = Request(
            ("unet:small:widths=[2,2,2]",), ("image",), True, output=tmp_path, rounds=1
        )
        outcome = command.run(request, quiet)
    for line in outcome.lines:
        assert line.values == (8,)
        ((value, error),) = line.failed
        assert value == 6 and "divisible by" in error
    with quiet.capture() as shown:
        tables.show_slopes(outcome.lines, quiet)
    assert len(shown.get().splitlines()) == 5  # two of titles, the model, two kinds of work


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--axes"], "nothing to measure"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--models", "vea"], "vea"),
        (["--models", "*vae*"], "must be one model"),
    ],
)
def test_wrong_requests(arguments, message, tmp_path, capsys):
    assert command_line.main(["scale", "--quick", "--output", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        command_line.main(["scale", "--help"])
    assert "python -m bench scale --quick" in capsys.readouterr().out


# --- memory ---------------------------------------------------------------------------------


def test_growth_is_found_and_noise_is_not():
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.2, 20)
    slope, low, high = memory_scaling.slope_of(list(100 + 3 * np.arange(20) + noise))
    assert low < 3 < high and slope == pytest.approx(3, abs=0.2)
    flat = memory_scaling.slope_of([60, 80, *(100 + noise)])
    assert flat[1] < 0 < flat[2]
    with pytest.raises(ValueError, match="at least 5 epochs"):
        memory_scaling.slope_of([1.0, 2.0])


def flatness(slope, low, high):
    return memory_scaling.Flatness("arrays", 32, 100, (110, 120), (300, 310), slope, low, high)


def test_flat_or_not_or_not_to_be_told():
    assert flatness(0.0, -0.5, 0.5).is_flat is True
    assert flatness(2.0, 1.0, 3.0).is_flat is False
    assert flatness(0.0, -9.0, 9.0).is_flat is None
    assert flatness(0.0, 0.0, 0.0).peak_mib == 20


def test_a_process_tells_its_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(memory_scaling, "QUICK_FILE_MIB", 8)
    found = memory_scaling.measure("mapped file", tmp_path, quick=True, num_epochs=6)
    assert len(found.mib) == len(found.resident_mib) == 6
    assert all(own < whole for own, whole in zip(found.mib, found.resident_mib, strict=True))
    assert found.low <= found.slope <= found.high
    assert not list(tmp_path.iterdir())
