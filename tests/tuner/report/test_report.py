"""The report of a search: from its project alone, and what it says of a confirmation."""

import html
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import types

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from tiny_search import quiet

from tuner import __main__ as command_line
from tuner.report import confirmed as report_confirmed
from tuner.report import live, write
from tuner.report import text as report_text
from tuner.report import trials as report_trials
from tuner.report.plots import pareto as report_pareto
from tuner.search import table
from tuner.space import ready, space
from tuner.trials.store import Project

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
DEFAULTS = {"latent_dim": 16, "activation": "relu", "learning_rate": 0.003, "batch_size": 64}


def make_trial(number, score, parameters=1000, status="ok", error=None, **values):
    values = DEFAULTS | values
    training = {name: values[name] for name in ("learning_rate", "batch_size")}
    return {
        "number": number,
        "status": status,
        "error": error,
        "hyperparameters": values,
        "values": values,
        "arguments": {"latent_dim": values["latent_dim"], "widths": [8, 16]},
        "training": training,
        "epochs": 3,
        "seeds": [0],
        "score": score,
        "scores": [] if score is None else [score],
        "num_parameters": parameters,
        "train_seconds": [1.5],
    }


TRIALS = [
    make_trial(0, 20.0, 4000),
    make_trial(1, 22.5, 1000, latent_dim=64),
    make_trial(2, None, None, "over_budget", "Over budget: 9 parameters > limit 1."),
    make_trial(3, 18.0, 500, activation="gelu"),
    make_trial(4, None, None, "failed", "ValueError: <script>alert('x')</script>"),
    make_trial(5, None, None, "over_budget", "Over budget: 9 parameters > limit 1."),
]


def make_project(folder, trials=TRIALS, **changes):
    whole = ready.get("autoencoder").parameters
    identity = {
        "schema_version": 1,
        "model": "autoencoder",
        "dataset": "fashion_mnist",
        "dataset_checksum": "0123456789abcdef",
        "space": {name: str(parameter) for name, parameter in whole.items()},
        "space_checksum": "fedcba9876543210",
        "defaults": DEFAULTS,
        "objective": "psnr",
        "direction": "max",
        "unit": "dB",
        "epochs": 3,
        "max_trials": 6,
        "tuner": "random",
        "executions": 1,
        "seed": 0,
        "precision": "float32",
        **dict.fromkeys(("noise", "resize", "limit", "num_labels", "max_parameters", "max_macs")),
    }
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "search.json").write_text(json.dumps(identity | changes))
    (folder / "trials.jsonl").write_text("".join(json.dumps(trial) + "\n" for trial in trials))
    return Project.open(folder)


def make_confirmed(**changes):
    base = {
        "metric": "psnr",
        "unit": "dB",
        "winner": [24.0, 24.5, 24.2],
        "default": [23.4, 23.6, 23.3],
        "difference": 0.8,
        "interval": (0.5, 1.1),
        "winner_parameters": 1000,
        "default_parameters": 4000,
        "seeds": [1000, 1001, 1002],
        "higher_is_better": True,
        "verdict": "better",
        "number": 1,
        "is_default": False,
    }
    return types.SimpleNamespace(**(base | changes))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("search"))


@pytest.fixture(scope="module")
def page(project):
    path = write.write(project, make_confirmed())
    assert path == project.folder / "report.html"
    return path.read_text(encoding="utf-8")


# --- the page -----------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_outside(page):
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href|srcset)="(?!data:|#)[^"]', page)
    assert "url(" not in page


def test_text_of_trials_is_escaped(page):
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_every_trial_has_its_row(page):
    assert 'id="confirmed"' in page
    assert re.findall(r'<tr id="trial-(\d+)"', page) == ["1", "0", "3", "2", "4", "5"]
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    assert body.count('data-value="22.5"') == 1
    assert body.count(">over budget<") == 2
    assert '<tr id="trial-1" class="best">' in body


def test_there_are_pictures_for_light_and_dark_ground(page):
    titles = re.findall(r"<figure><h3>([^<]*)</h3><div [^>]*><picture>", page)
    assert titles == ["Quality against cost", "Settings of the trials", "Progress"]
    assert page.count("prefers-color-scheme: dark)") == 3
    files = re.findall(r'(?:srcset|src)="(data:image/png[^"]+)"', page)
    assert len(set(files)) == 6
    assert "Importance needs 8 trials" in page


def test_trials_without_a_score_are_counted_by_reason(project):
    text = report_trials.without_score(project)
    assert re.findall(r"<strong>(.*?)</strong> <span>(.*?)</span>", text) == [
        ("over budget", "2 trials"),
        ("failed", "1 trial"),
    ]
    assert "trials 2, 5: 9 parameters &gt; limit 1." in text


def test_a_parameter_that_is_not_active_is_an_empty_cell(tmp_path):
    trials = [make_trial(k, 20.0 + k, latent_dim=4 * (k + 1)) for k in range(3)]
    del trials[1]["values"]["latent_dim"]
    text = report_trials.board(make_project(tmp_path, trials), {}, None)
    row = re.search(r'<tr id="trial-1".*?</tr>', text, re.DOTALL)[0]
    assert row.replace("\n", "").endswith('<td class="number" data-value=""></td></tr>')


def test_old_trials_without_the_newer_fields_are_shown(tmp_path):
    trials = json.loads(json.dumps(TRIALS))
    for trial in trials:
        for name in ("num_parameters", "train_seconds", "error"):
            trial.pop(name)
    project = make_project(tmp_path, trials)
    assert "Trial 1 has 22.5 dB, 2.5 dB higher than the defaults. " in report_text.headline(project)
    assert "no reason given" in report_trials.without_score(project)
    assert '<tr id="trial-1" class="best">' in report_trials.board(project, {}, None)
    assert report_pareto.charts(project) == []


def test_a_search_without_a_score_has_a_page(tmp_path):
    text = write.html(make_project(tmp_path, TRIALS[4:]))
    assert "No trial of 2 has a score yet." in text
    assert "<figure>" not in text
    assert 'id="confirmed"' not in text
    assert "python -m tuner search autoencoder" in text
    assert "tuner export" not in text


# --- what was found -----------------------------------------------------------------------------


def test_the_headline_says_gain_and_size(project):
    text = report_text.headline(project)
    assert text.startswith(
        "Trial 1 has 22.5 dB, 2.5 dB higher than the defaults, with 0.25 times their parameters "
        "(1,000 of 4,000). "
    )
    assert "validation" in text


@pytest.mark.parametrize("is_narrowed", [False, True])
def test_only_the_defaults_of_the_model_are_called_so(is_narrowed, tmp_path):
    """The first trial of `--set latent_dim=4,8` is not what a winner is confirmed beside."""
    first = TRIALS[0]
    arguments = first["arguments"] | ({"latent_dim": 999} if is_narrowed else {})
    reference = {"arguments": arguments, "training": first["training"]}
    project = make_project(tmp_path, TRIALS, reference=reference)
    console = quiet(width=200)
    console.print(table.rich_table(project))
    shown = (
        console.file.getvalue(),
        report_text.headline(project),
        str(report_text.tiles(project)).lower(),
        str(report_trials.board(project, {}, None)),
        str(report_pareto.charts(project)),
    )
    name = table.defaults_name(project)
    assert name == ("the narrowed defaults" if is_narrowed else "the defaults")
    for text in shown[:3]:
        assert name in text
    for text in shown:
        assert ("narrowed defaults" in text) == is_narrowed


def test_a_lower_error_is_a_gain(tmp_path):
    trials = [make_trial(0, 0.02), make_trial(1, 0.015, latent_dim=8)]
    project = make_project(tmp_path, trials, objective="mse", direction="min", unit="")
    assert "Trial 1 has 0.015, 0.005 lower than the defaults" in report_text.headline(project)


@pytest.mark.parametrize(
    ("trials", "text"),
    [
        (TRIALS[:1], "No setting of 1 trial with a score beats the defaults, 20 dB"),
        (
            TRIALS[1:4],
            "The best of 2 trials with a score is trial 1: 22.5 dB with 1,000 parameters",
        ),
    ],
)
def test_headlines_without_a_gain(trials, text, tmp_path):
    assert report_text.headline(make_project(tmp_path, trials)).startswith(text)


def test_of_several_aims_the_winner_is_the_cheapest_that_the_defaults_do_not_beat(tmp_path):
    trials = [
        make_trial(0, 20.0, 4000),
        make_trial(1, 25.0, 9000, latent_dim=64),
        make_trial(2, 20.5, 500, latent_dim=8),
        make_trial(3, 12.0, 100, latent_dim=2),
    ]
    for trial in trials:
        trial["costs"] = {"parameters": float(trial["num_parameters"])}
    project = make_project(tmp_path, trials, costs=["parameters"])
    text = report_text.headline(project)
    assert text.startswith("Trial 2 has 20.5 dB, 0.5 dB higher than the defaults")
    assert "; the best score, 25 dB, is of trial 1." in text
    labels = {number: label for label, number, _, _ in report_text.tiles(project)}
    assert labels[2] == "Cheapest that the defaults do not beat"
    rows = [list(column.cells) for column in table.front_table(project).columns]
    assert rows[:3] == [["3", "2", "1"], ["100", "500", "9,000"], ["12.0", "20.5", "25.0"]]
    assert ">front</span> 3<" in report_trials.board(project, {}, None)


# --- confirmed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "A gain of +0.8 dB, 95 % interval +0.5 to +1.1"),
        (
            {"interval": (-0.2, 1.8), "verdict": "no difference shown"},
            "Noise: +0.8 dB, 95 % interval -0.2 to +1.8, no difference is shown",
        ),
        (
            {"difference": -0.8, "interval": (-1.1, -0.5), "verdict": "worse"},
            "No gain but a loss: -0.8 dB, 95 % interval -1.1 to -0.5",
        ),
        (
            {
                "higher_is_better": False,
                "metric": "mse",
                "unit": "",
                "difference": -0.002,
                "interval": (-0.003, -0.001),
            },
            "A gain of +0.002, 95 % interval +0.001 to +0.003",
        ),
        (
            {"interval": (-math.inf, math.inf), "verdict": "no difference shown"},
            "Noise: +0.8 dB, without an interval, which takes two seeds",
        ),
    ],
)
def test_a_confirmation_is_a_gain_with_its_interval_or_noise(changes, text, project):
    confirmed = make_confirmed(**changes)
    sentence = report_confirmed.sentence(project, confirmed)
    assert sentence.startswith(text)
    assert "0.25 times their parameters (1,000 of 4,000)" in sentence
    section = report_confirmed.confirmed_section(project, confirmed)
    assert section.count("<circle") == 3 + 3 + 1
    assert not re.search(
        r"nan|inf[^o]", section.split("<svg")[1].split("</svg>")[0].split(">", 1)[1]
    )


def places(drawing):
    """The interval's ends, the gain and zero, across."""
    low, high = re.search(r'd="M([\d.]+) \d+H([\d.]+)" stroke-width="3.5"', drawing).groups()
    middle = re.findall(r'<circle cx="([\d.]+)"', drawing)[-1]
    zero = re.search(r'class="level" d="M([\d.]+)', drawing)[1]
    return [float(value) for value in (zero, low, middle, high)]


def test_the_drawing_has_the_gain_to_scale_and_right_of_zero(project):
    zero, low, middle, high = places(report_confirmed.confirmed_section(project, make_confirmed()))
    assert zero < low < middle < high
    assert (middle - low) / (low - zero) == pytest.approx(0.3 / 0.5, rel=0.01)
    lower = make_confirmed(higher_is_better=False, difference=-0.8, interval=(-1.1, -0.5))
    assert places(report_confirmed.confirmed_section(project, lower)) == [zero, low, middle, high]


# --- commands -----------------------------------------------------------------------------------


def test_the_command_searches_the_same_space(tmp_path):
    settings = {
        "latent_dim": "4..64",
        "activation": ["relu", "gelu"],
        "reconstruction": "mean_squared_error",
        "normalization": [None, "batch"],
        "batch_size": [32, 64],
        "widths": [(8,), (8, 16)],
    }
    whole = ready.for_data(ready.get("autoencoder"), (28, 28, 1), 1000)
    narrowed = space.narrow(whole, settings)
    texts = {name: str(parameter) for name, parameter in narrowed.parameters.items()}
    reading = {"value_range": [-1.0, 1.0], "foreground": "nonzero", "skip_unreadable": True}
    limits = {"resize": [28, 28], "max_parameters": 5000}
    project = make_project(tmp_path / "a folder", space=texts, **limits, **reading)
    options = command_line.make_parser().parse_args(
        shlex.split(report_text.search_command(project))[3:]
    )
    again = space.narrow(whole, space.parse_settings(options.set))
    assert again.checksum == narrowed.checksum
    assert (options.model, options.dataset) == ("autoencoder", "fashion_mnist")
    assert (options.resize, options.max_parameters) == ((28, 28), 5000)
    assert options.output == project.folder
    assert options.epochs == 3
    assert (options.value_range, options.foreground) == ((-1.0, 1.0), "nonzero")
    assert options.skip_unreadable


def test_the_page_has_the_commands(project, page):
    text = html.unescape(page)
    for command in report_text.commands(project):
        assert command in text
    assert "python -m bench run --dataset fashion_mnist" in text


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("autoencoder", {"latent_dim": 3, "widths": [4]}),
        ("conditional_vae", {"latent_dim": 2, "widths": [], "hidden_units": [8]}),
        ("semi_supervised_vae", {"latent_dim": 2, "widths": [], "hidden_units": [8]}),
    ],
)
def test_the_program_of_the_winner_runs_and_makes_it(
    model, arguments, tmp_path, digits, monkeypatch
):
    trial = make_trial(0, 20.0) | {"arguments": arguments, "num_epochs": [1, 2, 2]}
    code = report_text.snippet(make_project(tmp_path, [trial], model=model))
    monkeypatch.chdir(tmp_path)
    names = {"x_train": digits[:32], "y_train": np.arange(32) % 4}
    exec(code, names)
    made = names["model"]
    assert (made.latent_dim, tuple(made.widths)) == (
        3 if model == "autoencoder" else 2,
        tuple(arguments["widths"]),
    )
    assert len(made.history.history["loss"]) == 2
    assert float(made.optimizer.learning_rate) == pytest.approx(0.003)
    assert getattr(made, "num_classes", 4) == 4
    assert (tmp_path / "model.keras").exists()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_program_of_the_winner_has_its_precision(precision, tmp_path, digits, monkeypatch):
    trial = make_trial(0, 20.0) | {"arguments": {"latent_dim": 3, "widths": [4]}}
    code = report_text.snippet(make_project(tmp_path, [trial], precision=precision))
    assert ("dtype" in code) == (precision != "float32")
    monkeypatch.chdir(tmp_path)
    names = {"x_train": digits[:32]}
    exec(code, names)
    assert names["model"].dtype_policy.name == precision


def test_a_live_page_is_loaded_again_and_the_last_one_is_not(project, monkeypatch):
    moments = iter([0.0, 1.0, 2.0, 5.0, 13.0, 14.0])
    monkeypatch.setattr(live.time, "monotonic", lambda: next(moments))
    written = []
    monkeypatch.setattr(write, "write", lambda project, refresh: written.append(refresh))
    page = live.LivePage()  # at 0
    page(project)  # from 1 to 2: 1 second, so that the next is due at 2 + 20
    page(project)  # at 5: too early
    assert written == [10]
    monkeypatch.undo()
    refresh = 'http-equiv="refresh" content="10"'
    assert refresh in write.html(project, refresh=10)
    assert refresh not in write.html(project)


def test_show_and_report_write_page_and_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(write, "_pictures", lambda *_: {})
    project = make_project(tmp_path, TRIALS[:2])
    for command in ("show", "report"):
        assert command_line.main([command, str(project.folder)]) == 0
        told = capsys.readouterr().out
        assert ("best so far: trial 1" in told) == (command == "show")
        for name in ("search.png", "report.html"):
            assert str(project.folder / name) in told
            (project.folder / name).unlink()


# --- in a browser -------------------------------------------------------------------------------

SCRIPT = """<script>addEventListener('load', () => {
  const found = {width: [innerWidth, document.documentElement.scrollWidth]};
  const rows = () => [...document.querySelectorAll('#board tbody tr')].map(row => row.id);
  const heads = [...document.querySelectorAll('#board thead button')];
  found.start = rows();
  heads.find(head => head.textContent == 'parameters').click();
  found.sorted = rows();
  heads.find(head => head.textContent.startsWith('psnr')).click();
  found.best = rows();
  parent.postMessage(JSON.stringify(found), '*');
})</script>"""
FRAME = """<iframe src="copy.html" width="390" height="800" style="border:0"></iframe><script>
addEventListener('message', event => {
  const outcome = document.createElement('pre');
  outcome.id = 'outcome'; outcome.textContent = event.data; document.body.append(outcome);
})</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome on PATH")
def test_on_a_phone_it_fits_and_sorts(page, tmp_path):
    (tmp_path / "copy.html").write_text(page.replace("</body>", f"{SCRIPT}</body>"))
    (tmp_path / "frame.html").write_text(f"<body>{FRAME}")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--virtual-time-budget=10000", f"--user-data-dir={tmp_path}/profile"]
    command += ["--enable-logging=stderr", "--dump-dom", (tmp_path / "frame.html").as_uri()]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    found = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout)
    assert found, done.stderr[-2000:]
    found = json.loads(html.unescape(found[1]))
    assert found["width"] == [390, 390]
    assert found["start"][:3] == ["trial-1", "trial-0", "trial-3"]
    assert found["sorted"][:3] == ["trial-3", "trial-1", "trial-0"]  # 500, 1000, 4000
    assert found["best"] == ["trial-1", "trial-0", "trial-3", *found["best"][3:]]
    assert "CONSOLE" not in done.stderr
