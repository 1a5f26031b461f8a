"""Reports are made from a synthetic run: models over seeds, baselines, a failure, samples."""

import base64
import csv
import html.parser
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import text as report_text
from bench.report import write

ROOT = Path(write.__file__).parents[2]  # where a fresh process finds the package
MODELS = {  # name: (preset, parameters, mse, images per second)
    "autoencoder": ("small", 101_200, 0.0089, 210_000.0),
    "conv_autoencoder": ("small", 48_300, 0.0051, 61_000.0),
    "vae": ("small", 118_400, 0.0147, 180_000.0),
    "beta_vae": ("base", 1_183_000, 0.0131, 42_000.0),
}
ENVIRONMENT = {
    "python_version": "3.12.1",
    "keras_version": "3.15.1",
    "tensorflow_version": "2.21.0",
    "numpy_version": "2.4.0",
    "backend": "tensorflow",
    "device": "CPU",
    "os": "Linux",
    "cpu_model": "Imaginary 9000",
    "num_cpus": 8,
    "ram_gib": 31.2,
    "threads": 8,
    "git_commit": "0123456789abcdef",
    "git_dirty": False,
    "load_average": 0.4,
}


def make_record(model, seed=0, **changes):
    """A plausible record of a model with an MSE that depends on the seed."""
    preset, parameters, mse, speed = MODELS.get(model, (None, None, 0.05, None))
    shift = 1 + 0.02 * (seed - 1)
    kind = "model" if model in MODELS else "baseline"
    record = ENVIRONMENT | {
        "run_id": "run",
        "status": "ok",
        "kind": kind,
        "model": model,
        "time_utc": "2025-03-01T12:00:00Z",
        "preset": preset,
        "dataset": "digits",
        "dataset_argument": "digits",
        "model_config": {"latent_dim": 16, "widths": [64, 32]} if parameters else {},
        "dataset_checksum": "ab" * 32,
        "task": "reconstruction",
        "image_shape": [8, 8, 1],
        "num_train": 1200,
        "num_validation": 240,
        "num_test": 357,
        "seed": seed,
        "test_mse": mse * shift,
        "test_mae": 4 * mse,
        "test_psnr": -10 * np.log10(mse * shift),
        "test_ssim": 1 - 9 * mse * shift,
        "paper": "https://arxiv.org/abs/1312.6114" if model == "vae" else None,
    }
    if parameters:
        epochs = np.arange(1, 11)
        loss = mse * shift * (1 + 6 * np.exp(-epochs / 2))
        record |= {
            "epochs": 10,
            "batch_size": 128,
            "samples_seen": 12_000,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "precision": "float32",
            "jit_compile": False,
            "steps_per_execution": 1,
            "params_total": parameters,
            "uncounted_layers": [],
            "params_trainable": parameters,
            "forward_macs": 11 * parameters,
            "latent_size": 16,
            "build_seconds": 0.2,
            "first_step_seconds": 1.1,
            "train_seconds": 8.5,
            "fit_images_per_second": speed / 3 * shift,
            "train_images_per_second": speed / 2 * shift,
            "infer_images_per_second": speed * shift,
            "infer_batch_size": 128,
            "latency_ms": 1.3 * shift,
            "peak_memory_mib": 412.0,
            "timing_stable": True,
            "noisy": False,
            "train_loss": loss[-1],
            "val_loss": loss[-1] * 1.1,
            "history": {"loss": loss, "val_loss": loss * 1.1},
        }
    record |= changes
    record["job_id"] = store.job_id({"model": model, "seed": seed, "changes": changes})
    return schema.from_fields(record)


def write_samples(folder, record, inputs, targets):
    """Stores targets with an error of the record's size as its reconstructions."""
    noise = np.random.default_rng(record["seed"]).normal(size=targets.shape)
    name = f"samples/{record['job_id']}.npz"
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    arrays = {"inputs": inputs, "targets": targets}
    arrays["reconstructions"] = np.clip(targets + noise * np.sqrt(record["test_mse"]), 0, 1)
    np.savez(folder / name, **{key: value.astype(np.float32) for key, value in arrays.items()})
    record.artifacts.samples = name


def blobs(shape, num=8):
    """Smooth images, or series, in [0, 1]."""
    axes = np.meshgrid(*(np.linspace(0, 1, size) for size in shape[:-1]), indexing="ij")
    phases = np.arange(num).reshape(-1, *[1] * len(axes))
    waves = sum(np.sin(6 * axis[None] + phases + k) for k, axis in enumerate(axes))
    scaled = (waves - waves.min()) / np.ptp(waves)
    return np.repeat(scaled[..., None], shape[-1], axis=-1)


def write_run(folder, models=tuple(MODELS), image_shape=(8, 8, 1)):
    """Writes a whole run into a folder and returns its records."""
    images = blobs(image_shape)
    written = [make_record(model, seed) for model in models for seed in range(3)]
    written += [make_record("mean_image", test_mse=0.07), make_record("pca", test_mse=0.012)]
    for record in written:
        write_samples(folder, record, images, images)
    failed = make_record("vae", 3, preset="huge", test_mse=None, history=None)
    failed |= {"status": "failed", "error": "ResourceExhausted: <no> memory & no | luck"}
    written.append(failed)
    for record in written:
        store.append(folder / "records.jsonl", record)
    return written


class Page(html.parser.HTMLParser):
    """What a test wants to know of a page: its elements, its texts, and whether it is balanced."""

    VOID = ("meta", "img", "input", "source", "br", "wbr", "path", "circle", "polyline")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a report: four models, two baselines, a failure, and a line cut off."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    with open(folder / "records.jsonl", "ab") as file:
        file.write(b'{"schema_version": 1, "cas')
    return folder, write.write(folder)


@pytest.fixture(scope="module")
def page(run):
    return Page((run[0] / "report.html").read_text())


def test_the_files_are_there_and_nothing_half_written(run):
    folder, written = run
    assert {str(path.relative_to(folder)) for path in written} == {
        *("report.html", "report.md", "leaderboard.csv", "records.csv", "plots/loss_curves.png"),
        *("plots/quality_against_parameters.png", "plots/quality_against_speed.png"),
        "plots/reconstructions.png",
    }
    kept = {"records.jsonl", *(path.name for path in written)}
    found = {path.name for path in folder.rglob("*") if path.suffix not in ("", ".npz")}
    assert found == kept


def test_the_page_is_balanced_and_its_links_lead_somewhere(page):
    assert page.open == []
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    local = {a["href"][1:] for a in page.of("a") if a["href"].startswith("#")}
    assert local <= set(names)
    assert len(local) > 10


def test_the_page_fetches_nothing(run, page):
    for _, attributes in page.elements:
        for name in ("src", "srcset", "poster", "data"):
            assert attributes.get(name, "data:").startswith("data:")
    assert page.of("link") == []
    outward = {a["href"] for a in page.of("a") if not a["href"].startswith("#")}
    assert outward == {"https://arxiv.org/abs/1312.6114"}
    text = (run[0] / "report.html").read_text()
    assert "url(" not in text
    assert "@import" not in text


def test_every_picture_is_in_the_page(run, page):
    inside = {a["src"] for a in page.of("img")}
    shown = ("reconstructions", "loss_curves")  # the others are drawn in the page
    for name in shown:
        data = base64.b64encode((run[0] / f"plots/{name}.png").read_bytes()).decode()
        assert f"data:image/png;base64,{data}" in inside
    assert len(inside) == len(shown) + len(MODELS) + 2
    assert len(page.of("source")) == len(shown)
    for image in page.of("img"):
        png = base64.b64decode(image["src"].split(",")[1])
        assert png.startswith(b"\x89PNG")
        assert int(image["width"]) == int.from_bytes(png[16:20])
        assert image["alt"]


def test_the_table_can_be_sorted_and_filtered(page):
    heads = [a for a in page.of("th") if "data-kind" in a]
    assert [a.get("aria-sort") for a in heads] == ["ascending"] + [None] * (len(heads) - 1)
    buttons = [a for a in page.of("button") if "id" not in a and "data-cost" not in a]
    assert len(buttons) == len(heads)
    assert all(a["type"] == "button" for a in buttons)
    values = [
        a["data-value"] for tag, a in page.elements if tag in ("td", "th") if "data-value" in a
    ]
    assert len(values) == (len(MODELS) + 2) * len(heads)
    for value in values[2 :: len(heads)]:
        assert 0 < float(value) < 1
    assert [a["type"] for a in page.of("input")] == ["search"]
    assert any(a.get("name") == "viewport" for a in page.of("meta"))


def test_each_model_has_a_card_and_the_failure_its_error(page):
    cards = [a["data-name"] for a in page.of("article") if "data-name" in a]
    assert cards[0] == "conv_autoencoder small"
    assert len(cards) == len(MODELS) + 2
    assert len([a for a in page.of("svg") if a.get("role") == "img"]) == len(MODELS)
    assert "ResourceExhausted: <no> memory & no | luck" in page.texts
    assert "Imaginary 9000" in page.texts
    assert "records.jsonl line 16: cut off or not JSON; left out." in page.texts


def test_where_a_report_cannot_stand_no_option_is_named_that_it_lacks(tmp_path):
    write_run(tmp_path)
    (tmp_path / "plots").write_text("a file in the place of the folder")
    with pytest.raises(BenchError, match=r"cannot write to .*plots: .* copy the folder") as caught:
        write.write(tmp_path)
    assert "--output" not in str(caught.value)


def test_text_from_a_record_is_never_markup(tmp_path):
    evil = make_record("vae", dataset="<b>d</b>", paper="javascript:alert(1)")
    evil |= {"model": '<script>alert("x")</script>', "cpu_model": "<img src=x>", "history": None}
    store.append(tmp_path / "records.jsonl", evil)
    write.write(tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert len(page.of("script")) == 1
    assert page.of("b") == []
    assert all(a["src"].startswith("data:") for a in page.of("img"))
    assert all(a["href"].startswith("#") for a in page.of("a"))
    assert page.open == []
    outside_code = (tmp_path / "report.md").read_text().split("```")[0]
    assert "<" not in outside_code.replace("\\<", "")


def test_markdown_has_each_model_each_picture_and_each_warning(run):
    text = (run[0] / "report.md").read_text()
    for model in (*MODELS, "mean_image", "pca"):
        assert f"| {model} " in text
    for path in (run[0] / "plots").iterdir():
        assert f"](plots/{path.name})" in text
    assert "**Warning:** records.jsonl line 16" in text
    assert "python -m bench run" in text


def test_csv_files_have_every_row(run):
    found = list(csv.DictReader(io.StringIO((run[0] / "records.csv").read_text())))
    assert len(found) == 3 * len(MODELS) + 3
    known = {"job_id", "dataset", "test_mse", "model_config", "latent_size", "cpu_model", "epochs"}
    assert known <= set(found[0])
    assert json.loads(found[0]["history"])["loss"][0] > 0
    assert found[-1]["error"] == "ResourceExhausted: <no> memory & no | luck"
    board = list(csv.DictReader(io.StringIO((run[0] / "leaderboard.csv").read_text())))
    assert len(board) == len(MODELS) + 3


def test_the_same_records_give_the_same_report(tmp_path):
    store.append(tmp_path / "records.jsonl", make_record("vae", history=None))
    first = {path.name: path.read_bytes() for path in write.write(tmp_path)}
    assert {path.name: path.read_bytes() for path in write.write(tmp_path)} == first


def test_a_run_in_which_all_failed_still_has_a_report(tmp_path):
    failed = make_record("vae", test_mse=None, history=None, status="failed", error="no luck")
    store.append(tmp_path / "records.jsonl", failed)
    written = write.write(tmp_path)
    assert not any(path.suffix == ".png" for path in written)
    page = Page((tmp_path / "report.html").read_text())
    assert "no luck" in page.texts


def test_baselines_alone_still_have_a_report(tmp_path):
    store.append(tmp_path / "records.jsonl", make_record("pca"))
    assert "pca" in Page((write.write(tmp_path)[0]).read_text()).texts


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"cut', b"not json\n"])
def test_no_readable_record_is_one_clear_error(tmp_path, content):
    (tmp_path / "records.jsonl").write_bytes(content)
    with pytest.raises(BenchError, match=r"no readable record .* python -m bench run --output"):
        write.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_missing_folder_is_one_clear_error_and_is_not_made(tmp_path):
    with pytest.raises(BenchError, match="no records at"):
        write.write(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["missing", "cut", "pickle", "outside", "array"])
def test_samples_that_cannot_be_used_are_named(tmp_path, damage):
    record = make_record("pca")
    write_samples(tmp_path, record, blobs((8, 8, 1)), blobs((8, 8, 1)))
    file = tmp_path / record["samples_file"]
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:200])
    elif damage == "pickle":
        np.savez(file, **dict.fromkeys(("inputs", "targets", "reconstructions"), np.array([{}])))
    elif damage == "outside":
        record.artifacts.samples = f"../{tmp_path.name}/../{file.name}"
        file.rename(tmp_path.parent / file.name)
    else:
        with open(file, "wb") as stream:
            np.save(stream, np.zeros(3))
    store.append(tmp_path / "records.jsonl", record)
    write.write(tmp_path)
    assert f"samples {record['samples_file']} are missing or damaged" in (
        tmp_path / "report.md"
    ).read_text().replace("\\", "")
    assert not (tmp_path / "plots" / "reconstructions.png").exists()


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 12, 3), (8, 8, 2), (30, 1), (30, 2)])
def test_grey_colour_and_series_samples_are_drawn_with_their_noisy_inputs(tmp_path, shape):
    from bench.report.plots import style

    record = make_record("pca")
    write_samples(tmp_path, record, blobs(shape), blobs(shape))
    plain, noisy = io.BytesIO(), io.BytesIO()
    assert style.reconstruction_strip(tmp_path, [record], plain)
    write_samples(tmp_path, record, 1 - blobs(shape), blobs(shape))
    assert style.reconstruction_strip(tmp_path, [record], noisy)
    heights = [int.from_bytes(file.getvalue()[20:24]) for file in (plain, noisy)]
    assert heights[1] == pytest.approx(heights[0] * 3 / 2, rel=0.02)  # a third line: the inputs


def test_pictures_begin_with_the_best_model_and_not_with_a_floor(tmp_path):
    """PCA of all 64 numbers of an image rebuilds it exactly, and says nothing."""
    from bench.report.plots import style

    records = [
        make_record("pca", latent_size=size, test_mse=mse)
        for size, mse in ((64, 1e-31), (16, 0.01))
    ]
    models = (("vae", 0.03), ("autoencoder", 0.02))
    records += [make_record(name, test_mse=mse) for name, mse in models]
    for record in records:
        write_samples(tmp_path, record, blobs((8, 8, 1)), blobs((8, 8, 1)))
    names = [name.split("\n")[0] for name, *_ in style._strip_lines(tmp_path, records)]
    assert names == ["original", "autoencoder small", "vae small", "pca (latent_size=16)"]


def test_the_command_is_one_that_the_command_line_takes(tmp_path):
    from bench import __main__

    models = ["vae", "vae", "autoencoder"]
    made = [make_record(model, seed) for model, seed in zip(models, (0, 2, 1), strict=True)]
    made += [make_record("pca"), make_record("vae", 4, status="failed", learning_rate=None)]
    made.append(make_record("beta_vae", infer_images_per_second=None, noise="gaussian:0.2"))
    first, second = report_text.command(tmp_path / "a folder", made).splitlines()
    options = vars(__main__.make_parser().parse_args(shlex.split(first)[3:]))
    assert options["models"] == ["autoencoder:small", "vae:small"]
    assert (options["seeds"], options["epochs"], options["batch_size"]) == (3, 10, [128])
    assert (options["dataset"], options["output"]) == ("digits", tmp_path / "a folder")
    for default in ("noise", "timing_rounds", "jit", "measure", "normal_classes"):
        assert options.get(default) is None
    options = vars(__main__.make_parser().parse_args(shlex.split(second)[3:]))
    assert options["models"] == ["beta_vae:base"]
    assert (options["noise"], options["timing_rounds"]) == ("gaussian:0.2", 0)


def test_the_command_has_sweeps_measures_and_normal_classes(tmp_path):
    from bench import __main__

    sweep = {"precision": "mixed_bfloat16", "jit": "on", "steps_per_execution": 8}
    made = [
        make_record("vae", normal_class=label, num_classes=3, measures=["generative"], **sweep)
        for label in (0, 2)
    ]
    parse = __main__.make_parser().parse_args
    options = vars(parse(shlex.split(report_text.command(tmp_path, made))[3:]))
    assert options["normal_classes"] == ["0", "2"]
    assert options["measure"] == ["generative"]
    assert {name: options[name] for name in sweep} == {k: [v] for k, v in sweep.items()}
    made.append(make_record("vae", normal_class=1, num_classes=3, measures=["generative"], **sweep))
    options = vars(parse(shlex.split(report_text.command(tmp_path, made))[3:]))
    assert options["normal_classes"] == ["all"]


# --- cards ----------------------------------------------------------------------------------


def write_page(folder, *made):
    for record in made:
        store.append(folder / "records.jsonl", record)
    write.write(folder)
    return Page((folder / "report.html").read_text())


def test_a_card_tells_what_is_known_of_the_model(tmp_path):
    known = {
        "structure": [
            {
                "layer": "encoder/conv1",
                "kind": "Conv2D",
                "output_shape": [4, 4, 8],
                "parameters": 80,
            }
        ],
        "loss_terms": {"reconstruction": 1.0, "kl": 4.0},
        "optimizer_settings": {"learning_rate": 0.003, "beta_1": 0.9, "clipnorm": 1.0},
    }
    finding = {"code": "dead", "severity": "warning", "layer": "encoder/conv1", "number": 0.5}
    finding |= {"text": "Half of the units are <dead>.", "remedy": "Lower the rate."}
    made = [make_record("vae", seed, **known) for seed in range(3)]
    made[0].training.diagnostics = made[2].training.diagnostics = {"findings": [finding]}
    made[1].training.diagnostics = {"findings": []}
    page = write_page(tmp_path, *made)
    for text in ("encoder/conv1", "Conv2D", "4 x 4 x 8", "80", "beta_1", "clipnorm"):
        assert text in page.texts
    assert "1 * reconstruction + 4 * kl" in page.texts
    assert "Half of the units are <dead>. (seed 0, 2)" in [text.strip() for text in page.texts]
    assert page.texts.count("Lower the rate.") == 1
    assert "1 to look at" in page.texts
    assert len([a for a in page.of("details") if "open" in a]) == 1
    assert page.open == []


def test_a_healthy_model_is_called_so_and_an_unknown_one_is_not(tmp_path):
    healthy = make_record("vae") | {"diagnostics": {"findings": []}}
    page = write_page(tmp_path, healthy, make_record("autoencoder"))
    assert page.texts.count("Diagnosis") == 1
    assert sum("Nothing was found" in text for text in page.texts) == 1
    for heading in ("Structure", "The code", "Anomalies", "Learning, epoch by epoch"):
        assert heading not in page.texts


def test_odd_values_of_a_record_never_spoil_the_page(tmp_path):
    odd = [
        {"diagnostics": {"findings": "none"}},
        {"diagnostics": {"findings": [None, 3]}},
        {"diagnostics": {}},
        {"structure": ["conv", {"layer": None}]},
        {"frames_file": "none.npz", "layers_file": "../x", "latent_file": "", "codes_file": "."},
        {"history": {"loss": [None, 1.0], "kl": "no", "val_kl": [1.0, None]}},
        {"image_shape": None, "task": None, "dataset": None},
    ]
    made = [make_record("vae", preset=f"{n}") | values for n, values in enumerate(odd)]
    page = write_page(tmp_path, *made)
    assert page.open == []
    assert len([a for a in page.of("article") if "data-name" in a]) == len(odd)


def test_ties_are_marked_and_busy_machines_are_flagged(tmp_path):
    made = [make_record(m, seed) for m in ("autoencoder", "vae") for seed in range(3)]
    made += [make_record("beta_vae", seed, test_mse=0.0147, noisy=True) for seed in range(3)]
    page = write_page(tmp_path, *made)
    assert page.texts.count("=") == 2  # vae and beta_vae share a rank, the autoencoder leads
    assert page.texts.count("noisy timing") == 2  # in the table and on the card


def test_speeds_that_are_withheld_are_in_no_picture():
    from bench.leaderboard import pareto, quality_gate

    good = [make_record("vae", seed) for seed in range(3)]
    fast = {"precision": "mixed_bfloat16", "infer_images_per_second": 1e6, "test_mse": 0.03}
    poor = [make_record("vae", seed, **fast) for seed in range(3)]
    rows = leaderboard_rows.rows(good + poor)
    assert len(quality_gate.withheld(rows)) == 1
    (value,) = pareto.values(rows, "infer_images_per_second").values()
    assert value < 1e6
    assert len(pareto.values(rows, "params_total")) == 2


def test_a_front_is_marked_among_models_alone():
    from bench.leaderboard import pareto

    rows = leaderboard_rows.rows([make_record(model) for model in (*MODELS, "pca")])
    cost = next(cost for cost in pareto.COSTS if cost.field == "params_total")
    found = {point.row["model"]: point.on_front for point in pareto.points(rows, cost)}
    assert found == {  # the smallest has the lowest error, so that it alone is not beaten
        "autoencoder": False,
        "conv_autoencoder": True,
        "vae": False,
        "beta_vae": False,
    }


def test_pictures_of_a_training_are_in_the_card_and_beside_the_page(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (4, 2, 8, 8, 1), "uint8")
    np.savez(tmp_path / "f.npz", frames=frames, targets=frames[0], epochs=np.arange(4))
    page = write_page(tmp_path, make_record("vae", frames_file="f.npz"))
    gif = (tmp_path / "plots/learning_vae_small.gif").read_bytes()
    assert f"data:image/gif;base64,{base64.b64encode(gif).decode()}" in {
        a["src"] for a in page.of("img")
    }
    assert "(plots/learning_vae_small.gif)" in (tmp_path / "report.md").read_text()


def test_anomalies_have_their_pictures(tmp_path):
    generator = np.random.default_rng(0)
    images, maps = generator.random((4, 8, 8, 1)), generator.random((4, 8, 8))
    shown = {"inputs": images, "reconstructions": images, "squared_errors": maps}
    shown |= {"score_maps": maps, "is_anomaly": np.array([False, False, True, True])}
    shown |= {"names": np.array(["0", "0", "1", "2"]), "pixel_limit": np.array(0.9)}
    shown |= {"labels": np.repeat([0, 1], 20), "scores": np.arange(40.0)}
    np.savez(tmp_path / "a.npz", **shown, held_out=np.arange(20.0), threshold=np.array(18.0))
    found = {"task": "anomaly", "anomaly_file": "a.npz", "test_auroc": 1.0}
    page = write_page(tmp_path, make_record("vae", **found))
    assert "Anomalies" in page.texts
    assert any("as vae small sees them" in a["alt"] for a in page.of("img"))
    for name in ("anomaly_scores", "anomaly_curves"):
        assert (tmp_path / f"plots/{name}.png").exists()


# --- pictures -------------------------------------------------------------------------------


def test_the_front_is_what_no_other_beats():
    from bench.leaderboard.pareto import pareto_front

    points = [(1, 9.0), (2, 5.0), (3, 6.0), (4, 5.0), (5, 1.0)]
    assert pareto_front(points, True, True) == [(1, 9.0), (2, 5.0), (5, 1.0)]
    assert pareto_front(points, False, True) == [(5, 1.0)]
    assert pareto_front(points, False, False) == [(5, 1.0), (4, 5.0), (3, 6.0), (1, 9.0)]


def test_the_interval_of_a_share_ends_at_one():
    """Of 0.9 and 1.0 over two seeds the interval reaches 1.6, which no AUROC is."""
    from bench.leaderboard.pareto import COSTS
    from bench.report import trade_off

    records = [
        make_record("vae", seed, task="anomaly", test_auroc=value)
        for seed, value in enumerate((0.9, 1.0))
    ]
    (chart,) = trade_off.charts(leaderboard_rows.rows(records), COSTS[0])
    assert (chart.marks[0].y, chart.marks[0].high) == (pytest.approx(0.95), 1.0)
    (chart,) = trade_off.charts(
        leaderboard_rows.rows([make_record("vae", n) for n in (0, 1)]), COSTS[0]
    )
    assert chart.marks[0].high > chart.marks[0].y


def test_drawing_leaves_matplotlib_as_it_was(tmp_path):
    from bench.leaderboard.pareto import COSTS
    from bench.report import trade_off
    from bench.report.plots import pareto as pareto_plot

    before = dict(matplotlib.rcParams)
    found = trade_off.charts(leaderboard_rows.rows([make_record("vae")]), COSTS[0])
    assert pareto_plot.png(found, tmp_path / "speed.png", "dark")
    assert "<svg" in pareto_plot.inline(found[0], 360, 300)
    assert dict(matplotlib.rcParams) == before


def test_reporting_imports_no_keras_and_no_pyplot():
    script = "import sys, bench.report.write, bench.report.plots.style; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    modules = set(done.stdout.split())
    assert "bench.report.plots.style" in modules
    assert not modules & {"keras", "tensorflow", "matplotlib.pyplot"}
