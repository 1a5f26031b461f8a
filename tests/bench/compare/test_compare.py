"""Comparing two contenders: statistics of simulated pairs, and real processes from end to end."""

import io
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench import __main__ as command_line
from bench.compare import command as compare_command
from bench.compare import comparison, contenders, worker
from bench.compare.comparison import Request
from bench.errors import BenchError
from bench.runs import selection
from bench.stats import paired

ROOT = Path(__file__).parents[3]
QUICK = ["--what", "infer", "--rounds", "1", "--window-seconds", "0.005", "--batch-size", "16"]


def simulated(generator, ratio, num_pairs=20, noise=0.05, outliers=0.1):
    """Pairs whose windows vary by 5 %, and one in ten of which another program disturbs."""
    windows = generator.normal(0, noise, (num_pairs, 4))
    disturbed = generator.random(windows.shape) < outliers
    windows += disturbed * generator.exponential(0.4, windows.shape)
    windows[:, 1:3] += math.log(ratio)
    return [paired.Pair(*(0.01 * np.exp(row))) for row in windows]


def simulated_difference(generator, ratio, **settings):
    pairs, same = simulated(generator, ratio, **settings), simulated(generator, 1.0, **settings)
    return paired.difference(pairs, same, num_resamples=400)


# --- statistics -----------------------------------------------------------------------------


def test_log_ratio_by_hand():
    assert paired.Pair(1.0, 2.0, 8.0, 1.0).log_ratio == pytest.approx(math.log(4))
    assert paired.Pair(3.0, 3.0, 3.0, 3.0).log_ratio == 0


@pytest.mark.parametrize("slowing", [0.9, 1.0, 1.3])
def test_a_machine_that_slows_down_evenly_falls_out(slowing):
    seconds = [slowing**position for position in range(4)]
    seconds[1] *= 1.5
    seconds[2] *= 1.5
    assert paired.Pair(*seconds).log_ratio == pytest.approx(math.log(1.5))


def test_order_of_the_windows():
    order, advanced = [], []

    def window(name):
        return lambda: order.append(name) or 1.0

    pairs, same = paired.take_pairs(
        2, window("A"), window("B"), window("A'"), lambda: advanced.append(len(order))
    )
    assert "".join(order) == "ABBAAA'A'A" * 2
    assert (len(pairs), len(same), advanced) == (2, 2, [8, 16])


def test_the_interval_covers_the_true_ratio():
    """Of 150 intervals of 95 %, with a standard deviation of 1.8 % of the count."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(150):
        found = simulated_difference(generator, 1.1)
        covered += found.low <= 1.1 <= found.high
    assert 0.9 <= covered / 150 <= 1.0


def test_false_alarms_are_rare_and_a_real_slowdown_is_found():
    """A against A in 150 simulated runs, and A against an A that is a fifth slower in 40."""
    generator = np.random.default_rng(1)
    same = [simulated_difference(generator, 1.0).verdict for _ in range(150)]
    assert sum(verdict != "no difference" for verdict in same) < 0.05 * 150
    slower = [simulated_difference(generator, 1.2, noise=0.03) for _ in range(40)]
    assert sum(found.verdict == "slower" for found in slower) >= 38
    assert np.median([found.ratio for found in slower]) == pytest.approx(1.2, rel=0.01)
    faster = [simulated_difference(generator, 1 / 1.2, noise=0.03).verdict for _ in range(40)]
    assert sum(verdict == "faster" for verdict in faster) >= 38


def constant(ratio, num_pairs=20):
    return [paired.Pair(1.0, ratio, ratio, 1.0)] * num_pairs


@pytest.mark.parametrize(
    ("ratio", "same", "verdict", "threshold"),
    [
        (1.019, 1.0, "no difference", 0.02),  # certain, but too small to matter
        (1.021, 1.0, "slower", 0.02),
        (1 / 1.021, 1.0, "faster", 0.02),
        (1.09, 1.1, "no difference", 0.1),  # A differs more from itself
        (1.11, 1.1, "slower", 0.1),
        (1.11, 1 / 1.1, "slower", 0.1),  # to whichever contender
    ],
)
def test_threshold_is_what_a_differs_from_itself(ratio, same, verdict, threshold):
    found = paired.difference(constant(ratio), constant(same))
    assert found.verdict == verdict
    assert found.threshold == pytest.approx(threshold)
    assert found.ratio == pytest.approx(ratio)
    assert found.same_low == found.same_high == pytest.approx(same)


def test_a_large_but_uncertain_ratio_is_no_difference():
    pairs = constant(1.5, 10) + constant(0.7, 9)
    found = paired.difference(pairs, constant(1.0))
    assert found.ratio == pytest.approx(1.5)
    assert found.low < 1
    assert found.verdict == "no difference"


def test_rounds_must_agree():
    assert paired.agreed(["slower", "slower"]) == "slower"
    assert paired.agreed(["slower", "faster"]) == "no difference"
    assert paired.agreed(["slower", "no difference"]) == "no difference"


@pytest.mark.parametrize(
    ("call_seconds", "calls"), [(0.001, 30), (0.0009, 34), (1.0, 3), (1e-7, 1_000)]
)
def test_calls_fill_the_window(call_seconds, calls):
    assert worker.calls_per_window(call_seconds, 0.03) == calls


# --- what is compared -----------------------------------------------------------------------


def test_contenders_are_read(tmp_path):
    plain = contenders.parse("vae:small:beta=4,widths=(8,16)")
    assert (plain.model, plain.jit, plain.precision) == (
        "vae:small:beta=4,widths=(8,16)",
        "auto",
        "float32",
    )
    assert not plain.is_checkout
    both = contenders.parse("vae@mixed_bfloat16@jit")
    assert (both.model, both.jit, both.precision) == ("vae", True, "mixed_bfloat16")
    assert contenders.parse("vae@no_jit").jit is False
    assert contenders.parse("vae@steps=8").steps_per_execution == 8
    revision = contenders.parse("git:HEAD@{1}@jit")
    assert (revision.revision, revision.jit, revision.is_checkout) == ("HEAD@{1}", True, True)
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "__init__.py").touch()
    assert contenders.parse(str(tmp_path)).folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vae@fast", "unknown setting @fast in 'vae@fast'. Settings: @jit, @no_jit, @float32"),
        ("vae@steps=0", "unknown setting @steps=0"),
        ("./nowhere", "must be a folder with zoo/__init__.py"),
        ("../nowhere.x", "must be a folder with zoo/__init__.py"),
        ("bench.compare.contenders:choose", "is a model of your own, and compare takes models of"),
        ("nowhere.py:build@jit", "'nowhere.py:build@jit' is a model of your own"),
        ("nowhere.py", "is a model of your own"),
        ("no.such.module:build", "--models vae no.such.module:build"),
        ("mine.h5", "must be a folder with zoo/__init__.py"),
        ("git:", "Received: 'git:'"),
        ("", "Received: ''"),
    ],
)
def test_wrong_contenders_are_refused(text, message):
    with pytest.raises(BenchError) as caught:
        contenders.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": "."}, "two models or two checkouts"),
        ({"models": ("vae",)}, "--models belongs to two checkouts"),
        ({"pairs": 4}, "--pairs must be at least 5"),
        ({"rounds": 0}, "--rounds must be above 0"),
        ({"window_seconds": -1.0}, "--window-seconds must be above 0"),
        ({"what": ("speed",)}, "--what must be of train, infer, latency"),
    ],
)
def test_wrong_use_is_told_before_anything_starts(changes, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(BenchError, match=message):
        comparison.compare(Request(**({"a": "vae", "b": "vae"} | changes)))


def test_a_pattern_must_mean_one_model(digits):
    from bench.data import catalog

    known = {
        name: selection.ModelInfo(("small",), ("widths",), task)
        for name, task in [("vae", "reconstruction"), ("beta_vae", "reconstruction")]
    }
    dataset = catalog.load("digits")

    def chosen(*texts, models=None):
        found = [contenders.parse(text) for text in texts]
        return contenders.choose(found, [ROOT, ROOT], models, dataset, known)

    with pytest.raises(BenchError, match=r"'\*vae' must be one model. It matches beta_vae:small"):
        chosen("vae", "*vae")
    ((a, b),) = chosen("vae", "vae:small:widths=(8,)@jit")
    assert (a.name, a.jit, a.arguments) == ("vae small", "auto", {})
    assert (b.name, b.jit, b.arguments) == ("vae small widths=(8,)", True, {"widths": (8,)})
    pairs = chosen(str(ROOT), f"{ROOT}@jit", models=["*vae"])
    assert [(a.name, b.name) for a, b in pairs] == [
        ("beta_vae small", "beta_vae small"),
        ("vae small", "vae small"),
    ]
    assert {(a.jit, b.jit) for a, b in pairs} == {("auto", True)}


# --- what is shown --------------------------------------------------------------------------


def outcome_of(*rows, **request):
    request = Request(**({"a": "vae:tiny", "b": "vae:small"} | request))
    return comparison.Outcome(request, "0" * 64, 64, {}, list(rows))


def row_of(verdict, ratio=1.25, name="vae small", **fields):
    found = paired.difference(constant(ratio), constant(1.0))
    fields = {"a_ms": 2.0, "b_ms": 2.0 * ratio, "params_a": 100, "params_b": 100} | fields
    return comparison.Row(name, "train", verdict, difference=found, rounds=[found], **fields)


def shown(outcome):
    console = Console(width=80, record=True, file=io.StringIO())
    compare_command.show(outcome, console)
    return console.export_text()


def test_table_and_sentence():
    row = row_of("slower")
    text = shown(outcome_of(row))
    for part in ("A: vae:tiny   B: vae:small", "training step", "2.5", "1.250 [1.250, 1.250]"):
        assert part in text
    assert "2.0%" in text
    assert "slower" in text
    assert compare_command.sentence(row) == (
        "vae small, training step: B takes 2.5 ms, A 2 ms: ratio 1.250 [1.250, 1.250], "
        "threshold 2.0%: slower"
    )
    assert "vae small" not in text.partition("\n")[2]  # the title says it
    several = shown(outcome_of(row, row_of("not compared", name="upae small")))
    assert [line.split()[0] for line in several.splitlines()[2:]] == [
        *("vae", "training", "upae", "training")
    ]


def test_notes_say_what_the_table_cannot():
    same, other = row_of("no difference"), row_of("slower", name="b", params_b=150, stable=False)
    other.rounds = [*other.rounds, paired.difference(constant(1.0), constant(1.3))]
    other.difference = other.rounds[1]
    text = "\n".join(compare_command.notes(outcome_of(same, other)))
    assert "vae small: 100 parameters on both sides." in text
    assert "b: parameters differ: A 100, B 150 (+50.0%)." in text
    assert "the rounds disagree: slower, no difference" in text
    assert "A differs from itself by up to 30%" in text
    assert "~ The steps did not settle" in text
    assert "Quality is not compared" in text


def test_which_rows_are_regressions():
    failed = comparison.Row("vae", "train", "failed", error="ValueError: no")
    rows = [row_of(verdict) for verdict in ("slower", "faster", "no difference")]
    outcome = outcome_of(*rows, failed, comparison.Row("new", "train", "not compared", error="x"))
    assert outcome.regressions == [rows[0], failed]
    assert compare_command.sentence(failed) == "vae, training step: B does not run: ValueError: no"
    assert json.loads(json.dumps(compare_command.to_json(outcome)))["is_regression"] is True


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        command_line.main(["compare", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "python -m bench compare git:main ." in text
    assert "exit code" in text


def test_only_what_must_be_given_is_told_to_be_missing(capsys):
    with pytest.raises(SystemExit) as caught:
        command_line.main(["compare", "vae"])
    assert caught.value.code == 2
    assert "arguments are required: B. See" in capsys.readouterr().err


def test_a_place_without_a_folder_names_the_option_of_the_file(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    file = str(tmp_path / "file" / "found.json")
    assert command_line.main(["compare", "vae", "beta_vae", "--json", file]) == 2
    assert "a file is in the place of the folder. Choose another --json." in capsys.readouterr().err


# --- real processes -------------------------------------------------------------------------


def run(capsys, *arguments):
    code = command_line.main(["compare", *arguments])
    return code, capsys.readouterr()


def test_a_slower_model_is_a_regression(capsys, tmp_path):
    a, b = "autoencoder:tiny", "autoencoder:tiny:widths=(256,256)"
    file = tmp_path / "found" / "compare.json"
    code, out = run(capsys, a, b, *QUICK, "--pairs", "8", "--json", str(file))
    assert code == 1, out
    text = " ".join(out.out.split())
    assert "regression: autoencoder tiny / autoencoder tiny widths=(256, 256), inference" in text
    assert "parameters differ: A 5,897" in text
    found = json.loads(file.read_text())
    (row,) = found["rows"]
    assert found["is_regression"] is True
    assert row["difference"]["low"] > 1 + row["difference"]["threshold"] / 2
    assert row["b_ms"] > row["a_ms"]
    assert len(row["log_ratios"]) == len(row["same_log_ratios"]) == 8
    assert math.exp(np.median(row["log_ratios"])) == pytest.approx(row["difference"]["ratio"])
    assert row["facts_a"]["environment"]["tensorflow_version"]
    assert row["facts_a"]["jit_compile"] is False
    assert found["batch_size"] == 16


@pytest.mark.slow
def test_a_model_is_no_slower_than_itself(capsys):
    same = "autoencoder:tiny"
    code, out = run(capsys, same, same, *QUICK, "--pairs", "12", "--rounds", "2")
    assert code == 0, out
    assert "5,897 parameters on both sides" in " ".join(out.out.split())


def test_a_contender_that_does_not_run(capsys):
    broken = "autoencoder:tiny:widths=(8,8,8,8)"  # 8 pixels cannot be halved four times
    code, out = run(capsys, "autoencoder:tiny", broken, *QUICK)
    assert code == 1
    assert "B does not run: ValueError: Autoencoder: image_shape" in " ".join(out.out.split())
    code, out = run(capsys, broken, "autoencoder:tiny", *QUICK)
    assert code == 2
    assert f"error: A ({broken}) cannot be run: ValueError" in out.err


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two commits of the zoo, the second of which is slower."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "zoo", folder / "zoo", ignore=ignored)
    monkeypatch.chdir(folder)

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "fast")
    base = folder / "zoo" / "training" / "model.py"
    text = base.read_text()
    slow = "tf.raw_ops.Conv2D(input=tf.ones((4, 64, 64, 32)), filter=tf.ones((5, 5, 32, 32)), "
    slow += 'strides=[1] * 4, padding="SAME")'
    after_forward = "        sample_weight = self._per_sample_weight(sample_weight)\n"
    changed = text.replace(
        after_forward,
        f"        waste = tf.reduce_max({slow.replace('tf.ones((4', 'tf.random.uniform((16')})\n"
        f'        outputs["prediction"] += 1e-9 * waste\n{after_forward}',
    )
    assert changed != text
    base.write_text(changed)
    git("commit", "--quiet", "-am", "slow")
    return git


@pytest.mark.slow
def test_a_slower_commit_is_a_regression(repository, tmp_path):
    """Only training became slower, in the zoo's own code; nothing is left behind."""
    file = tmp_path / "compare.json"
    arguments = ["--models", "autoencoder:tiny", *QUICK, "--what", "train", "--pairs", "5"]
    command = [sys.executable, "-m", "bench", "compare", "git:HEAD~1", "."]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [*command, *arguments, "--json", str(file)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1, done.stderr
    assert "regression: autoencoder tiny, training step" in done.stdout
    found = json.loads(file.read_text())
    commits = [found["codes"][side]["git_commit"] for side in "ab"]
    assert commits == [repository("rev-parse", name).strip() for name in ("HEAD~1", "HEAD")]
    assert not Path(found["codes"]["a"]["folder"]).exists()
    assert len(repository("worktree", "list").splitlines()) == 1


def test_an_unknown_revision(repository, capsys):
    code, out = run(capsys, "git:nowhere", ".")
    assert code == 2
    assert "error: 'git:nowhere' must be a commit of the repository in" in out.err


def test_command_is_where_the_command_line_looks():
    options = command_line.make_parser("compare").parse_args(["compare", "vae", "vae@jit"])
    assert options.command is compare_command.command
    request = Request("vae", "vae@jit")
    for name in Request.__dataclass_fields__:
        assert getattr(options, name) == getattr(request, name), name
