"""A page for each model: its docstring, its row of the registry, and what the records say of it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.leaderboard import floors
from bench.leaderboard.rows import METRICS, Row
from bench.records import rerun, store
from bench.report import markdown, tables
from bench.site import docstrings, experiments
from bench.site.experiments import Experiment
from bench.site.pages import tall
from bench.site.reference import Reference
from bench.suites import default_table
from zoo.registry import entries, pretrained, table, weights_card
from zoo.registry.published import NAMED

DEFAULTS = "bench/results/default_check.jsonl"
AVOID = "When not to use it"
SOURCE = "Reference"
DIFFERS = ("Differs from the paper", "Differs from the papers")
MOST_METRICS = 4  # of a table of results: what decides the rank, and a few others
_SPEED = "train_images_per_second"


class Models:
    """Writes the pages of the models.

    Args:
        root: Folder of the repository.
        reference: Writes the directive of a class.
        found: The experiments.
        guides: Text of the guides, by the names of their pages.
    """

    def __init__(
        self,
        root: Path,
        reference: Reference,
        found: Sequence[Experiment],
        guides: Mapping[str, str],
    ):
        self.root = root
        self.reference = reference
        self.found = found
        self.guides = guides
        self.shelf = pretrained.pretrained(root / "zoo/weights")
        lines = store.read_lines(root / DEFAULTS, "python -m bench.suites.default_check")
        self.verdicts = {verdict.model: verdict for verdict in default_table.verdicts(lines)}

    def pages(self) -> dict[str, str]:
        """Returns the pages, by their names."""
        names = entries.names()
        return {
            "models/index": self._index(names),
            **{f"models/{name}": self.page(name) for name in names if name in table.MODELS},
        }

    def page(self, name: str) -> str:
        """Returns the page of a model."""
        entry = entries.get(name)
        item = self.reference.source.items[f"{entry.module}.{entry.class_name}"]
        parts = {part.title: part for part in docstrings.sections(item.docstring)}
        summary, formula, *about = parts[""].paragraphs
        link = self.reference.link
        avoid = parts[AVOID].text
        differs = next((parts[title] for title in DIFFERS if title in parts), None)
        lines = [
            f"# {name}",
            docstrings.prose(summary, link),
            self._facts(name),
            "## The idea",
            docstrings.prose("\n\n".join(about), link),
            "## Formula",
            docstrings.fenced(formula),
            docstrings.markdown([parts[SOURCE]], link),
            docstrings.markdown([differs], link) if differs else "",
            f"## {AVOID}",
            docstrings.prose(f"{avoid[:1].upper()}{avoid[1:]}", link),
            "## Results",
            *self._results(name),
            *self._weights(name),
            "## Presets",
            self._presets(name),
            f"## {entry.class_name}",
            self.reference.item(item, beside=(SOURCE, *DIFFERS, AVOID)),
        ]
        return "\n\n".join(filter(None, lines)) + "\n"

    def _index(self, names: Sequence[str]) -> str:
        lines = [
            "# Models, one by one",
            "Each page has the idea and the formula, what was measured and with what budget, when "
            "not to use the model, and its class. All on one budget: "
            "[the table of models](../docs/models.md). All records: "
            "[the leaderboard](../leaderboard.md).",
        ]
        for task, models in entries.by_task(names).items():
            about = [f"- [`{name}`]({name}.md): {docstrings.prose(text)}" for name, text in models]
            lines += [f"## {task[:1].upper()}{task[1:]}", "\n".join(about)]
        lines.append("\n".join(["```{toctree}", ":hidden:", "", *names, "```"]))
        return "\n\n".join(lines) + "\n"

    def _facts(self, name: str) -> str:
        entry = entries.get(name)
        mentions = [
            f"[{_title(text)}](../{page}.md)"
            for page, text in self.guides.items()
            if re.search(rf"`{name}`|zoo\.create\(\s*\"{name}\"", text)
        ]
        facts = {
            "class": f"{{py:obj}}`zoo.models.{entry.class_name}`",
            "trained for": entry.task.replace("_", " "),
            "paper": f"<{entry.paper}>",
            "to start": f'`zoo.create("{name}", image_shape, preset="small")`',
            "more in": ", ".join(mentions),
        }
        if entry.least_updates:
            facts["needs"] = f"{entry.least_updates:,} updates at least"
        return "\n".join(f":{key}: {value}" for key, value in facts.items() if value)

    # --- results ----------------------------------------------------------------------------

    def _results(self, name: str) -> list[str]:
        measured = experiments.of_model(self.found, name)
        blocks = [] if measured else ["Not measured on a common budget yet."]
        for experiment, rows in measured:
            blocks += self._of_experiment(experiment, rows)
        if name in self.verdicts:
            blocks.append(_default_sentence(self.verdicts[name]))
        return blocks

    def _of_experiment(self, experiment: Experiment, rows: Sequence[Row]) -> list[str]:
        shown = []
        for members in _by_data(rows):
            first = members[0]
            peers = [row for row in experiment.rows if row.table == first.table]
            floor = floors.floor_of(first, peers)
            columns = _columns(peers, members)
            heads = ["model", *(markdown.plain(column.title) for column in columns)]
            budgets = dict.fromkeys(map(experiments.budget, members))
            if len(budgets) > 1:
                heads.insert(1, "budget")
            cells = [
                [
                    markdown.plain(row.name) + " (floor)" * row.baseline,
                    *([experiments.budget(row)] if len(budgets) > 1 else []),
                    *(markdown.plain(column.text(row)) for column in columns),
                ]
                for row in [*members, *([floor] if floor else [])]
            ]
            is_number = [*[False] * (len(heads) - len(columns)), *(c.numeric for c in columns)]
            ranked = f"ranked by {METRICS[first.ranked_by]}"
            num = sum(row.rank is not None for row in peers)
            shown += [
                f"**{first.table}**: {'; '.join(budgets)}. {num} rows are {ranked}.",
                markdown.table(heads, cells, is_number),
            ]
        own = [record for row in rows for record in row.records]
        folder = Path("runs") / experiment.name.replace("/", "_")
        lines = [
            f"### {experiment.name}",
            *shown,
            docstrings.fenced(rerun.command(folder, own), "bash"),
            f"Records: [{experiment.file}](../{experiment.file}).",
        ]
        if experiment.picture:
            about = "What each model of this experiment makes of test images"
            lines.append(tall(f"![{about}](../{experiment.picture})"))
        return lines

    def _weights(self, name: str) -> list[str]:
        """Returns the cards of the weights that come with the package."""
        blocks = []
        for weights in self.shelf.values():
            if weights.facts["model"] == name:
                lines = [f"- {markdown.plain(line)}" for line in weights_card.lines(weights)]
                load = docstrings.fenced(f'model = zoo.load("{weights.name}")', "python")
                blocks += [load, "\n".join(lines)]
        more = "What the lines mean: [trained weights](../docs/pretrained.md)."
        return ["## Trained weights", *blocks, more] if blocks else []

    def _presets(self, name: str) -> str:
        named = NAMED.get(name, {})
        lines = [
            [
                f"`{preset}`",
                markdown.plain(", ".join(f"{k}={v!r}" for k, v in found.arguments.items())),
                f"<{found.source}>"
                if found.source.startswith("http")
                else markdown.plain(found.source),
                f"{found.num_parameters:,}" if found.num_parameters else "",
            ]
            for preset, found in named.items()
        ]
        text = "`tiny`, `small` and `base` are sizes that every model has; they follow the images."
        if not lines:
            return text
        heads = ("preset", "arguments", "source", "parameters in the source")
        return f"{text}\n\n{markdown.table(heads, lines, [False, False, False, True])}"


def _by_data(rows: Sequence[Row]) -> list[list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.table, []).append(row)
    return list(found.values())


def _columns(peers: Sequence[Row], shown: Sequence[Row]) -> list[tables.Column]:
    """Returns the columns of a model's results: rank, quality, parameters, speed and seeds."""
    known = {column.key: column for column in tables.columns(list(peers))}
    ranked_by = shown[0].ranked_by
    quality = [ranked_by, *(key for key in METRICS if key in known and key != ranked_by)]
    told = [key for key in quality if any(key in row.quality for row in shown)][:MOST_METRICS]
    keys = ("rank", *told, "params_total", _SPEED, "seeds")
    columns = [known[key] for key in keys if key in known]
    return [c for c in columns if any(c.text(row) != tables.UNKNOWN for row in shown)]


def _default_sentence(verdict: default_table.Verdict) -> str:
    said = "; ".join(verdict.failures) or "it learns from every seed"
    num = len(verdict.records)
    return (
        f"**At its defaults**, with Adam at 1e-3: MSE {verdict.mse:.4f} after "
        f"{verdict.records[0]['updates']:,} updates, mean of {num} seeds; the worst seed has "
        f"{verdict.share:.0%} of the mean image's error: {said} "
        "([the check](../docs/models.md#what-the-defaults-reach))."
    )


def _title(text: str) -> str:
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1]
