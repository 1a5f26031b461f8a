"""The drawing of quality against cost keeps models apart, whatever the values are."""

import io
import itertools
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from bench.report.plots import labels, pareto
from bench.report.plots.pareto import Chart, Mark
from bench.report.plots.scale import Scale

COLOURS = {"ink": "#000", "soft": "#555", "ground": "#fff"}


def make_mark(name, x, y, kind="other", half=0.0):
    return Mark(name, x, y, y - half, y + half, kind, f"#{name}", f"{name}\n{y:g}")


def make_chart(marks, levels=(), may_be_log=True):
    words = ("digits", "MSE against parameters", "parameters", "MSE")
    return Chart(*words, marks, levels, fewer_is_better=True, may_be_log=may_be_log)


def of_quality(values, others=(), may_be_log=True):
    return Scale.from_quality([(v, v, v) for v in values], others, may_be_log)


def read(svg):
    root = ET.fromstring(svg)
    return root, ["".join(text.itertext()) for text in root.iter("text")]


@pytest.mark.parametrize(
    "others", [(1e-31,), (0.0,), (-1e9,), (1e9,), (math.nan,), (math.inf, 1e-300)]
)
@pytest.mark.parametrize("values", [(0.009, 0.011, 0.014), (0.001, 0.01, 0.1)])
def test_models_are_spread_whatever_a_baseline_is(values, others):
    scale = of_quality(values, others)
    places = [scale.part(value) for value in values]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= 1
    assert min(b - a for a, b in itertools.pairwise(places)) > 0.1


@pytest.mark.parametrize("far", [1e-31, 0.0, 1e9])
def test_a_model_that_went_astray_does_not_squeeze_the_others(far):
    usual = [0.010, 0.011, 0.012, 0.013, 0.014, 0.0155]
    scale = of_quality([*usual, far])
    places = [scale.part(value) for value in usual]
    assert max(places) - min(places) > 0.3
    assert scale.side(1e9) == 1


@pytest.mark.parametrize("value", [0.0, 0.02, 1e-31, 1e9, -3.0])
def test_one_value_and_equal_values_are_in_the_middle(value):
    for values in ([value], [value] * 7):
        assert of_quality(values).part(value) == pytest.approx(0.5)


def test_an_axis_is_logarithmic_only_where_it_serves():
    assert not of_quality([0.01, 0.02]).log
    assert of_quality([0.01, 0.09]).log
    assert not of_quality([0.01, 0.09], may_be_log=False).log
    assert not of_quality([0.0, 0.01, 0.09]).log
    assert not of_quality([1e-31, 0.01, 0.09]).log


def test_a_near_baseline_widens_the_axis_and_a_far_one_is_named_at_the_edge():
    marks = [make_mark("a", 1, 0.01), make_mark("b", 9, 0.016)]
    levels = [("pca", 1e-31), ("mean", 0.02), ("blank", 7.0)]
    texts = read(pareto.inline(make_chart(marks, levels), 400, 300))[1]
    assert {"↓ pca 1e-31", "↑ blank 7", "mean", "a", "b"} <= set(texts)


def test_each_point_of_a_page_is_a_link_with_its_numbers():
    names = ['<script>"x"</script>', "b" * 80, "c", "d"]
    marks = [make_mark(name, 10.0**k, 0.01 * (k + 1)) for k, name in enumerate(names)]
    marks.append(make_mark("far", 5, 1e12))
    root, texts = read(pareto.inline(make_chart(marks), 900, 420))
    links = root.findall(".//a")
    assert [link.get("href") for link in links] == [f"#{mark.name}" for mark in marks]
    assert [link.get("data-tip") for link in links] == [mark.tip for mark in marks]
    assert all(len(link.findall(".//path")) >= 1 for link in links)
    assert names[0] in texts
    assert f"{'b' * 39}…" in texts


def test_a_drawing_in_a_page_refers_to_nothing_and_has_the_page_s_colours():
    chart = make_chart([make_mark("a", 1, 0.01, "front", 0.001), make_mark("b", 9, 0.02)])
    text = pareto.inline(chart, 360, 300)
    root = read(text)[0]
    assert not [e for e in root.iter() if e.tag in ("use", "defs", "style", "metadata", "clipPath")]
    assert not [e for e in root.iter() if "id" in e.attrib]
    assert not re.search(r":\s*#[0-9a-f]{3}", text)
    assert {"var(--first)", "var(--muted)", "var(--card)"} <= set(re.findall(r"var\([^)]*\)", text))
    assert text == pareto.inline(chart, 360, 300)


def test_the_dot_of_a_mark_lies_where_it_can_be_hit():
    chart = make_chart([make_mark("a", 1, 0.01), make_mark("b", 9, 0.02)])
    for link in read(pareto.inline(chart, 400, 300))[0].findall(".//a"):
        near = link.find("circle")
        dot = [path.get("transform") for path in link.iter("path") if path.get("transform")]
        x, y = map(float, re.search(r"translate\((\S+) (\S+)\)", dot[-1]).groups())
        assert math.dist((x, y), (float(near.get("cx")), float(near.get("cy")))) < 1


def test_no_label_lies_on_another_or_on_a_point():
    rng = np.random.default_rng(0)
    found = [(f"a model, number {k}", *rng.random(2), k < 5) for k in range(60)]
    figure = Figure(figsize=(6, 4), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels.place_labels(figure, axes, found, COLOURS)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert 10 < len(boxes) <= 60
    places = axes.transData.transform([(x, y) for _, x, y, _ in found])
    assert not any(box.contains(*place) for box in boxes for place in places)
    areas = [
        max(0, min(a.x1, b.x1) - max(a.x0, b.x0)) * max(0, min(a.y1, b.y1) - max(a.y0, b.y0))
        for a, b in itertools.combinations(boxes, 2)
    ]
    assert max(areas) < 0.03 * boxes[0].width * boxes[0].height


def test_charts_of_a_file_lie_below_each_other():
    sizes = []
    for count in (1, 2):
        file = io.BytesIO()
        assert pareto.png([make_chart([make_mark("a", 1, 0.01)])] * count, file)
        sizes.append(Image.open(file).size)
    assert sizes[1] == (sizes[0][0], 2 * sizes[0][1])
    assert not pareto.png([], io.BytesIO())


@pytest.mark.parametrize("letters", [8, 20, 40, 1000])
def test_names_of_lines_keep_to_the_width_and_say_how_many_are_left_out(letters):
    names = [f"baseline_{number}" for number in range(7)]
    text = pareto._listed(names, letters)
    shown = text.split(", ")
    num = int(shown[-1].split()[0]) if shown[-1].endswith(" more") else 0
    assert len(shown) - bool(num) + num == len(names)
    assert len(text) <= letters or shown[1:] == ["6 more"]
