"""What a run consists of."""

import dataclasses
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import zoo
from bench.errors import BenchError
from bench.records.config import RunConfig
from bench.runs import job, models, selection, suites
from bench.runs.selection import ModelSpec

ROOT = Path(__file__).parents[3]
PLAN = RunConfig("digits")
CATALOGUE = models.registry()


def case(**changes):
    return dataclasses.replace(job.Job(PLAN, "ab" * 32, "model", "vae", "small", 0), **changes)


def test_an_id_names_all_that_changes_the_result():
    ids = {
        case().id,
        case(seed=1).id,
        case(model="autoencoder").id,
        case(preset="tiny").id,
        case(dataset_checksum="cd" * 32).id,
        case(config=dataclasses.replace(PLAN, epochs=11)).id,
        case(config=dataclasses.replace(PLAN, noise="gaussian:0.1")).id,
    }
    assert len(ids) == 7
    assert case().id == case(timing=True).id  # measured beside the result


def test_a_baseline_does_not_depend_on_the_budget():
    short, long = (
        case(
            kind="baseline", model="pca", latent_size=4, config=dataclasses.replace(PLAN, epochs=e)
        )
        for e in (1, 100)
    )
    assert short.id == long.id != dataclasses.replace(short, latent_size=5).id


def test_names_tell_the_jobs_of_a_run_apart():
    settings = [
        {},
        *({"normal_class": each} for each in (0, 6)),
        {"normal_class": 6, "contamination": 0.1},
        {"normal_class": 6, "num_normals": 20},
        {"fold": 0},
        {"fold": 1},
    ]
    jobs = [
        case(config=dataclasses.replace(PLAN, **each), seed=seed, kind=kind)
        for each in settings
        for kind, seed in (("model", 0), ("model", 1), ("baseline", 0))
    ]
    assert len({each.name for each in jobs}) == len({each.id for each in jobs}) == 21
    assert case(config=dataclasses.replace(PLAN, normal_class=6)).name == (
        "vae:small seed 0 normal class 6"
    )


def test_core_suite_is_short_and_exists():
    for suite in suites.SUITES:
        chosen = selection.select(None, suite, "small", CATALOGUE)
        assert 1 <= len(chosen) <= 10
        for choice in chosen:
            zoo.create(choice.model, (16, 16, 1), preset=choice.preset)


def test_wildcards_and_presets():
    found = selection.select(["*vae*", "autoencoder:dense", "vae"], "core", "tiny", CATALOGUE)
    vaes = [ModelSpec(name, "tiny") for name in zoo.names("*vae*")]
    assert found == [*vaes, ModelSpec("autoencoder", "dense")]
    everything = selection.select(["*"], "core", "small", CATALOGUE)
    assert [choice.model for choice in everything] == zoo.names()


def test_arguments_after_the_preset():
    models = ["vae:small:beta=4,widths=(8, 16),likelihood=gaussian", "vae", "vae:small:beta=4"]
    first, plain, second = selection.select(models, "core", "small", CATALOGUE)
    expected = (("beta", 4), ("likelihood", "gaussian"), ("widths", (8, 16)))
    assert (first.arguments, plain.arguments) == (expected, ())
    ids = {
        case(arguments=choice.arguments, preset=choice.preset).id
        for choice in (first, plain, second)
    }
    assert len(ids) == 3
    assert case(arguments=second.arguments).title == "vae:small:beta=4"


def test_models_that_do_not_fit_the_data():
    incompatibilities = {"unet": "needs masks", "vae": "needs masks"}
    found = selection.select(["*unet", "autoencoder"], "core", "tiny", CATALOGUE, incompatibilities)
    assert "unet" not in [choice.model for choice in found]
    with pytest.raises(BenchError, match="'unet' does not fit these data: it needs masks"):
        selection.select(["unet"], "core", "tiny", CATALOGUE, incompatibilities)
    with pytest.raises(BenchError, match=r"none of the models fits these data: va\*"):
        selection.select(["va*"], "core", "tiny", CATALOGUE, incompatibilities)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["beta-vae"], "core", "small"), r"no model matches 'beta-vae'. Did you mean 'beta_vae'"),
        ((["vae:smal"], "core", "small"), r"unknown preset 'smal' of 'vae'. Did you mean 'small'"),
        ((["vae:tiny:bet=4"], "core", "small"), r"unknown argument 'bet=4' of 'vae'.*'beta'"),
        ((["vae:tiny:beta"], "core", "small"), r"Write vae:PRESET:argument=value"),
        ((None, "cor", "small"), r"unknown suite 'cor'. Did you mean 'core'"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(BenchError, match=message):
        selection.select(*arguments, CATALOGUE)


@pytest.mark.parametrize(
    ("models", "are_used"),
    [
        (["autoencoder", "vae"], False),
        (["conditional_vae"], False),  # takes the label of every image
        (["autoencoder", "semi_supervised_vae"], True),
        (["*vae*"], True),
        (["fashion_mnist/semi_supervised_m2"], False),  # as saved
        (["fashion_mnist/semi_supervised_m2:train"], True),
        (["fashion_mnist/vae:train"], False),
        (["plain.keras:train"], False),
        (["mine.py:build"], True),  # perhaps
    ],
)
def test_a_number_of_labels_needs_a_model_that_learns_from_few(
    models, are_used, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def build(): ...")
    header = {"class_name": "Functional", "module": "keras", "config": {}}
    with zipfile.ZipFile(tmp_path / "plain.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(header))
    chosen = selection.select(models, "core", "small", CATALOGUE)
    if are_used:
        selection.check_labels_are_used(chosen)
        return
    message = r"^--num-labels is for models .*: semi_supervised_m2, semi_supervised_vae. Received: "
    with pytest.raises(BenchError, match=message + chosen[0].model):
        selection.check_labels_are_used(chosen)


def test_rounds_hold_each_model_once_and_time_the_first():
    models = [ModelSpec(name, "x") for name in "abc"]
    ordered = job.model_jobs([PLAN], "ab", models, [0, 1, 2], timing_rounds=1)
    for seed in range(3):
        around = ordered[3 * seed : 3 * seed + 3]
        assert {c.seed for c in around} == {seed}
        assert sorted(c.model for c in around) == ["a", "b", "c"]
        assert all(c.timing == (seed == 0) for c in around)
    assert job.model_jobs([PLAN], "ab", models, [0, 1, 2], 1) == ordered


def test_the_default_budget_follows_the_size():
    assert (suites.default_batch_size(1_297), suites.default_batch_size(55_000)) == (64, 128)
    assert suites.epochs_of(1_297, 64) == 13  # 273 updates / 21 a pass
    assert suites.epochs_of(55_000, 128) == 10  # never fewer
    assert suites.epochs_of(42, 64) == 273  # an update a pass
    assert suites.epochs_of(55_000, 128, updates=1_000) == 3  # as asked: 430 a pass


def test_identity_is_a_baseline_for_noisy_inputs_only():
    clean = [c.title for c in job.baseline_jobs([PLAN], "ab", [4, 16], image_shape=(8, 8, 1))]
    assert clean == ["mean_image", "pca-4", "pca-16"]
    noisy = dataclasses.replace(PLAN, noise="gaussian:0.2")
    assert [c.model for c in job.baseline_jobs([noisy], "ab", [4], image_shape=(8, 8, 1))][
        -1
    ] == "identity"


@pytest.mark.parametrize("normal_class", [None, 3])
def test_a_baseline_that_is_exact_by_construction_is_not_offered(normal_class):
    plan = dataclasses.replace(PLAN, normal_class=normal_class)
    found = job.baseline_jobs([plan], "ab", [15, 16, 17, 64], image_shape=(4, 4, 1))
    assert {each.latent_size for each in found if each.latent_size} == {15}


def test_a_list_among_the_arguments_makes_a_case_like_any_other():
    (choice,) = selection.select(["unet:small:widths=[8, [16]]"], "core", "small", CATALOGUE)
    assert choice.arguments == (("widths", (8, (16,))),)
    assert len({case(arguments=choice.arguments), case()}) == 2
    # The name stays that of records from before, when it was a list.
    assert case(arguments=choice.arguments).id == case(arguments=(("widths", [8, [16]]),)).id


def test_speed_is_measured_in_the_first_rounds_whatever_the_seeds():
    found = job.model_jobs([PLAN], "ab" * 32, [ModelSpec("vae", "small")], [5, 3, 9], 2)
    assert [(case.seed, case.timing) for case in found] == [(5, True), (3, True), (9, False)]


def test_looks_at_the_validation_split_do_not_rename_cases_without_them():
    watched = dataclasses.replace(PLAN, evaluate_every=2.0)
    assert "evaluate_every" not in case().identity["plan"]
    assert case(config=watched).id != case().id
    baseline = {"kind": "baseline", "model": "pca"}
    assert case(config=watched, **baseline).id == case(**baseline).id


def test_choosing_models_does_without_keras():
    """Importing it takes seconds, in which the first case could train."""
    script = """
import sys
from bench.runs import selection
known = selection.ModelInfo(("small",), ("beta",), "reconstruction")
found = selection.select(["v*:small:beta=4"], "core", "small", {"vae": known})
print(*found, "keras" in sys.modules)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split()[-1] == "False"
