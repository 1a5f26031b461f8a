"""Experiment files: grids, errors that name the line, and the way into the records."""

import hashlib
from pathlib import Path

import pytest

import bench.__main__ as command_line
from bench.errors import BenchError
from bench.execution import session
from bench.records import store
from bench.runs import experiment

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "bench/experiments/digits.yaml"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "experiment.yaml"
        path.write_text(text)
        return path

    return write


def settings_of(request, *names):
    return tuple(getattr(request, name) for name in names)


def test_every_combination_becomes_a_request_once(write):
    """What a request takes together stays together; the rest is a product of 2 x 2 x 2."""
    found = experiment.read(
        write(
            """
            dataset: [digits, mnist]
            epochs: [1, 5]
            learning_rate: [0.001, 1e-2]
            models: [vae, autoencoder:dense]
            precision: [float32, mixed_bfloat16]
            batch_size: [16, 32]
            seeds: 4
            """
        )
    )
    combinations = {settings_of(r, "dataset", "epochs", "learning_rate") for r in found.requests}
    assert combinations == {
        (d, e, r) for d in ("digits", "mnist") for e in (1, 5) for r in (0.001, 0.01)
    }
    assert len(found.requests) == 8
    for request in found.requests:
        assert request.models == ("vae", "autoencoder:dense")
        assert request.precision == ("float32", "mixed_bfloat16")
        assert request.batch_size == (16, 32)
        assert request.seed_list == [0, 1, 2, 3]


def test_models_have_grids_of_presets_and_arguments(write):
    path = write(
        """
        models:
          - name: vae
            preset: [tiny, small]
            arguments: {beta: [1, 1e-3], widths: [[8, 16]], likelihood: gaussian}
          - unet:small
        """
    )
    (request,) = experiment.read(path).requests
    assert request.models == (
        *(
            f"vae:{preset}:beta={beta},widths=(8, 16),likelihood='gaussian'"
            for preset in ("tiny", "small")
            for beta in (1, 0.001)
        ),
        "unet:small",
    )


def test_words_of_yaml_are_taken_as_they_are_written(write):
    """YAML reads `on` as true and 0 as a number; options and names of classes are texts."""
    path = write("jit: [on, off]\nnormal_classes: [0, no]\nnoise: [null, gaussian:0.2]\n")
    first, second = experiment.read(path).requests
    assert first.jit == ("on", "off")
    assert first.normal_classes == ("0", "no")
    assert (first.noise, second.noise) == (None, "gaussian:0.2")


def test_defaults_hold_for_each_experiment_unless_it_says_otherwise(write):
    path = write(
        """
        name: two
        output: results
        defaults: {epochs: 3, seeds: [2, 5]}
        experiments:
          - models: vae
          - {models: unet, epochs: 7}
        """
    )
    found = experiment.read(path)
    assert (found.name, found.output) == ("two", Path("results"))
    assert [settings_of(r, "models", "epochs") for r in found.requests] == [
        (("vae",), 3),
        (("unet",), 7),
    ]
    assert [request.seed_list for request in found.requests] == [[2, 5], [2, 5]]


def test_name_and_folder_have_defaults_and_the_command_line_says_how(write):
    path = write("dataset: digits\n")
    assert experiment.read(path).output == Path("runs/experiment")
    found = experiment.read(path, {"output": Path("there"), "workers": 2})
    assert found.output == found.requests[0].output == Path("there")
    assert found.requests[0].workers == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: digits\n\nepoch: 3\n", ":3: unknown key 'epoch'. Did you mean 'epochs'? Keys:"),
        ("epochs: 3\nseeds: 2\nepochs: 4\n", ":3: key 'epochs' is there already, on line 1"),
        ("epochs: many\n", ":1: epochs must be a whole number. Received: 'many'"),
        ("epochs: 2.5\n", ":1: epochs must be a whole number. Received: '2.5'"),
        ("epochs: '3'\n", ":1: epochs must be a whole number. Received: '3'"),
        ("epochs:\n  - 3\n  - {a: 1}\n", ":3: epochs must be a whole number. Received: keys with"),
        ("learning_rate: nan\n", ":1: learning_rate must be a number"),
        ("seeds: []\n", ":1: seeds must hold at least one value"),
        ("target: [0.1, 0.2]\n", ":1: target must be one value"),
        ("dataset:\n", ":1: dataset must be a name or a path. Received: nothing"),
        ("precision: [float32,\n  bfloat16]\n", ":2: precision must be one of float32, mixed_"),
        (
            "precision: float23\n",
            ":1: precision must be one of float32, mixed_bfloat16, mixed_float16, auto. "
            "Received: 'float23'. Did you mean 'float32'?",
        ),
        ("workers: 2\n", ":1: 'workers' says how to run: give --workers on the command line"),
        ("models:\n  - vae\n  - nam: vae\n", ":3: unknown key 'nam'. Did you mean 'name'?"),
        ("models:\n  - vae\n  - {preset: tiny}\n", ":3: a model must have a name"),
        ("name: a b\n", ":1: name must be letters, digits"),
        ("defaults: {epochs: 1}\n", ":1: defaults must stand beside a list of experiments"),
        ("epochs: 1\nexperiments: [{seeds: 1}]\n", ":1: 'epochs' must stand under defaults or"),
        ("experiments: 3\n", ":1: experiments must be a list of grids"),
        ("experiments:\n - epochs: 1\n - 3\n", ":3: must be keys with values"),
        ("- 3\n", ":1: must be keys with values"),
        ("a: [1\nb: 2\n", ":2: no YAML: "),
        ("a: 1\n---\nb: 2\n", ":2: no YAML: "),
        ("a: \x07\n", ": no YAML: "),
        ("", " is empty"),
    ],
)
def test_errors_name_the_line(text, message, write):
    path = write(text)
    with pytest.raises(BenchError) as error:
        experiment.read(path)
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: digits\nepochs: [1, 0]\n", ":2: --epochs must be at least 1. Received: 0"),
        ("seeds: 0\n", ":1: --seeds must be at least 1"),
        ("augment: spin\n", ":1: "),
        ("target: 0.1\n", ":1: --target needs evaluations"),
        (
            "dataset:\n  - digits\n  - digit\n",
            ":3: unknown dataset 'digit'. Did you mean 'digits'?",
        ),
        ("limit: 60\nnoise: dust\n", ":2: "),
        ("limit: 60\nepochs: 2\nevaluate_every: 3\n", ":3: --evaluate-every must be at most"),
        ("limit: 60\nmodels: [vae,\n  vea]\n", ":3: no model matches 'vea'. Did you mean 'vae'?"),
        ("limit: 60\nmodels:\n  - name: vae\n    arguments: {bete: 1}\n", ":3: unknown argument"),
        ("limit: 60\nnum_labels: 5\n", ":2: --num-labels is for models that learn from few"),
        (
            "dataset: digits\nmodels: semi_supervised_vae\nnum_labels: 1500\n",
            ":3: --num-labels must be at most the number of training images, 1,297. Received",
        ),
        (
            "dataset: digits\nmodels: semi_supervised_vae\nnum_labels: 1200\nfolds: 3\n",
            ":3: --num-labels must be at most the number of training images, 1,",
        ),
        ("limit: 60\nmodels: unet\n", ":2: 'unet' does not fit these data"),
        (
            "limit: 60\nnormal_classes: [eleven]\n",
            ":2: --normal-classes: fashion_mnist_small has no",
        ),
    ],
)
def test_what_only_the_data_and_the_models_tell_names_the_line_too(
    text, message, write, tmp_path, quiet
):
    path = write(text)
    with pytest.raises(BenchError) as error:
        session.run_experiment(experiment.read(path, {"output": tmp_path / "runs"}), quiet)
    assert str(error.value).startswith(f"{path}{message}")
    assert not (tmp_path / "runs" / store.FILE_NAME).exists()


@pytest.mark.slow  # several processes
def test_of_several_experiments_one_may_use_the_labels(write, tmp_path, quiet):
    """It is refused for what comes later, a wrong value."""
    path = write(
        "defaults:\n  dataset: digits\n  limit: 60\n  num_labels: 9\nexperiments:\n"
        "  - models: vae:tiny\n  - models: semi_supervised_vae:tiny:latent_dim=0\n"
    )
    with pytest.raises(BenchError, match=r":7: semi_supervised_vae:tiny:latent_dim=0: SemiSuper"):
        session.run_experiment(experiment.read(path, {"output": tmp_path / "runs"}), quiet)


def test_options_that_say_what_runs_are_refused_beside_a_file(write):
    with pytest.raises(BenchError, match=r"--batch-size is not taken beside an experiment file"):
        experiment.read(write("dataset: digits\n"), {"batch_size": (3,)})


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BenchError, match=r"cannot read .*nowhere\.yaml: No such file"):
        experiment.read(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(BenchError, match="must be text in UTF-8"):
        experiment.read(tmp_path / "latin.yaml")


def test_the_example_is_right_and_its_grids_are_what_it_says():
    found = experiment.read(EXAMPLE)
    assert found.name == "digits"
    assert [settings_of(r, "epochs", "noise") for r in found.requests] == [
        (8, None),
        (16, None),
        (16, "gaussian:0.1"),
        (16, "gaussian:0.3"),
    ]
    assert [len(request.models) for request in found.requests] == [6, 6, 2, 2]


def test_file_and_hash_travel_with_the_records(write, tmp_path, capsys):
    """By the command line, with a grid of two budgets, and again: nothing is left to do."""
    text = "name: small\nmodels: autoencoder:tiny\nseeds: [3]\nlimit: 60\nepochs: [1, 2]\n"
    path = write(f"{text}timing_rounds: 0\n")
    output = tmp_path / "runs"
    for _ in range(2):
        assert command_line.main(["run", str(path), "--output", str(output)]) == 0
        assert "experiment small" in capsys.readouterr().out
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    found, warnings = store.read(output)
    assert not warnings
    assert {(r["experiment"], r["experiment_sha256"]) for r in found} == {("small", sha256)}
    models = [record for record in found if record["kind"] == "model"]
    assert [(r["seed"], r["epochs"]) for r in models] == [(3, 1), (3, 2)]
    assert len(found) == len({record["job_id"] for record in found}) == 4  # baselines once
    copy = output / "experiments" / f"small-{sha256[:8]}.yaml"
    assert copy.read_bytes() == path.read_bytes()
