"""The page in a real browser: a script in a copy of it clicks, and writes down what came of it."""

import re

import browser
import numpy as np
import pytest

from bench.records import schema, store
from bench.report import write

pytestmark = [pytest.mark.slow, browser.needs_browser]
MSE = {"autoencoder": 0.009, "vae": 0.015, "sparse": 0.0091, "upae": 0.012}
SCRIPT = """
  const all = selector => [...document.querySelectorAll(selector)];
  const style = (item, name) => getComputedStyle(item)[name];
  const heads = all('#board thead th'), names = heads.map(head => head.innerText.trim());
  const order = at => all('#board tbody tr').map(row => row.cells[at].dataset.value);
  found.heads = names; found.sorted = [];
  for (const name of ['MSE', 'MSE', 'model', 'model']) {
    const at = names.findIndex(text => text.split(/\\s/)[0] === name);
    const button = heads[at].querySelector('button');
    button.focus();
    const focused = document.activeElement === button;
    button.click();
    found.sorted.push({name, focused, values: order(at), sort: heads[at].ariaSort,
      others: heads.filter(head => head.ariaSort).length});
  }
  const seen = () => ({
    rows: all('#board tbody tr').filter(row => row.offsetHeight).length,
    cards: all('.card[data-name]').filter(card => card.offsetHeight).length,
    plots: all('.trade-off figure').filter(plot => plot.offsetHeight).length,
    count: document.getElementById('count').textContent});
  found.seen = {all: seen()};
  const choose = (field, value) => {
    const select = document.querySelector(`select[data-filter=${field}]`);
    select.value = value;
    select.dispatchEvent(new Event('input', {bubbles: true}));
  };
  choose('task', 'denoising'); found.seen.task = seen();
  choose('task', ''); choose('table', 'digits'); found.seen.table = seen();
  choose('table', '');
  const search = document.getElementById('filter');
  search.value = 'vae'; search.dispatchEvent(new Event('input', {bubbles: true}));
  found.seen.search = seen();
  search.value = ''; search.dispatchEvent(new Event('input', {bubbles: true}));
  found.costs = all('.choice button').map(button => {
    button.click();
    return [button.dataset.cost, all('.trade-off').filter(body => body.offsetHeight)
      .map(body => body.dataset.cost), button.getAttribute('aria-pressed')];
  });
  const point = all('.point').find(one => one.getClientRects().length);
  point.focus();
  const tip = document.getElementById('tip');
  found.tip = {text: tip.innerText, height: tip.offsetHeight};
  for (const fold of all('details')) fold.open = true;
  await Promise.all(all('img').map(image => image.decode().catch(() => null)));
  found.images = all('img').map(image => image.naturalWidth);
  found.kinds = all('img').map(image => image.src.slice(0, 14));
  found.width = [innerWidth, document.documentElement.scrollWidth];
  found.requests = performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith('data:'));
  found.colours = [style(document.body, 'color'), style(document.body, 'backgroundColor')];
"""


def make_record(folder, model, seed, task="reconstruction"):
    """A record with all that a card can show: samples, frames, layers, codes and a diagnosis."""
    name = f"{model}-{seed}-{task}"
    generator = np.random.default_rng(len(name) + seed)
    images = generator.random((8, 8, 8, 1)).astype("float32")
    frames = generator.integers(0, 255, (4, 3, 8, 8, 1), "uint8")
    grids = {"traversal": frames, "units": np.arange(4), "values": np.zeros((4, 3))}
    files = {
        "samples": {"inputs": images, "targets": images, "reconstructions": images},
        "frames": {"frames": frames, "targets": frames[0], "epochs": np.arange(4)},
        "latent": {**grids, "interpolation": frames[:2]},
        "layers": {
            "filters": generator.normal(size=(9, 3, 3, 1)),
            "filters_layer": np.array("encoder/conv1"),
            "maps_0": generator.random((9, 4, 4)),
            "maps_layers": np.array(["encoder/conv1"]),
        },
        "codes": {
            "codes": generator.normal(size=(40, 6)),
            "labels": generator.integers(0, 3, 40),
            "class_names": np.array(["a", "b", "c"]),
        },
    }
    (folder / "files").mkdir(exist_ok=True)
    record = {"noise": "gaussian:0.2" if task == "denoising" else None, "task": task}
    for kind, arrays in files.items():
        record[f"{kind}_file"] = f"files/{kind}-{name}.npz"
        np.savez(folder / record[f"{kind}_file"], **arrays)
    finding = {
        "code": "dead_units",
        "severity": "warning",
        "layer": "encoder/conv1",
        "number": 0.5,
        "text": "50 % of the units never fire.",
        "remedy": "Lower the learning rate.",
    }
    shift = 1 + 0.02 * seed
    record |= {
        "job_id": name,
        "status": "ok",
        "kind": "model",
        "model": model,
        "preset": "small",
        "dataset": "digits",
        "image_shape": [8, 8, 1],
        "seed": seed,
        "epochs": 3,
        "optimizer": "adam",
        "optimizer_settings": {"learning_rate": 0.003, "beta_1": 0.9},
        "loss_terms": {"reconstruction": 1.0, "kl": 4.0},
        "structure": [
            {"layer": f"encoder/conv{k}", "kind": "Conv2D", "output_shape": [4, 4, 8]}
            for k in range(30)
        ],
        "diagnostics": {"findings": [finding] if model == "vae" else []},
        "noisy": model == "upae",
        "test_mse": MSE[model] * shift,
        "test_psnr": 20.0,
        "params_total": 1000 * len(model),
        "infer_images_per_second": 10_000.0 * len(model),
        "latency_ms": 1.0,
        "history": {
            name: [3.0, 2.0, 1.0]
            for term in ("loss", "reconstruction", "kl")
            for name in (term, f"val_{term}")
        },
    }
    return schema.from_fields(record)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for model in MSE:
        for seed in range(2):
            store.append(folder / "records.jsonl", make_record(folder, model, seed))
    store.append(folder / "records.jsonl", make_record(folder, "vae", 0, "denoising"))
    write.write(folder)
    return folder


def browse(folder, width, *flags):
    """Opens the page and returns what its script found, and what the console said."""
    frame = browser.Frame((folder / "report.html").read_text(), width)
    (found,), console = browser.look(folder / f"at-{width}", [frame], SCRIPT, *flags)
    return found, console


@pytest.fixture(scope="module")
def phone(folder):
    return browse(folder, 390)


@pytest.fixture(scope="module")
def dark(folder):
    return browse(folder, 1200, *browser.DARK)


def test_there_is_no_error_and_no_request(phone, dark):
    for found, console in (phone, dark):
        assert found["errors"] == []
        assert console == []
        assert found["requests"] == []


def test_the_console_would_tell_of_an_error(folder):
    broken = folder / "broken"
    broken.mkdir()
    page = (folder / "report.html").read_text()
    (broken / "report.html").write_text(page.replace("'use strict';", "'use strict';missing();"))
    found, console = browse(broken, 500)
    assert any("missing" in error for error in found["errors"])
    assert any("missing" in line for line in console)


def test_a_click_on_a_heading_sorts_the_leaderboard(phone):
    first, second, up, down = phone[0]["sorted"]
    values = [float(value) for value in first["values"]]
    assert values == sorted(values)
    assert len(set(values)) == len(MSE) + 1
    assert [float(value) for value in second["values"]] == values[::-1]
    assert up["values"] == sorted(up["values"])
    assert down["values"] == sorted(down["values"], reverse=True)
    sorts = [each["sort"] for each in (first, second, up, down)]
    assert sorts == ["ascending", "descending"] * 2
    assert all(each["others"] == 1 and each["focused"] for each in phone[0]["sorted"])


def test_filters_hold_for_table_cards_and_plots(phone):
    seen, every = phone[0]["seen"], len(MSE) + 1
    assert seen["all"] == {"rows": every, "cards": every, "plots": 2, "count": ""}
    assert seen["task"] == {"rows": 1, "cards": 1, "plots": 1, "count": f"1 of {every}"}
    assert seen["table"] == {"rows": 4, "cards": 4, "plots": 1, "count": f"4 of {every}"}
    assert (seen["search"]["rows"], seen["search"]["cards"]) == (2, 2)


def test_one_cost_is_shown_at_a_time_and_points_tell_their_numbers(phone):
    costs = phone[0]["costs"]
    assert [cost for cost, *_ in costs] == ["infer_images_per_second", "latency_ms", "params_total"]
    assert all(visible == [cost] and pressed == "true" for cost, visible, pressed in costs)
    assert "MSE 0.0" in phone[0]["tip"]["text"]
    assert phone[0]["tip"]["height"] > 0


def test_pictures_load_and_the_page_is_no_wider_than_a_phone(phone, dark):
    for (found, _), width in ((phone, 390), (dark, 1200)):
        # a strip, an animation, filters, maps, traversal and interpolation in each card
        assert len(found["images"]) == 6 * (len(MSE) + 1) + 2
        assert min(found["images"]) > 0
        assert sum("gif" in kind for kind in found["kinds"]) == len(MSE) + 1
        assert found["width"] == [width, width]


def test_text_can_be_read_on_light_and_on_dark_ground(phone, dark):
    grounds = []
    for found, _ in (phone, dark):
        ink, ground = (luminance(colour) for colour in found["colours"])
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) > 7  # WCAG, level AAA
        grounds.append(ground)
    assert grounds[0] > 0.8
    assert grounds[1] < 0.1


def luminance(colour):
    """Relative luminance of `rgb(r, g, b)`, as the Web Content Accessibility Guidelines define."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
