"""The leaderboard of all records: each row once, ranked within its experiment."""

import re

import numpy as np
from scipy import stats

from bench.site import leaderboard
from zoo.registry import table

ROW = re.compile(r"<tr class=.*?</tr>", re.DOTALL)


def test_every_row_of_every_experiment_is_there(found):
    text = leaderboard.page(found)
    rows = ROW.findall(text)
    assert len(rows) == sum(len(each.rows) for each in found)
    for each in found:
        own = [row for row in rows if f'data-experiment="{each.name}"' in row]
        assert len(own) == len(each.rows)
    assert f"{len(rows)} rows of {len(found)} experiments" in text


def test_a_row_says_its_result_its_budget_and_leads_to_the_models_page(found):
    rows = ROW.findall(leaderboard.page(found))
    (row,) = (
        row for row in rows if 'data-experiment="fashion_mnist_models"' in row and "iwae" in row
    )
    (measured,) = (each for each in found if each.name == "fashion_mnist_models")
    errors = [each["test_mse"] for each in measured.records if each.model.name == "iwae"]
    assert len(errors) == 3
    low, high = stats.t.interval(0.95, 2, np.mean(errors), stats.sem(errors))
    assert f"MSE {np.mean(errors):.5f} ± {(high - low) / 2:.5f}" in row
    assert "5 epochs, 4,000 images, batch 64, Adam 0.003" in row
    assert 'href="models/iwae.html"' in row
    linked = {name for row in rows for name in re.findall(r'href="models/(\w+)\.html"', row)}
    assert linked <= set(table.MODELS)


def test_the_block_of_html_has_no_empty_line_that_would_end_it(found):
    block = leaderboard.page(found).partition("```{raw} html\n")[2].rpartition("\n```")[0]
    assert "\n\n" not in block
    assert block.endswith('<script src="_static/board.js"></script>')
