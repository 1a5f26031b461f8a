"""The committed records: an experiment is a record file, with the picture of the same name."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records import reading, store
from bench.records.schema import Record
from bench.report import text as report_text
from zoo.registry.weights_card import rate_text

FOLDER = "bench/results"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The records of one file.

    Attributes:
        file: Its path from the root of the repository, with `/`.
        records: The latest record of each job.
        rows: Their leaderboard: ranks are those within this file.
        picture: Path of the picture that belongs to it, or None.
    """

    file: str
    records: tuple[Record, ...]
    rows: tuple[Row, ...]
    picture: str | None

    @property
    def name(self) -> str:
        """The file's name, with the folders that tell it from others."""
        return self.file.removeprefix(f"{FOLDER}/").removesuffix(".jsonl").removesuffix("/records")

    @property
    def models(self) -> set[str]:
        """The names of its models."""
        return {row.record.model.name for row in self.rows if not row.baseline}


def experiments(root: Path) -> list[Experiment]:
    """Returns the experiments of a repository, those of most models first.

    Files that hold no records of jobs are no experiments. Of those that do, what is left out is
    told.
    """
    found = []
    for path in sorted((root / FOLDER).rglob("*.jsonl")):
        every, problems = store.read_with_problems(path)
        records = store.latest(every)
        rows = [row for row in leaderboard_rows.rows(records) if not row.failed]
        if rows:
            reading.tell_left_out(path, problems)
            picture = path.with_suffix(".png")
            found.append(
                Experiment(
                    path.relative_to(root).as_posix(),
                    tuple(records),
                    tuple(rows),
                    picture.relative_to(root).as_posix() if picture.is_file() else None,
                )
            )
    return sorted(found, key=lambda each: -len(each.models))


def budget(row: Row) -> str:
    """Returns how long the models of a row were trained, and on how much."""
    if row.baseline:
        return "closed form"
    record = row.record
    sizes = sorted({r.data.num_train for r in row.records if r.data.num_train})
    images = f"{sizes[0]:,} images" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,} images"
    config = record.config
    optimizer = (record.training.optimizer or "").capitalize()
    parts = [
        report_text.epochs(config),
        images if sizes else "",
        f"batch {config.batch_size}",
        f"{optimizer} {rate_text(config.learning_rate, config.decay)}".strip(),
    ]
    return ", ".join(filter(None, parts))


def of_model(found: Sequence[Experiment], name: str) -> list[tuple[Experiment, list[Row]]]:
    """Returns the experiments that measured a model, with its rows."""
    pairs = [
        (each, [r for r in each.rows if not r.baseline and r.record.model.name == name])
        for each in found
    ]
    return [(each, rows) for each, rows in pairs if rows]
